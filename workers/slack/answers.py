"""Short answers outside of a report: menus, lists, refusals, failures. Pure functions."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Protocol

from workers.settings import Settings
from workers.slack import blocks, markup
from workers.slack.blocks import Message
from workers.slack.markup import Mrkdwn, code, escape
from workers.slack.report import ASK_AGAIN
from workers.slack.texts import Texts

COMMAND = "/pipeline-access"
CHOOSE = "choose_pipeline"
MOST_LISTED = 60
NEAREST = 5


class Located(Protocol):
    """A pipeline by what identifies it."""

    @property
    def name(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def region(self) -> str: ...


class Hidden(Protocol):
    """A place whose pipelines could not be seen."""

    @property
    def account(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def why(self) -> str: ...


def place(account: str, region: str, settings: Settings) -> str:
    """`prod 111111111111 · eu-west-1`."""
    known = settings.account(account)
    name = f"{known.alias} {known.id}" if known else account
    return f"{name} · {region}"


def where(account: str | None, region: str | None, settings: Settings) -> str:
    """What narrows the question down, in words; empty when nothing does."""
    known = settings.account(account) if account else None
    return " ".join(filter(None, (known.alias if known else account, region)))


def nearest(typed: str, names: Sequence[str]) -> str:
    """The name that was probably meant, or nothing."""
    found = difflib.get_close_matches(typed.lower(), names, n=1, cutoff=0.5)
    return found[0] if found else ""


def several(
    name: str, found: Sequence[Located], inquiry: str, settings: Settings, texts: Texts
) -> Message:
    """The name exists in several accounts or regions: a menu to choose."""
    line = texts("choose.several", name=code(name, 120), number=len(found))
    menu = blocks.select(
        texts.plain("choose.placeholder"),
        CHOOSE,
        [(place(each.account, each.region, settings), _value(each)) for each in found],
    )
    return blocks.message(line, blocks.section(line), blocks.actions(menu, block_id=inquiry))


def nothing(
    name: str,
    narrowed: str,
    near: Sequence[Located],
    hidden: Sequence[Hidden],
    inquiry: str,
    settings: Settings,
    texts: Texts,
) -> Message:
    """No such name: the nearest ones as buttons, and where nobody could look."""
    line = texts("choose.none", name=code(name, 120), where=_where(texts, narrowed))
    lines = [line]
    if near:
        lines.append(texts("choose.nearest"))
    elif not hidden:
        lines.append(texts("choose.see_list", command=COMMAND))
    shown = [blocks.section(Mrkdwn("\n".join(lines)))]
    if near:
        buttons = [
            blocks.button(
                f"{each.name} ({place(each.account, each.region, settings)})",
                f"{CHOOSE}:{position}",
                _value(each),
            )
            for position, each in enumerate(near[:NEAREST])
        ]
        shown.append(blocks.actions(*buttons, block_id=inquiry))
    shown += [blocks.context(each) for each in _hidden(hidden, settings, texts)]
    return blocks.message(line, shown)


def listing(
    found: Sequence[Located],
    hidden: Sequence[Hidden],
    text: str,
    narrowed: str,
    settings: Settings,
    texts: Texts,
) -> Message:
    """The pipelines that the bot can see."""
    at = _where(texts, narrowed)
    if not found:
        key = "list.nothing" if text else "list.empty"
        line = texts(key, text=code(text, 120), where=at)
        return blocks.message(
            line,
            blocks.section(line),
            [blocks.context(each) for each in _hidden(hidden, settings, texts)],
        )
    heading = texts.count("list.heading", len(found), where=at)
    lines = [
        texts(
            "list.line",
            name=code(each.name, 120),
            account=_account(each.account, settings),
            region=each.region,
        )
        for each in found[:MOST_LISTED]
    ]
    if len(found) > MOST_LISTED:
        number = len(found) - MOST_LISTED
        lines.append(texts("list.more", number=number, command=COMMAND))
    shown = [blocks.section(heading)]
    for start in range(0, len(lines), 15):
        shown.append(blocks.section(Mrkdwn("\n".join(lines[start : start + 15]))))
    shown += [blocks.context(each) for each in _hidden(hidden, settings, texts)]
    return blocks.message(heading, shown)


def failed(name: str, why: Mrkdwn, inquiry: str, texts: Texts) -> Message:
    """A diagnosis that failed, and how to ask again."""
    line = texts("answer.failed", name=code(name, 120), why=why, command=COMMAND)
    again = blocks.button(texts.plain("button.again"), ASK_AGAIN, inquiry)
    return blocks.message(line, blocks.section(line), blocks.actions(again))


def failed_root(name: str, user: str, texts: Texts) -> Message:
    line = texts("root.failed", mark=texts("mark.failed"), name=escape(name, 120))
    asked = texts("progress.asked_by", user=markup.user(user))
    return blocks.message(line, blocks.section(line), blocks.context(asked))


def no_entry(name: str, channel: str, refusal: str, bot: str, texts: Texts) -> Message:
    """The bot may not post in the channel; sent to the person directly."""
    key = "answer.archived" if refusal == "is_archived" else "answer.not_in_channel"
    return blocks.message(
        texts(
            key,
            channel=markup.channel(channel),
            bot=f"@{bot}",
            command=COMMAND,
            name=escape(name, 120),
        )
    )


def which_pipeline(
    explained: Sequence[tuple[str, str]],
    candidates: Sequence[Located],
    understood: Sequence[str],
    execution: str,
    inquiry: str,
    settings: Settings,
    texts: Texts,
) -> Message:
    """One short question, after what could be said of the error texts alone; with buttons for the
    pipelines that may be meant. `execution` is the id of one that nobody knows."""
    question = texts("answer.which_of" if candidates else "answer.which")
    if execution and not candidates:
        question = texts("answer.which_execution", id=code(execution[:8], 40))
    shown = [
        blocks.section(
            texts("answer.explained", headline=escape(headline, 400), means=escape(means, 1_200))
        )
        for headline, means in explained[:5]
    ]
    shown.append(blocks.section(question))
    if candidates:
        buttons = [
            blocks.button(
                f"{each.name} ({place(each.account, each.region, settings)})",
                f"{CHOOSE}:{position}",
                _value(each),
            )
            for position, each in enumerate(candidates[:NEAREST])
        ]
        shown.append(blocks.actions(*buttons, block_id=inquiry))
    if understood:
        what = escape("; ".join(understood), 600)
        shown.append(blocks.context(texts("progress.understood", what=what)))
    return blocks.message(question, shown)


def unseen(hidden: Sequence[Hidden], settings: Settings, texts: Texts) -> list[Mrkdwn]:
    """Places that nobody could look into, in a line per reason; `doctor` says the rest of it."""
    by_reason: dict[str, dict[str, None]] = {}
    for each in hidden:
        known = settings.account(each.account)
        name = f"{known.alias} {known.id}" if known else each.account
        by_reason.setdefault(each.why.partition(". ")[0], {})[name] = None
    return [
        texts("answer.unseen", accounts=escape(", ".join(names), 200), why=escape(why, 250))
        for why, names in list(by_reason.items())[:3]
    ]


def choice(value: str) -> tuple[str, str, str]:
    """(account, region, name) of a menu's or button's value. Raises ValueError."""
    account, region, name = value.split(" ", 2)
    return account, region, name


def _value(each: Located) -> str:
    return f"{each.account} {each.region} {each.name}"


def _hidden(hidden: Sequence[Hidden], settings: Settings, texts: Texts) -> list[Mrkdwn]:
    by_reason: dict[str, list[str]] = {}
    for each in hidden:
        by_reason.setdefault(each.why, []).append(place(each.account, each.region, settings))
    return [
        texts(
            "choose.unreadable_accounts",
            accounts=escape(", ".join(places), 300),
            why=escape(why, 500),
        )
        for why, places in list(by_reason.items())[:5]
    ]


def _where(texts: Texts, narrowed: str) -> Mrkdwn:
    return texts("list.where", where=code(narrowed, 120)) if narrowed else Mrkdwn("")


def _account(account: str, settings: Settings) -> str:
    known = settings.account(account)
    return f"{known.alias} {known.id}" if known else account

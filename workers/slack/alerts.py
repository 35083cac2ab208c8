"""An alert as messages: the root line, the count, the recovery; and watches in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from workers.incidents.alerts import Alert, Member
from workers.incidents.causes import Cause
from workers.incidents.watches import Kind, Target, Watch
from workers.settings import Settings
from workers.slack import answers, blocks, markup
from workers.slack.blocks import Message
from workers.slack.markup import Mrkdwn, code, escape, moment
from workers.slack.texts import Texts

MOST_NAMED = 12


def root(alert: Alert, settings: Settings, texts: Texts) -> Message:
    """The line a passer-by reads: who is denied by what, or that it is over."""
    name = _names(alert.members, texts)
    if alert.healthy:
        line = texts(
            "alert.over",
            mark=texts("mark.clear"),
            name=name,
            duration=duration(alert.recovered - alert.first, texts),
        )
    elif alert.cured:
        line = texts.count("alert.cured", len(alert.members), mark=texts("mark.retry"), name=name)
    elif len(alert.members) == 1:
        line = texts(
            "alert.one",
            mark=texts("mark.blocked"),
            name=name,
            headline=escape(alert.cause.headline, 300),
        )
    else:
        line = texts(
            "alert.many",
            mark=texts("mark.blocked"),
            number=len(alert.members),
            cause=cause(alert.cause, texts),
        )
    notes = [
        places(alert.members, settings),
        texts.count("alert.failures", alert.failures),
        texts("alert.since", when=moment(alert.first)),
    ]
    if alert.healthy or alert.cured:
        notes.insert(0, texts("alert.cause_was", cause=cause(alert.cause, texts)))
    if alert.requested:
        notes.append(texts.count("root.requested", alert.requested))
    notes.append(texts("alert.watched_by", user=markup.user(alert.user)))
    return blocks.message(line, blocks.section(line), blocks.context(dotted(notes)))


def count(alert: Alert, texts: Texts) -> Message:
    """The one message whose numbers move while further failures join."""
    healthy = sum(1 for each in alert.members if each.healthy)
    line = texts.count("alert.counted_over" if alert.healthy else "alert.counted", alert.failures)
    if len(alert.members) > 1:
        line = Mrkdwn(f"{line} {texts('alert.pipelines', number=len(alert.members))}")
    if healthy:
        line = Mrkdwn(f"{line} {texts('alert.healthy_count', number=healthy)}")
    lines = [line, *(_fares(each, texts) for each in alert.members[:MOST_NAMED])]
    if len(alert.members) > MOST_NAMED:
        lines.append(texts("join.and_more", number=len(alert.members) - MOST_NAMED))
    return blocks.message(line, blocks.section(Mrkdwn("\n".join(lines))))


def recovered(alert: Alert, texts: Texts) -> Message:
    """Said once when the last pipeline is healthy again."""
    return blocks.message(
        texts(
            "alert.recovered",
            mark=texts("mark.clear"),
            name=_names(alert.members, texts),
            duration=duration(alert.recovered - alert.first, texts),
        )
    )


def said(alert: Alert, text: str, texts: Texts) -> Message:
    """What AWS said, where the diagnosis has nothing that explains it."""
    line = texts("alert.unexplained", headline=escape(alert.cause.headline, 300))
    shown, _ = blocks.excerpt(text, 8, 900)
    return blocks.message(
        line, blocks.section(line), [blocks.preformatted(shown)] if shown.strip() else []
    )


def paused(channel: str, why: str, watched: Sequence[Watch], texts: Texts) -> Message:
    """Told to a person whose watch cannot be served any more."""
    key = "watch.paused_archived" if why == "is_archived" else "watch.paused"
    return blocks.message(
        texts(
            key,
            channel=markup.channel(channel) if channel[:1] in "CG" else code(channel),
            what=Mrkdwn(", ".join(target(each.target, texts) for each in watched[:10])),
            command=answers.COMMAND,
        )
    )


def watching(watched: Sequence[Watch], settings: Settings, texts: Texts) -> Message:
    """What a channel watches."""
    if not watched:
        return blocks.message(texts("watch.none", command=answers.COMMAND))
    lines = [texts("watch.heading", number=len(watched))]
    for each in watched[:40]:
        key = "watch.line_paused" if each.paused else "watch.line"
        lines.append(
            texts(
                key,
                what=target(each.target, texts, settings),
                user=markup.user(each.user),
                when=moment(each.at),
            )
        )
    if len(watched) > 40:
        lines.append(texts("join.and_more", number=len(watched) - 40))
    return blocks.message(lines[0], blocks.section(Mrkdwn("\n".join(lines))))


def target(each: Target, texts: Texts, settings: Settings | None = None) -> Mrkdwn:
    """What is watched, in words: `payments-*` in prod."""
    known = settings.account(each.value) if settings and each.kind is Kind.ACCOUNT else None
    words = texts(f"watch.{each.kind}", value=code(known.alias if known else each.value, 200))
    where = answers.where(each.account, each.region, settings or Settings())
    return texts("watch.within", what=words, where=code(where)) if where else words


def typed(each: Target, settings: Settings) -> str:
    """What is watched, as it is typed: `tag:team=payments in prod`."""
    known = settings.account(each.value) if each.kind is Kind.ACCOUNT else None
    word = f"tag:{each.value}" if each.kind is Kind.TAG else known.alias if known else each.value
    where = answers.where(each.account, each.region, settings)
    return f"{word} in {where}" if where else word


def cause(each: Cause, texts: Texts) -> Mrkdwn:
    """The document that decides, in words: `the policy of KMS key 1111…`."""
    try:
        words = texts(f"cause.{each.component}", name=code(each.name, 120))
    except KeyError:
        words = texts("cause.other", name=code(each.name, 120))
    if each.statement:
        statement = each.statement.rsplit(" ", 1)[-1]
        words = texts("cause.statement", statement=code(statement, 100), document=words)
    return words


def duration(seconds: float, texts: Texts) -> Mrkdwn:
    """`12 min`, `2 h 5 min`, `3 d`."""
    minutes = max(round(seconds / 60), 0)
    if seconds < 90:
        return texts("duration.seconds", seconds=max(int(seconds), 1))
    if minutes < 60:
        return texts("duration.minutes", minutes=minutes)
    if minutes < 48 * 60:
        return texts("duration.hours", hours=minutes // 60, minutes=minutes % 60)
    return texts("duration.days", days=minutes // (24 * 60))


def places(members: Iterable[Member], settings: Settings) -> Mrkdwn:
    """The accounts and regions of pipelines, each once."""
    named = dict.fromkeys(answers.place(each.account, each.region, settings) for each in members)
    return escape(", ".join(named), 300)


def dotted(notes: Iterable[Mrkdwn]) -> Mrkdwn:
    return Mrkdwn(" · ".join(each for each in notes if each))


def _names(members: Sequence[Member], texts: Texts) -> Mrkdwn:
    names = list(dict.fromkeys(each.name for each in members))
    shown = [Mrkdwn(f"*{escape(name, 100)}*") for name in names[:4]]
    if len(names) > 4:
        shown.append(texts("join.and_more", number=len(names) - 4))
    return Mrkdwn(", ".join(shown))


def _fares(each: Member, texts: Texts) -> Mrkdwn:
    name = code(each.name, 100)
    if each.healthy:
        return texts(
            "alert.line_healthy", mark=texts("mark.clear"), name=name, when=moment(each.healthy)
        )
    if each.cured:
        return texts(
            "alert.line_cured", mark=texts("mark.retry"), name=name, when=moment(each.cured)
        )
    return texts.count(
        "alert.line",
        each.failures,
        mark=texts("mark.blocked"),
        name=name,
        when=moment(each.last),
    )

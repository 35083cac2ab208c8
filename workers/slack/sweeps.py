"""A sweep as messages: its progress, then the digest for one channel. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from workers.incidents.stopping import STOP
from workers.incidents.sweeping import Digest, Stop
from workers.settings import Settings
from workers.slack import answers, blocks, markup
from workers.slack.alerts import cause, dotted
from workers.slack.answers import Hidden
from workers.slack.blocks import Json, Message
from workers.slack.markup import Mrkdwn, code, escape
from workers.slack.texts import Texts

MOST_LISTED = 12


def progress(done: int, total: int, look: str, texts: Texts) -> Message:
    """The root message while pipelines are looked at, with the button that ends it."""
    key = "sweep.looking" if total else "sweep.listing"
    line = texts(key, mark=texts("mark.working"), done=done, total=total)
    stop = blocks.button(texts.plain("button.stop"), STOP, look)
    return blocks.message(line, blocks.section(line), blocks.actions(stop))


def digest(
    found: Digest, hidden: Sequence[Hidden], stopped_by: str, settings: Settings, texts: Texts
) -> Message:
    """What is new, cured and still open, in the order in which it matters, and where nobody could
    look (`hidden`)."""
    stopping = found.new or found.still
    unsure = found.unknown or hidden
    mark = "blocked" if stopping else "unknown" if unsure else "clear"
    line = texts.count(
        "sweep.first" if found.first else "sweep.digest",
        found.looked,
        mark=texts(f"mark.{mark}"),
        new=len(found.new),
        cured=len(found.cured),
        still=len(found.still),
    )
    shown: list[Json] = [blocks.section(line)]
    shown += _listed("sweep.new", found.new, settings, texts)
    shown += _listed("sweep.cured", found.cured, settings, texts)
    shown += _listed("sweep.still", found.still, settings, texts)
    shown += [blocks.context(each) for each in answers.unseen(hidden, settings, texts)]
    notes: list[Mrkdwn] = []
    if found.unknown:
        names = _names([each.name for each in found.unknown], texts)
        notes.append(texts("sweep.unknown", number=len(found.unknown), names=names))
    if stopped_by:
        notes.append(texts("sweep.stopped", user=markup.user(stopped_by)))
    notes.append(texts("sweep.how", command=answers.COMMAND))
    shown.append(blocks.context(dotted(notes)))
    return blocks.message(line, shown)


def _listed(key: str, stops: Sequence[Stop], settings: Settings, texts: Texts) -> Iterator[Json]:
    """The causes of a group, each with its pipelines: one key may stop twenty."""
    if not stops:
        return
    by_cause: dict[str, list[Stop]] = {}
    for each in stops:
        by_cause.setdefault(each.open.cause.key, []).append(each)
    groups = sorted(by_cause.values(), key=lambda group: -len(group))
    lines = [texts(key, number=len(stops))]
    for group in groups[:MOST_LISTED]:
        first = group[0]
        mark = "clear" if key == "sweep.cured" else "blocked"
        one = len(group) == 1
        what = escape(first.open.cause.headline, 250) if one else cause(first.open.cause, texts)
        lines.append(
            texts(
                "sweep.line_failed" if any(e.open.failed for e in group) else "sweep.line",
                mark=texts(f"mark.{mark}"),
                names=_names([each.pipeline.name for each in group], texts),
                place=escape(_place(group, settings), 200),
                what=what,
            )
        )
    if len(groups) > MOST_LISTED:
        lines.append(texts("join.and_more", number=len(groups) - MOST_LISTED))
    yield blocks.section(Mrkdwn("\n".join(lines)))


def _place(group: Iterable[Stop], settings: Settings) -> str:
    places = dict.fromkeys(
        answers.place(each.pipeline.account, each.pipeline.region, settings) for each in group
    )
    return ", ".join(places)


def _names(names: Iterable[str], texts: Texts) -> Mrkdwn:
    every = list(dict.fromkeys(names))
    shown = [code(name, 100) for name in every[:6]]
    if len(every) > 6:
        shown.append(texts("join.and_more", number=len(every) - 6))
    return Mrkdwn(", ".join(shown))

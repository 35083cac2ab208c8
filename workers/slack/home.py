"""App Home: what waits for me, my requests, what is watched, my latest diagnoses. Pure.

https://docs.slack.dev/surfaces/app-home
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from workers.incidents.health import Condition
from workers.incidents.watches import Watch
from workers.ledger.request import Entry
from workers.settings import Settings
from workers.slack import blocks, markup
from workers.slack.alerts import target
from workers.slack.answers import COMMAND
from workers.slack.blocks import Json
from workers.slack.fixes import MARKS
from workers.slack.markup import Mrkdwn, code, dotted, escape, moment
from workers.slack.texts import Texts

MOST = 10  # lines of a part
MOST_WELL = 3  # healthy pipelines with a line each
_ORDER = (Condition.DENIED, Condition.AHEAD, Condition.UNKNOWN, None, Condition.HEALTHY)
_MARKS = {
    Condition.DENIED: "blocked",
    Condition.AHEAD: "ahead",
    Condition.UNKNOWN: "unknown",
    Condition.HEALTHY: "clear",
    None: "hidden",
}


@dataclass(frozen=True, slots=True)
class Recent:
    """A diagnosis somebody asked for. `outcome` is that of its report, or *working*, *failed*, or
    *hidden* where it may be said in its channel alone."""

    name: str
    place: str
    outcome: str
    permalink: str


@dataclass(frozen=True, slots=True)
class Watched:
    """A pipeline that is watched in some channels. `condition` is None where its state may be told
    in those channels alone; times in seconds."""

    name: str
    place: str
    condition: Condition | None
    since: float
    seen: float
    cause: str
    channels: tuple[str, ...]
    permalink: str = ""  # of the alert's thread


@dataclass(frozen=True, slots=True)
class Watching:
    """What is watched for a person: pipelines of which something is known, and watches that rest or
    of which nothing is known yet."""

    pipelines: tuple[Watched, ...] = ()
    unmet: tuple[Watch, ...] = ()


def view(
    *,
    mine: Sequence[Entry],
    waiting: Sequence[Entry],
    watched: Watching,
    recent: Sequence[Recent],
    threads: Mapping[str, str],
    settings: Settings,
    texts: Texts,
) -> Json:
    """The page of one person. `threads` are links to those of requests, by the request's id."""
    shown = [
        blocks.header(texts.plain("home.title")),
        blocks.section(texts("home.how", command=COMMAND)),
        *_part("waiting", [_request(each, threads, texts) for each in waiting], texts),
        *_part("mine", [_request(each, threads, texts) for each in mine], texts),
        *_part("watched", _watched(watched, settings, texts), texts),
        *_part("recent", [_diagnosis(each, texts) for each in recent], texts),
    ]
    return {"type": "home", "blocks": shown}


def closed(texts: Texts) -> Json:
    """The page of somebody who may not ask."""
    return {
        "type": "home",
        "blocks": [
            blocks.header(texts.plain("home.title")),
            blocks.section(texts("answer.denied_guest")),
        ],
    }


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a part, and the small print under it."""

    text: Mrkdwn
    notes: Mrkdwn | None = None


def _part(key: str, lines: Sequence[_Line], texts: Texts) -> Iterator[Json]:
    yield blocks.divider()
    yield blocks.section(texts(f"home.{key}"))
    if not lines:
        yield blocks.context(texts(f"home.nothing_{key}", command=COMMAND))
    for line in lines[:MOST]:
        yield blocks.section(line.text)
        if line.notes:
            yield blocks.context(line.notes)
    if len(lines) > MOST:
        yield blocks.context(texts("join.and_more", number=len(lines) - MOST))


def _request(entry: Entry, threads: Mapping[str, str], texts: Texts) -> _Line:
    request = entry.request
    thread = threads.get(request.id)
    line = texts(
        "home.request",
        mark=texts(f"mark.{MARKS[entry.state]}"),
        access=escape(request.access, 300),
        name=markup.link(thread, request.pipeline) if thread else code(request.pipeline),
    )
    state = texts(f"request.state.{entry.state}")
    return _Line(line, texts("home.request_notes", state=state, id=code(request.id)))


def _watched(found: Watching, settings: Settings, texts: Texts) -> list[_Line]:
    """What is denied first; those that are well in as few lines as possible."""
    ordered = sorted(found.pipelines, key=lambda each: _ORDER.index(each.condition))
    well = [each for each in ordered if each.condition is Condition.HEALTHY]
    lines = [_pipeline(each, texts) for each in ordered if each not in well]
    lines += [_unmet(each, settings, texts) for each in found.unmet]
    if len(well) <= MOST_WELL:
        return lines + [_pipeline(each, texts) for each in well]
    return [*lines[: MOST - 1], _well(well, texts), *lines[MOST - 1 :]]


def _pipeline(each: Watched, texts: Texts) -> _Line:
    name = code(each.name, 100)
    if each.permalink:
        name = markup.link(each.permalink, each.name)
    line = texts(
        f"home.{each.condition or 'hidden'}",
        mark=texts(f"mark.{_MARKS[each.condition]}"),
        name=name,
        cause=escape(each.cause, 250),
        since=moment(each.since),
    )
    notes = [escape(each.place, 150), _channels(each.channels, texts)]
    if each.condition is not None:
        notes.append(texts("home.seen", when=moment(each.seen)))
    return _Line(line, dotted(notes))


def _well(pipelines: Sequence[Watched], texts: Texts) -> _Line:
    names = [code(each.name, 100) for each in pipelines[:20]]
    if len(pipelines) > 20:
        names.append(texts("join.and_more", number=len(pipelines) - 20))
    line = texts(
        "home.well",
        mark=texts("mark.clear"),
        number=len(pipelines),
        names=Mrkdwn(", ".join(names)),
    )
    return _Line(line, texts("home.seen", when=moment(min(each.seen for each in pipelines))))


def _unmet(watch: Watch, settings: Settings, texts: Texts) -> _Line:
    key = "home.paused" if watch.paused else "home.unmet"
    what = target(watch.target, texts, settings)
    return _Line(texts(key, what=what), _channels((watch.channel,), texts))


def _channels(channels: Sequence[str], texts: Texts) -> Mrkdwn:
    named = [
        markup.channel(each) if each[:1] in "CG" else texts("home.direct") for each in channels[:5]
    ]
    return Mrkdwn(" ".join(named))


def _diagnosis(recent: Recent, texts: Texts) -> _Line:
    name = code(recent.name)
    if recent.permalink:
        name = markup.link(recent.permalink, recent.name)
    return _Line(
        texts(
            "home.diagnosis",
            mark=texts(f"mark.{recent.outcome}"),
            name=name,
            place=escape(recent.place, 200),
        )
    )

"""App Home: my requests, those that wait for me, my latest diagnoses. Pure.

https://docs.slack.dev/surfaces/app-home
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workers.ledger.request import Entry
from workers.slack import blocks, markup
from workers.slack.answers import COMMAND
from workers.slack.blocks import Json
from workers.slack.fixes import MARKS
from workers.slack.markup import Mrkdwn, code, escape
from workers.slack.texts import Texts

MOST = 10


@dataclass(frozen=True, slots=True)
class Recent:
    """A diagnosis somebody asked for. `outcome` is empty while it runs or when it failed."""

    name: str
    place: str
    outcome: str
    permalink: str


def view(
    mine: Sequence[Entry], waiting: Sequence[Entry], recent: Sequence[Recent], texts: Texts
) -> Json:
    """The page of one person."""
    shown = [
        blocks.header(texts.plain("home.title")),
        blocks.section(texts("home.how", command=COMMAND)),
        *_part(texts("home.waiting"), [_request(each, texts) for each in waiting], texts),
        *_part(texts("home.mine"), [_request(each, texts) for each in mine], texts),
        *_part(texts("home.recent"), [_diagnosis(each, texts) for each in recent], texts),
    ]
    return {"type": "home", "blocks": shown}


def _part(title: Mrkdwn, lines: Sequence[Mrkdwn], texts: Texts) -> Iterable[Json]:
    yield blocks.divider()
    yield blocks.section(title)
    for line in lines[:MOST] or [texts("home.nothing")]:
        yield blocks.section(line)


def _request(entry: Entry, texts: Texts) -> Mrkdwn:
    request = entry.request
    return texts(
        "home.request",
        mark=texts(f"mark.{MARKS[entry.state]}"),
        access=escape(request.access, 300),
        state=texts(f"request.state.{entry.state}"),
        name=code(request.pipeline),
        id=code(request.id),
    )


def _diagnosis(recent: Recent, texts: Texts) -> Mrkdwn:
    name = code(recent.name)
    if recent.permalink:
        name = markup.link(recent.permalink, recent.name)
    return texts(
        "home.diagnosis",
        mark=texts(f"mark.{recent.outcome or 'working'}"),
        name=name,
        place=escape(recent.place, 200),
    )

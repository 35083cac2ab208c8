"""The journal of one request's writes: noted before and after each, read back after a death.

A record names a step by its number and says `intend`, `written`, `undone`, `diverged` or `author`
(who made it so); one
without a step, `stop`, says that the plan is given up and taken back. Pure;
`workers.ledger.store` keeps the records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Author:
    """Who changed a document after the fix: the event's name, the person, and when."""

    event: str
    who: str
    at: float


@dataclass(frozen=True, slots=True)
class Made:
    """What the journal knows of one step: whether a write was begun, and what AWS took."""

    intended: bool = False
    written: bool = False
    undone: bool = False
    diverged: bool = False  # others changed the document after it was written
    request_id: str = ""
    document: str | None = None  # as it read after the write
    live: str | None = None  # as it read when it was seen to have diverged
    author: Author | None = None  # who made it so

    @property
    def stands(self) -> bool:
        return self.written and not self.undone


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why a plan was given up; `stale` when a document was not the one of the diff."""

    reason: str
    stale: bool


def made(records: Iterable[Mapping[str, Any]], steps: int) -> tuple[Made, ...]:
    """The journal folded, one value per step. The last record of a step counts."""
    known = [Made() for _ in range(steps)]
    for record in records:
        if "step" not in record:
            continue
        number = int(record["step"])
        match record["what"]:
            case "intend":
                known[number] = Made(intended=True)
            case "written":
                known[number] = Made(
                    intended=True,
                    written=True,
                    request_id=str(record.get("request_id", "")),
                    document=record.get("document"),
                )
            case "undone":
                known[number] = replace(known[number], undone=True)
            case "diverged":
                known[number] = replace(known[number], diverged=True, live=record.get("live"))
            case "author":
                author = Author(str(record["name"]), str(record["who"]), float(record["at"]))
                known[number] = replace(known[number], author=author)
    return tuple(known)


def stopped(records: Iterable[Mapping[str, Any]]) -> Stopped | None:
    """Why the plan was given up; None while it was not."""
    for record in records:
        if record["what"] == "stop":
            return Stopped(str(record["reason"]), bool(record["stale"]))
    return None

"""Apply an approved fix: each write journalled before it is made, none of them made twice.

Whoever comes after a death looks at AWS: a document that reads as *after* was written, one that
reads as *before* was not, anything else was changed by somebody. In the middle of a plan that
cannot be finished, what was written is put back; what cannot be put back is named.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from workers.aws.changes import Applied, CannotChange, Change, Problem, Standing
from workers.aws.mandate import Mandate
from workers.aws.sessions import CannotAssume, Sessions
from workers.diagnosis.model import Step
from workers.fixing.plan import Made, made, mandate, steps_of
from workers.ledger import Entry, Move, State
from workers.room import Room

log = structlog.get_logger(__name__)


class Later(Exception):
    """Nothing is decided yet: the job is to be run again."""


class _Stop(Exception):
    """The plan cannot be finished; `stale` when a document is not the one of the diff."""

    def __init__(self, text: str, *, stale: bool) -> None:
        super().__init__(text)
        self.stale = stale


def apply(room: Room, request_id: str, *, last: bool) -> None:
    """Make all steps of an approved request. Raises Later unless it is the `last` try."""
    entry = room.ledger.entry(request_id)
    if entry is None or entry.state not in (State.APPROVED, State.APPLYING):
        return
    if holder := room.ledger.take(entry.request):
        if not last:
            raise Later(f"document is being changed by request {holder}")
        text = room.texts.plain("request.occupied", id=holder)
        room.ledger.step(request_id, Move.FAIL, click="apply", actor="worker", reason=text)
        return
    try:
        if entry.state is State.APPROVED:
            room.ledger.step(request_id, Move.START, click="start", actor="worker")
        _make(room, entry, last=last)
    finally:
        room.ledger.release(entry.request)


def _make(room: Room, entry: Entry, *, last: bool) -> None:
    request = entry.request
    steps = steps_of(request)
    sessions = Sessions(room.settings, request_id=request.id)
    who = mandate(room, entry)
    try:
        for number, step in enumerate(steps):
            _one(room, entry, sessions, who, number, step)
    except _Stop as stop:
        told = _undo(room, entry, sessions, who, steps)
        reason = " ".join(filter(None, (str(stop), told)))
        move = Move.FIND_STALE if stop.stale and not told else Move.FAIL
        room.ledger.step(request.id, move, click="end", actor="worker", reason=reason)
    except CannotAssume as error:
        _unfinished(room, entry, sessions, who, steps, str(error), last=last)
    except CannotChange as error:  # LATER or UNKNOWN: to be looked at again
        _unfinished(room, entry, sessions, who, steps, str(error), last=last)
    else:
        written = _written(room, request.id, len(steps))
        details = {"aws_requests": [each.request_id for each in written if each.request_id]}
        room.ledger.step(request.id, Move.FINISH, click="end", actor="worker", details=details)


def _one(
    room: Room, entry: Entry, sessions: Sessions, who: Mandate, number: int, step: Step
) -> None:
    request_id = entry.request.id
    known = made(room.ledger.records(request_id), len(entry.request.documents))[number]
    if known.written:
        return
    change = Change(sessions, step, who)
    standing = change.standing()
    if standing is Standing.AFTER:
        # Ours, by a worker that died before it could note it; or somebody was faster.
        _note(room, request_id, number, "written", document=step.after)
        return
    if standing is Standing.OTHER:
        raise _Stop(room.texts.plain("request.document_changed", target=step.target.id), stale=True)
    _note(room, request_id, number, "intend")
    try:
        applied = change.apply()
    except CannotChange as error:
        if error.problem in (Problem.LATER, Problem.UNKNOWN):
            raise
        raise _Stop(str(error), stale=error.problem is Problem.STALE) from None
    record = {"request_id": applied.request_id, "document": applied.document}
    _note(room, request_id, number, "written", **record)


def _unfinished(
    room: Room,
    entry: Entry,
    sessions: Sessions,
    who: Mandate,
    steps: Sequence[Step],
    text: str,
    *,
    last: bool,
) -> None:
    if not last:
        raise Later(text)
    told = _undo(room, entry, sessions, who, steps)
    reason = " ".join(filter(None, (text, told)))
    room.ledger.step(entry.request.id, Move.FAIL, click="end", actor="worker", reason=reason)


def _undo(room: Room, entry: Entry, sessions: Sessions, who: Mandate, steps: Sequence[Step]) -> str:
    """Put back what was written, last first. What was done, or what stands, in words."""
    undone: list[str] = []
    standing: list[str] = []
    known = _written(room, entry.request.id, len(steps))
    for number in reversed(range(len(steps))):
        step, each = steps[number], known[number]
        if not each.intended or each.undone:
            continue
        try:
            change = Change(sessions, step, who)
            if not each.written and change.standing() is not Standing.AFTER:
                continue
            change.undo(Applied(each.request_id, each.document or step.after))
        except (CannotChange, CannotAssume) as error:
            standing.append(f"{step.target.id}: {error}")
            continue
        _note(room, entry.request.id, number, "undone")
        undone.append(step.target.id)
    if standing:
        return room.texts.plain("request.stands", what="; ".join(standing))
    if undone:
        return room.texts.plain("request.undone", what=", ".join(undone))
    return ""


def _written(room: Room, request_id: str, steps: int) -> tuple[Made, ...]:
    return made(room.ledger.records(request_id), steps)


def _note(room: Room, fix: str, number: int, what: str, **more: str | None) -> None:
    room.ledger.journal(fix, {"step": number, "what": what, **more})

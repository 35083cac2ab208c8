"""Put the documents of an applied fix back, unless somebody changed them since."""

from __future__ import annotations

from workers.aws.changes import Applied, CannotChange, Change, Problem, Standing
from workers.aws.sessions import CannotAssume, Sessions
from workers.fixing.apply import Later
from workers.fixing.plan import made, mandate, steps_of
from workers.ledger import Move, State
from workers.room import Room


def roll_back(room: Room, request_id: str, *, last: bool) -> None:
    """Undo all steps, last first. Raises Later unless it is the `last` try."""
    entry = room.ledger.entry(request_id)
    if entry is None or entry.state is not State.ROLLING_BACK:
        return
    request, ledger = entry.request, room.ledger
    if (holder := ledger.take(request)) and not last:
        raise Later(f"document is being changed by request {holder}")
    steps = steps_of(request)
    sessions = Sessions(room.settings, request_id=request.id)
    try:
        known = made(ledger.records(request_id), len(steps))
        who = mandate(room, entry)
        for number in reversed(range(len(steps))):
            if known[number].undone or not known[number].written:
                continue
            step = steps[number]
            change = Change(sessions, step, who)
            if change.standing() is not Standing.BEFORE:
                change.undo(Applied(known[number].request_id, known[number].document))
            ledger.journal(request_id, {"step": number, "what": "undone"})
        room.inquiries.save_latest(request.inquiry, None)
        ledger.step(request_id, Move.FINISH_ROLL_BACK, click=_click(entry.revision), actor="worker")
    except (CannotChange, CannotAssume) as error:
        again = isinstance(error, CannotAssume) or error.problem in (
            Problem.LATER,
            Problem.UNKNOWN,
        )
        if again and not last:
            raise Later(str(error)) from None
        ledger.step(
            request_id,
            Move.FAIL,
            click=_click(entry.revision),
            actor="worker",
            reason=str(error),
        )
    finally:
        ledger.release(request)


def _click(revision: int) -> str:
    return f"roll-back-{revision}"

"""Apply an approved fix: each write journalled before it is made, none of them made twice.

Nothing is written before all documents were seen to be those of the diff. Whoever comes after a
death looks at AWS: a document that reads as *after* was written, one that reads as *before* was
not, anything else was changed by somebody. A plan that cannot be finished is given up for good,
and what was written is put back; what cannot be put back is named.
"""

from __future__ import annotations

from workers.aws.changes import CannotChange, Problem, Standing
from workers.aws.sessions import CannotAssume
from workers.fixing.plan import Later, Plan, is_what_was_approved, may_pass
from workers.fixing.undo import undo
from workers.ledger import Move, State
from workers.ledger.journal import Made, Stopped
from workers.room import Room


class _Changed(Exception):
    """A document is not the one of the diff."""


def apply(room: Room, request_id: str, *, last: bool) -> None:
    """Make all steps of an approved request. Raises Later unless it is the `last` try."""
    entry = room.ledger.entry(request_id)
    if entry is None or entry.state not in (State.APPROVED, State.APPLYING):
        return
    plan = Plan(room, entry, last=last)
    if not is_what_was_approved(room, entry):
        begun = any(each.stands for each in plan.made())
        move = Move.LEAVE_INCOMPLETE if begun else Move.FAIL
        text = plan.left(plan.say("altered"))
        room.ledger.step(request_id, move, click="apply", actor="worker", reason=text)
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
        _make(plan)
    finally:
        room.ledger.release(entry.request)


def _make(plan: Plan) -> None:
    """To the end, or all the way back."""
    if (given_up := plan.stopped()) is None:
        try:
            _write_all(plan)
        except _Changed as changed:
            given_up = Stopped(str(changed), stale=True)
        except (CannotChange, CannotAssume) as error:
            if may_pass(error) and not plan.last:
                raise Later(str(error)) from None
            stale = isinstance(error, CannotChange) and error.problem is Problem.STALE
            given_up = Stopped(str(error), stale)
        if given_up is not None:
            plan.stop(given_up)
    if given_up is None:
        written = plan.made()
        details = {"aws_requests": [each.request_id for each in written if each.request_id]}
        plan.room.ledger.step(
            plan.request.id, Move.FINISH, click="end", actor="worker", details=details
        )
        return
    undone = undo(plan)
    reason = f"{given_up.reason} {undone.told(plan)}".strip()
    move = Move.FIND_STALE if given_up.stale else Move.FAIL
    if undone.stands:
        move = Move.LEAVE_INCOMPLETE
    plan.room.ledger.step(plan.request.id, move, click="end", actor="worker", reason=reason)


def _write_all(plan: Plan) -> None:
    known = plan.made()
    for number, each in enumerate(known):
        if not each.intended:
            _see_that_it_is_the_one(plan, number)
    for number, each in enumerate(known):
        if not each.written:
            _write(plan, number, each)


def _see_that_it_is_the_one(plan: Plan, number: int) -> Standing:
    standing = plan.change(number).standing()
    if standing is Standing.OTHER:
        target = plan.steps[number].target.id
        raise _Changed(plan.say("document_changed", target=target))
    return standing


def _write(plan: Plan, number: int, known: Made) -> None:
    step = plan.steps[number]
    if _see_that_it_is_the_one(plan, number) is Standing.AFTER:
        # Ours, by a worker that died before it could note it; or somebody was faster.
        plan.note(number, "written", document=step.after)
        return
    if not known.intended:
        plan.note(number, "intend")
    applied = plan.change(number).apply()
    record = {"request_id": applied.request_id, "document": applied.document}
    plan.note(number, "written", **record)

"""Put the documents of an applied fix back, unless somebody changed one of them since."""

from __future__ import annotations

from workers.aws.changes import CannotChange
from workers.aws.sessions import CannotAssume
from workers.fixing.plan import Later, Plan, is_what_was_approved
from workers.fixing.undo import Undone, diverged, undo
from workers.ledger import Move, State, audit
from workers.room import Room


def roll_back(room: Room, request_id: str, *, last: bool) -> None:
    """Undo all steps, last first. Raises Later unless it is the `last` try.

    When others changed a document since, nothing more is put back: a fix that is half there
    helps nobody. What then tells the changes apart is in the journal.
    """
    entry = room.ledger.entry(request_id)
    if entry is None or entry.state is not State.ROLLING_BACK:
        return
    plan = Plan(room, entry, last=last)
    if not is_what_was_approved(room, entry):
        _end(plan, Move.LEAVE_INCOMPLETE, plan.left(plan.say("altered")))
        return
    if holder := room.ledger.take(entry.request):
        if not last:
            raise Later(f"document is being changed by request {holder}")
        _end(plan, Move.LEAVE_INCOMPLETE, plan.left(plan.say("occupied", id=holder)))
        return
    try:
        _put_all_back(plan)
    finally:
        room.ledger.release(entry.request)


def _put_all_back(plan: Plan) -> None:
    try:
        changed = diverged(plan)
    except (CannotChange, CannotAssume) as error:
        if not plan.last:
            raise Later(str(error)) from None
        _end(plan, Move.LEAVE_INCOMPLETE, plan.left(str(error)))
        return
    if changed:
        targets = [step.target.id for step in plan.steps]
        back = [target for target, each in zip(targets, plan.made(), strict=True) if each.undone]
        told = plan.say("diverged", what=", ".join(changed))
        _end(plan, Move.FIND_DIVERGED, f"{told} {Undone(back=tuple(back)).told(plan)}".strip())
        return
    undone = undo(plan)
    if undone.stands:
        _end(plan, Move.LEAVE_INCOMPLETE, undone.told(plan))
        return
    plan.room.inquiries.save_latest(plan.request.inquiry, None)
    _end(plan, Move.FINISH_ROLL_BACK)


def _end(plan: Plan, move: Move, reason: str = "") -> None:
    live = [
        {"target": step.target.id, "live": audit.hash_of(each.live) if each.live else ""}
        for step, each in zip(plan.steps, plan.made(), strict=True)
        if each.diverged
    ]
    plan.room.ledger.step(
        plan.request.id,
        move,
        click=f"roll-back-{plan.revision}",
        actor="worker",
        reason=reason,
        details={"documents": live} if live else None,
    )

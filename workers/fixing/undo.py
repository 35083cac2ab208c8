"""The way back: the documents that a request wrote are put back, last first.

Each only if it still reads as the fix left it. What somebody changed since is left alone and kept
beside what the fix had written, so that people can be shown the two changes apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from workers.aws.changes import Applied, CannotChange, Problem, Standing
from workers.aws.sessions import CannotAssume
from workers.fixing.plan import Later, Plan, may_pass
from workers.ledger.journal import Made


@dataclass(frozen=True, slots=True)
class Undone:
    """The targets that read as before again, and what stands, with the reason for each."""

    back: tuple[str, ...] = ()
    stands: tuple[str, ...] = ()

    def told(self, plan: Plan) -> str:
        said = []
        if self.back:
            said.append(plan.say("undone", what=", ".join(self.back)))
        if self.stands:
            said.append(plan.say("stands", what="; ".join(self.stands)))
        return " ".join(said)


def undo(plan: Plan) -> Undone:
    """Put back what was written, as far as AWS lets us. Raises Later unless it is the last try."""
    back: list[str] = []
    stands: list[str] = []
    known = plan.made()
    for number in reversed(range(len(plan.steps))):
        target, each = plan.steps[number].target.id, known[number]
        if not each.intended:
            continue
        try:
            if each.undone or _put_back(plan, number, each):
                back.append(target)
        except (CannotChange, CannotAssume) as error:
            if may_pass(error) and not plan.last:
                raise Later(str(error)) from None
            stands.append(f"{target}: {error}")
    return Undone(tuple(back), tuple(stands))


def diverged(plan: Plan) -> tuple[str, ...]:
    """The targets that others changed since they were written; how they read now is kept in the
    journal. Nothing is written to AWS. Raises CannotAssume and CannotChange."""
    found: list[str] = []
    for number, each in enumerate(plan.made()):
        if not each.stands:
            continue
        change = plan.change(number)
        try:
            if change.standing(_applied(plan, number, each)) is not Standing.OTHER:
                continue
            live = change.read()
        except CannotChange as error:
            if error.problem is Problem.GONE:
                continue
            raise
        plan.note(number, "diverged", live=live)
        found.append(plan.steps[number].target.id)
    return tuple(found)


def _put_back(plan: Plan, number: int, each: Made) -> bool:
    """Whether there was anything to put back: a write that was begun may not have happened."""
    change, applied = plan.change(number), _applied(plan, number, each)
    try:
        standing = change.standing(applied)
        if standing is Standing.BEFORE and not each.written:
            return False
        if standing is not Standing.BEFORE:
            change.undo(applied)
    except CannotChange as error:
        # With its role, bucket or key the change is gone, too.
        if error.problem is not Problem.GONE:
            raise
    plan.note(number, "undone")
    return True


def _applied(plan: Plan, number: int, each: Made) -> Applied:
    document = each.document if each.written else plan.steps[number].after
    return Applied(each.request_id, document)

"""The life of a requested fix: which states there are, and which steps lead from one to another.

    requested -> approved -> applying -> applied -> verified
        |            |           |          \\-> not_cured
    rejected       stale       failed      applied, verified, not_cured, incomplete -> rolling_back
    withdrawn                  incomplete  rolling_back -> rolled_back | diverged | incomplete
    expired, stale

Pure; `workers.ledger.store` makes each step once.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    STALE = "stale"  # the live document is no longer the one that the diff began from
    APPLYING = "applying"
    APPLIED = "applied"
    FAILED = "failed"
    VERIFIED = "verified"
    NOT_CURED = "not_cured"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    DIVERGED = "diverged"  # others changed a document since: the change is theirs to take back
    INCOMPLETE = "incomplete"  # what was written could not all be put back; the reason names it


class Move(StrEnum):
    CONSENT = "consent"  # one approval of two
    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    FIND_STALE = "find_stale"
    START = "start"
    FINISH = "finish"
    FAIL = "fail"
    FIND_CURED = "find_cured"
    FIND_NOT_CURED = "find_not_cured"
    START_ROLL_BACK = "start_roll_back"
    FINISH_ROLL_BACK = "finish_roll_back"
    FIND_DIVERGED = "find_diverged"
    LEAVE_INCOMPLETE = "leave_incomplete"


class IllegalMove(Exception):
    """The step does not lead anywhere from this state."""

    def __init__(self, state: State, move: Move) -> None:
        super().__init__(f"no {move} from {state}")
        self.state = state
        self.move = move


MOVES: Mapping[tuple[State, Move], State] = MappingProxyType(
    {
        (State.REQUESTED, Move.CONSENT): State.REQUESTED,
        (State.REQUESTED, Move.APPROVE): State.APPROVED,
        (State.REQUESTED, Move.REJECT): State.REJECTED,
        (State.REQUESTED, Move.WITHDRAW): State.WITHDRAWN,
        (State.REQUESTED, Move.EXPIRE): State.EXPIRED,
        (State.REQUESTED, Move.FIND_STALE): State.STALE,
        (State.APPROVED, Move.START): State.APPLYING,
        (State.APPROVED, Move.FIND_STALE): State.STALE,
        (State.APPROVED, Move.FAIL): State.FAILED,
        (State.APPLYING, Move.FINISH): State.APPLIED,
        (State.APPLYING, Move.FIND_STALE): State.STALE,
        (State.APPLYING, Move.FAIL): State.FAILED,
        (State.APPLYING, Move.LEAVE_INCOMPLETE): State.INCOMPLETE,
        (State.APPLIED, Move.FIND_CURED): State.VERIFIED,
        (State.APPLIED, Move.FIND_NOT_CURED): State.NOT_CURED,
        (State.NOT_CURED, Move.FIND_CURED): State.VERIFIED,
        (State.APPLIED, Move.START_ROLL_BACK): State.ROLLING_BACK,
        (State.VERIFIED, Move.START_ROLL_BACK): State.ROLLING_BACK,
        (State.NOT_CURED, Move.START_ROLL_BACK): State.ROLLING_BACK,
        (State.INCOMPLETE, Move.START_ROLL_BACK): State.ROLLING_BACK,
        (State.ROLLING_BACK, Move.FINISH_ROLL_BACK): State.ROLLED_BACK,
        (State.ROLLING_BACK, Move.FIND_DIVERGED): State.DIVERGED,
        (State.ROLLING_BACK, Move.LEAVE_INCOMPLETE): State.INCOMPLETE,
    }
)

# Somebody or something still has to act on these.
OPEN = frozenset({State.REQUESTED, State.APPROVED, State.APPLYING, State.ROLLING_BACK})
# … and in these a job has something to do.
UNFINISHED = OPEN | {State.APPLIED}
# In these the change, or some of it, stands in AWS and can be taken back.
STANDING = frozenset({State.APPLIED, State.VERIFIED, State.NOT_CURED, State.INCOMPLETE})


def after(state: State, move: Move) -> State:
    """The state that the step leads to. Raises IllegalMove."""
    try:
        return MOVES[(state, move)]
    except KeyError:
        raise IllegalMove(state, move) from None

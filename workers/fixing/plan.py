"""A request at work: its documents as steps to make, the sessions for them, and the journal."""

from __future__ import annotations

from workers.aws.changes import CannotChange, Change, Problem
from workers.aws.mandate import Mandate
from workers.aws.sessions import CannotAssume, Sessions
from workers.diagnosis.plans import fingerprint
from workers.ledger import Entry, Move
from workers.ledger.journal import Made, Stopped, made, stopped
from workers.room import Room


class Later(Exception):
    """Nothing is decided yet: the job is to be run again."""


class Plan:
    """The steps of one request. `last`: nobody will try again, so something has to be decided."""

    def __init__(self, room: Room, entry: Entry, *, last: bool) -> None:
        self.room = room
        self.request = entry.request
        self.revision = entry.revision
        self.last = last
        self.steps = entry.request.steps
        self._sessions = Sessions(room.settings, request_id=entry.request.id)
        self._mandate = mandate(room, entry)
        self._changes: dict[int, Change] = {}

    def change(self, number: int) -> Change:
        """What can make that step. Raises CannotAssume."""
        if number not in self._changes:
            step = self.steps[number]
            self._changes[number] = Change(self._sessions, step, self._mandate)
        return self._changes[number]

    def made(self) -> tuple[Made, ...]:
        return made(self.room.ledger.records(self.request.id), len(self.steps))

    def stopped(self) -> Stopped | None:
        return stopped(self.room.ledger.records(self.request.id))

    def note(self, number: int, what: str, **more: str | None) -> None:
        self.room.ledger.journal(self.request.id, {"step": number, "what": what, **more})

    def stop(self, why: Stopped) -> None:
        """From here on the plan is only taken back, whoever goes on with it."""
        record = {"what": "stop", "reason": why.reason, "stale": why.stale}
        self.room.ledger.journal(self.request.id, record)

    def left(self, why: str) -> str:
        """Why nothing (more) is written, and what of the request stands."""
        steps = zip(self.steps, self.made(), strict=True)
        stands = [step.target.id for step, each in steps if each.stands]
        return self.say("left", why=why, what=", ".join(stands)) if stands else why

    def say(self, key: str, **values: str) -> str:
        return self.room.texts.plain(f"request.{key}", **values)


def is_what_was_approved(room: Room, entry: Entry) -> bool:
    """Whether the request reads as it did when it was asked for and at every approval, and its
    documents are those of its fingerprint. The approvals are in the audit trail, whose entries
    hold the request's hash; who can write in Redis must not turn one approval into another."""
    request = entry.request
    if fingerprint(request.steps) != request.fingerprint:
        return False
    said = [
        each.content.get("digest")
        for each in room.ledger.trail(request.id)
        if each.content["event"] in ("requested", Move.CONSENT, Move.APPROVE)
    ]
    return len(said) > 1 and set(said) == {request.digest}


def may_pass(error: CannotChange | CannotAssume) -> bool:
    """Whether AWS may answer otherwise later."""
    return isinstance(error, CannotAssume) or error.problem in (Problem.LATER, Problem.UNKNOWN)


def mandate(room: Room, entry: Entry) -> Mandate:
    """The people as CloudTrail shall show them: their Slack names beside their ids."""
    return Mandate(
        entry.request.id,
        room.directory.name(entry.request.requester),
        tuple(room.directory.name(user) for user in entry.approvals),
    )

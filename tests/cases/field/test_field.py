"""Failures as people reported them, or as AWS's pages describe them, known to different degrees.

Each NAME.json is a snapshot written by hand from no more than the report tells; NAME.expected.json
holds the cause that was confirmed there and what the diagnosis must not do:

- `component`, `principal`, `action`, `resource`, `detail`: of the finding; null leaves it open.
  `also_acceptable` are variations that are as right.
- `known`: the degree of knowledge (`error`, `policy`, `policy and error`, `status`, `documents`).
- `fix`, `steps`, `certainty`, `says`: of that finding, where the case settles them.
- `must_not`: of every finding. `apply`: no change is offered; `identity`: no identity-based policy
  is touched; `missing s3`: nobody is said to lack what a known policy grants.
- `absent`: no finding at all is about the action.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.diagnosis.examine import examine, told
from workers.diagnosis.model import Finding, Outcome, Report, TargetKind

HERE = Path(__file__).parent
CASES = sorted(file for file in HERE.glob("[0-9]*.json") if ".expected" not in file.name)
FIELDS = ("component", "principal", "action", "resource", "detail")
ACCOUNTS = {"111111111111", "222222222222", "333333333333"}


def expected_of(file: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(file.with_suffix(".expected.json").read_text("utf-8"))
    return value


@cache
def report_of(file: Path) -> Report:
    return examine(file.read_text("utf-8"))


def fits(found: Finding, wanted: dict[str, Any]) -> bool:
    for name, value in wanted.items():
        if value is None:
            continue
        if name == "action":
            if value not in (found.action, *found.actions):
                return False
        elif str(getattr(found, name)) != value:
            return False
    return True


def right(report: Report, expected: dict[str, Any]) -> Finding:
    """The first finding, which has to be the expected one or one that is as right."""
    wanted = {name: expected[name] for name in FIELDS if name in expected}
    choices = [wanted, *({**wanted, **other} for other in expected.get("also_acceptable", []))]
    first = report.findings[0]
    assert any(fits(first, choice) for choice in choices), told(report)
    return first


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_the_cause_is_the_first_finding(file: Path) -> None:
    expected, report = expected_of(file), report_of(file)
    if expected.get("absent"):
        assert not [each for each in report.findings if expected["action"] in each.action]
        return
    first = right(report, expected)
    assert first.fix is not None
    assert first.fix.kind in expected.get("fix", [first.fix.kind])
    assert first.certainty in expected.get("certainty", [first.certainty])
    if "steps" in expected:
        assert [step.target.kind for step in first.fix.steps] == expected["steps"]
    words = " ".join((first.headline, first.explanation, *(each.text for each in first.evidence)))
    for said in expected.get("says", []):
        assert said in words


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_nothing_is_proposed_that_would_be_wrong(file: Path) -> None:
    rules = expected_of(file).get("must_not", [])
    for found in report_of(file).findings:
        kinds = [step.target.kind for step in found.fix.steps] if found.fix is not None else []
        if "apply" in rules:
            assert kinds == [], found.headline
        if "identity" in rules:
            assert TargetKind.ROLE_POLICY not in kinds, found.headline
        if "missing s3" in rules and found.decision == "implicitDeny":
            assert not found.action.startswith("s3:"), found.headline


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_a_failed_pipeline_is_never_clear_and_one_cause_is_one_finding(file: Path) -> None:
    report = report_of(file)
    assert report.outcome is not Outcome.CLEAR
    about = Counter((each.component, each.principal, each.resource) for each in report.findings)
    assert all(count == 1 for count in about.values()), told(report)


def test_the_cases_are_many_and_known_to_different_degrees() -> None:
    known = Counter(expected_of(file)["known"] for file in CASES)
    assert len(CASES) >= 50
    assert set(known) == {"error", "policy", "policy and error", "status", "documents"}
    assert min(known.values()) >= 5


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_a_case_names_its_source_and_nobody(file: Path) -> None:
    expected = expected_of(file)
    assert expected["source"].startswith("https://")
    assert expected["summary"]
    assert expected["cause"]
    accounts = set(re.findall(r"arn:aws:[\w-]+:[\w-]*:(\d{12}):", file.read_text("utf-8")))
    assert accounts <= ACCOUNTS

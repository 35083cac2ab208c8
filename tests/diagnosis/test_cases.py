"""Hand-made reports: little is known, and still the cause comes out on top."""

from __future__ import annotations

import copy

import pytest

from tests.diagnosis.cases import CASES, Case
from tests.diagnosis.examine import examine, told
from workers.diagnosis.model import Outcome


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_cause_is_the_first_finding(case: Case) -> None:
    report = examine({"snapshot": 1, **copy.deepcopy(case.snapshot)})
    assert report.outcome is Outcome.BLOCKED, told(report)
    first = report.findings[0]
    assert first.component == case.component, told(report)
    assert first.principal == (case.principal or first.principal), told(report)
    assert case.action in (first.action, *first.actions), told(report)
    assert first.resource == case.resource
    assert first.certainty in case.certainty
    assert first.fix is not None
    assert first.fix.kind in case.kinds
    assert first.stopped

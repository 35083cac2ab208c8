"""Looking at many pipelines: what fails with one of them takes nothing from the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.incidents.world import PROD, REGION, key_finding, report
from workers import diagnosis
from workers.aws.search import Listed
from workers.diagnosis.model import Outcome, Report
from workers.incidents import survey
from workers.settings import Settings
from workers.snapshot.model import Pipeline, Snapshot, present


def test_a_diagnosis_that_fails_is_unknown_and_the_others_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("cart", "broken", "email")

    def read(*_: Any, **__: Any) -> Iterator[tuple[Listed, Snapshot]]:
        for name in names:
            yield Listed(name, PROD, REGION), Snapshot(present(Pipeline(name, PROD, REGION)))

    def diagnose(snapshot: Snapshot, **_: Any) -> Report:
        name = snapshot.pipeline.require().name
        if name == "broken":
            raise KeyError("reach")
        return report(name, key_finding(name))

    monkeypatch.setattr(survey, "read_pipelines", read)
    monkeypatch.setattr(diagnosis, "diagnose", diagnose)
    with survey.open_survey(Settings(), "test", 10) as opened:
        found = list(opened.look([Listed(name, PROD, REGION) for name in names]))
    outcomes = {each.pipeline.name: each.report.outcome for each in found}
    assert outcomes == {
        "cart": Outcome.BLOCKED,
        "broken": Outcome.UNKNOWN,
        "email": Outcome.BLOCKED,
    }
    (why,) = found[1].report.unreadable
    assert "KeyError" in why.why

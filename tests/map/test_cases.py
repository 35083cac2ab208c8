"""The map of every snapshot in tests/cases: whatever a diagnosis holds, it is readable."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.map.test_map import edges, texts
from workers.diagnosis import diagnose
from workers.diagnosis.map import alt_text, draw
from workers.diagnosis.model import Certainty, Outcome
from workers.pipeline.catalogue import load
from workers.snapshot import codec

CASES = Path(__file__).parents[1] / "cases"
FILES = sorted(path for path in CASES.rglob("*.json") if not path.name.endswith(".expected.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_map_of_a_case(path: Path) -> None:
    snapshot = codec.load(path.read_text("utf-8"))
    report = diagnose(snapshot, catalogue=load())
    root = ET.fromstring(draw(report, snapshot))

    found = texts(root)
    assert not [
        (one.text, other.text)
        for number, one in enumerate(found)
        for other in found[number + 1 :]
        if one.meets(other)
    ]
    assert all(0 <= each.left < each.right <= 390 for each in found)

    drawn = {
        action
        for edge in edges(root, "denied")
        for action in (edge.get("data-actions") or "").split()
    }
    for finding in report.findings:
        if finding.certainty is not Certainty.UNKNOWN and finding.checks:
            assert {check.requirement.action for check in finding.checks} & drawn
    if report.outcome is Outcome.CLEAR:
        assert not drawn
    said = alt_text(report, snapshot)
    assert len(said) <= 2000
    assert report.name in said

"""Hundreds of pipelines with one access broken: each is found, named, and cured by its fix."""

from __future__ import annotations

import pytest

from tests.diagnosis import world
from tests.diagnosis.examine import HEALTHY, examine, finding, snapshot_of, told
from tests.diagnosis.mutate import Mutation, harmless, loaded, mutations
from workers.diagnosis.changes import applied
from workers.diagnosis.model import FixKind, Outcome

SNAPSHOTS = {file.stem: loaded(file.read_text("utf-8")) for file in sorted(HEALTHY.glob("*.json"))}
SNAPSHOTS["reference"] = world.reference()
BROKEN = [each for name, healthy in SNAPSHOTS.items() for each in mutations(name, healthy)]
UNBROKEN = [
    (f"{name}: {done}", changed)
    for name, healthy in SNAPSHOTS.items()
    for done, changed in harmless(healthy)
]


def test_there_are_a_few_hundred_of_them() -> None:
    assert len(BROKEN) >= 300
    assert {each.done for each in BROKEN} == {
        "without",
        "another resource for",
        "an impossible condition on",
        "a deny of",
        "a boundary without",
        "an SCP against",
    }


@pytest.mark.parametrize("broken", BROKEN, ids=lambda each: each.id)
def test_the_one_broken_access_is_found(broken: Mutation) -> None:
    snapshot = snapshot_of(broken.snapshot)
    report = examine(snapshot)
    assert report.outcome is Outcome.BLOCKED, told(report)
    found = finding(report, component=broken.component, action=broken.action)
    assert found.decision == broken.decision
    assert found.certainty == "proven"
    if broken.layer != "scp":
        assert found.principal == broken.principal, told(report)
    layers = {each.layer for each in found.evidence}
    assert broken.layer in layers
    assert found.fix is not None
    if broken.decision == "explicitDeny":
        assert found.evidence[0].statement == "Forbidden"
    if not broken.fixable:
        assert found.fix.kind is FixKind.INSTRUCTIONS
        assert found.fix.steps == ()
        return
    assert found.fix.kind is FixKind.APPLY
    assert found.fix.proven
    assert found.fix.opens == ()
    for each in report.findings:
        assert each.fix is not None
        snapshot = applied(snapshot, each.fix.steps)
    assert examine(snapshot).outcome is Outcome.CLEAR


@pytest.mark.parametrize(("name", "changed"), UNBROKEN, ids=[name for name, _ in UNBROKEN])
def test_what_breaks_nothing_stays_clear(name: str, changed: dict[str, object]) -> None:
    report = examine(changed)
    assert report.outcome is Outcome.CLEAR, told(report)
    assert report.findings == ()

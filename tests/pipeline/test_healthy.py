"""Pipelines that run: nothing that can block them is missing.

The roles of the cdk-*.json are those that the AWS CDK generates (tests/pipeline/cdk); the others
follow the policies that AWS publishes.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipeline.build import catalogue
from workers.diagnosis import diagnose
from workers.pipeline.requirement import Strength
from workers.pipeline.requirements import requirements
from workers.snapshot.codec import load

HEALTHY = sorted((Path(__file__).parents[1] / "cases" / "healthy").glob("*.json"))


@pytest.mark.parametrize("path", HEALTHY, ids=lambda path: path.stem)
def test_it_is_clear(path: Path) -> None:
    report = diagnose(load(path.read_text("utf-8")), catalogue=catalogue())
    assert [finding.headline for finding in report.findings] == []
    assert report.outcome == "clear"


def test_they_are_many_and_of_many_kinds() -> None:
    snapshots = [load(path.read_text("utf-8")) for path in HEALTHY]
    pipelines = [each.pipeline.require() for each in snapshots]
    providers = {action.type.provider for each in pipelines for action in each.actions}
    assert len(pipelines) >= 15
    assert len(providers) >= 20
    assert any(len(each.stores) > 1 for each in pipelines), "across regions"
    assert {each.type for each in pipelines} == {"V1", "V2"}
    assert {"aws", "aws-cn"} <= {each.partition for each in pipelines}
    assert any(
        action.role_arn and each.account not in action.role_arn
        for each in pipelines
        for action in each.actions
    ), "across accounts"


@pytest.mark.parametrize("path", HEALTHY, ids=lambda path: path.stem)
def test_enough_is_asked_of_it_to_say_so(path: Path) -> None:
    found = load(path.read_text("utf-8"))
    actions = found.pipeline.require().actions
    strong = [
        each
        for each in requirements(found, catalogue())
        if each.strength is not Strength.DOCUMENTED
    ]
    assert len(strong) >= len(actions)


def test_the_synthesised_ones_come_from_a_pinned_cdk() -> None:
    folder = Path(__file__).parent / "cdk"
    declared = json.loads((folder / "package.json").read_text("utf-8"))["dependencies"]
    lock = json.loads((folder / "package-lock.json").read_text("utf-8"))
    assert all(version[0].isdigit() for version in declared.values()), "exact versions"
    for name, version in declared.items():
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
    assert "resolved" not in json.dumps(lock), "no registry is written down"

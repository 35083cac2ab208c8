"""The world is what its data says: each pipeline is denied exactly what its truth says, nothing
else, and no longer once it is cured."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

import pytest

from demo.aws.cloud import Cloud
from demo.aws.world import World, load
from demo.aws.world.cures import cure
from demo.aws.world.model import Pipeline, Truth

PIPELINES = load().pipelines
COMPONENTS = {
    "user",
    "service_role",
    "action_role",
    "build_role",
    "bucket",
    "kms",
    "connection",
    "scp",
    "rcp",
    "trust",
    "config",
}


def unmet(cloud: Cloud, pipeline: Pipeline) -> list[dict[str, Any]]:
    """The steps that the documents in force do not allow, save for builds whose code is broken."""
    steps = cloud.rehearse(pipeline.account, pipeline.region, pipeline.name)
    assert len(steps) > 5
    return [
        each for each in steps if not each["met"] and "COMMAND_EXECUTION_ERROR" not in each["text"]
    ]


def is_of(truth: Truth, step: dict[str, Any]) -> bool:
    return (
        truth.action == step["do"]
        and truth.principal in ("", step["principal"])
        and fnmatch.fnmatchcase(step["on"], truth.resource)
    )


def same_text(message: str) -> str:
    """Without what differs from one execution to the next: object names and request ids."""
    return re.sub(r"/[0-9a-f]{7}\b|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}", "…", message)


def identify(pipeline: Pipeline) -> str:
    return f"{pipeline.name} in {pipeline.account}"


def test_every_component_has_a_broken_pipeline() -> None:
    named = {
        each.component
        for pipeline in PIPELINES
        for each in (pipeline.truth, *pipeline.also)
        if each is not None
    }
    assert named >= COMPONENTS


def test_enough_accounts_regions_and_outcomes(world: World) -> None:
    assert len(world.accounts) >= 6
    assert {each.region for each in PIPELINES} == {"us-east-1", "eu-west-1"}
    assert {each.outcome for each in PIPELINES} == {"blocked", "clear", "unknown", "retry"}
    names = [each.name for each in PIPELINES]
    assert [name for name in names if names.count(name) > 1] == ["status-page", "status-page"]


@pytest.mark.parametrize("pipeline", PIPELINES, ids=identify)
def test_what_is_denied_is_what_the_truth_says_and_nothing_else(
    cloud: Cloud, pipeline: Pipeline
) -> None:
    truths = [each for each in (pipeline.truth, *pipeline.also) if each is not None]
    truths = [each for each in truths if each.component != "user"]
    denied = unmet(cloud, pipeline)
    assert [step for step in denied if not any(is_of(truth, step) for truth in truths)] == []
    assert [truth for truth in truths if not any(is_of(truth, step) for step in denied)] == []


@pytest.mark.parametrize(
    "pipeline",
    [p for p in PIPELINES if p.truth is not None and p.truth.component != "user"],
    ids=identify,
)
def test_the_last_execution_failed_for_the_truth_and_says_so(
    cloud: Cloud, pipeline: Pipeline
) -> None:
    assert pipeline.truth is not None
    first = unmet(cloud, pipeline)[0]
    assert is_of(pipeline.truth, first)
    client = cloud.client("codepipeline", pipeline.account, pipeline.region)
    newest = client.list_action_executions(pipelineName=pipeline.name)["actionExecutionDetails"][0]
    assert (newest["stageName"], newest["actionName"]) == (first["stage"], first["action"])
    assert newest["status"] == "Failed"
    message = newest["output"]["executionResult"]["errorDetails"]["message"]
    assert same_text(message) == same_text(first["text"])
    assert "{" not in message


@pytest.mark.parametrize(
    "pipeline", [p for p in PIPELINES if p.outcome in ("clear", "unknown")], ids=identify
)
def test_the_healthy_ones_are_denied_nothing(cloud: Cloud, pipeline: Pipeline) -> None:
    assert unmet(cloud, pipeline) == []


def test_the_one_that_needs_only_a_retry_failed_though_nothing_is_denied(cloud: Cloud) -> None:
    pipeline = next(p for p in PIPELINES if p.outcome == "retry")
    assert unmet(cloud, pipeline) == []
    client = cloud.client("codepipeline", pipeline.account)
    runs = client.list_pipeline_executions(pipelineName=pipeline.name)
    assert runs["pipelineExecutionSummaries"][0]["status"] == "Failed"


@pytest.mark.parametrize("pipeline", [p for p in PIPELINES if p.cure], ids=identify)
def test_the_cure_removes_every_denial(scratch: Cloud, world: World, pipeline: Pipeline) -> None:
    cure(scratch, world, pipeline)
    assert unmet(scratch, pipeline) == []


def test_every_broken_pipeline_has_a_cure() -> None:
    assert [p.name for p in PIPELINES if p.outcome == "blocked" and not p.cure] == []

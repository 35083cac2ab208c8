"""The pipeline itself: its structure, its tags and what failed when it ran.

https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GetPipeline.html
https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ListActionExecutions.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from workers.aws.calls import Answer, Chain, Place, then
from workers.aws.documents import moment, tags
from workers.pipeline.structure import pipeline_from_api
from workers.snapshot.model import (
    EMPTY,
    Pipeline,
    Reading,
    Run,
    Stage,
    State,
    present,
)

NAME = re.compile(r"[A-Za-z0-9.@\-_]{1,100}", re.ASCII)
"""A pipeline's name, as the API takes it."""

# The newest 300 executions of actions; what failed before that has been run again since.
_RUN_PAGES = 3
# Beside a plain value an environment variable may name a secret, which the role must then read.
_PLAIN = "PLAINTEXT"


def read_pipeline(chain: Chain, name: str, account: str, region: str) -> Reading[Pipeline]:
    """The pipeline without its tags; absent when the account has none of that name there."""
    answer = chain.read(
        Place("codepipeline", account, region), "GetPipeline", subject=name, name=name
    )
    return then(answer, lambda found: parse_pipeline(found["pipeline"], account, region))


def read_tags(chain: Chain, name: str, account: str, region: str) -> Reading[Mapping[str, str]]:
    """The pipeline's tags."""
    partition = chain.calls.sessions.partition(region)
    arn = f"arn:{partition}:codepipeline:{region}:{account}:{name}"
    listed = chain.pages(
        Place("codepipeline", account, region),
        "ListTagsForResource",
        "tags",
        subject=arn,
        resourceArn=arn,
    )
    return then(listed, tags)


def read_runs(chain: Chain, name: str, account: str, region: str) -> Reading[tuple[Run, ...]]:
    """The newest executions of the pipeline's actions, newest first.

    The list of executions has roles and resolved configurations; the state of the pipeline has
    the latest error of every action however long ago, and stands in where the list ends early.
    """
    where = Place("codepipeline", account, region)
    state = chain.fork(lambda side: side.read(where, "GetPipelineState", subject=name, name=name))
    listed = chain.pages(
        where,
        "ListActionExecutions",
        "actionExecutionDetails",
        subject=name,
        at_most=_RUN_PAGES,
        pipelineName=name,
    )
    latest = state.join()
    if listed.state is State.PRESENT:
        runs = tuple(_run(detail) for detail in listed.require())
        failures = _failures(latest.require()) if latest.state is State.PRESENT else ()
        seen = {(run.stage, run.action) for run in runs}
        return present(runs + tuple(run for run in failures if (run.stage, run.action) not in seen))
    if latest.state is State.PRESENT:
        return present(tuple(_failures(latest.require())))
    return Reading(listed.state, None, listed.why)


def parse_pipeline(declared: Answer, account: str, region: str) -> Pipeline:
    """The pipeline that GetPipeline declares, without tokens and values of variables."""
    pipeline = pipeline_from_api(declared, account, region)
    return replace(pipeline, stages=tuple(_stage(stage) for stage in pipeline.stages))


def _stage(stage: Stage) -> Stage:
    return replace(
        stage,
        actions=tuple(
            replace(
                each,
                configuration=_configuration(each.configuration),
                environment=tuple(_variable(variable) for variable in each.environment),
            )
            for each in stage.actions
        ),
        rules=tuple(
            replace(each, configuration=_configuration(each.configuration)) for each in stage.rules
        ),
    )


def _configuration(given: Mapping[str, str]) -> Mapping[str, str]:
    """A configuration without what nobody needs to know: tokens, values of variables."""
    kept = {name: value for name, value in given.items() if name != "OAuthToken"}
    if "EnvironmentVariables" in kept:
        kept["EnvironmentVariables"] = _variables(kept["EnvironmentVariables"])
    return MappingProxyType(kept)


def _variables(declared: str) -> str:
    """CodeBuild's EnvironmentVariables (a JSON list in a string) without plain values."""
    try:
        variables = json.loads(declared)
    except ValueError:
        return ""
    if not isinstance(variables, list):
        return ""
    return json.dumps([dict(_variable(each)) for each in variables if isinstance(each, dict)])


def _variable(variable: Mapping[str, Any]) -> Mapping[str, Any]:
    """A variable; its value only when it names a secret or a parameter that a role must read."""
    if variable.get("type", _PLAIN) != _PLAIN:
        return MappingProxyType(dict(variable))
    return MappingProxyType({name: value for name, value in variable.items() if name != "value"})


def _run(detail: Answer) -> Run:
    given = detail.get("input", EMPTY)
    result = detail.get("output", EMPTY).get("executionResult", EMPTY)
    error = result.get("errorDetails", EMPTY)
    return Run(
        stage=detail.get("stageName", ""),
        action=detail.get("actionName", ""),
        status=detail.get("status", ""),
        execution=detail.get("pipelineExecutionId", ""),
        at=moment(detail.get("lastUpdateTime") or detail.get("startTime")),
        error_code=error.get("code", ""),
        error_text=error.get("message") or _summary(detail, result),
        role_arn=given.get("roleArn"),
        region=given.get("region"),
        configuration=_configuration(
            given.get("resolvedConfiguration") or given.get("configuration", EMPTY)
        ),
        external_id=result.get("externalExecutionId", ""),
    )


def _summary(detail: Answer, result: Answer) -> str:
    """Where an action gives no error details, its summary may still say why it failed."""
    failed = detail.get("status") == "Failed"
    return str(result.get("externalExecutionSummary", "")) if failed else ""


def _failures(state: Answer) -> Iterable[Run]:
    for stage in state.get("stageStates", ()):
        execution = stage.get("latestExecution", EMPTY).get("pipelineExecutionId", "")
        for action in stage.get("actionStates", ()):
            latest = action.get("latestExecution", EMPTY)
            if latest.get("status") != "Failed":
                continue
            error = latest.get("errorDetails", EMPTY)
            yield Run(
                stage=stage.get("stageName", ""),
                action=action.get("actionName", ""),
                status="Failed",
                execution=execution,
                at=moment(latest.get("lastStatusChange")),
                error_code=error.get("code", ""),
                error_text=error.get("message") or latest.get("summary", ""),
                external_id=latest.get("externalExecutionId", ""),
            )

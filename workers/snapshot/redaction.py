"""What a snapshot does not need and may hide a secret: masked before it leaves the process.

A diagnosis of a redacted snapshot says the same as one of the original: policies, roles, names,
error texts and references to secrets stay; values that AWS hands to programs go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from workers.snapshot.model import (
    Action,
    Pipeline,
    Reading,
    Rule,
    Run,
    Snapshot,
    Stage,
    State,
    TrailEvent,
    present,
)

MASK = "****"
"""What stands for a masked value; AWS itself masks OAuth tokens in this way."""

# Configuration keys whose value is a secret, or free text that no diagnosis reads.
_SECRET_KEYS = frozenset(
    {"OAuthToken", "ClientSecret", "RefreshToken", "ClientId", "UserParameters", "Input"}
    | {"CustomData", "PreScript", "PostScript", "DeploySpec"}
)
_LOOKS_SECRET = re.compile(r"(?i)(secret|token|password|passwd|credential|private_?key|api_?key)")
# Configuration keys that hold JSON whose plain values are masked and whose structure is kept:
# an artifact that a parameter points at, and a secret that a variable names, have a say.
_JSON_KEYS = frozenset({"EnvironmentVariables", "ParameterOverrides", "Variables"})
_REFERENCES = frozenset({"SECRETS_MANAGER", "PARAMETER_STORE"})
# Members of API answers and CloudTrail requests that hold values for programs.
_ENVIRONMENTS = frozenset(
    {"environment", "environmentVariables", "environmentVariablesOverride", "Environment"}
    | {"Variables", "parameters", "Parameters", "parameterOverrides", "templateBody"}
)


def redact(snapshot: Snapshot) -> Snapshot:
    """The snapshot without what no diagnosis needs.

    Masked are the values of environment variables (not their names, nor the names of secrets
    and parameters that they refer to), OAuth tokens and other secrets of configurations,
    parameters handed to functions, state machines and stacks, commands, defaults of pipeline
    variables, and the same in Describe answers and CloudTrail requests.
    """
    return replace(
        snapshot,
        pipeline=_map(snapshot.pipeline, _pipeline),
        runs=_map(snapshot.runs, lambda runs: tuple(_run(run) for run in runs)),
        descriptions=MappingProxyType(
            {id: _map(reading, _answer) for id, reading in snapshot.descriptions.items()}
        ),
        events=_map(snapshot.events, lambda events: tuple(_event(event) for event in events)),
    )


def _map(reading: Reading[Any], change: Any) -> Reading[Any]:
    return present(change(reading.require())) if reading.state is State.PRESENT else reading


def _pipeline(pipeline: Pipeline) -> Pipeline:
    return replace(
        pipeline,
        stages=tuple(_stage(stage) for stage in pipeline.stages),
        variables=tuple(
            {key: MASK if key == "defaultValue" else value for key, value in variable.items()}
            for variable in pipeline.variables
        ),
    )


def _stage(stage: Stage) -> Stage:
    return replace(
        stage,
        actions=tuple(_action(action) for action in stage.actions),
        rules=tuple(_rule(rule) for rule in stage.rules),
    )


def _action(action: Action) -> Action:
    return replace(
        action,
        configuration=_configuration(action.configuration),
        commands=tuple(MASK for _ in action.commands),
        environment=tuple(_variable(variable) for variable in action.environment),
    )


def _rule(rule: Rule) -> Rule:
    return replace(
        rule,
        configuration=_configuration(rule.configuration),
        commands=tuple(MASK for _ in rule.commands),
    )


def _run(run: Run) -> Run:
    return replace(run, configuration=_configuration(run.configuration))


def _event(event: TrailEvent) -> TrailEvent:
    return replace(event, request=_answer(event.request))


def _configuration(configuration: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType({key: _value(key, text) for key, text in configuration.items()})


def _value(key: str, text: str) -> str:
    if key in _SECRET_KEYS or _LOOKS_SECRET.search(key):
        return MASK
    if key not in _JSON_KEYS:
        return text
    try:
        return json.dumps(_masked(json.loads(text)))
    except (json.JSONDecodeError, RecursionError):
        return MASK


def _variable(variable: Mapping[str, str]) -> Mapping[str, str]:
    """An environment variable: its value stays where it only names a secret or parameter."""
    if variable.get("type", "PLAINTEXT") in _REFERENCES:
        return variable
    return {key: MASK if key == "value" else text for key, text in variable.items()}


def _masked(value: Any) -> Any:
    """JSON with its plain values masked; names, and functions that name artifacts, stay."""
    if isinstance(value, list):
        return [_masked(each) for each in value]
    if not isinstance(value, dict):
        return MASK
    if "name" in value and "value" in value:
        return _variable(value)
    return {
        key: member if key.startswith("Fn::") else _masked(member) for key, member in value.items()
    }


def _answer(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType({key: _member(key, value) for key, value in answer.items()})


def _member(key: str, value: Any) -> Any:
    if key in _ENVIRONMENTS or _LOOKS_SECRET.fullmatch(key):
        return _masked(value)
    if isinstance(value, Mapping):
        return {name: _member(name, member) for name, member in value.items()}
    if isinstance(value, list):
        return [_member(key, each) for each in value]
    return value

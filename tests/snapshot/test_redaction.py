"""What leaves the process holds no secret, and still says everything that a diagnosis reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workers.pipeline.catalogue import Catalogue, load_catalogue
from workers.pipeline.faults import faults
from workers.pipeline.references import wanted
from workers.pipeline.requirements import requirements
from workers.snapshot.codec import dump, load, redact

SECRET = "hunter2-hunter2"
CASES = Path(__file__).parents[1] / "cases"
SNAPSHOTS = sorted(path for path in CASES.rglob("*.json") if "expected" not in path.name)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def action(provider: str, **fields: object) -> dict[str, object]:
    kind = {"category": "Build", "owner": "AWS", "provider": provider}
    return {"name": provider, "actionTypeId": kind, **fields}


HIDING_PLACES: dict[str, dict[str, object]] = {
    "an OAuth token": {"pipeline": [action("GitHub", configuration={"OAuthToken": SECRET})]},
    "a client secret": {"pipeline": [action("Alexa", configuration={"ClientSecret": SECRET})]},
    "a build override": {
        "pipeline": [
            action(
                "CodeBuild",
                configuration={
                    "EnvironmentVariables": json.dumps(
                        [{"name": "DB", "value": SECRET, "type": "PLAINTEXT"}]
                    )
                },
            )
        ]
    },
    "a build override that is no JSON": {
        "pipeline": [action("CodeBuild", configuration={"EnvironmentVariables": SECRET})]
    },
    "an environment variable": {
        "pipeline": [action("Commands", environmentVariables=[{"name": "DB", "value": SECRET}])]
    },
    "a command": {"pipeline": [action("Commands", commands=[f"curl -u x:{SECRET} host"])]},
    "what a function is given": {
        "pipeline": [action("Lambda", configuration={"UserParameters": SECRET})]
    },
    "a stack's parameter": {
        "pipeline": [
            action("CloudFormation", configuration={"ParameterOverrides": f'{{"P": "{SECRET}"}}'})
        ]
    },
    "the resolved configuration of a run": {
        "runs": [{"stage": "S", "action": "A", "configuration": {"DatabasePassword": SECRET}}]
    },
    "a function's environment": {
        "descriptions": {"f": {"Role": "r", "Environment": {"Variables": {"DB": SECRET}}}}
    },
    "a container's environment": {
        "descriptions": {
            "t": {"containerDefinitions": [{"environment": [{"name": "DB", "value": SECRET}]}]}
        }
    },
    "a request in CloudTrail": {
        "events": [
            {
                "name": "StartBuild",
                "request": {"environmentVariablesOverride": [{"name": "A", "value": SECRET}]},
            }
        ]
    },
}


def file_of(place: dict[str, object]) -> str:
    parts = dict(place)
    if "pipeline" in parts:
        parts["pipeline"] = {"stages": [{"name": "S", "actions": parts["pipeline"]}]}
    return json.dumps(parts)


@pytest.mark.parametrize("place", HIDING_PLACES)
def test_no_secret_survives_in(place: str) -> None:
    snapshot = load(file_of(HIDING_PLACES[place]))
    assert SECRET in dump(snapshot)
    assert SECRET not in dump(redact(snapshot))


def test_defaults_of_variables_are_masked() -> None:
    text = '{"pipeline": {"variables": [{"name": "TOKEN", "defaultValue": "hunter2"}]}}'
    assert "hunter2" not in dump(redact(load(text)))
    assert "TOKEN" in dump(redact(load(text)))


def test_references_to_secrets_and_artifacts_stay() -> None:
    overrides = '{"Key": {"Fn::GetArtifactAtt": ["Built", "ObjectKey"]}}'
    text = file_of(
        {
            "pipeline": [
                action("CloudFormation", configuration={"ParameterOverrides": overrides}),
                action(
                    "Commands",
                    environmentVariables=[
                        {"name": "DB", "value": "prod/db", "type": "SECRETS_MANAGER"}
                    ],
                ),
            ]
        }
    )
    written = dump(redact(load(text)))
    assert "Fn::GetArtifactAtt" in written
    assert "prod/db" in written


@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: path.stem)
def test_a_redacted_snapshot_leads_to_the_same_questions(path: Path, catalogue: Catalogue) -> None:
    """Same requirements, faults and documents: so the diagnosis cannot differ."""
    snapshot = load(path.read_text("utf-8"))
    redacted = redact(snapshot)
    assert requirements(redacted, catalogue) == requirements(snapshot, catalogue)
    assert faults(redacted, catalogue) == faults(snapshot, catalogue)
    assert wanted(redacted, catalogue) == wanted(snapshot, catalogue)
    assert redact(redacted) == redacted

"""The report as JSON: the documented layout, its schema, and the way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from tests.diagnosis.examine import CASES, HEALTHY, examine
from workers.diagnosis.report_json import SCHEMA_FILE, from_json, schema_text, to_json

SNAPSHOTS = sorted(
    [
        *(each for each in CASES.glob("[0-9]*.json") if ".expected" not in each.name),
        *HEALTHY.glob("*.json"),
    ]
)
FINDING = [
    "id",
    "component",
    "certainty",
    "headline",
    "principal",
    "action",
    "resource",
    "stage",
    "pipeline_action",
    "decision",
    "evidence",
    "fix",
]


def reported(file: Path) -> dict[str, Any]:
    return to_json(examine(file.read_text("utf-8")))


def test_the_committed_schema_is_the_one_of_the_models() -> None:
    assert SCHEMA_FILE.read_text("utf-8") == schema_text()


@pytest.mark.parametrize("file", SNAPSHOTS, ids=lambda file: file.stem)
def test_every_report_keeps_to_the_schema_and_comes_back_unchanged(file: Path) -> None:
    value = reported(file)
    jsonschema.validate(json.loads(json.dumps(value)), json.loads(SCHEMA_FILE.read_text("utf-8")))
    assert to_json(from_json(json.loads(json.dumps(value)))) == value


def test_the_documented_keys_come_first_and_in_order() -> None:
    value = reported(CASES / "19-xacct-cfn-deploy-role-cannot-read-artifacts.json")
    assert list(value)[:6] == ["schema", "pipeline", "verdict", "findings", "checked", "unreadable"]
    assert value["schema"] == 1
    assert list(value["pipeline"])[:4] == ["name", "account", "region", "arn"]
    found = value["findings"][0]
    assert list(found)[: len(FINDING)] == FINDING
    assert list(found["evidence"][0])[:4] == ["layer", "policy", "statement", "effect"]
    assert list(found["fix"])[:4] == ["kind", "target", "diff", "fingerprint"]
    assert list(value["checked"]) == [
        "requirements", "allowed", "denied", "unknown", "aws_calls", "seconds",
    ]  # fmt: skip
    assert list(value["unreadable"][0])[:2] == ["what", "why"]


def test_the_same_snapshot_gives_the_same_bytes() -> None:
    file = CASES / "15-codebuild-download-source-key-policy.json"
    assert json.dumps(reported(file)) == json.dumps(reported(file))


@pytest.mark.parametrize(
    "change",
    [{"schema": 2}, {"verdict": "fine"}, {"findings": [{}]}, {"surprise": 1}],
    ids=lambda change: next(iter(change)),
)
def test_what_is_no_report_is_refused(change: dict[str, Any]) -> None:
    value = reported(CASES / "45-user-cannot-approve.json") | change
    with pytest.raises(ValidationError):
        from_json(value)

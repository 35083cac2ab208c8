"""Reported failures told with less, or with another layer in AWS's message.

Knowing less never proves more, and what AWS's message names is what the first finding is about.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.cases.field.test_field import CASES as FIELD
from tests.cases.test_reported import REPORTED
from tests.diagnosis.examine import examine, told
from workers.diagnosis.model import Outcome, Report, TargetKind

Snapshot = dict[str, Any]
FILES = [*REPORTED, *FIELD]
MAPS = ("roles", "users", "buckets", "keys", "connections", "projects", "descriptions")

# What AWS appends to its message, and the components that may then be named; None where the
# holder of the principal's own policies is meant.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
LAYERS: dict[str, str | None] = {
    "because no identity-based policy allows the {} action": None,
    "with an explicit deny in an identity-based policy": None,
    "with an explicit deny in a service control policy": "scp",
    "because no service control policy allows the {} action": "scp",
    "with an explicit deny in a resource control policy": "rcp",
    "because no permissions boundary allows the {} action": None,
    "with an explicit deny in a permissions boundary": None,
    "because no session policy allows the {} action": None,
    "because no VPC endpoint policy allows the {} action": "config",
}


def load(file: Path) -> tuple[Snapshot, dict[str, Any]]:
    expected = json.loads(file.with_suffix(".expected.json").read_text("utf-8"))
    return json.loads(file.read_text("utf-8")), expected


@cache
def whole(file: Path) -> Report:
    return examine(file.read_text("utf-8"))


def proven(report: Report) -> set[tuple[str, str, str]]:
    """What is denied beyond doubt: every request of the findings that are proven."""
    return {
        (each.principal, action, each.resource.rpartition("/")[0])
        for each in report.findings
        if each.certainty == "proven" and each.decision != "allowed"
        for action in each.actions or (each.action,)
    }


def lessened() -> Iterator[Any]:
    for file in FILES:
        snapshot, _ = load(file)
        for kind in MAPS:
            for id in snapshot.get(kind, {}):
                yield pytest.param(file, kind, id, id=f"{file.stem} without {id.split('/')[-1]}")


@pytest.mark.parametrize(("file", "kind", "id"), list(lessened()))
def test_a_document_less_proves_no_more(file: Path, kind: str, id: str) -> None:
    snapshot, _ = load(file)
    del snapshot[kind][id]
    report = examine(snapshot)
    assert report.outcome is not Outcome.CLEAR
    assert proven(report) <= proven(whole(file)), told(report)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_without_aws_words_the_documents_still_say_what_they_said(file: Path) -> None:
    snapshot, _ = load(file)
    if not snapshot.pop("errors", None):
        return
    report = examine(snapshot)
    if report.outcome is Outcome.CLEAR:
        needed = [each for each in report.checks if each.requirement.strength != "documented"]
        assert {each.verdict.decision for each in needed} == {"allowed"}
    assert proven(report) <= proven(whole(file)), told(report)
    assert not any(each.stopped for each in report.findings if not snapshot.get("events"))


def spoken() -> Iterator[Any]:
    for file in FILES:
        _, expected = load(file)
        role = str(expected.get("principal") or "")
        if ":role/" in role and str(expected.get("resource")).startswith("arn:"):
            for words in LAYERS:
                yield pytest.param(file, words, id=f"{file.stem} {words}")


@pytest.mark.parametrize(("file", "words"), list(spoken()))
def test_the_layer_that_aws_names_is_what_the_first_finding_is_about(
    file: Path, words: str
) -> None:
    snapshot, expected = load(file)
    snapshot.pop("events", None)
    role, action = expected["principal"], expected["action"]
    snapshot["errors"] = [
        f"User: arn:aws:sts::{role.split(':')[4]}:assumed-role/{role.split('/')[-1]}/1700000000000"
        f" is not authorized to perform: {action} on resource: {expected['resource']} "
        + words.format(action)
    ]
    report = examine(copy.deepcopy(snapshot))
    first = report.findings[0]
    assert (first.principal, action in (first.action, *first.actions)) == (role, True), told(report)
    holders = {"service_role", "action_role", "build_role", "user"}
    if LAYERS[words] is not None:
        # The documents may know the layer itself, and more exactly.
        assert first.component == LAYERS[words] or first.detail == "vpc_endpoint", told(report)
    elif first.decision != "allowed" and not first.detail.endswith("other_account"):
        assert first.component in holders, told(report)
    kinds = [step.target.kind for step in first.fix.steps] if first.fix is not None else []
    if "explicit" in words or LAYERS[words] is not None or "boundary" in words:
        assert TargetKind.ROLE_POLICY not in kinds

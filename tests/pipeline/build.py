"""Small snapshots for the tests of this room."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from workers.pipeline.catalogue import Catalogue, load_catalogue
from workers.pipeline.requirement import Requirement, Strength
from workers.pipeline.requirements import requirements
from workers.snapshot.codec import load
from workers.snapshot.model import Snapshot

HOME, TARGET, SOURCE = "111111111111", "222222222222", "333333333333"
REGION = "us-east-1"
SERVICE_ROLE = f"arn:aws:iam::{HOME}:role/PipelineRole"
KEY = f"arn:aws:kms:{REGION}:{HOME}:key/11111111-2222-3333-4444-555555555555"
BUCKET = "example-artifact-bucket"
PIPELINE_ARN = f"arn:aws:codepipeline:{REGION}:{HOME}:example"


@cache
def catalogue() -> Catalogue:
    return load_catalogue()


def role(name: str, account: str = HOME) -> str:
    return f"arn:aws:iam::{account}:role/{name}"


def action(provider: str, category: str = "Build", **fields: Any) -> dict[str, Any]:
    """One action in the words of GetPipeline; `inputs` and `outputs` are names."""
    owner = fields.pop("owner", "AWS")
    declared: dict[str, Any] = {
        "name": fields.pop("name", provider),
        "actionTypeId": {"category": category, "owner": owner, "provider": provider},
    }
    for key, api in (("inputs", "inputArtifacts"), ("outputs", "outputArtifacts")):
        if key in fields:
            declared[api] = [{"name": name} for name in fields.pop(key)]
    return declared | fields


def snapshot(*actions: dict[str, Any], key: str | None = KEY, **parts: Any) -> Snapshot:
    """A pipeline of one stage `Stage`; `parts` are further parts of the snapshot file.

    `pipeline` among them overrides members of the pipeline.
    """
    store: dict[str, Any] = {"type": "S3", "location": BUCKET}
    if key is not None:
        store["encryptionKey"] = {"id": key, "type": "KMS"}
    pipeline = {
        "name": "example",
        "account": HOME,
        "region": REGION,
        "roleArn": SERVICE_ROLE,
        "artifactStore": store,
        "stages": [{"name": "Stage", "actions": list(actions)}],
    }
    return load(json.dumps({"pipeline": pipeline | parts.pop("pipeline", {}), **parts}))


def required(
    found: Snapshot,
    *,
    principal: str | None = None,
    strengths: Iterable[Strength] = (Strength.ALWAYS, Strength.WHEN),
) -> set[tuple[str, str]]:
    """(action, resource as shown) of the requirements, of one principal when it is named."""
    return {
        (each.action, each.shown)
        for each in requirements(found, catalogue())
        if each.strength in strengths and principal in (None, each.principal)
    }


def one(found: Snapshot, action: str, *, principal: str | None = None) -> Requirement:
    """The only requirement for an action."""
    (match,) = (
        each
        for each in requirements(found, catalogue())
        if each.action == action and principal in (None, each.principal)
    )
    return match

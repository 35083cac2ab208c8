"""Turns a reported failure (error text, flat pipeline, `policies`) into a snapshot file.

`python -m tests.cases.convert REPORT.json...` writes ID.json and ID.expected.json beside this file.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
# Roles of build projects that a report names only in its policies or its finding.
BUILD_ROLES = {
    "15-codebuild-download-source-key-policy": (
        "arn:aws:iam::111111111111:role/sample-lambda-CodeBuildRole"
    )
}


def snapshot_of(report: dict[str, Any]) -> dict[str, Any]:
    pipeline = report["pipeline"]
    pipeline.pop("note", None)
    policies = report["policies"]
    snapshot: dict[str, Any] = {"snapshot": 1, "pipeline": pipeline}
    snapshot["errors"] = [report["error_text"]]
    store = pipeline.get("artifactStore", {})
    roles: dict[str, dict[str, Any]] = {}
    for arn, document in policies.get("action_roles", {}).items():
        roles.setdefault(arn, {})["policies"] = {"reported": document}
    for arn, document in policies.get("trust", {}).items():
        roles.setdefault(arn, {})["trust"] = document
    if "service_role" in policies:
        role = roles.setdefault(pipeline["roleArn"], {})
        role["policies"] = {"reported": policies["service_role"]}
    if "user" in policies:
        snapshot["caller"] = _caller(report["error_text"])
        roles.setdefault(snapshot["caller"], {})["policies"] = {"reported": policies["user"]}
    if "codebuild_role" in policies:
        project = _project(pipeline)
        arn = BUILD_ROLES.get(report["id"]) or (
            f"arn:aws:iam::{pipeline['account']}:role/{project.rsplit('/', 1)[1]}-role"
        )
        snapshot["projects"] = {project: {"service_role": arn}}
        roles.setdefault(arn, {})["policies"] = {"reported": policies["codebuild_role"]}
    if roles:
        snapshot["roles"] = roles
    if "bucket_policy" in policies:
        snapshot["buckets"] = {
            store["location"]: {"account": pipeline["account"], "policy": policies["bucket_policy"]}
        }
    if "bucket" in policies:
        bucket = policies["bucket"]
        snapshot["buckets"] = {
            bucket["name"]: {"account": bucket["owner"], "ownership": bucket["OwnershipControls"]}
        }
    if "key_policy" in policies:
        snapshot["keys"] = {store["encryptionKey"]["id"]: {"policy": policies["key_policy"]}}
    if "connection" in policies:
        connection = policies["connection"]
        snapshot["connections"] = {
            connection["ConnectionArn"]: {
                "status": connection["ConnectionStatus"],
                "provider": connection["ProviderType"],
            }
        }
    if "scp" in policies:
        snapshot["memberships"] = {pipeline["account"]: {"scps": {"$unreadable": policies["scp"]}}}
    return snapshot


def _caller(text: str) -> str:
    found = re.search(r"arn:aws:sts::(\d+):assumed-role/([^/]+)/", text)
    assert found is not None, text
    return f"arn:aws:iam::{found[1]}:role/{found[2]}"


def _project(pipeline: dict[str, Any]) -> str:
    for stage in pipeline["stages"]:
        if stage["actionTypeId"]["provider"] == "CodeBuild":
            region = stage.get("region", pipeline["region"])
            name = stage["configuration"]["ProjectName"]
            return f"arn:aws:codebuild:{region}:{pipeline['account']}:project/{name}"
    raise ValueError("a build role is reported, but no CodeBuild action")


def main(paths: list[str]) -> None:
    for path in map(Path, paths):
        report = json.loads(path.read_text(encoding="utf-8"))
        expected = report["expected_finding"] | {
            "source": report["source_url"],
            "summary": report["summary"],
            "cause": report["confirmed_cause"]["sentence"],
        }
        for name, value in ((path.stem, snapshot_of(report)), (f"{path.stem}.expected", expected)):
            text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
            (HERE / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

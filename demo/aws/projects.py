"""CodeBuild projects: what moto forgets of them (encryption key, role change) is kept here.

moto's CreateProject drops `encryptionKey`, and it has no UpdateProject at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from moto.codebuild.models import codebuild_backends

from demo.aws.names import NO_LOCATION
from demo.aws.wire import AwsError, Call


@dataclass(slots=True)
class Projects:
    """Overlays over moto's projects, by ARN. Thread-safe."""

    _overlays: dict[str, dict[str, Any]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def remember(self, call: Call, account: str) -> None:
        """Keep what a CreateProject or UpdateProject said and moto does not store."""
        arn = _arn(account, call.region, str(call.params["name"]))
        said = {k: v for k, v in call.params.items() if k not in ("name", "tags")}
        with self._lock:
            self._overlays.setdefault(arn, {}).update(said)

    def update(self, call: Call, account: str) -> dict[str, Any]:
        """https://docs.aws.amazon.com/codebuild/latest/APIReference/API_UpdateProject.html"""
        name = str(call.params["name"])
        if name not in codebuild_backends[account][call.region].codebuild_projects:
            raise AwsError("ResourceNotFoundException", f"Project cannot be found: {name}")
        self.remember(call, account)
        return {"project": self._describe(account, call.region, name)}

    def batch_get(self, call: Call, account: str) -> dict[str, Any]:
        """https://docs.aws.amazon.com/codebuild/latest/APIReference/API_BatchGetProjects.html"""
        found, missing = [], []
        for wanted in call.params.get("names", ()):
            name = str(wanted).rsplit("/", 1)[-1]
            described = self._describe(account, call.region, name)
            if described is None:
                missing.append(wanted)
            else:
                found.append(described)
        return {"projects": found, "projectsNotFound": missing}

    def values(self, account: str, region: str, name: str) -> dict[str, str]:
        """Role, key and VPC of a project, for the rehearsal of a build."""
        project = self._describe(account, region, name)
        if project is None:
            return {"project_arn": _arn(account, region, name)}
        return {
            "project_arn": str(project["arn"]),
            "build_role": str(project.get("serviceRole", "")),
            "project_key": str(project.get("encryptionKey") or ""),
            "vpc": str((project.get("vpcConfig") or {}).get("vpcId") or ""),
        }

    def _describe(self, account: str, region: str, name: str) -> dict[str, Any] | None:
        project = codebuild_backends[account][region].codebuild_projects.get(name)
        if project is None:
            return None
        with self._lock:
            overlay: Mapping[str, Any] = dict(self._overlays.get(_arn(account, region, name), {}))
        described = {**project.project_metadata, **overlay}
        # moto wants a location for every source and artifact, the type CODEPIPELINE has none.
        for part in ("source", "artifacts"):
            described[part] = {k: v for k, v in described[part].items() if v != NO_LOCATION}
        return described


def _arn(account: str, region: str, name: str) -> str:
    return f"arn:aws:codebuild:{region}:{account}:project/{name}"

"""The AWS managed policies for CodePipeline as data: documents, versions, replaced names."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

from workers.snapshot.model import NamedPolicy


@dataclass(frozen=True, slots=True)
class ManagedPolicy:
    """A managed policy as AWS published it. `date` is that of the version, ISO 8601."""

    name: str
    version: str
    date: str
    document: str  # JSON text
    summary: str
    page: str

    def arn(self, partition: str = "aws") -> str:
        return f"arn:{partition}:iam::aws:policy/{self.name}"


@dataclass(frozen=True, slots=True)
class Deprecated:
    """A managed policy that AWS replaced by another."""

    name: str
    replacement: str
    page: str


def managed_policy(name: str) -> ManagedPolicy | None:
    """The policy by name or ARN; None for one that is not about CodePipeline or is deprecated."""
    policies, _ = _load()
    return policies.get(name.rsplit("/", 1)[-1])


def deprecated_policy(name: str) -> Deprecated | None:
    """What replaced the policy with this name or ARN; None when nothing did."""
    _, deprecated = _load()
    return deprecated.get(name.rsplit("/", 1)[-1])


def managed_policies() -> tuple[ManagedPolicy, ...]:
    """All of them (codepipeline/latest/userguide/managed-policies.html)."""
    policies, _ = _load()
    return tuple(policies.values())


def attached(policies: Iterable[NamedPolicy]) -> tuple[ManagedPolicy | Deprecated, ...]:
    """Those of the given policies that are AWS's own for CodePipeline, deprecated ones too.

    A customer's policy with the same name does not count.
    """
    found: list[ManagedPolicy | Deprecated] = []
    for policy in policies:
        if not policy.aws_managed:
            continue
        known = managed_policy(policy.name) or deprecated_policy(policy.name)
        if known is not None:
            found.append(known)
    return tuple(found)


@cache
def _load() -> tuple[dict[str, ManagedPolicy], dict[str, Deprecated]]:
    folder = resources.files(__package__)
    index = tomllib.loads(folder.joinpath("managed.toml").read_text("utf-8"))
    policies = {
        entry["name"]: ManagedPolicy(
            document=folder.joinpath(f"{entry['name']}.json").read_text("utf-8"), **entry
        )
        for entry in index["policy"]
    }
    return policies, {entry["name"]: Deprecated(**entry) for entry in index["deprecated"]}

"""The snapshot as it would be with the steps of a fix in place: the basis of every proof."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

from workers.diagnosis.model import Step, TargetKind
from workers.pipeline.structure import pipeline_from_api
from workers.snapshot.model import (
    Bucket,
    Key,
    NamedPolicy,
    Reading,
    Role,
    Snapshot,
    present,
)

T = TypeVar("T")


def applied(snapshot: Snapshot, steps: Iterable[Step]) -> Snapshot:
    """The snapshot after the steps; nothing is written anywhere.

    A document that was not read (a role whose policies are unknown) is left unknown: a step does
    not make known what nobody read.
    """
    for step in steps:
        snapshot = _apply(snapshot, step)
    return snapshot


def _apply(snapshot: Snapshot, step: Step) -> Snapshot:
    target, after = step.target, step.after
    match target.kind:
        case TargetKind.ROLE_POLICY:
            return _with_role(
                snapshot, target.id, lambda role: _with_policy(role, target.name, after)
            )
        case TargetKind.TRUST_POLICY:
            return _with_role(snapshot, target.id, lambda role: replace(role, trust=present(after)))
        case TargetKind.BUCKET_POLICY:
            bucket = snapshot.bucket(target.id).value or Bucket(target.id, target.account)
            return _with_bucket(snapshot, replace(bucket, policy=present(after)))
        case TargetKind.KEY_POLICY:
            key = snapshot.key(target.id).value or Key(target.id, target.account)
            changed = replace(key, policy=present(after))
            return replace(snapshot, keys=_put(snapshot.keys, target.id, changed))
        case TargetKind.BUCKET_OWNERSHIP:
            bucket = snapshot.bucket(target.id).value or Bucket(target.id, target.account)
            return _with_bucket(snapshot, replace(bucket, ownership=present(after)))
        case TargetKind.PROJECT_KEY:
            project = snapshot.project(target.id).value
            if project is None:
                return snapshot
            changed_project = replace(project, encryption_key=after)
            return replace(snapshot, projects=_put(snapshot.projects, target.id, changed_project))
        case TargetKind.ARTIFACT_STORE:
            pipeline = snapshot.pipeline.value
            if pipeline is None:
                return snapshot
            read = pipeline_from_api(json.loads(after), pipeline.account, pipeline.region)
            return replace(snapshot, pipeline=present(replace(pipeline, stores=read.stores)))


def _with_role(snapshot: Snapshot, arn: str, change: Any) -> Snapshot:
    role = snapshot.role(arn).value
    if role is None:
        return snapshot
    changed: Role = change(role)
    return replace(snapshot, roles=_put(snapshot.roles, arn, changed))


def _with_policy(role: Role, name: str, document: str) -> Role:
    if role.policies.value is None and not role.policies.known:
        return role
    policy = NamedPolicy(name, present(document))
    others = tuple(each for each in role.policies.value or () if each.arn or each.name != name)
    return replace(role, policies=present((*others, policy)))


def _with_bucket(snapshot: Snapshot, bucket: Bucket) -> Snapshot:
    return replace(snapshot, buckets=_put(snapshot.buckets, bucket.name, bucket))


def _put(values: Mapping[str, Reading[T]], key: str, value: T) -> Mapping[str, Reading[T]]:
    return MappingProxyType({**values, key: present(value)})

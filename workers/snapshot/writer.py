"""Writing a snapshot as JSON: see `codec` for the format and for reading it back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from workers.pipeline.arn import account_of, region_of
from workers.pipeline.structure import pipeline_to_api
from workers.snapshot import json_text
from workers.snapshot import model as m
from workers.snapshot.model import Reading, State

T = TypeVar("T")


def dump(snapshot: m.Snapshot) -> str:
    """The snapshot as JSON. The same value gives the same text, and `load(dump(s)) == s`.

    Nothing is masked here: what leaves the process goes through `redact` first.
    """
    return json_text.text_of(_file(snapshot)) + "\n"


def _document(text: str) -> Any:
    """A policy as an object when that loses nothing of its text, else as the text."""
    try:
        value = json_text.parse(text)
    except (json.JSONDecodeError, RecursionError):
        return text
    is_plain = isinstance(value, dict) and "$unreadable" not in value and "document" not in value
    return value if is_plain and json_text.text_of(value) == text else text


def _put(
    target: dict[str, Any],
    key: str,
    reading: Reading[T],
    convert: Callable[[T], Any] = lambda value: value,
) -> None:
    if reading.state is State.PRESENT:
        target[key] = convert(reading.require())
    elif reading.state is State.ABSENT:
        target[key] = None
    elif reading.why != m.NOT_IN_SNAPSHOT:
        target[key] = {"$unreadable": reading.why}


def _put_map(
    target: dict[str, Any],
    key: str,
    parts: Mapping[str, Reading[T]],
    convert: Callable[[T], Any],
) -> None:
    if not parts:
        return
    target[key] = {}
    for id in sorted(parts):
        reading = parts[id]
        if reading.why == m.NOT_IN_SNAPSHOT:
            target[key][id] = {"$unreadable": reading.why}
        else:
            _put(target[key], id, reading, convert)


def _plain(value: Any, omit: tuple[str, ...] = ()) -> dict[str, Any]:
    """The fields of a flat dataclass that differ from their defaults."""
    plain: dict[str, Any] = {}
    for field in fields(value):
        member = getattr(value, field.name)
        if (
            field.name in omit
            or isinstance(member, Reading)
            or member in (None, "", (), field.default)
        ):
            continue
        if isinstance(member, Mapping):
            if member:
                plain[field.name] = dict(member)
        else:
            plain[field.name] = list(member) if isinstance(member, tuple) else member
    return plain


def _file(s: m.Snapshot) -> dict[str, Any]:
    file: dict[str, Any] = {"snapshot": 1}
    if s.taken_at:
        file["taken_at"] = s.taken_at
    if s.calls:
        file["calls"] = s.calls
    _put(file, "pipeline", s.pipeline, _pipeline)
    _put(file, "runs", s.runs, lambda runs: [_run(run) for run in runs])
    if s.errors:
        file["errors"] = list(s.errors)
    if s.caller is not None:
        file["caller"] = s.caller
    _put_map(file, "roles", s.roles, _principal)
    _put_map(file, "users", s.users, _principal)
    _put_map(file, "buckets", s.buckets, _bucket)
    _put_map(file, "keys", s.keys, _key)
    for id, reading in s.keys.items():
        if reading.value is not None and reading.value.arn != id:
            file["keys"][id]["arn"] = reading.value.arn
    _put_map(file, "connections", s.connections, _connection)
    _put_map(file, "projects", s.projects, _project)
    _put_map(file, "memberships", s.memberships, _membership)
    _put_map(file, "descriptions", s.descriptions, dict)
    _put_map(file, "policies", s.policies, _document)
    _put(file, "events", s.events, lambda events: [_plain(event) for event in events])
    if s.opinions:
        file["opinions"] = [_plain(opinion) for opinion in s.opinions]
    if s.reviews:
        file["reviews"] = [_plain(review) for review in s.reviews]
    if s.decoded:
        file["decoded"] = dict(sorted(s.decoded.items()))
    if s.aliases:
        file["aliases"] = dict(sorted(s.aliases.items()))
    return file


def _pipeline(pipeline: m.Pipeline) -> dict[str, Any]:
    part = {"account": pipeline.account, "region": pipeline.region}
    part |= pipeline_to_api(pipeline)
    _put(part, "tags", pipeline.tags, dict)
    return part


def _run(run: m.Run) -> dict[str, Any]:
    part = _plain(run, omit=("error_code", "error_text"))
    part["status"] = run.status
    if run.error_code or run.error_text:
        error = {"code": run.error_code, "message": run.error_text}
        part["error"] = {key: text for key, text in error.items() if text}
    return part


def _principal(principal: m.Role | m.User) -> dict[str, Any]:
    part: dict[str, Any] = {}
    if isinstance(principal, m.Role):
        _put(part, "trust", principal.trust, _document)
    _put(part, "policies", principal.policies, _policies)
    _put(part, "boundary", principal.boundary, lambda policy: _policies((policy,)))
    _put(part, "tags", principal.tags, dict)
    return part | _plain(principal, omit=("arn",))


def _policies(policies: tuple[m.NamedPolicy, ...]) -> Any:
    """Name -> document where that says everything, else the list of them."""
    names = [policy.name for policy in policies]
    says_all = all(
        policy.arn is None and policy.document.state is State.PRESENT for policy in policies
    )
    ambiguous = "Statement" in names or any(name.startswith("arn:") for name in names)
    if policies and says_all and len(set(names)) == len(names) and not ambiguous:
        return {p.name: _map_document(p.document.require()) for p in policies}
    return [_policy(policy) for policy in policies]


def _map_document(text: str) -> Any:
    document = _document(text)
    is_name = isinstance(document, str) and document.startswith("arn:")
    return {"document": document} if is_name else document


def _policy(policy: m.NamedPolicy) -> dict[str, Any]:
    part: dict[str, Any] = {"name": policy.name}
    if policy.arn is not None:
        part["arn"] = policy.arn
    _put(part, "document", policy.document, _document)
    return part


def _bucket(bucket: m.Bucket) -> dict[str, Any]:
    part = _plain(bucket, omit=("name",))
    _put(part, "policy", bucket.policy, _document)
    _put(part, "ownership", bucket.ownership)
    _put(part, "encryption_key", bucket.encryption_key)
    _put(part, "bucket_key", bucket.bucket_key)
    _put(part, "public_access_block", bucket.public_access_block, _block)
    _put(part, "versioning", bucket.versioning)
    _put(part, "tags", bucket.tags, dict)
    return part


def _block(block: m.PublicAccessBlock) -> dict[str, Any]:
    return {field.name: getattr(block, field.name) for field in fields(block)}


def _key(key: m.Key) -> dict[str, Any]:
    part: dict[str, Any] = {}
    if key.account != account_of(key.arn):
        part["account"] = key.account
    if key.region != region_of(key.arn):
        part["region"] = key.region
    _put(part, "policy", key.policy, _document)
    _put(part, "state", key.state)
    _put(part, "manager", key.manager)
    _put(part, "grants", key.grants, lambda grants: [_plain(grant) for grant in grants])
    _put(part, "aliases", key.aliases, list)
    _put(part, "tags", key.tags, dict)
    return part


def _connection(connection: m.Connection) -> dict[str, Any]:
    part = _plain(connection, omit=("arn",))
    _put(part, "status", connection.status)
    return part


def _project(project: m.Project) -> dict[str, Any]:
    part = _plain(project, omit=("arn", "source_type"))
    part["source_type"] = project.source_type
    _put(part, "tags", project.tags, dict)
    return part


def _membership(membership: m.Membership) -> dict[str, Any]:
    part: dict[str, Any] = {
        "organisation": membership.organisation,
        "management": membership.management,
    }
    _put(part, "scps", membership.scps, _levels)
    _put(part, "rcps", membership.rcps, _levels)
    return part


def _levels(levels: tuple[m.PolicyLevel, ...]) -> list[dict[str, Any]]:
    listed = []
    for level in levels:
        part: dict[str, Any] = {"target": level.target}
        _put(part, "policies", level.policies, _policies)
        listed.append(part)
    return listed

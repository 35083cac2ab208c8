"""A snapshot as a file: `load` reads what a program or a person wrote, `dump` writes it.

The format is described for people in docs/snapshot.md and for programs in
snapshot.schema.json; its shapes are in `wire`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from workers.pipeline.arn import account_of, parse, region_of
from workers.pipeline.structure import StageDeclaration, assemble
from workers.snapshot import json_text, wire
from workers.snapshot import model as m
from workers.snapshot.model import EMPTY, Reading, absent, present, unreadable
from workers.snapshot.redaction import redact
from workers.snapshot.writer import dump

__all__ = ["SnapshotError", "dump", "load", "redact"]

T = TypeVar("T")
V = TypeVar("V")


class SnapshotError(Exception):
    """A snapshot that cannot be read. `faults` holds (JSON path, what is wrong) for each place."""

    def __init__(self, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(
            "This is no readable snapshot:\n" + "\n".join(f"  {at}: {what}" for at, what in faults)
        )
        self.faults = faults


def load(text: str) -> m.Snapshot:
    """The snapshot in `text`. Raises SnapshotError naming the place and what is expected there."""
    text = text.removeprefix("\ufeff")  # editors and shells of Windows begin a file with it
    try:
        raw = json_text.parse(text)
        _whole_characters(text, raw)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise SnapshotError(((where, f"not JSON: {error.msg}"),)) from None
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start])
        raise SnapshotError(
            (("$", f"holds half of a character ({half}), which no text is"),)
        ) from None
    except ValueError:
        raise SnapshotError((("$", "holds a number of thousands of digits"),)) from None
    except RecursionError:
        raise SnapshotError((("$", "nested too deeply for a snapshot"),)) from None
    repeated = tuple(_repeated(raw, "$"))
    if repeated:
        raise SnapshotError(repeated)
    try:
        return _snapshot(wire.SnapshotFile.model_validate(raw))
    except ValidationError as error:
        faults = tuple(_fault(detail) for detail in error.errors(include_url=False))
        raise SnapshotError(faults) from None


def _whole_characters(text: str, raw: Any) -> None:
    """Raises UnicodeEncodeError for text that no terminal, file or chat could be sent."""
    if "\\ud" in text.lower():
        json.dumps(raw, ensure_ascii=False).encode()


# --- reading -----------------------------------------------------------------------------------


def _reading(
    part: BaseModel, field: str, convert: Callable[[Any], T] = lambda value: value
) -> Reading[T]:
    if field not in part.model_fields_set:
        return unreadable()
    return _maybe(getattr(part, field), convert)


def _maybe(value: Any, convert: Callable[[Any], T]) -> Reading[T]:
    if value is None:
        return absent()
    if isinstance(value, wire.Unreadable):
        return unreadable(value.why)
    return present(convert(value))


def _map(parts: Mapping[str, Any], convert: Callable[[str, Any], V]) -> Mapping[str, Reading[V]]:
    def one(id: str, part: Any) -> Reading[V]:
        return _maybe(part, lambda value: convert(id, value))

    return MappingProxyType({id: one(id, part) for id, part in parts.items()}) if parts else EMPTY


def _frozen(values: Mapping[str, V]) -> Mapping[str, V]:
    return MappingProxyType(dict(values)) if values else EMPTY


def _snapshot(file: wire.SnapshotFile) -> m.Snapshot:
    return m.Snapshot(
        pipeline=_reading(file, "pipeline", _pipeline),
        taken_at=file.taken_at,
        calls=file.calls,
        runs=_runs(file),
        errors=tuple(file.errors),
        caller=file.caller,
        roles=_map(file.roles, _role),
        users=_map(file.users, _user),
        buckets=_map(file.buckets, _bucket),
        keys=_map(file.keys, _key),
        connections=_map(file.connections, _connection),
        projects=_map(file.projects, _project),
        memberships=_map(file.memberships, _membership),
        descriptions=_map(file.descriptions, lambda _, value: _frozen(value)),
        policies=_map(file.policies, lambda _, value: str(value)),
        events=_reading(file, "events", lambda events: tuple(_event(event) for event in events)),
        opinions=tuple(m.Opinion(**opinion.model_dump()) for opinion in file.opinions),
        reviews=tuple(_review(review) for review in file.reviews),
        decoded=_frozen(file.decoded),
        aliases=_frozen(file.aliases),
    )


def _review(part: wire.Review) -> m.Review:
    opens = None if part.opens is None else tuple(part.opens)
    return m.Review(part.document, tuple(part.remarks), opens)


def _pipeline(part: wire.PipelinePart) -> m.Pipeline:
    region = part.region or _region_of_stores(part)
    account = part.account or account_of(part.role_arn)
    tags: Reading[Mapping[str, str]] = _reading(part, "tags", _frozen)
    return assemble(part, _stages(part), account, region, tags)


def _region_of_stores(part: wire.PipelinePart) -> str:
    if part.store is not None and part.store.key is not None:
        return region_of(part.store.key.id)
    return ""


def _stages(part: wire.PipelinePart) -> list[StageDeclaration]:
    """The stages, those of the flat form gathered by name in the order of their first action."""
    stages: list[StageDeclaration] = []
    flat: dict[str, StageDeclaration] = {}
    for stage in part.stages:
        if isinstance(stage, StageDeclaration):
            stages.append(stage)
            continue
        if stage.stage not in flat:
            flat[stage.stage] = StageDeclaration.model_validate({"name": stage.stage})
            stages.append(flat[stage.stage])
        flat[stage.stage].actions.append(stage)
    return stages


def _runs(file: wire.SnapshotFile) -> Reading[tuple[m.Run, ...]]:
    if "runs" in file.model_fields_set:
        return _reading(file, "runs", lambda runs: tuple(_run(run) for run in runs))
    if isinstance(file.pipeline, wire.PipelinePart):
        failed = tuple(
            m.Run(stage.stage, stage.name, "Failed")
            for stage in file.pipeline.stages
            if isinstance(stage, wire.FlatAction) and stage.failed
        )
        if failed:
            return present(failed)
    return unreadable()


def _run(run: wire.Run) -> m.Run:
    return m.Run(
        stage=run.stage,
        action=run.action,
        status=run.status,
        execution=run.execution,
        at=run.at,
        error_code=run.error.code,
        error_text=run.error.message,
        role_arn=run.role_arn,
        region=run.region,
        configuration=_frozen(run.configuration),
        external_id=run.external_id,
    )


def _policies(policies: list[wire.Policy]) -> tuple[m.NamedPolicy, ...]:
    return tuple(
        m.NamedPolicy(policy.name, _reading(policy, "document", str), policy.arn)
        for policy in policies
    )


def _role(arn: str, role: wire.Role) -> m.Role:
    return m.Role(
        arn=arn,
        trust=_reading(role, "trust", str),
        policies=_reading(role, "policies", _policies),
        boundary=_reading(role, "boundary", lambda policies: _policies(policies)[0]),
        tags=_reading(role, "tags", _frozen),
        unique_id=role.unique_id,
        created_at=role.created_at,
    )


def _user(arn: str, user: wire.User) -> m.User:
    return m.User(
        arn=arn,
        policies=_reading(user, "policies", _policies),
        boundary=_reading(user, "boundary", lambda policies: _policies(policies)[0]),
        tags=_reading(user, "tags", _frozen),
        unique_id=user.unique_id,
    )


def _bucket(name: str, bucket: wire.Bucket) -> m.Bucket:
    return m.Bucket(
        name=name,
        account=bucket.account,
        region=bucket.region,
        policy=_reading(bucket, "policy", str),
        ownership=_reading(bucket, "ownership", str),
        encryption_key=_reading(bucket, "encryption_key", str),
        bucket_key=_reading(bucket, "bucket_key", bool),
        public_access_block=_reading(
            bucket, "public_access_block", lambda block: m.PublicAccessBlock(**block.model_dump())
        ),
        versioning=_reading(bucket, "versioning", str),
        tags=_reading(bucket, "tags", _frozen),
    )


def _key(id: str, key: wire.Key) -> m.Key:
    arn = key.arn or id
    return m.Key(
        arn=arn,
        account=key.account or account_of(arn),
        region=key.region or region_of(arn),
        policy=_reading(key, "policy", str),
        state=_reading(key, "state", str),
        manager=_reading(key, "manager", str),
        grants=_reading(key, "grants", lambda grants: tuple(_grant(grant) for grant in grants)),
        aliases=_reading(key, "aliases", tuple),
        tags=_reading(key, "tags", _frozen),
    )


def _grant(grant: wire.Grant) -> m.KeyGrant:
    return m.KeyGrant(
        id=grant.id,
        grantee=grant.grantee,
        operations=tuple(grant.operations),
        retiring=grant.retiring,
        encryption_context_equals=_frozen(grant.encryption_context_equals),
        encryption_context_subset=_frozen(grant.encryption_context_subset),
    )


def _connection(arn: str, connection: wire.Connection) -> m.Connection:
    return m.Connection(
        arn=arn,
        status=_reading(connection, "status", str),
        provider=connection.provider,
        name=connection.name,
        host_arn=connection.host_arn,
    )


def _project(arn: str, project: wire.Project) -> m.Project:
    found = parse(arn)
    return m.Project(
        arn=arn,
        name=project.name or (found.resource.partition("/")[2] if found else arn),
        service_role=project.service_role,
        encryption_key=project.encryption_key,
        vpc_id=project.vpc_id,
        subnets=tuple(project.subnets),
        security_groups=tuple(project.security_groups),
        image=project.image,
        pulls_image=project.pulls_image,
        source_type=project.source_type,
        source_auth=project.source_auth,
        log_group=project.log_group,
        cloudwatch_logs=project.cloudwatch_logs,
        s3_logs=project.s3_logs,
        secrets=tuple(project.secrets),
        tags=_reading(project, "tags", _frozen),
    )


def _membership(account: str, membership: wire.Membership) -> m.Membership:
    def levels(parts: list[wire.Level]) -> tuple[m.PolicyLevel, ...]:
        return tuple(
            m.PolicyLevel(level.target, _reading(level, "policies", _policies)) for level in parts
        )

    return m.Membership(
        account=account,
        organisation=membership.organisation,
        management=membership.management,
        scps=_reading(membership, "scps", levels),
        rcps=_reading(membership, "rcps", levels),
    )


def _event(event: wire.Event) -> m.TrailEvent:
    values = event.model_dump() | {
        "request": _frozen(event.request),
        "resources": tuple(event.resources),
    }
    return m.TrailEvent(**values)


# --- what is wrong with a file -----------------------------------------------------------------


def _repeated(value: Any, path: str) -> list[tuple[str, str]]:
    """Objects with a repeated key. Inside a policy document that is evidence, not a fault."""
    if isinstance(value, dict):
        if "Statement" in value or "Effect" in value:
            return []
        faults = []
        if isinstance(value, json_text.Repeated):
            names = ", ".join(json_text.repeated_keys(value))
            faults.append((path, f"the key {names} stands twice; keep one of them"))
        for key, member in value.items():
            faults += _repeated(member, _step(path, key))
        return faults
    if isinstance(value, list):
        return [
            fault
            for index, element in enumerate(value)
            for fault in _repeated(element, _step(path, index))
        ]
    return []


def _step(path: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{json.dumps(key)}]"


def _fault(detail: ErrorDetails) -> tuple[str, str]:
    path = "$"
    for key in detail["loc"]:
        if key not in wire.TAGS:
            path = _step(path, key)
    return path, _expected(detail)


_EXPECTED = {
    "missing": "is missing",
    "string_type": "should be text",
    "int_type": "should be a number",
    "bool_type": "should be true or false",
    "list_type": "should be a list",
    "dict_type": "should be an object",
    "model_type": "should be an object",
    "model_attributes_type": "should be an object",
}


def _expected(detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        return _unknown_key(str(detail["loc"][-1]))
    words = _EXPECTED.get(detail["type"])
    if words is None:
        return detail["msg"].removeprefix("Value error, ")
    shown = json.dumps(detail["input"], default=str)
    return words if detail["type"] == "missing" else f"{words}, not {shown[:60]}"


def _unknown_key(key: str) -> str:
    known = sorted(
        {
            name
            for part in vars(wire).values()
            if isinstance(part, type) and issubclass(part, wire.Part)
            for name in part.model_fields
        }
    )
    nearest = get_close_matches(key, known, n=1)
    return "no such key" + (f"; did you mean {nearest[0]}?" if nearest else "")

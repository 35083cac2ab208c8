"""Faults of a pipeline's configuration that no policy explains and no policy cures.

Texts and severities are data: `faults.toml`. Pure, like `requirements`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict

from workers.pipeline.arn import account_of, parse, region_of
from workers.pipeline.catalogue import Catalogue
from workers.pipeline.derived import json_of
from workers.pipeline.keys import resolve_key
from workers.pipeline.situation import Situation, Situations
from workers.snapshot.model import Action, Snapshot, State, Store, empty


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `code` names its text; `values` fill the text's placeholders.

    `component` is a value of the report's components (config, connection, kms, bucket, trust).
    """

    code: str
    component: str
    principal: str = ""
    action: str = ""
    resource: str = ""
    stage: str = ""
    pipeline_action: str = ""
    values: Mapping[str, str] = field(default_factory=empty)


class FaultText(BaseModel):
    """What people read of a fault. `severity`: it stops the pipeline, it may, or it says that
    something cannot be known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    severity: Literal["blocks", "may_block", "unknown"]
    headline: str
    explanation: str
    cure: str
    documentation: str


def load_fault_texts() -> Mapping[str, FaultText]:
    """The texts by code. The caller keeps the result."""
    data = resources.files("workers.pipeline").joinpath("faults.toml").read_text("utf-8")
    return MappingProxyType(
        {code: FaultText.model_validate(text) for code, text in tomllib.loads(data).items()}
    )


def faults(snapshot: Snapshot, catalogue: Catalogue) -> tuple[Fault, ...]:
    """Every configuration fault that the snapshot proves, each once, in the pipeline's order."""
    if snapshot.pipeline.state is not State.PRESENT:
        return ()
    found: dict[tuple[str, ...], Fault] = {}
    for each in _Faults(snapshot, catalogue).all():
        identity = (each.code, each.principal, each.resource, each.stage, each.pipeline_action)
        found.setdefault(identity, each)
    return tuple(found.values())


class _Faults:
    def __init__(self, snapshot: Snapshot, catalogue: Catalogue) -> None:
        self.snapshot = snapshot
        self.pipeline = snapshot.pipeline.require()
        self.situations = Situations(snapshot, catalogue)

    def all(self) -> Iterator[Fault]:
        each = list(self.situations)
        yield from self.stores(each)
        for situation in each:
            yield from self.place(situation)
            yield from self.provider(situation)
            yield from self.artifacts(situation)
            yield from self.connection(situation)
            yield from self.cloudformation(situation)
            yield from self.build(situation)
            yield from self.source_bucket(situation)
            yield from self.external_id(situation)
        yield from self.ownership(each)
        yield from self.missing(each)

    # --- the artifact stores -------------------------------------------------------------------

    def stores(self, each: list[Situation]) -> Iterator[Fault]:
        foreign = [s for s in each if self.is_foreign(s) and (s.reads or s.writes)]
        for store in self.pipeline.stores:
            yield from self.store_bucket(store)
            users = [s for s in foreign if s.store == store]
            if store.key is None:
                if users:
                    yield self.fault(
                        "store_without_key",
                        "config",
                        action="codepipeline:UpdatePipeline",
                        resource="artifactStore.encryptionKey",
                        bucket=store.bucket,
                        region=store.region,
                        account=users[0].account,
                        users=_named(users),
                    )
            else:
                yield from self.store_key(store, store.key, users)

    def store_bucket(self, store: Store) -> Iterator[Fault]:
        reading = self.snapshot.bucket(store.bucket)
        if reading.state is State.ABSENT:
            yield self.fault("bucket_missing", "bucket", bucket=store.bucket)
        elif reading.state is State.PRESENT:
            region = reading.require().region
            if region and region != store.region:
                yield self.fault(
                    "bucket_in_other_region",
                    "config",
                    action="codepipeline:UpdatePipeline",
                    resource=f"arn:{self.pipeline.partition}:s3:::{store.bucket}",
                    bucket=store.bucket,
                    region=region,
                    expected=store.region,
                )

    def store_key(self, store: Store, configured: str, users: list[Situation]) -> Iterator[Fault]:
        values = {"key": configured, "bucket": store.bucket, "expected": store.region}
        if users and "alias/" in configured:
            yield self.fault(
                "key_alias_across_accounts",
                "config",
                action="codepipeline:UpdatePipeline",
                resource="artifactStore.encryptionKey",
                account=users[0].account,
                users=_named(users),
                **values,
            )
        resolved = resolve_key(self.snapshot, configured, self.pipeline.account, store.region)
        if resolved.state is State.ABSENT:
            yield self.fault("key_missing", "kms", resource=configured, **values)
        if resolved.state is not State.PRESENT:
            return
        arn = resolved.require()
        if region_of(arn) not in ("", store.region):
            yield self.fault(
                "key_in_other_region",
                "config",
                action="codepipeline:UpdatePipeline",
                resource="artifactStore.encryptionKey",
                region=region_of(arn),
                **values,
            )
        yield from self.key(arn, users)

    def key(self, arn: str, users: list[Situation]) -> Iterator[Fault]:
        reading = self.snapshot.key(arn)
        if reading.state is State.ABSENT:
            yield self.fault("key_missing", "kms", resource=arn, key=arn)
        if reading.state is not State.PRESENT:
            return
        key = reading.require()
        if key.state.state is State.PRESENT and key.state.require() != "Enabled":
            yield self.fault(
                "key_not_enabled",
                "kms",
                action="kms:Decrypt",
                resource=arn,
                key=arn,
                state=key.state.require(),
            )
        if users and key.manager.value == "AWS":
            yield self.fault(
                "aws_managed_key_across_accounts",
                "config",
                action="codepipeline:UpdatePipeline",
                resource="artifactStore.encryptionKey",
                key=arn,
                account=users[0].account,
                users=_named(users),
            )

    def is_foreign(self, situation: Situation) -> bool:
        return situation.account != self.pipeline.account

    # --- one action ----------------------------------------------------------------------------

    def place(self, situation: Situation) -> Iterator[Fault]:
        """Where an action may run: its region needs a store, and some providers stay at home."""
        regions = {store.region for store in self.pipeline.stores}
        if regions and situation.region not in regions and (situation.reads or situation.writes):
            yield self.of(
                situation,
                "store_missing_in_region",
                "config",
                action="codepipeline:UpdatePipeline",
                resource="artifactStores",
                region=situation.region,
            )
        provider = situation.provider
        if provider is None:
            return
        if self.is_foreign(situation) and not provider.cross_account:
            yield self.of(
                situation,
                "provider_not_across_accounts",
                "config",
                provider=provider.provider,
                account=situation.account,
            )
        if situation.region != self.pipeline.region and not provider.cross_region:
            yield self.of(
                situation,
                "provider_not_across_regions",
                "config",
                provider=provider.provider,
                region=situation.region,
            )

    def provider(self, situation: Situation) -> Iterator[Fault]:
        if situation.provider is None:
            kind = situation.action.type
            yield self.of(
                situation,
                "provider_unknown",
                "config",
                provider=kind.provider,
                category=kind.category,
                owner=kind.owner,
            )

    def artifacts(self, situation: Situation) -> Iterator[Fault]:
        """An artifact made in account B can be read in B and in the pipeline's account only."""
        home = self.pipeline.account
        for artifact in situation.action.inputs:
            maker = self.situations.maker(artifact)
            if maker is None:
                continue
            made_in = account_of(maker.role_arn) or home
            if home not in (made_in, situation.account) and made_in != situation.account:
                yield self.of(
                    situation,
                    "artifact_of_other_account",
                    "config",
                    action="s3:GetObject",
                    artifact=artifact,
                    made_in=made_in,
                    account=situation.account,
                    maker=f"{maker.stage}/{maker.name}",
                )

    def connection(self, situation: Situation) -> Iterator[Fault]:
        arn = situation.configuration.get("ConnectionArn", "")
        if situation.action.type.provider != "CodeStarSourceConnection" or parse(arn) is None:
            return
        reading = self.snapshot.connection(arn)
        if reading.state is State.ABSENT:
            yield self.of(situation, "connection_missing", "connection", resource=arn)
        if reading.state is not State.PRESENT:
            return
        connection = reading.require()
        status = connection.status.value
        if connection.status.state is State.PRESENT and status not in ("AVAILABLE", None):
            yield self.of(
                situation,
                "connection_not_available",
                "connection",
                action="(handshake)",
                resource=arn,
                status=status or "",
                scm=connection.provider or "source provider",
            )

    def cloudformation(self, situation: Situation) -> Iterator[Fault]:
        role = situation.configuration.get("RoleArn", "")
        passes = situation.configuration.get("ActionMode") != "CHANGE_SET_EXECUTE"
        if situation.action.type.provider != "CloudFormation" or parse(role) is None or not passes:
            return
        if account_of(role) != situation.account:
            yield self.of(
                situation,
                "cloudformation_role_of_other_account",
                "config",
                action="iam:PassRole",
                resource=role,
                account=account_of(role),
                executing=situation.account,
            )

    def build(self, situation: Situation) -> Iterator[Fault]:
        """A build encrypts with its project's key; aws/s3 of one account opens in no other."""
        if situation.project.state is not State.PRESENT or not isinstance(situation.action, Action):
            return
        project = situation.project.require()
        own = project.encryption_key
        if own and "alias/aws/" not in own:
            return
        for artifact in situation.action.outputs:
            readers = [
                reader
                for reader in self.situations
                if artifact in reader.action.inputs and reader.account != situation.account
            ]
            if readers:
                yield self.of(
                    situation,
                    "build_output_with_default_key",
                    "config",
                    action="codebuild:UpdateProject",
                    resource=project.arn,
                    artifact=artifact,
                    account=readers[0].account,
                    users=_named(readers),
                )

    def source_bucket(self, situation: Situation) -> Iterator[Fault]:
        kind = situation.action.type
        name = situation.configuration.get("S3Bucket", "")
        if (kind.category, kind.provider) != ("Source", "S3") or not name:
            return
        reading = self.snapshot.bucket(name)
        if reading.state is State.ABSENT:
            yield self.of(situation, "bucket_missing", "bucket", bucket=name)
        elif reading.state is State.PRESENT:
            bucket = reading.require()
            versioned = bucket.versioning
            if versioned.known and versioned.value != "Enabled":
                yield self.of(situation, "source_bucket_not_versioned", "config", bucket=name)
            if bucket.region and bucket.region != situation.region:
                yield self.of(
                    situation,
                    "bucket_in_other_region",
                    "config",
                    bucket=name,
                    region=bucket.region,
                    expected=situation.region,
                )

    def external_id(self, situation: Situation) -> Iterator[Fault]:
        arn = situation.action.role_arn
        if arn is None or arn == self.pipeline.role_arn:
            return
        reading = self.snapshot.role(arn)
        if reading.state is not State.PRESENT:
            return
        trust = reading.require().trust
        if trust.state is State.PRESENT and _always_wants_external_id(trust.require()):
            yield self.of(
                situation,
                "external_id_is_never_sent",
                "trust",
                principal=self.pipeline.role_arn or "",
                action="sts:AssumeRole",
                resource=arn,
            )

    # --- all actions together ------------------------------------------------------------------

    def ownership(self, each: list[Situation]) -> Iterator[Fault]:
        """Objects that another account writes into a bucket of ObjectWriter ownership stay its."""
        for store in self.pipeline.stores:
            reading = self.snapshot.bucket(store.bucket)
            if reading.state is not State.PRESENT:
                continue
            bucket = reading.require()
            if bucket.ownership.value != "ObjectWriter":
                continue
            owner = bucket.account or self.pipeline.account
            writers = self.foreign_writers(each, owner)
            readers = [s for s in each if s.reads and s.store == store]
            if writers and readers:
                reader = self.failed_of(readers) or readers[-1]
                yield self.of(
                    reader,
                    "object_ownership",
                    "bucket",
                    principal=reader.configuration.get("RoleArn") or reader.role_arn,
                    action="s3:GetObject",
                    resource=f"arn:{self.pipeline.partition}:s3:::{store.bucket}/*",
                    bucket=store.bucket,
                    writer=writers[0],
                    owner=owner,
                )

    def foreign_writers(self, each: list[Situation], owner: str) -> list[str]:
        """Roles of other accounts that write artifacts, or that the snapshot holds beside them."""
        writers = [s.role_arn for s in each if s.writes and s.account != owner]
        own = {s.role_arn for s in each}
        beside = [arn for arn in self.snapshot.roles if arn not in own and account_of(arn) != owner]
        return [*writers, *sorted(beside)]

    def failed_of(self, situations: list[Situation]) -> Situation | None:
        runs = self.snapshot.runs.value or ()
        failed = {(run.stage, run.action) for run in runs if run.status == "Failed"}
        for situation in situations:
            if (situation.action.stage, situation.action.name) in failed:
                return situation
        return None

    def missing(self, each: list[Situation]) -> Iterator[Fault]:
        """Roles that somebody names and AWS does not have."""
        if self.is_missing(self.pipeline.role_arn):
            yield self.fault(
                "role_missing",
                "config",
                action="sts:AssumeRole",
                resource=self.pipeline.role_arn or "",
                named_by=self.pipeline.name,
            )
        for situation in each:
            project = situation.project.value
            for role in (
                situation.action.role_arn,
                situation.configuration.get("RoleArn"),
                project.service_role if project is not None else None,
            ):
                if role != self.pipeline.role_arn and self.is_missing(role):
                    yield self.of(
                        situation,
                        "role_missing",
                        "config",
                        action="sts:AssumeRole",
                        resource=role or "",
                        named_by=f"{situation.action.stage}/{situation.action.name}",
                    )
            if situation.project.state is State.ABSENT:
                yield self.of(
                    situation,
                    "project_missing",
                    "config",
                    action="codebuild:StartBuild",
                    project=situation.configuration.get("ProjectName", ""),
                )

    def is_missing(self, role: str | None) -> bool:
        return role is not None and self.snapshot.role(role).state is State.ABSENT

    # --- building one --------------------------------------------------------------------------

    def fault(
        self,
        code: str,
        component: str,
        *,
        principal: str | None = None,
        action: str = "",
        resource: str = "",
        **values: str,
    ) -> Fault:
        who = self.pipeline.role_arn or "" if principal is None else principal
        return Fault(code, component, who, action, resource, values=MappingProxyType(values))

    def of(
        self,
        situation: Situation,
        code: str,
        component: str,
        *,
        principal: str | None = None,
        action: str = "",
        resource: str = "",
        **values: str,
    ) -> Fault:
        return Fault(
            code,
            component,
            situation.role_arn if principal is None else principal,
            action,
            resource,
            situation.action.stage,
            situation.action.name,
            MappingProxyType(values),
        )


def _named(situations: list[Situation]) -> str:
    names = [f"{each.action.stage}/{each.action.name}" for each in situations]
    return ", ".join(dict.fromkeys(names))


def _always_wants_external_id(trust: str) -> bool:
    """Whether every statement that allows AssumeRole asks for an external id."""
    document = json_of(trust)
    statements = document.get("Statement") if isinstance(document, dict) else None
    listed = statements if isinstance(statements, list) else [statements]
    allowing = [
        each
        for each in listed
        if isinstance(each, dict)
        and each.get("Effect") == "Allow"
        and _names_accounts(each.get("Principal"))
    ]
    return bool(allowing) and all(_wants_external_id(each.get("Condition")) for each in allowing)


def _names_accounts(principal: object) -> bool:
    return principal == "*" or (isinstance(principal, dict) and "AWS" in principal)


def _wants_external_id(condition: object) -> bool:
    if not isinstance(condition, dict):
        return False
    return any(
        key.lower() == "sts:externalid"
        for operator, keys in condition.items()
        if isinstance(keys, dict) and operator.lower() in _NEEDS_THE_KEY
        for key in keys
    )


# Operators that fail when the key is absent (negated ones and IfExists do not).
_NEEDS_THE_KEY = frozenset({"stringequals", "stringlike", "stringequalsignorecase"})

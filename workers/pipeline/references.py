"""Which documents have a say in a pipeline, given what is known of it so far.

A reader calls `wanted`, reads what it has not read yet (all at once), puts the answers into the
snapshot, and asks again until nothing new is wanted. Dependencies unfold by themselves: a
project names its role, an ECS service its task definition, a bucket its default key.

Where the answers go, by kind: ROLE, USER, BUCKET, KEY, CONNECTION, PROJECT and MEMBERSHIP into
the map of that name; every other kind into `descriptions`, and its resource-based policy, where
it has one (FUNCTION, TOPIC, REPOSITORY, EVENT_BUS), into `policies`; always under the
reference's id. A KEY whose id is an alias's ARN is answered by the key itself: `Key.arn` then
says which one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workers.pipeline.arn import account_of, parse, region_of
from workers.pipeline.catalogue import Catalogue
from workers.pipeline.keys import key_reference, resolve_key
from workers.pipeline.situation import Situation, Situations, project_arn
from workers.snapshot.model import Kind, Pipeline, Project, Reference, Snapshot, State

__all__ = ["resolve_key", "wanted"]


def wanted(snapshot: Snapshot, catalogue: Catalogue) -> frozenset[Reference]:
    """Every document that has a say, as far as the snapshot tells. Pure.

    Before the pipeline is known that is the caller alone.
    """
    found = set(_of_caller(snapshot))
    if snapshot.pipeline.state is State.PRESENT:
        found |= set(_Wanted(snapshot, catalogue).all())
    found |= set(_memberships(snapshot, found))
    return frozenset(found)


def _of_caller(snapshot: Snapshot) -> Iterator[Reference]:
    if snapshot.caller:
        yield from _principal(snapshot.caller)


def _principal(arn: str | None) -> Iterator[Reference]:
    found = parse(arn)
    if found is None or found.service != "iam":
        return
    if found.resource.startswith("role/"):
        yield Reference(Kind.ROLE, str(found), found.account)
    elif found.resource.startswith("user/"):
        yield Reference(Kind.USER, str(found), found.account)


def _memberships(snapshot: Snapshot, found: set[Reference]) -> Iterator[Reference]:
    """The organisation's policies of every account that a principal or resource belongs to."""
    accounts = {reference.account for reference in found}
    accounts |= {bucket.value.account for bucket in snapshot.buckets.values() if bucket.value}
    accounts |= {key.value.account for key in snapshot.keys.values() if key.value}
    if snapshot.pipeline.state is State.PRESENT:
        accounts.add(snapshot.pipeline.require().account)
    for account in sorted(accounts - {"", "aws"}):
        yield Reference(Kind.MEMBERSHIP, account)


@dataclass(frozen=True, slots=True)
class _Wanted:
    snapshot: Snapshot
    catalogue: Catalogue

    def all(self) -> Iterator[Reference]:
        pipeline = self.snapshot.pipeline.require()
        yield from _principal(pipeline.role_arn)
        for store in pipeline.stores:
            yield from self.bucket(store.bucket, pipeline.account, store.region)
            if store.key:
                yield from self.key(store.key, pipeline.account, store.region)
        for situation in Situations(self.snapshot, self.catalogue):
            yield from self.situation(situation)

    def situation(self, situation: Situation) -> Iterator[Reference]:
        yield from _principal(situation.role_arn)
        configuration = situation.configuration
        match situation.action.type.provider:
            case "CodeBuild":
                yield from self.project(situation, configuration.get("ProjectName", ""))
            case "CodeStarSourceConnection":
                yield from self.connection(configuration.get("ConnectionArn", ""))
            case "CloudFormation":
                yield from _principal(configuration.get("RoleArn"))

    def project(self, situation: Situation, name: str) -> Iterator[Reference]:
        if not name or "#{" in name:
            return
        arn = project_arn(name, situation.account, situation.region, situation.pipeline.partition)
        yield Reference(Kind.PROJECT, arn, account_of(arn), region_of(arn))
        reading = self.snapshot.project(arn)
        if reading.state is State.PRESENT:
            yield from self.of_project(reading.require())

    def of_project(self, project: Project) -> Iterator[Reference]:
        account, region = account_of(project.arn), region_of(project.arn)
        yield from _principal(project.service_role)
        if project.encryption_key:
            yield from self.key(project.encryption_key, account, region)
        if project.vpc_id:
            yield Reference(Kind.VPC_ENDPOINTS, project.vpc_id, account, region)

    def connection(self, arn: str) -> Iterator[Reference]:
        if parse(arn) is not None:
            yield Reference(Kind.CONNECTION, arn, account_of(arn), region_of(arn))

    def bucket(self, name: str, account: str, region: str) -> Iterator[Reference]:
        reading = self.snapshot.bucket(name)
        owner, where = account, region
        if reading.state is State.PRESENT:
            bucket = reading.require()
            if bucket.encryption_key.state is State.PRESENT:
                yield from self.key(
                    bucket.encryption_key.require(),
                    bucket.account or account,
                    bucket.region or region,
                )
        yield Reference(Kind.BUCKET, name, owner, where)

    def key(self, configured: str, account: str, region: str) -> Iterator[Reference]:
        """The key as it was configured, and the key itself once its alias is followed."""
        partition = _partition(self.snapshot.pipeline.value)
        asked = key_reference(configured, account, region, partition)
        yield _key_reference(asked)
        resolved = resolve_key(self.snapshot, configured, account, region)
        if resolved.state is State.PRESENT and resolved.require() not in self.snapshot.keys:
            yield _key_reference(resolved.require())


def _partition(pipeline: Pipeline | None) -> str:
    return pipeline.partition if pipeline is not None else ""


def _key_reference(arn: str) -> Reference:
    return Reference(Kind.KEY, arn, account_of(arn), region_of(arn))

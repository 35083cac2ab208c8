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

from workers.pipeline import derived, resources
from workers.pipeline.arn import account_of, parse, region_of
from workers.pipeline.catalogue import Catalogue
from workers.pipeline.keys import is_aws_alias, key_reference, resolve_key
from workers.pipeline.resources import VARIABLE, Place
from workers.pipeline.situation import Situation, Situations
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
        yield Reference(Kind.MEMBERSHIP, account, account)


@dataclass(frozen=True, slots=True)
class _Wanted:
    snapshot: Snapshot
    catalogue: Catalogue

    def all(self) -> Iterator[Reference]:
        pipeline = self.snapshot.pipeline.require()
        yield from _principal(pipeline.role_arn)
        yield from self.events(pipeline)
        for store in pipeline.stores:
            place = Place(pipeline.partition, store.region, pipeline.account)
            yield from self.bucket(store.bucket, place)
            yield from self.key(store.key, pipeline.account, store.region)
        for situation in Situations(self.snapshot, self.catalogue):
            yield from self.situation(situation)

    def situation(self, situation: Situation) -> Iterator[Reference]:
        yield from _principal(situation.role_arn)
        configuration, place = situation.configuration, situation.place
        match (situation.action.type.category, situation.action.type.provider):
            case (_, "CodeBuild"):
                yield from self.project(resources.project(place, configuration))
            case (_, "CodeStarSourceConnection"):
                yield from self.at(Kind.CONNECTION, configuration.get("ConnectionArn"))
            case (_, "CloudFormation"):
                yield from self.roles(situation, "cloudformation_role_arn")
            case ("Source", "S3"):
                yield from self.bucket(configuration.get("S3Bucket"), place)
                yield from self.event_bus(situation)
            case ("Deploy", "S3"):
                yield from self.bucket(configuration.get("BucketName"), place)
                yield from self.key(
                    configuration.get("KMSEncryptionKeyARN"), place.account, place.region
                )
            case ("Source", "CodeCommit"):
                yield from self.event_bus(situation)
            case (_, "ECR" | "ECRBuildAndPublish" | "InspectorScan"):
                yield from self.at(Kind.REPOSITORY, resources.repository(place, configuration))
                yield from self.event_bus(situation)
            case (_, "Lambda" | "LambdaInvoke"):
                yield from self.at(Kind.FUNCTION, resources.function(place, configuration))
                yield from self.roles(situation, "function_role_arn")
            case (_, "ECS"):
                yield from self.ecs(resources.service(place, configuration))
            case (_, "CodeDeploy" | "CodeDeployToECS"):
                yield from self.deployment(situation)
            case (_, "EC2"):
                yield from self.instances(situation)
            case (_, "Manual"):
                yield from self.topic(resources.topic(configuration))

    def at(self, kind: Kind, arn: str | None) -> Iterator[Reference]:
        """A document in the account and region that its ARN names."""
        if arn is not None and parse(arn) is not None:
            yield Reference(kind, arn, account_of(arn), region_of(arn))

    def roles(self, situation: Situation, name: str) -> Iterator[Reference]:
        for value in situation.scope.get(name, ()):
            yield from _principal(value.text)

    def events(self, pipeline: Pipeline) -> Iterator[Reference]:
        """The rules that start the pipeline: first which they are, then their roles."""
        yield Reference(Kind.EVENT_RULE, pipeline.arn, pipeline.account, pipeline.region)
        for arn in derived.rule_arns(self.snapshot, pipeline.arn):
            yield from self.at(Kind.EVENT_RULE, arn)
        events = derived.of_pipeline(self.snapshot, pipeline.arn)
        for value in events["event_role_arn"]:
            yield from _principal(value.text)
        if events["source_account"]:
            yield from self.at(Kind.EVENT_BUS, resources.event_bus(derived.place_of(pipeline.arn)))

    def ecs(self, service: str | None) -> Iterator[Reference]:
        yield from self.at(Kind.ECS_SERVICE, service)
        described = self.snapshot.description(service or "").value or {}
        yield from self.at(Kind.TASK_DEFINITION, described.get("taskDefinition"))

    def deployment(self, situation: Situation) -> Iterator[Reference]:
        group = resources.deployment_group(situation.place, situation.configuration)
        yield from self.at(Kind.DEPLOYMENT_GROUP, group)
        for service in derived.services_of(self.snapshot, group):
            yield from self.ecs(service)
        yield from self.profiles(situation, group)

    def instances(self, situation: Situation) -> Iterator[Reference]:
        """The instances that a tag means, and the roles that they work with."""
        tagged = resources.instances(situation.place, situation.configuration)
        yield from self.at(Kind.INSTANCES, tagged)
        yield from self.profiles(situation, tagged)

    def profiles(self, situation: Situation, instances: str | None) -> Iterator[Reference]:
        for arn in derived.instance_profiles(self.snapshot, instances):
            yield from self.at(Kind.INSTANCE_PROFILE, arn)
        yield from self.roles(situation, "instance_role_arn")

    def event_bus(self, situation: Situation) -> Iterator[Reference]:
        """The bus that hears of changes in another account; its policy lets that account in."""
        if situation.scope.get("source_account"):
            place = Place(situation.place.partition, situation.region, situation.pipeline.account)
            yield from self.at(Kind.EVENT_BUS, resources.event_bus(place))

    def topic(self, arn: str | None) -> Iterator[Reference]:
        yield from self.at(Kind.TOPIC, arn)
        described = self.snapshot.description(arn or "").value or {}
        yield from self.key(described.get("KmsMasterKeyId"), account_of(arn), region_of(arn))

    def project(self, arn: str | None) -> Iterator[Reference]:
        yield from self.at(Kind.PROJECT, arn)
        project = self.snapshot.project(arn or "").value
        if project is not None:
            yield from self.of_project(project)

    def of_project(self, project: Project) -> Iterator[Reference]:
        account, region = account_of(project.arn), region_of(project.arn)
        yield from _principal(project.service_role)
        yield from self.key(project.encryption_key, account, region)
        yield from self.at(Kind.REPOSITORY, derived.project_image(project))
        if project.vpc_id:
            yield Reference(Kind.VPC_ENDPOINTS, project.vpc_id, account, region)
        if project.s3_logs:
            place = derived.place_of(project.arn)
            yield from self.bucket(project.s3_logs.partition("/")[0], place)

    def bucket(self, name: str | None, place: Place) -> Iterator[Reference]:
        """A bucket, and the key that it encrypts with by default."""
        if not name or VARIABLE in name:
            return
        yield Reference(Kind.BUCKET, name, place.account, place.region)
        bucket = self.snapshot.bucket(name).value
        if bucket is not None:
            yield from self.key(
                bucket.encryption_key.value,
                bucket.account or place.account,
                bucket.region or place.region,
            )

    def key(self, configured: str | None, account: str, region: str) -> Iterator[Reference]:
        """A key by its own ARN; by its alias's until somebody has followed that."""
        if not configured or VARIABLE in configured or is_aws_alias(configured):
            return
        resolved = resolve_key(self.snapshot, configured, account, region)
        partition = _partition(self.snapshot.pipeline.value)
        arn = resolved.value or key_reference(configured, account, region, partition)
        yield from self.at(Kind.KEY, arn)


def _partition(pipeline: Pipeline | None) -> str:
    return pipeline.partition if pipeline is not None else ""

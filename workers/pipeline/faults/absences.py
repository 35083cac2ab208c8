"""What the configuration names and AWS does not have: deleted, renamed, never made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workers.pipeline import resources
from workers.pipeline.faults.fault import Fault, of_action, of_pipeline
from workers.pipeline.situation import Situation, Situations
from workers.snapshot.model import Reading, Snapshot, State


def find(snapshot: Snapshot, situations: Situations) -> Iterator[Fault]:
    pipeline = situations.pipeline
    if _is_missing(snapshot, pipeline.role_arn):
        yield of_pipeline(
            pipeline,
            "role_missing",
            "config",
            action="sts:AssumeRole",
            resource=pipeline.role_arn or "",
            named_by=pipeline.name,
        )
    for situation in situations:
        yield from _roles(snapshot, situation)
        yield from _resources(snapshot, situation)


def _roles(snapshot: Snapshot, situation: Situation) -> Iterator[Fault]:
    project = situation.project.value
    for role in (
        situation.action.role_arn,
        situation.configuration.get("RoleArn"),
        project.service_role if project is not None else None,
    ):
        if role != situation.pipeline.role_arn and _is_missing(snapshot, role):
            yield of_action(
                situation,
                "role_missing",
                "config",
                action="sts:AssumeRole",
                resource=role or "",
                named_by=f"{situation.action.stage}/{situation.action.name}",
            )


def _is_missing(snapshot: Snapshot, role: str | None) -> bool:
    return role is not None and snapshot.role(role).state is State.ABSENT


def _resources(snapshot: Snapshot, situation: Situation) -> Iterator[Fault]:
    """What an action works on."""
    place, configuration = situation.place, situation.configuration
    if situation.project.state is State.ABSENT:
        project = resources.project(place, configuration) or ""
        yield _missing(situation, "build project", "codebuild:StartBuild", project)
    for key in ("S3Bucket", "BucketName"):
        name = configuration.get(key, "")
        if snapshot.bucket(name).state is State.ABSENT:
            yield of_action(situation, "bucket_missing", "bucket", bucket=name)
    match situation.action.type.provider:
        case "Lambda" | "LambdaInvoke":
            arn = resources.function(place, configuration)
            yield from _described(snapshot, situation, "function", "lambda:InvokeFunction", arn)
        case "ECS":
            arn = resources.service(place, configuration)
            yield from _described(snapshot, situation, "service", "ecs:UpdateService", arn)
        case "CodeDeploy" | "CodeDeployToECS":
            arn = resources.deployment_group(place, configuration)
            yield from _described(
                snapshot, situation, "deployment group", "codedeploy:CreateDeployment", arn
            )
        case "Manual":
            arn = resources.topic(configuration)
            yield from _described(snapshot, situation, "topic", "sns:Publish", arn)


def _described(
    snapshot: Snapshot, situation: Situation, what: str, action: str, arn: str | None
) -> Iterator[Fault]:
    described: Reading[Mapping[str, Any]] = snapshot.description(arn or "")
    if described.state is State.ABSENT:
        yield _missing(situation, what, action, arn or "")


def _missing(situation: Situation, what: str, action: str, arn: str) -> Fault:
    return of_action(
        situation, "resource_missing", "config", action=action, resource=arn, what=what
    )

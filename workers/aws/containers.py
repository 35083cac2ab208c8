"""ECS services and task definitions, without the environment of their containers.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from workers.aws.arns import parse
from workers.aws.calls import Answer, Chain, then
from workers.aws.documents import Entries, Entry, Home, kept, place
from workers.snapshot.model import Reading, Reference, State, absent, present

_SERVICE = (
    "serviceName",
    "serviceArn",
    "clusterArn",
    "status",
    "taskDefinition",
    "roleArn",
    "deploymentController",
)
_TASK_DEFINITION = (
    "taskDefinitionArn",
    "family",
    "revision",
    "status",
    "taskRoleArn",
    "executionRoleArn",
)
_CONTAINER = ("name", "image", "repositoryCredentials", "secrets")


def read_service(chain: Chain, reference: Reference, home: Home) -> Entries:
    """The service of an ARN (…:service/cluster/name); absent when there is none."""
    where, arn = place("ecs", reference, home), parse(reference.id)
    _, _, path = (arn.resource if arn else reference.id).partition("/")
    cluster, _, name = path.rpartition("/")
    answer = chain.read(
        where,
        "DescribeServices",
        subject=reference.id,
        cluster=cluster or "default",
        services=[name],
    )
    return (Entry("descriptions", reference.id, _service(answer)),)


def read_task_definition(chain: Chain, reference: Reference, home: Home) -> Entries:
    """The task definition of an ARN, with or without its revision (then the newest)."""
    where = place("ecs", reference, home)
    answer = chain.read(
        where, "DescribeTaskDefinition", subject=reference.id, taskDefinition=reference.id
    )
    return (Entry("descriptions", reference.id, then(answer, _task_definition)),)


def _service(answer: Reading[Answer]) -> Reading[Any]:
    if answer.state is not State.PRESENT:
        return then(answer, dict)
    services = answer.require().get("services", ())
    return present(kept(services[0], *_SERVICE)) if services else absent()


def _task_definition(answer: Answer) -> Answer:
    found = answer["taskDefinition"]
    containers = [dict(kept(each, *_CONTAINER)) for each in found.get("containerDefinitions", ())]
    return MappingProxyType({**kept(found, *_TASK_DEFINITION), "containerDefinitions": containers})

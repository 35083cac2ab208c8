"""The one way to read each kind of document."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from workers.aws import (
    buckets,
    connections,
    containers,
    event_rules,
    functions,
    instances,
    keys,
    organisations,
    projects,
    repositories,
    roles,
    stacks,
    topics,
    users,
)
from workers.aws.documents import Reader
from workers.snapshot.model import Kind

READERS: Mapping[Kind, Reader] = MappingProxyType(
    {
        Kind.ROLE: roles.read,
        Kind.USER: users.read,
        Kind.BUCKET: buckets.read,
        Kind.KEY: keys.read,
        Kind.CONNECTION: connections.read,
        Kind.PROJECT: projects.read,
        Kind.FUNCTION: functions.read,
        Kind.ECS_SERVICE: containers.read_service,
        Kind.TASK_DEFINITION: containers.read_task_definition,
        Kind.DEPLOYMENT_GROUP: instances.read_deployment_group,
        Kind.INSTANCE_PROFILE: instances.read_instance_profile,
        Kind.INSTANCES: instances.read_instances,
        Kind.TOPIC: topics.read,
        Kind.REPOSITORY: repositories.read,
        Kind.STACK: stacks.read,
        Kind.EVENT_RULE: event_rules.read_rule,
        Kind.EVENT_BUS: event_rules.read_bus,
        Kind.VPC_ENDPOINTS: instances.read_endpoints,
        Kind.MEMBERSHIP: organisations.read,
    }
)

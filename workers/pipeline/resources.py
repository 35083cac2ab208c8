"""ARNs of what an action's configuration names, for asking and for looking up descriptions.

One function per kind; each gives None when the configuration does not say enough (a key that is
missing, or a `#{variable}` that nobody resolved).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workers.pipeline.arn import parse

VARIABLE = "#{"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an action runs."""

    partition: str
    region: str
    account: str

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


def project(place: Place, configuration: Mapping[str, str]) -> str | None:
    """The CodeBuild project; ProjectName is a name."""
    return _named(place, "codebuild", "project/", configuration.get("ProjectName"))


def function(place: Place, configuration: Mapping[str, str]) -> str | None:
    """The Lambda function; FunctionName is a name or an ARN."""
    return _named(place, "lambda", "function:", configuration.get("FunctionName"))


def service(place: Place, configuration: Mapping[str, str]) -> str | None:
    """The ECS service, by its long ARN."""
    cluster, name = configuration.get("ClusterName"), configuration.get("ServiceName")
    if not _known(cluster) or not _known(name):
        return None
    return place.arn("ecs", f"service/{cluster}/{name}")


def deployment_group(place: Place, configuration: Mapping[str, str]) -> str | None:
    """The CodeDeploy deployment group."""
    application = configuration.get("ApplicationName")
    name = configuration.get("DeploymentGroupName")
    if not _known(application) or not _known(name):
        return None
    return place.arn("codedeploy", f"deploymentgroup:{application}/{name}")


def instances(place: Place, configuration: Mapping[str, str]) -> str | None:
    """The EC2 instances of a tag, as `workers.aws.instances` reads them."""
    key, value = configuration.get("InstanceTagKey"), configuration.get("InstanceTagValue", "")
    if not _known(key) or VARIABLE in value:
        return None
    return place.arn("ec2", f"instance/tag:{key}={value}" if value else f"instance/tag:{key}")


def event_bus(place: Place) -> str:
    """The bus to which the events of other accounts are sent."""
    return place.arn("events", "event-bus/default")


def repository(place: Place, configuration: Mapping[str, str]) -> str | None:
    """The ECR repository, whose own policy has a say."""
    name = configuration.get("ECRRepositoryName") or configuration.get("RepositoryName")
    if configuration.get("RegistryType", "").lower() == "public":
        return None
    return _named(place, "ecr", "repository/", name)


def code_repository(place: Place, configuration: Mapping[str, str]) -> str | None:
    """The CodeCommit repository."""
    return _named(place, "codecommit", "", configuration.get("RepositoryName"))


def topic(configuration: Mapping[str, str]) -> str | None:
    """The SNS topic that tells the approvers."""
    arn = configuration.get("NotificationArn")
    return arn if parse(arn) is not None else None


def executions(configuration: Mapping[str, str]) -> str | None:
    """The executions of a state machine, in its own account and region, as a policy names them.

    https://docs.aws.amazon.com/step-functions/latest/dg/concept-create-iam-advanced.html
    """
    machine = parse(configuration.get("StateMachineArn"))
    if machine is None:
        return None
    name = machine.resource.removeprefix("stateMachine:")
    prefix = configuration.get("ExecutionNamePrefix", "")
    where = f"arn:{machine.partition}:states:{machine.region}:{machine.account}"
    return f"{where}:execution:{name}:{'' if VARIABLE in prefix else prefix}*"


def _known(value: str | None) -> bool:
    return bool(value) and VARIABLE not in str(value)


def _named(place: Place, service: str, kind: str, name: str | None) -> str | None:
    if name is None or not _known(name):
        return None
    return name if name.startswith("arn:") else place.arn(service, kind + name)

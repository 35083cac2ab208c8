"""Names of a scope that several configuration keys, or the documents they point at, make up."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from workers.pipeline import resources
from workers.pipeline.arn import account_of, parse, region_of, service_host
from workers.pipeline.keys import is_aws_managed, resolve_key
from workers.pipeline.resources import VARIABLE, Place
from workers.pipeline.scope import Scope, Value, unresolved
from workers.snapshot.model import Action, Project, Reading, Rule, Snapshot, State

# The characters that Secrets Manager adds to a secret's name: a policy matches them with `?`.
_SUFFIX, _EXAMPLE_SUFFIX = "-??????", "-AbCdEf"
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
_ECR_IMAGE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/(?P<name>[^:@]+)"
)
_RUN_DOCUMENTS = {"WINDOWS": "AWS-RunPowerShellScript"}


def of_project(snapshot: Snapshot, project: Project, configuration: Mapping[str, str]) -> Scope:
    """What a CodeBuild project says: its role, log group, key, VPC and secrets.

    The action's own environment variables come on top of the project's.
    """
    secrets, parameters = _overrides(configuration.get("EnvironmentVariables", ""))
    secrets += [name for name in project.secrets if ":ssm:" not in name]
    parameters += [name for name in project.secrets if ":ssm:" in name]
    logs = project.log_group or f"/aws/codebuild/{project.name}"
    scope: dict[str, tuple[Value, ...]] = {
        "project_log_group": (Value(logs),) if project.cloudwatch_logs else (),
        "project_subnet": tuple(Value(id) for id in project.subnets),
        "project_secret": _secrets(secrets),
        "project_parameter": _values(name.lstrip("/") for name in parameters),
        "output_key": project_key(snapshot, project),
    }
    if ":connection/" in project.source_auth:
        scope["project_connection"] = (Value(project.source_auth),)
    if project.service_role:
        scope["project_role_arn"] = (Value(project.service_role),)
    if image := project_image(project):
        scope["project_image"] = (Value(image),)
    if project.vpc_id:
        scope["vpc_id"] = (Value(project.vpc_id),)
        scope |= _network(project.subnets, project.security_groups)
    if project.s3_logs:
        bucket, place = project.s3_logs.partition("/")[0], place_of(project.arn)
        scope |= {
            "project_log_location": (Value(project.s3_logs),),
            "project_log_key": _bucket_key(snapshot, bucket, place),
            "project_log_context": encryption_context(snapshot, place, bucket, project.s3_logs),
        }
    return scope


def project_image(project: Project) -> str | None:
    """The ECR repository of an image that the build pulls with its own role."""
    found = _ECR_IMAGE.match(project.image) if project.pulls_image else None
    if found is None:
        return None
    partition = place_of(project.arn).partition
    return f"arn:{partition}:ecr:{found['region']}:{found['account']}:repository/{found['name']}"


def place_of(arn: str) -> Place:
    """Partition, region and account of an ARN."""
    found = parse(arn)
    return Place(found.partition, found.region, found.account) if found else Place("aws", "", "")


def encryption_context(
    snapshot: Snapshot, place: Place, bucket: str | None, path: str
) -> tuple[Value, ...]:
    """What S3 hands KMS as `aws:s3:arn` for an object: the bucket where it has a Bucket Key.

    No value where nobody knows the bucket's setting. `path` is bucket and key.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
    """
    reading = snapshot.bucket(bucket or "").value
    if reading is None or reading.bucket_key.state is State.UNREADABLE:
        return ()
    return (Value(f"arn:{place.partition}:s3:::{bucket if reading.bucket_key.value else path}"),)


def _overrides(text: str) -> tuple[list[str], list[str]]:
    """Secrets and parameters that an action's EnvironmentVariables name.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeBuild.html
    """
    variables = json_of(text)
    listed = [each for each in variables or () if isinstance(each, dict)]
    found: dict[str, list[str]] = {"SECRETS_MANAGER": [], "PARAMETER_STORE": []}
    for variable in listed:
        names = found.get(str(variable.get("type")))
        if names is not None:
            names.append(str(variable.get("value", "")))
    return found["SECRETS_MANAGER"], found["PARAMETER_STORE"]


def project_key(snapshot: Snapshot, project: Project) -> tuple[Value, ...]:
    """The customer managed key with which a project encrypts; none for aws/s3."""
    if not project.encryption_key:
        return ()
    account, region = account_of(project.arn), region_of(project.arn)
    return customer_key(snapshot, project.encryption_key, account, region)


def customer_key(
    snapshot: Snapshot, configured: str, account: str, region: str
) -> tuple[Value, ...]:
    """The ARN of a configured key; none when AWS manages it: nobody needs rights for that."""
    if is_aws_managed(snapshot, configured, account, region):
        return ()
    resolved = resolve_key(snapshot, configured, account, region)
    if resolved.state is State.PRESENT:
        return (Value(resolved.require()),)
    return (unresolved(f"the key {configured}"),)


def of_clones(clones: Iterable[tuple[Action, Place]]) -> Scope:
    """The connections and repositories that a build clones by itself."""
    connections: list[str | None] = []
    repositories: list[str | None] = []
    for source, where in clones:
        if source.type.provider == "CodeCommit":
            repositories.append(resources.code_repository(where, source.configuration))
        else:
            connections.append(source.configuration.get("ConnectionArn"))
    return {
        "clone_connection": _values(connections),
        "clone_repository": _values(repositories),
    }


def of_configuration(
    snapshot: Snapshot,
    action: Action | Rule,
    configuration: Mapping[str, str],
    place: Place,
) -> Scope:
    """What the provider's own configuration keys lead to."""
    kind = (action.type.category, action.type.provider)
    match kind:
        case ("Source", "S3"):
            bucket = configuration.get("S3Bucket")
            path = f"{bucket}/{configuration.get('S3ObjectKey')}"
            return {
                "source_key": _bucket_key(snapshot, bucket, place),
                "source_context": encryption_context(snapshot, place, bucket, path),
            }
        case ("Deploy", "S3"):
            bucket = configuration.get("BucketName")
            return {
                "deploy_key": _deploy_key(snapshot, configuration, place),
                "deploy_context": encryption_context(snapshot, place, bucket, f"{bucket}/object"),
            }
        case (_, "CloudFormation"):
            role = configuration.get("RoleArn")
            executes = configuration.get("ActionMode") == "CHANGE_SET_EXECUTE"
            return {"cloudformation_role_arn": _values([None if executes else role])}
        case (_, "CodeDeploy" | "CodeDeployToECS"):
            return _deployment(snapshot, place, resources.deployment_group(place, configuration))
        case (_, "ECS"):
            return _task(snapshot, place, resources.service(place, configuration))
        case (_, "Lambda" | "LambdaInvoke"):
            alarms = _values(_listed(configuration.get("Alarms", "")))
            return _function(snapshot, resources.function(place, configuration)) | {"alarm": alarms}
        case (_, "StepFunctions"):
            return {"state_machine_execution": _values([resources.executions(configuration)])}
        case (_, "Manual"):
            return _topic(snapshot, resources.topic(configuration))
        case (_, "EC2"):
            return _instances(snapshot, configuration, place)
    return {}


def of_environment(action: Action | Rule, configuration: Mapping[str, str]) -> Scope:
    """The secrets in an action's environment variables, and its VPC (managed compute)."""
    variables = action.environment if isinstance(action, Action) else ()
    names = [
        variable.get("value", "")
        for variable in variables
        if variable.get("type") == "SECRETS_MANAGER"
    ]
    scope: dict[str, tuple[Value, ...]] = {"environment_secret": _secrets(names)}
    if configuration.get("Subnets"):
        scope["vpc_id"] = (Value(configuration.get("VpcId", "") or configuration["Subnets"]),)
        groups = configuration.get("SecurityGroupIds", "")
        scope |= _network(_listed(configuration["Subnets"]), _listed(groups))
    return scope


def _network(subnets: Iterable[str], groups: Iterable[str]) -> Scope:
    """Where in the VPC a container runs; what was not read stands there as *unresolved*."""
    return {
        "vpc_subnet": _values(subnets) or (unresolved("the subnets"),),
        "vpc_security_group": _values(groups) or (unresolved("the security groups"),),
    }


def _listed(text: str) -> tuple[str, ...]:
    """The entries of a configuration value that holds several."""
    entries = (entry.strip() for entry in text.split(","))
    return tuple(entry for entry in entries if entry)


def of_pipeline(snapshot: Snapshot, pipeline_arn: str) -> Scope:
    """The roles of the rules that start the pipeline, and the accounts whose events they await."""
    roles: list[str | None] = []
    accounts: list[str] = []
    for arn in rule_arns(snapshot, pipeline_arn):
        rule = snapshot.description(arn).value
        if rule is not None:
            roles += [
                target.get("RoleArn")
                for target in rule.get("Targets", ())
                if target.get("Arn") == pipeline_arn
            ]
            accounts += _awaited(str(rule.get("EventPattern", "")))
    home = place_of(pipeline_arn)
    return {
        "event_role_arn": _values(roles),
        "source_account": _values(
            f"arn:{home.partition}:iam::{account}:root"
            for account in accounts
            if account not in ("", home.account)
        ),
    }


def _awaited(pattern: str) -> list[str]:
    """The accounts that an event pattern names, by themselves or in the ARNs of resources.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
    """
    wanted = json_of(pattern)
    if not isinstance(wanted, dict):
        return []
    accounts, resources_named = wanted.get("account", ()), wanted.get("resources", ())
    return [each for each in accounts if isinstance(each, str)] + [
        account_of(each) for each in resources_named if isinstance(each, str)
    ]


def rule_arns(snapshot: Snapshot, pipeline_arn: str) -> tuple[str, ...]:
    described = snapshot.description(pipeline_arn)
    return tuple(described.value.get("RuleArns", ())) if described.value is not None else ()


def instance_profiles(snapshot: Snapshot, instances: str | None) -> tuple[str, ...]:
    """The profiles of a deployment group's instances, or of those that carry a tag."""
    described: Reading[Mapping[str, Any]] = snapshot.description(instances or "")
    return tuple(described.value.get("InstanceProfileArns", ())) if described.value else ()


def lists_instances(group: Mapping[str, Any]) -> bool:
    """Whether a deployment group's description says which instances it means, or it means none."""
    return "InstanceProfileArns" in group or group.get("computePlatform") in ("ECS", "Lambda")


def host(service: str, region: str, partition: str) -> tuple[Value, ...]:
    """What kms:ViaService carries; no value where nobody knows."""
    name = service_host(service, region, partition)
    return () if name is None else (Value(name),)


def json_of(text: str) -> Any:
    """A configuration value that holds JSON; None when it does not."""
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return None


def _values(texts: Iterable[str | None]) -> tuple[Value, ...]:
    return tuple(Value(text) for text in dict.fromkeys(texts) if text and VARIABLE not in text)


def _secrets(names: Iterable[str]) -> tuple[Value, ...]:
    """Secrets by name or ARN, without the JSON key and version that may follow."""
    values = []
    for name in dict.fromkeys(names):
        if parse(name) is not None:
            pattern = ":".join(name.split(":")[:7])
        else:
            pattern = name.partition(":")[0] + _SUFFIX
        values.append(Value(pattern.replace(_SUFFIX, _EXAMPLE_SUFFIX), pattern))
    return tuple(values)


def _bucket_key(snapshot: Snapshot, name: str | None, place: Place) -> tuple[Value, ...]:
    """The customer managed key that is a bucket's default."""
    bucket = snapshot.bucket(name or "").value
    if bucket is None or bucket.encryption_key.value is None:
        return ()
    account, region = bucket.account or place.account, bucket.region or place.region
    return customer_key(snapshot, bucket.encryption_key.value, account, region)


def _deploy_key(
    snapshot: Snapshot, configuration: Mapping[str, str], place: Place
) -> tuple[Value, ...]:
    configured = configuration.get("KMSEncryptionKeyARN", "")
    if VARIABLE in configured:
        return (unresolved(configured),)
    if configured:
        return customer_key(snapshot, configured, place.account, place.region)
    return _bucket_key(snapshot, configuration.get("BucketName"), place)


def _deployment(snapshot: Snapshot, place: Place, group: str | None) -> Scope:
    described = snapshot.description(group or "").value or {}
    return {
        "deployment_config": _values([described.get("deploymentConfigName")]),
        "instance_role_arn": _instance_roles(snapshot, group),
        "unknown_role": (unresolved("the roles in the artifact's task definition"),),
        **_task(snapshot, place, *services_of(snapshot, group)),
    }


def services_of(snapshot: Snapshot, group: str | None) -> tuple[str, ...]:
    """The ECS services that a deployment group deploys to, by their ARNs."""
    described = snapshot.description(group or "").value
    if group is None or described is None:
        return ()
    place = place_of(group)
    found = [
        resources.service(
            place, {"ClusterName": each.get("clusterName"), "ServiceName": each.get("serviceName")}
        )
        for each in described.get("ecsServices", ())
    ]
    return tuple(each for each in found if each is not None)


def _instance_roles(snapshot: Snapshot, instances: str | None) -> tuple[Value, ...]:
    profiles = [
        snapshot.description(arn).value or {} for arn in instance_profiles(snapshot, instances)
    ]
    return _values(role for each in profiles for role in each.get("Roles", ()))


def _task(snapshot: Snapshot, place: Place, *services: str | None) -> Scope:
    """Roles and family of the services' current task definitions.

    A policy may name the family of the definition that is registered, and most name none.
    """
    roles: list[str | None] = []
    families: list[str | None] = []
    for service in services:
        described = snapshot.description(service or "").value or {}
        current = described.get("taskDefinition", "")
        task = snapshot.description(current).value or {}
        roles += [task.get("taskRoleArn"), task.get("executionRoleArn")]
        families.append(current.rpartition("/")[2].partition(":")[0])
    known = _values(families) or (unresolved("the task definition's family"),)
    start = f"arn:{place.partition}:ecs:{place.region}:{place.account}:task-definition"
    return {
        "task_role_arn": _values(roles),
        "task_family": known,
        "new_task_definition": tuple(
            Value(f"{start}/{family.text}:0", "*", family.unresolved) for family in known
        ),
    }


def _function(snapshot: Snapshot, arn: str | None) -> dict[str, tuple[Value, ...]]:
    described = snapshot.description(arn or "").value or {}
    return {"function_role_arn": _values([described.get("Role")])}


def _topic(snapshot: Snapshot, arn: str | None) -> Scope:
    topic, described = parse(arn), snapshot.description(arn or "").value or {}
    key = described.get("KmsMasterKeyId")
    if topic is None or not key:
        return {}
    return {
        "topic_key": customer_key(snapshot, key, topic.account, topic.region),
        "topic_host": host("sns", topic.region, topic.partition),
    }


def _instances(snapshot: Snapshot, configuration: Mapping[str, str], place: Place) -> Scope:
    groups = _listed(configuration.get("TargetGroupNameList", ""))
    system = configuration.get("PlatformType", configuration.get("InstanceType", ""))
    document = _RUN_DOCUMENTS.get(system.upper(), "AWS-RunShellScript")
    return {
        "target_group": _values(groups),
        "run_document": (Value(document),),
        "instance_role_arn": _instance_roles(snapshot, resources.instances(place, configuration)),
    }

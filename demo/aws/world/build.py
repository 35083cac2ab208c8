"""Builds the world through the API, as the root user of each account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from threading import Lock
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from demo.aws.cloud import Cloud
from demo.aws.names import ID_HEADER, NO_LOCATION
from demo.aws.world import bot
from demo.aws.world.declaration import declaration
from demo.aws.world.documents import document, trust
from demo.aws.world.model import (
    Account,
    Bucket,
    EcsService,
    Key,
    Pipeline,
    Project,
    Resources,
    Role,
    World,
)

T = TypeVar("T")
_THREADS = 8


def build(cloud: Cloud, world: World) -> None:
    """Create everything at a running cloud's endpoint; takes a few seconds.

    Raises botocore's ClientError for a world that AWS would not accept.
    """
    _Builder(cloud, world).build()


class _Builder:
    def __init__(self, cloud: Cloud, world: World) -> None:
        self._cloud = cloud
        self._world = world
        self._sources: tuple[Resources, ...] = (world.shared, *world.pipelines)
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._lock = Lock()

    def build(self) -> None:
        self._organisation()
        self._each(self._account_keys, self._by_place(self._all("keys")))
        self._each(self._account_identities, self._world.accounts)
        self._each(self._bucket, self._all("buckets"))
        self._each(self._network, self._all("networks"))
        self._each(self._service, self._all("services"))
        self._each(self._project, self._all("projects"))
        for connection in self._all("connections"):
            self._cloud.post("connection", connection.model_dump())
        self._each(self._pipeline, self._world.pipelines)
        self._queue()
        for event in self._all("trail"):
            self._cloud.post("trail", event.model_dump())
        self._each(self._runs, self._world.pipelines)

    # --- the organisation -----------------------------------------------------------------------

    def _organisation(self) -> None:
        organisation = self._world.organisation
        client = self._client("organizations", organisation.management)
        with _chosen(client, organisation.id):
            client.create_organization(FeatureSet="ALL")
        root = client.list_roots()["Roots"][0]["Id"]
        for kind in ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"):
            client.enable_policy_type(RootId=root, PolicyType=kind)
        places = {"Root": root}
        for unit in organisation.units:
            created = client.create_organizational_unit(
                ParentId=places[unit.parent], Name=unit.name
            )
            places[unit.name] = created["OrganizationalUnit"]["Id"]
        for account in organisation.accounts:
            if account.id != organisation.management:
                with _chosen(client, account.id):
                    client.create_account(
                        AccountName=account.name, Email=f"aws+{account.alias}@example.com"
                    )
                client.move_account(
                    AccountId=account.id,
                    SourceParentId=root,
                    DestinationParentId=places[account.unit],
                )
            self._client("iam", account.id).create_account_alias(AccountAlias=account.alias)
        for policy in organisation.policies:
            with _chosen(client, policy.id):
                client.create_policy(
                    Name=policy.name,
                    Description="",
                    Type=policy.type,
                    Content=document(policy.statements, {}, {}),
                )
            for target in policy.targets:
                client.attach_policy(PolicyId=policy.id, TargetId=places.get(target, target))

    # --- keys and identities --------------------------------------------------------------------

    def _account_keys(self, keys: Sequence[Key]) -> None:
        for key in keys:
            _, _, _, region, account, name = key.arn.split(":", 5)
            client = self._client("kms", account, region)
            text = key.policy_text or document(
                key.policy, {"account": account, **key.values}, self._world.templates
            )
            with _chosen(client, name.removeprefix("key/")):
                client.create_key(
                    Policy=text,
                    Tags=[{"TagKey": k, "TagValue": v} for k, v in key.tags.items()],
                )
            client.create_alias(AliasName=f"alias/{key.alias}", TargetKeyId=key.arn)
            if key.state == "Disabled":
                client.disable_key(KeyId=key.arn)
            if key.state == "PendingDeletion":
                client.schedule_key_deletion(KeyId=key.arn, PendingWindowInDays=14)

    def _account_identities(self, account: Account) -> None:
        client = self._client("iam", account.id)
        templates = self._world.templates
        for policy in self._of("policies", account.id):
            path, name = _path(policy.arn, "policy")
            client.create_policy(
                PolicyName=name,
                Path=path,
                PolicyDocument=document(policy.statements, policy.values, templates),
            )
        for role in self._of("roles", account.id):
            self._role(client, role)
        self._bot(client, account)
        for group in self._of("groups", account.id):
            name = _path(group.arn, "group")[1]
            client.create_group(GroupName=name)
            if group.grants:
                text = document(group.grants, group.values, templates)
                client.put_group_policy(GroupName=name, PolicyName="access", PolicyDocument=text)
            for arn in group.managed:
                client.attach_group_policy(GroupName=name, PolicyArn=arn)
        for user in self._of("users", account.id):
            name = _path(user.arn, "user")[1]
            client.create_user(UserName=name)
            if user.grants:
                text = document(user.grants, user.values, templates)
                client.put_user_policy(
                    UserName=name, PolicyName=user.policy_name, PolicyDocument=text
                )
            for arn in user.managed:
                client.attach_user_policy(UserName=name, PolicyArn=arn)
            for each in user.groups:
                client.add_user_to_group(UserName=name, GroupName=each)

    def _bot(self, client: Any, account: Account) -> None:
        if not bot.has_templates():
            for role in bot.roles(self._world, account):
                self._role(client, role)
        else:
            formation = self._client("cloudformation", account.id)
            for stack in bot.stacks(self._world, account):
                formation.create_stack(
                    StackName=stack.name,
                    TemplateBody=stack.template,
                    Capabilities=["CAPABILITY_NAMED_IAM"],
                    Parameters=[
                        {"ParameterKey": key, "ParameterValue": value}
                        for key, value in stack.parameters.items()
                    ],
                )
        if account.id == self._world.bot.account:
            client.put_role_policy(
                RoleName=self._world.bot.worker.rsplit("/", 1)[-1],
                PolicyName="receive-failures",
                PolicyDocument=document([bot.queue_statement(self._world.bot)], {}, {}),
            )

    def _role(self, client: Any, role: Role) -> None:
        path, name = _path(role.arn, "role")
        client.create_role(
            RoleName=name,
            Path=path,
            AssumeRolePolicyDocument=trust(role),
            Tags=[{"Key": k, "Value": v} for k, v in role.tags.items()],
            **({"PermissionsBoundary": role.boundary} if role.boundary else {}),
        )
        if role.grants:
            text = document(role.grants, role.values, self._world.templates)
            client.put_role_policy(RoleName=name, PolicyName=role.policy_name, PolicyDocument=text)
        for arn in role.managed:
            client.attach_role_policy(RoleName=name, PolicyArn=arn)

    # --- places ---------------------------------------------------------------------------------

    def _bucket(self, bucket: Bucket) -> None:
        client = self._client("s3", bucket.account, bucket.region)
        client.create_bucket(
            Bucket=bucket.name,
            **(
                {"CreateBucketConfiguration": {"LocationConstraint": bucket.region}}
                if bucket.region != "us-east-1"
                else {}
            ),
        )
        if bucket.ownership:
            client.put_bucket_ownership_controls(
                Bucket=bucket.name,
                OwnershipControls={"Rules": [{"ObjectOwnership": bucket.ownership}]},
            )
        client.put_public_access_block(
            Bucket=bucket.name,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        encryption: dict[str, str] = {"SSEAlgorithm": "AES256"}
        if bucket.key:
            encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": bucket.key}
        client.put_bucket_encryption(
            Bucket=bucket.name,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": encryption}]
            },
        )
        client.put_bucket_versioning(
            Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"}
        )
        if bucket.tags:
            # The API lets nobody but CloudFormation write tags that start with aws:.
            self._cloud.post("bucket-tags", {"bucket": bucket.name, "tags": bucket.tags})
        text = bucket.policy_text
        if text is None and bucket.policy:
            text = document(bucket.policy, bucket.values, self._world.templates)
        if text is not None:
            client.put_bucket_policy(Bucket=bucket.name, Policy=text)

    def _network(self, network: Any) -> None:
        client = self._client("ec2", network.account, network.region)
        vpc = client.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
        with self._lock:
            self._vpcs[network.name] = vpc
        if network.s3_endpoint:
            client.create_vpc_endpoint(
                VpcId=vpc,
                ServiceName=f"com.amazonaws.{network.region}.s3",
                VpcEndpointType="Gateway",
                PolicyDocument=document(network.s3_endpoint, {}, {}),
            )

    def _service(self, service: EcsService) -> None:
        _, _, _, region, account, path = service.arn.split(":", 5)
        _, cluster, name = path.split("/")
        client = self._client("ecs", account, region)
        client.create_cluster(clusterName=cluster)
        client.register_task_definition(
            family=name,
            taskRoleArn=service.task_role,
            executionRoleArn=service.execution_role,
            containerDefinitions=[{"name": name, "image": f"acme/{name}:1", "memory": 256}],
        )
        client.create_service(
            cluster=cluster, serviceName=name, taskDefinition=name, desiredCount=1
        )

    @cached_property
    def _vpcs(self) -> dict[str, str]:
        return {}

    def _project(self, project: Project) -> None:
        _, _, _, region, account, name = project.arn.split(":", 5)
        client = self._client("codebuild", account, region)
        extra: dict[str, Any] = {}
        if project.key:
            extra["encryptionKey"] = project.key
        if project.vpc:
            extra["vpcConfig"] = {
                "vpcId": self._vpcs[project.vpc],
                "subnets": ["subnet-0a1b2c3d4e5f60718"],
                "securityGroupIds": ["sg-0a1b2c3d4e5f60718"],
            }
        client.create_project(
            name=name.removeprefix("project/"),
            # moto wants a location, which AWS ignores for this type.
            source={"type": "CODEPIPELINE", "location": NO_LOCATION, "buildspec": "buildspec.yml"},
            artifacts={"type": "CODEPIPELINE", "location": NO_LOCATION},
            environment={
                "type": "LINUX_CONTAINER",
                "image": "aws/codebuild/standard:7.0",
                "computeType": "BUILD_GENERAL1_SMALL",
            },
            serviceRole=project.role,
            tags=[{"key": k, "value": v} for k, v in project.tags.items()],
            **extra,
        )
        if project.tests_fail:
            self._cloud.post("failing-build", {"project": project.arn})

    # --- pipelines ------------------------------------------------------------------------------

    def _pipeline(self, pipeline: Pipeline) -> None:
        self._client("codepipeline", pipeline.account, pipeline.region).create_pipeline(
            pipeline=declaration(pipeline.name, pipeline.pipeline),
            tags=[{"key": k, "value": v} for k, v in pipeline.pipeline.tags.items()],
        )
        if pipeline.needs:
            needs = [each.model_dump(exclude_defaults=True) for each in pipeline.needs]
            self._cloud.post("needs", {"pipeline": pipeline.arn, "needs": needs})

    def _queue(self) -> None:
        _, _, _, region, account, name = self._world.bot.queue.split(":")
        self._client("sqs", account, region).create_queue(QueueName=name)
        self._cloud.post("queue", {"account": account, "region": region, "queue": name})

    def _runs(self, pipeline: Pipeline) -> None:
        runs = pipeline.runs
        self._cloud.post(
            "runs",
            {
                "account": pipeline.account,
                "region": pipeline.region,
                "name": pipeline.name,
                "succeeded": list(runs.succeeded),
                "ended": runs.ended,
                "failure": runs.failure.model_dump() if runs.failure else None,
            },
        )

    # --- helpers --------------------------------------------------------------------------------

    def _all(self, kind: str) -> list[Any]:
        return [each for source in self._sources for each in getattr(source, kind)]

    def _of(self, kind: str, account: str) -> list[Any]:
        return [each for each in self._all(kind) if each.arn.split(":")[4] == account]

    @staticmethod
    def _by_place(keys: Iterable[Key]) -> list[list[Key]]:
        places: dict[tuple[str, str], list[Key]] = defaultdict(list)
        for key in keys:
            parts = key.arn.split(":")
            places[parts[3], parts[4]].append(key)
        return list(places.values())

    def _client(self, service: str, account: str, region: str = "us-east-1") -> Any:
        with self._lock:
            place = (service, account, region)
            if place not in self._clients:
                self._clients[place] = self._create(service, account, region)
            return self._clients[place]

    def _create(self, service: str, account: str, region: str) -> Any:
        create: Any = self._boto.client
        return create(
            service,
            region_name=region,
            endpoint_url=self._cloud.endpoint,
            config=Config(max_pool_connections=_THREADS, retries={"max_attempts": 0}),
            aws_access_key_id=self._cloud.root_key(account),
            aws_secret_access_key="local",
        )

    @cached_property
    def _boto(self) -> boto3.Session:
        return boto3.Session()

    @staticmethod
    def _each(do: Callable[[T], None], things: Iterable[T]) -> None:
        with ThreadPoolExecutor(_THREADS) as pool:
            for done in [pool.submit(do, thing) for thing in things]:
                done.result()


def _path(arn: str, kind: str) -> tuple[str, str]:
    """Path and name out of `…:role/service-role/name`."""
    whole = arn.split(":", 5)[5].removeprefix(kind)
    path, _, name = whole.rpartition("/")
    return f"{path}/", name


class _chosen:
    """Within the block, what this client creates gets that id."""

    def __init__(self, client: Any, identifier: str) -> None:
        self._events = client.meta.events
        self._identifier = identifier

    def __enter__(self) -> None:
        self._events.register("before-sign.*", self._add)

    def __exit__(self, *_: object) -> None:
        self._events.unregister("before-sign.*", self._add)

    def _add(self, request: Any, **_: Any) -> None:
        request.headers[ID_HEADER] = self._identifier

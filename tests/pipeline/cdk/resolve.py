"""Turns what synthesise.js wrote into snapshots of a deployed, healthy pipeline.

In this folder: `npm ci && npm run synthesise`, then from the root of the repository

    python -m tests.pipeline.cdk.resolve tests/pipeline/cdk/cdk.out \\
        tests/pipeline/cdk/node_modules/aws-cdk/lib/api/bootstrap/bootstrap-template.yaml

which writes tests/cases/healthy/cdk-*.json.

Each template's references are followed as CloudFormation would follow them, with physical names
made of the logical ones, so that the documents are the ones that AWS would hold.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from workers.pipeline.structure import pipeline_from_api, pipeline_to_api
from workers.snapshot.codec import dump, load

HERE = Path(__file__).parent
HEALTHY = HERE.parents[1] / "cases" / "healthy"
HOME = "111111111111"
REGION = "us-east-1"
NOTHING = object()
BLOCKS = (
    "block_public_acls",
    "ignore_public_acls",
    "block_public_policy",
    "restrict_public_buckets",
)
# The managed policies that the CDK attaches, as AWS publishes them.
MANAGED = json.loads((HERE / "managed.json").read_text("utf-8"))


class Stack:
    """One template in one account and region, with its references resolved."""

    def __init__(
        self, name: str, template: dict[str, Any], account: str, region: str, world: World
    ) -> None:
        self.name, self.account, self.region, self.world = name, account, region, world
        self.resources = template["Resources"]
        self.conditions = template.get("Conditions", {})
        self.parameters = {
            key: declared.get("Default", "")
            for key, declared in template.get("Parameters", {}).items()
        }

    def properties(self, id: str) -> dict[str, Any]:
        value = self.value(self.resources[id].get("Properties", {}))
        assert isinstance(value, dict)
        return value

    def of_type(self, type: str) -> list[tuple[str, dict[str, Any]]]:
        return [
            (id, self.properties(id))
            for id, resource in self.resources.items()
            if resource["Type"] == type
            and ("Condition" not in resource or self.condition(resource["Condition"]))
        ]

    def value(self, node: Any) -> Any:
        if isinstance(node, list):
            return [each for each in map(self.value, node) if each is not NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (key,) = node
            if key == "Ref":
                return self.ref(node[key])
            if key.startswith("Fn::"):
                return getattr(self, "fn_" + key[4:].lower())(node[key])
        values = {key: self.value(member) for key, member in node.items()}
        return {key: member for key, member in values.items() if member is not NOTHING}

    def ref(self, name: str) -> Any:
        pseudo = {
            "AWS::AccountId": self.account,
            "AWS::Region": self.region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": NOTHING,
            "AWS::StackName": self.name,
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        return self.physical(name)

    def fn_getatt(self, node: Any) -> str:
        id, attribute = node.split(".", 1) if isinstance(node, str) else node
        if attribute in ("Name", "TargetGroupName"):
            return self.physical(id).rsplit("/", 1)[-1]
        return self.arn(id) if attribute == "Arn" else f"{id}-{attribute}"

    def fn_join(self, node: Any) -> str:
        return str(node[0]).join(str(each) for each in self.value(node[1]))

    def fn_sub(self, node: Any) -> str:
        def fill(found: re.Match[str]) -> str:
            name = found[1]
            return self.fn_getatt(name) if "." in name else str(self.ref(name))

        return re.sub(r"\$\{([^}!]+)\}", fill, node)

    def fn_if(self, node: Any) -> Any:
        return self.value(node[1] if self.condition(node[0]) else node[2])

    def fn_select(self, node: Any) -> Any:
        return self.value(node[1])[int(node[0])]

    def fn_split(self, node: Any) -> list[str]:
        return str(self.value(node[1])).split(node[0])

    def fn_getazs(self, node: Any) -> list[str]:
        return [f"{self.region}{letter}" for letter in "abc"]

    def condition(self, name: str) -> bool:
        return self.holds(self.conditions[name])

    def holds(self, node: Any) -> bool:
        ((function, arguments),) = node.items()
        if function == "Fn::Not":
            return not self.holds(arguments[0])
        if function in ("Fn::And", "Fn::Or"):
            return (all if function == "Fn::And" else any)(map(self.holds, arguments))
        if function == "Condition":
            return self.condition(arguments)
        left, right = self.value(arguments)
        return str(left) == str(right)

    def guid(self, id: str) -> str:
        digest = hashlib.sha256(f"{self.account}/{self.name}/{id}".encode()).hexdigest()
        return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))

    def physical(self, id: str) -> str:
        """What `Ref` gives: the name, or the ARN of what is named by its ARN."""
        resource = self.resources[id]
        properties = resource.get("Properties", {})
        for key in (
            "RoleName",
            "BucketName",
            "RepositoryName",
            "ClusterName",
            "ApplicationName",
            "AliasName",
        ):
            if key in properties:
                return str(self.value(properties[key]))
        match resource["Type"]:
            case "AWS::S3::Bucket":
                return f"{self.name}-{id}".lower()[:63]
            case "AWS::KMS::Key" | "AWS::CodeCommit::Repository":
                return self.guid(id)
            case "AWS::CodePipeline::Pipeline":
                return str(self.value(properties["Name"]))
            case "AWS::EC2::VPC" | "AWS::EC2::Subnet" | "AWS::EC2::SecurityGroup":
                kind = {"VPC": "vpc", "Subnet": "subnet", "SecurityGroup": "sg"}
                short = kind[resource["Type"].rsplit(":", 1)[-1]]
                return f"{short}-{self.guid(id).replace('-', '')[:17]}"
            case (
                "AWS::SNS::Topic"
                | "AWS::StepFunctions::StateMachine"
                | "AWS::ECS::Service"
                | "AWS::ECS::TaskDefinition"
                | "AWS::SecretsManager::Secret"
            ):
                return self.arn(id)
            case _:
                return f"{self.name}-{id}"[:64]

    def arn(self, id: str) -> str:
        resource = self.resources[id]
        where = f"{self.region}:{self.account}"
        name = f"{self.name}-{id}"[:64]
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::IAM::Role":
                return f"arn:aws:iam::{self.account}:role/{self.physical(id)}"
            case "AWS::S3::Bucket":
                return f"arn:aws:s3:::{self.physical(id)}"
            case "AWS::KMS::Key":
                return f"arn:aws:kms:{where}:key/{self.guid(id)}"
            case "AWS::CodeBuild::Project":
                return f"arn:aws:codebuild:{where}:project/{self.physical(id)}"
            case "AWS::CodeCommit::Repository":
                return f"arn:aws:codecommit:{where}:{self.value(properties['RepositoryName'])}"
            case "AWS::ECR::Repository":
                return f"arn:aws:ecr:{where}:repository/{self.physical(id)}"
            case "AWS::Lambda::Function":
                return f"arn:aws:lambda:{where}:function:{self.physical(id)}"
            case "AWS::SNS::Topic":
                return f"arn:aws:sns:{where}:{name}"
            case "AWS::StepFunctions::StateMachine":
                return f"arn:aws:states:{where}:stateMachine:{name}"
            case "AWS::ECS::Service":
                return f"arn:aws:ecs:{where}:service/{self.value(properties['Cluster'])}/{name}"
            case "AWS::ECS::TaskDefinition":
                return f"arn:aws:ecs:{where}:task-definition/{name}:1"
            case "AWS::SecretsManager::Secret":
                return f"arn:aws:secretsmanager:{where}:secret:{name}-AbCdEf"
            case type:
                return f"arn:aws:{type.split('::')[1].lower()}:{where}:{name}"


class World:
    """All stacks of one app, and the CDK's bootstrap stacks of their accounts."""

    def __init__(self, folder: Path, bootstrap: dict[str, Any]) -> None:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        self.name = folder.name
        self.stacks: list[Stack] = []
        places = set()
        for id, artifact in manifest["artifacts"].items():
            if artifact["type"] != "aws:cloudformation:stack":
                continue
            account, region = artifact["environment"].removeprefix("aws://").split("/")
            places.add((account, region))
            file = folder / artifact["properties"]["templateFile"]
            template = json.loads(file.read_text("utf-8"))
            self.stacks.append(Stack(id, template, account, region, self))
        if "cdk-hnb659fds-deploy-role" in json.dumps([s.resources for s in self.stacks]):
            places |= {("222222222222", REGION)}
            for account, region in sorted(places):
                stack = Stack("CDKToolkit", bootstrap, account, region, self)
                stack.parameters["TrustedAccounts"] = HOME if account != HOME else ""
                stack.parameters["CloudFormationExecutionPolicies"] = (
                    "arn:aws:iam::aws:policy/AdministratorAccess"
                )
                self.stacks.append(stack)

    def each(self, type: str) -> list[tuple[Stack, str, dict[str, Any]]]:
        return [
            (stack, id, properties)
            for stack in self.stacks
            for id, properties in stack.of_type(type)
        ]


def snapshot_of(world: World) -> dict[str, Any]:
    (home, _, declared) = world.each("AWS::CodePipeline::Pipeline")[0]
    pipeline = pipeline_from_api(_api(declared), home.account, home.region)
    accounts = {stack.account for stack in world.stacks}
    return {
        "snapshot": 1,
        "taken_at": "2026-11-24T06:00:00Z",
        "pipeline": {
            "account": home.account,
            "region": home.region,
            **pipeline_to_api(pipeline),
            "tags": {},
        },
        "runs": [],
        "roles": _roles(world),
        "buckets": _buckets(world),
        "keys": _keys(world),
        "connections": _connections(pipeline_to_api(pipeline)),
        "projects": _projects(world),
        "memberships": dict.fromkeys(sorted(accounts)),
        "descriptions": _descriptions(world),
        "policies": _resource_policies(world),
        "events": None,
    }


def _api(node: Any) -> Any:
    """CloudFormation's property names and types as GetPipeline words them."""
    if isinstance(node, dict):
        api: dict[str, Any] = {}
        for key, member in node.items():
            name = key[0].lower() + key[1:]
            if name == "configuration":
                api[name] = {k: _text(v) for k, v in member.items()}
            elif name == "artifactStores":
                api[name] = {each["Region"]: _api(each["ArtifactStore"]) for each in member}
            elif name == "commands":
                api[name] = member
            else:
                api[name] = _api(member)
        return api
    return [_api(each) for each in node] if isinstance(node, list) else node


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


def _roles(world: World) -> dict[str, Any]:
    roles: dict[str, Any] = {}
    by_name: dict[tuple[str, str], str] = {}
    for stack, id, properties in world.each("AWS::IAM::Role"):
        arn = stack.arn(id)
        by_name[stack.account, stack.physical(id)] = arn
        policies = [
            {"name": each["PolicyName"], "document": each["PolicyDocument"]}
            for each in properties.get("Policies", [])
        ]
        attached = properties.get("ManagedPolicyArns", [])
        for managed in attached.split(",") if isinstance(attached, str) else attached:
            name = managed.rsplit("/", 1)[-1]
            document = MANAGED.get(name, {"$unreadable": "not copied into this example"})
            policies.append({"name": name, "arn": managed, "document": document})
        roles[arn] = {
            "trust": properties["AssumeRolePolicyDocument"],
            "policies": policies,
            "boundary": None,
            "tags": {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])},
        }
    for stack, _, properties in world.each("AWS::IAM::Policy"):
        for name in properties["Roles"]:
            roles[by_name[stack.account, name]]["policies"].append(
                {"name": properties["PolicyName"], "document": properties["PolicyDocument"]}
            )
    for arn in [arn for arn in roles if "/service-role/" in arn]:
        del roles[arn]
    return roles


def _buckets(world: World) -> dict[str, Any]:
    buckets: dict[str, Any] = {}
    for stack, id, properties in world.each("AWS::S3::Bucket"):
        rules = properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [])
        default = rules[0]["ServerSideEncryptionByDefault"] if rules else {}
        key = default.get("KMSMasterKeyID")
        versioning = properties.get("VersioningConfiguration", {}).get("Status")
        buckets[stack.physical(id)] = {
            "account": stack.account,
            "region": stack.region,
            "policy": None,
            "ownership": "BucketOwnerEnforced",
            "encryption_key": key,
            "public_access_block": dict.fromkeys(BLOCKS, True),
            "versioning": versioning or "Disabled",
            "tags": {},
        }
    for _, _, properties in world.each("AWS::S3::BucketPolicy"):
        buckets[properties["Bucket"]]["policy"] = properties["PolicyDocument"]
    return buckets


def _keys(world: World) -> dict[str, Any]:
    keys: dict[str, Any] = {}
    for stack, id, properties in world.each("AWS::KMS::Key"):
        keys[stack.arn(id)] = {
            "policy": properties["KeyPolicy"],
            "state": "Enabled",
            "manager": "CUSTOMER",
            "grants": [],
            "aliases": [],
            "tags": {},
        }
    for stack, _, properties in world.each("AWS::KMS::Alias"):
        target = str(properties["TargetKeyId"])
        arn = (
            target
            if target.startswith("arn:")
            else (f"arn:aws:kms:{stack.region}:{stack.account}:key/{target}")
        )
        keys[arn]["aliases"].append(properties["AliasName"])
    return keys


def _connections(pipeline: dict[str, Any]) -> dict[str, dict[str, str]]:
    actions = [action for stage in pipeline["stages"] for action in stage["actions"]]
    arns = [action.get("configuration", {}).get("ConnectionArn") for action in actions]
    return {arn: {"status": "AVAILABLE", "provider": "GitHub"} for arn in arns if arn}


def _projects(world: World) -> dict[str, Any]:
    projects: dict[str, Any] = {}
    for stack, id, properties in world.each("AWS::CodeBuild::Project"):
        variables = properties["Environment"].get("EnvironmentVariables", [])
        secrets = [each["Value"] for each in variables if each.get("Type") != "PLAINTEXT"]
        vpc = properties.get("VpcConfig", {})
        key = properties.get("EncryptionKey")
        projects[stack.arn(id)] = {
            "name": stack.physical(id),
            "service_role": properties["ServiceRole"],
            **({"encryption_key": key} if key else {}),
            **_network(vpc),
            **({"secrets": secrets} if secrets else {}),
            "tags": {},
        }
    return projects


def _network(vpc: dict[str, Any]) -> dict[str, Any]:
    if not vpc:
        return {}
    groups = vpc["SecurityGroupIds"]
    return {"vpc_id": vpc["VpcId"], "subnets": vpc["Subnets"], "security_groups": groups}


def _descriptions(world: World) -> dict[str, Any]:
    """What the Describe calls of the referenced resources answer, as far as it matters."""
    found: dict[str, Any] = {}
    for stack, id, properties in world.each("AWS::ECS::Service"):
        found[stack.arn(id)] = {
            "serviceArn": stack.arn(id),
            "taskDefinition": properties["TaskDefinition"],
        }
    for stack, id, properties in world.each("AWS::ECS::TaskDefinition"):
        roles = {"taskRoleArn": "TaskRoleArn", "executionRoleArn": "ExecutionRoleArn"}
        found[stack.arn(id)] = {
            "taskDefinitionArn": stack.arn(id),
            **{api: properties[name] for api, name in roles.items() if name in properties},
        }
    for stack, id, properties in world.each("AWS::Lambda::Function"):
        found[stack.arn(id)] = {"FunctionArn": stack.arn(id), "Role": properties["Role"]}
    for stack, id, _ in world.each("AWS::SNS::Topic"):
        found[stack.arn(id)] = {"TopicArn": stack.arn(id)}
    for stack, id, properties in world.each("AWS::CodeDeploy::DeploymentGroup"):
        application = properties["ApplicationName"]
        group = stack.physical(id)
        arn = (
            f"arn:aws:codedeploy:{stack.region}:{stack.account}"
            f":deploymentgroup:{application}/{group}"
        )
        found[arn] = {
            "InstanceProfileArns": [],
            "applicationName": application,
            "deploymentGroupName": properties.get("DeploymentGroupName", group),
            "deploymentConfigName": properties["DeploymentConfigName"],
            "serviceRoleArn": properties["ServiceRoleArn"],
        }
    for stack, id, _ in world.each("AWS::EC2::VPC"):
        found[stack.physical(id)] = {"VpcEndpoints": []}
    ((home, _, pipeline),) = world.each("AWS::CodePipeline::Pipeline")
    arn = f"arn:aws:codepipeline:{home.region}:{home.account}:{pipeline['Name']}"
    for action in (each for stage in pipeline["Stages"] for each in stage["Actions"]):
        if action["ActionTypeId"]["Provider"] == "EC2":
            tag = "{InstanceTagKey}={InstanceTagValue}".format(**action["Configuration"])
            instances = f"arn:aws:ec2:{home.region}:{home.account}:instance/tag:{tag}"
            found[instances] = {"InstanceProfileArns": []}
    rules: dict[str, Any] = {}
    for stack, id, properties in world.each("AWS::Events::Rule"):
        targets = [each for each in properties.get("Targets", []) if each["Arn"] == arn]
        if targets:
            rule = f"arn:aws:events:{stack.region}:{stack.account}:rule/{stack.physical(id)}"
            rules[rule] = {"Arn": rule, "State": properties["State"], "Targets": targets}
    found |= rules
    found[arn] = {"RuleArns": list(rules)}
    return found


def _resource_policies(world: World) -> dict[str, Any]:
    types = (
        "AWS::SNS::Topic",
        "AWS::Lambda::Function",
        "AWS::ECR::Repository",
    )
    return {stack.arn(id): None for type in types for stack, id, _ in world.each(type)}


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """The bootstrap template writes its references in the long form; dates stay text."""


_Loader.yaml_implicit_resolvers = {
    key: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def main(folder: str, template: str) -> None:
    bootstrap = yaml.load(Path(template).read_text("utf-8"), _Loader)
    HEALTHY.mkdir(exist_ok=True)
    for app in sorted(Path(folder).iterdir()):
        world = World(app, bootstrap)
        text = dump(load(json.dumps(snapshot_of(world))))
        (HEALTHY / f"cdk-{world.name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

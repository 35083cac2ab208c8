"""Each kind of document: what is kept of AWS's answer, what counts as absent, what is left out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto.iam.models import iam_backends

from tests.aws.cloud import Cloud
from tests.aws.conftest import PIPELINES, REGION, WORKLOAD
from tests.aws.world import ALLOW_ARTIFACTS, aws_managed, make_role
from workers.aws.calls import Calls, Chain
from workers.aws.documents import Home
from workers.aws.kinds import READERS
from workers.aws.sessions import Sessions
from workers.snapshot.model import Connection, Kind, Project, Reading, Reference, State

HOME = Home(PIPELINES, REGION)
HERE = f"{REGION}:{PIPELINES}"
SECRET = "hunter2-is-no-password"


def read(sessions: Sessions, kind: Kind, id: str) -> dict[tuple[str, str], Reading[Any]]:
    with Calls(sessions) as calls:
        entries = READERS[kind](Chain(calls), Reference(kind, id), HOME)
    found = {(entry.map, entry.id): entry.reading for entry in entries}
    assert SECRET not in repr(found)
    return found


def described(sessions: Sessions, kind: Kind, id: str) -> Reading[Any]:
    return read(sessions, kind, id)["descriptions", id]


def test_every_kind_can_be_read() -> None:
    assert set(READERS) == set(Kind)


# --- users -------------------------------------------------------------------------------------


def test_a_user_comes_with_the_policies_of_its_groups(cloud: Cloud, sessions: Sessions) -> None:
    iam = cloud.client("iam", PIPELINES)
    aws_managed(PIPELINES)
    document = json.dumps(ALLOW_ARTIFACTS)
    arn = iam.create_user(UserName="ada")["User"]["Arn"]
    iam.put_user_policy(UserName="ada", PolicyName="own", PolicyDocument=document)
    iam.create_group(GroupName="developers")
    iam.add_user_to_group(GroupName="developers", UserName="ada")
    iam.put_group_policy(GroupName="developers", PolicyName="inline", PolicyDocument=document)
    iam.attach_group_policy(
        GroupName="developers", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"
    )
    user = read(sessions, Kind.USER, arn)["users", arn].require()

    assert [policy.name for policy in user.policies.require()] == [
        "own",
        "developers/ReadOnlyAccess",
        "developers/inline",
    ]
    assert all(policy.document.state is State.PRESENT for policy in user.policies.require())
    assert user.boundary.state is State.ABSENT
    assert user.unique_id


def test_the_boundary_of_a_user(cloud: Cloud, sessions: Sessions) -> None:
    """As GetUser answers it (moto leaves the boundary out):
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_User.html"""
    iam = cloud.client("iam", PIPELINES)
    document = json.dumps(ALLOW_ARTIFACTS)
    bound = iam.create_policy(PolicyName="bound", PolicyDocument=document)["Policy"]["Arn"]
    arn = iam.create_user(UserName="ada")["User"]["Arn"]
    cloud.answer(
        "iam",
        "GetUser",
        f"<GetUserResponse><GetUserResult><User><UserName>ada</UserName><Arn>{arn}</Arn>"
        "<UserId>AIDA1</UserId><PermissionsBoundary><PermissionsBoundaryType>Policy"
        f"</PermissionsBoundaryType><PermissionsBoundaryArn>{bound}</PermissionsBoundaryArn>"
        "</PermissionsBoundary></User></GetUserResult></GetUserResponse>",
    )
    user = read(sessions, Kind.USER, arn)["users", arn].require()
    assert user.boundary.require().arn == bound
    assert json.loads(user.boundary.require().document.require()) == ALLOW_ARTIFACTS


def test_a_group_that_is_refused_leaves_a_hole_and_not_silence(
    cloud: Cloud, sessions: Sessions
) -> None:
    iam = cloud.client("iam", PIPELINES)
    arn = iam.create_user(UserName="ada")["User"]["Arn"]
    iam.create_group(GroupName="developers")
    iam.add_user_to_group(GroupName="developers", UserName="ada")
    cloud.refuse("iam", "ListGroupPolicies")
    cloud.refuse("iam", "ListAttachedGroupPolicies")
    user = read(sessions, Kind.USER, arn)["users", arn].require()
    (hole,) = user.policies.require()
    assert (hole.name, hole.document.state) == ("developers/policies", State.UNREADABLE)


def test_a_user_that_is_gone_is_absent(cloud: Cloud, sessions: Sessions) -> None:
    arn = f"arn:aws:iam::{PIPELINES}:user/ada"
    assert read(sessions, Kind.USER, arn)["users", arn].state is State.ABSENT


@pytest.mark.parametrize("kind", [Kind.ROLE, Kind.USER])
@pytest.mark.parametrize("id", ["", "ada", "arn:aws:s3:::bucket", "arn:aws:iam::1:group/g"])
def test_what_is_no_principal_is_not_asked_for(
    cloud: Cloud, sessions: Sessions, kind: Kind, id: str
) -> None:
    ((reading),) = read(sessions, kind, id).values()
    assert reading.state is State.UNREADABLE
    assert cloud.calls == []


def test_a_role_with_path_and_boundary(cloud: Cloud, sessions: Sessions) -> None:
    iam = cloud.client("iam", PIPELINES)
    document = json.dumps(ALLOW_ARTIFACTS)
    bound = iam.create_policy(PolicyName="bound", PolicyDocument=document)["Policy"]["Arn"]
    arn = make_role(cloud, PIPELINES, "Deploy", Path="/teams/shop/", PermissionsBoundary=bound)
    role = read(sessions, Kind.ROLE, arn)["roles", arn].require()
    assert arn.endswith("role/teams/shop/Deploy")
    assert json.loads(role.boundary.require().document.require()) == ALLOW_ARTIFACTS


def test_the_newest_text_of_a_managed_policy_is_the_default_version(
    cloud: Cloud, sessions: Sessions
) -> None:
    iam = cloud.client("iam", PIPELINES)
    old = json.dumps(ALLOW_ARTIFACTS)
    arn = iam.create_policy(PolicyName="p", PolicyDocument=old)["Policy"]["Arn"]
    new = old.replace("GetObject", "PutObject")
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=new, SetAsDefault=False)
    role = make_role(cloud, PIPELINES, "R", attached=(arn,))
    (policy,) = read(sessions, Kind.ROLE, role)["roles", role].require().policies.require()
    assert policy.document.require() == old
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    (policy,) = read(sessions, Kind.ROLE, role)["roles", role].require().policies.require()
    assert policy.document.require() == new


def test_a_text_that_is_no_json_is_kept(cloud: Cloud, sessions: Sessions) -> None:
    role = make_role(cloud, PIPELINES, "R")
    broken = '{"Version": "2012-10-17", // a comment\n "Statement": [{{account}}],}'
    iam_backends[PIPELINES]["aws"].get_role("R").policies["broken"] = broken
    (policy,) = read(sessions, Kind.ROLE, role)["roles", role].require().policies.require()
    assert policy.document.require() == broken


# --- connections and projects --------------------------------------------------------------------


@pytest.mark.parametrize("service", ["codeconnections", "codestar-connections"])
def test_a_connection_is_asked_for_under_its_own_prefix(
    cloud: Cloud, sessions: Sessions, service: str
) -> None:
    arn = f"arn:aws:{service}:{HERE}:connection/c"
    answer = {"ConnectionArn": arn, "ConnectionStatus": "PENDING", "ProviderType": "GitHub"}
    cloud.answer(service, "GetConnection", {"Connection": answer})
    found = read(sessions, Kind.CONNECTION, arn)["connections", arn].require()
    assert isinstance(found, Connection)
    assert (found.status.require(), found.provider) == ("PENDING", "GitHub")
    assert len(cloud.made(service)) == 1


def test_a_connection_that_is_refused_is_there_with_an_unknown_status(
    cloud: Cloud, sessions: Sessions
) -> None:
    arn = f"arn:aws:codeconnections:{HERE}:connection/c"
    cloud.refuse("codeconnections", "GetConnection", code="AccessDeniedException", status=400)
    found = read(sessions, Kind.CONNECTION, arn)["connections", arn].require()
    assert "may not codeconnections:GetConnection" in found.status.why


def test_a_connection_that_was_deleted_is_absent(cloud: Cloud, sessions: Sessions) -> None:
    arn = f"arn:aws:codeconnections:{HERE}:connection/c"
    cloud.refuse("codeconnections", "GetConnection", code="ResourceNotFoundException", status=400)
    assert read(sessions, Kind.CONNECTION, arn)["connections", arn].state is State.ABSENT


def test_a_project_keeps_the_names_of_secrets_and_no_values(
    cloud: Cloud, sessions: Sessions
) -> None:
    arn = f"arn:aws:codebuild:{HERE}:project/build"
    secret = f"arn:aws:secretsmanager:{HERE}:secret:db-a1B2c3"
    project = {
        "name": "build",
        "arn": arn,
        "serviceRole": f"arn:aws:iam::{PIPELINES}:role/Build",
        "encryptionKey": f"arn:aws:kms:{HERE}:alias/aws/s3",
        "source": {"type": "CODEPIPELINE"},
        "vpcConfig": {"vpcId": "vpc-1", "subnets": ["subnet-1"], "securityGroupIds": ["sg-1"]},
        "logsConfig": {"cloudWatchLogs": {"status": "ENABLED", "groupName": "/builds"}},
        "environment": {
            "image": f"{PIPELINES}.dkr.ecr.eu-west-1.amazonaws.com/base:1",
            "imagePullCredentialsType": "SERVICE_ROLE",
            "environmentVariables": [
                {"name": "PLAIN", "value": SECRET, "type": "PLAINTEXT"},
                {"name": "OLD", "value": SECRET},
                {"name": "DB", "value": f"{secret}:password::", "type": "SECRETS_MANAGER"},
                {"name": "API", "value": "api-key:token", "type": "SECRETS_MANAGER"},
                {"name": "P", "value": "/shop/token", "type": "PARAMETER_STORE"},
            ],
        },
        "tags": [{"key": "team", "value": "shop"}],
    }
    cloud.answer("codebuild", "BatchGetProjects", {"projects": [project]})
    found = read(sessions, Kind.PROJECT, arn)["projects", arn].require()
    assert isinstance(found, Project)
    assert (found.vpc_id, found.subnets, found.log_group) == ("vpc-1", ("subnet-1",), "/builds")
    assert found.security_groups == ("sg-1",)
    assert (found.image.rpartition("/")[2], found.pulls_image) == ("base:1", True)
    assert found.secrets == (
        secret,
        f"arn:aws:secretsmanager:{HERE}:secret:api-key-??????",
        f"arn:aws:ssm:{HERE}:parameter/shop/token",
    )
    assert found.tags.require() == {"team": "shop"}


@pytest.mark.parametrize(
    ("configured", "told"),
    [
        ({}, (True, None)),
        ({"cloudWatchLogs": {"status": "DISABLED"}}, (False, None)),
        (
            {"cloudWatchLogs": {"status": "DISABLED"},
             "s3Logs": {"status": "ENABLED", "location": "logs/builds/"}},
            (False, "logs/builds"),
        ),
        ({"s3Logs": {"status": "ENABLED", "location": "arn:aws:s3:::logs/a"}}, (True, "logs/a")),
        ({"s3Logs": {"status": "DISABLED", "location": "logs/a"}}, (True, None)),
    ],
    ids=["nothing said", "off", "in S3 only", "an ARN", "S3 off"],
)  # fmt: skip
def test_a_project_says_where_its_logs_go(
    cloud: Cloud, sessions: Sessions, configured: dict[str, Any], told: tuple[bool, str | None]
) -> None:
    """https://docs.aws.amazon.com/codebuild/latest/APIReference/API_LogsConfig.html"""
    arn = f"arn:aws:codebuild:{HERE}:project/build"
    project = {"name": "build", "arn": arn, "logsConfig": configured}
    cloud.answer("codebuild", "BatchGetProjects", {"projects": [project]})
    found = read(sessions, Kind.PROJECT, arn)["projects", arn].require()
    assert (found.cloudwatch_logs, found.s3_logs) == told


def test_a_project_that_is_not_found_is_absent(cloud: Cloud, sessions: Sessions) -> None:
    arn = f"arn:aws:codebuild:{HERE}:project/build"
    cloud.answer("codebuild", "BatchGetProjects", {"projects": [], "projectsNotFound": [arn]})
    assert read(sessions, Kind.PROJECT, arn)["projects", arn].state is State.ABSENT


# --- what actions work with ----------------------------------------------------------------------


def test_a_function_has_a_role_and_a_policy_and_no_environment(
    cloud: Cloud, sessions: Sessions
) -> None:
    arn = f"arn:aws:lambda:{HERE}:function:notify"
    answer = {
        "FunctionName": "notify",
        "FunctionArn": arn,
        "Role": f"arn:aws:iam::{PIPELINES}:role/Notify",
        "Environment": {"Variables": {"TOKEN": SECRET}},
    }
    base = f"GET /2015-03-31/functions/{arn}"
    cloud.answer("lambda", f"{base}/configuration", answer)
    cloud.answer("lambda", f"{base}/policy", {"Policy": '{"Statement":[]}', "RevisionId": "1"})
    found = read(sessions, Kind.FUNCTION, arn)
    assert found["descriptions", arn].require()["Role"] == f"arn:aws:iam::{PIPELINES}:role/Notify"
    assert found["policies", arn].require() == '{"Statement":[]}'


def test_a_function_without_a_policy_has_none(cloud: Cloud, sessions: Sessions) -> None:
    arn = f"arn:aws:lambda:{HERE}:function:notify"
    base = f"GET /2015-03-31/functions/{arn}"
    cloud.answer("lambda", f"{base}/configuration", {"FunctionName": "notify"})
    cloud.refuse("lambda", f"{base}/policy", code="ResourceNotFoundException", status=404)
    found = read(sessions, Kind.FUNCTION, arn)
    assert found["descriptions", arn].state is State.PRESENT
    assert found["policies", arn].state is State.ABSENT


def test_an_ecs_service_leads_to_its_task_definition(cloud: Cloud, sessions: Sessions) -> None:
    service = f"arn:aws:ecs:{HERE}:service/shop/web"
    task = f"arn:aws:ecs:{HERE}:task-definition/web:7"
    cloud.answer(
        "ecs",
        "DescribeServices",
        {"services": [{"serviceName": "web", "serviceArn": service, "taskDefinition": task}]},
    )
    cloud.answer(
        "ecs",
        "DescribeTaskDefinition",
        {
            "taskDefinition": {
                "taskDefinitionArn": task,
                "taskRoleArn": f"arn:aws:iam::{PIPELINES}:role/Task",
                "executionRoleArn": f"arn:aws:iam::{PIPELINES}:role/Exec",
                "containerDefinitions": [
                    {
                        "name": "web",
                        "image": "web:1",
                        "environment": [{"name": "T", "value": SECRET}],
                        "secrets": [{"name": "S", "valueFrom": "arn:aws:ssm:x"}],
                    }
                ],
            }
        },
    )
    assert described(sessions, Kind.ECS_SERVICE, service).require()["taskDefinition"] == task
    (call,) = cloud.made("ecs")
    assert json.loads(call.body) == {"cluster": "shop", "services": ["web"]}
    found = described(sessions, Kind.TASK_DEFINITION, task).require()
    assert found["executionRoleArn"] == f"arn:aws:iam::{PIPELINES}:role/Exec"
    assert found["containerDefinitions"][0]["secrets"] == [
        {"name": "S", "valueFrom": "arn:aws:ssm:x"}
    ]


def test_ecs_says_in_two_ways_that_there_is_none(cloud: Cloud, sessions: Sessions) -> None:
    service = f"arn:aws:ecs:{HERE}:service/shop/web"
    failure = {"arn": service, "reason": "MISSING"}
    cloud.answer("ecs", "DescribeServices", {"services": [], "failures": [failure]})
    assert described(sessions, Kind.ECS_SERVICE, service).state is State.ABSENT
    cloud.refuse("ecs", "DescribeServices", code="ClusterNotFoundException", status=400)
    assert described(sessions, Kind.ECS_SERVICE, service).state is State.ABSENT


def test_a_deployment_group_lists_the_profiles_of_the_instances_it_means(
    cloud: Cloud, sessions: Sessions
) -> None:
    arn = f"arn:aws:codedeploy:{HERE}:deploymentgroup:shop/blue"
    tags = [{"Key": "app", "Value": "shop", "Type": "KEY_AND_VALUE"}]
    stages = [{"Key": "stage", "Value": "blue", "Type": "KEY_AND_VALUE"}]
    cloud.answer(
        "codedeploy",
        "GetDeploymentGroup",
        {
            "deploymentGroupInfo": {
                "applicationName": "shop",
                "deploymentGroupName": "blue",
                "deploymentConfigName": "CodeDeployDefault.AllAtOnce",
                "serviceRoleArn": f"arn:aws:iam::{PIPELINES}:role/CodeDeploy",
                "ec2TagSet": {"ec2TagSetList": [tags, stages]},
            }
        },
    )

    def instance(profile: str, stage: str) -> str:
        return (
            "<item><iamInstanceProfile><arn>"
            f"arn:aws:iam::{PIPELINES}:instance-profile/{profile}</arn></iamInstanceProfile>"
            "<tagSet><item><key>app</key><value>shop</value></item>"
            f"<item><key>stage</key><value>{stage}</value></item></tagSet></item>"
        )

    cloud.answer(
        "ec2",
        "DescribeInstances",
        "<DescribeInstancesResponse><reservationSet><item><instancesSet>"
        f"{instance('Web', 'blue')}{instance('Other', 'green')}"
        "</instancesSet></item></reservationSet></DescribeInstancesResponse>",
    )
    found = described(sessions, Kind.DEPLOYMENT_GROUP, arn).require()
    assert found["InstanceProfileArns"] == [f"arn:aws:iam::{PIPELINES}:instance-profile/Web"]
    assert found["deploymentConfigName"] == "CodeDeployDefault.AllAtOnce"
    (call,) = cloud.made("ec2")
    assert "Filter.1.Name=tag%3Aapp&Filter.1.Value.1=shop" in call.body


def test_instances_that_may_not_be_listed_leave_the_profiles_out(
    cloud: Cloud, sessions: Sessions
) -> None:
    arn = f"arn:aws:codedeploy:{HERE}:deploymentgroup:shop/blue"
    filters = [{"Key": "app", "Type": "KEY_ONLY"}]
    group = {"applicationName": "shop", "ec2TagFilters": filters}
    cloud.answer("codedeploy", "GetDeploymentGroup", {"deploymentGroupInfo": group})
    cloud.refuse("ec2", "DescribeInstances", code="UnauthorizedOperation")
    assert "InstanceProfileArns" not in described(sessions, Kind.DEPLOYMENT_GROUP, arn).require()


@pytest.mark.parametrize(
    ("tag", "asked"),
    [
        ("app=shop", "Filter.1.Name=tag%3Aapp&Filter.1.Value.1=shop"),
        ("app", "Filter.1.Name=tag-key&Filter.1.Value.1=app"),
    ],
    ids=["a value", "any value"],
)
def test_the_instances_of_a_tag_lead_to_their_profiles(
    cloud: Cloud, sessions: Sessions, tag: str, asked: str
) -> None:
    arn = f"arn:aws:ec2:{HERE}:instance/tag:{tag}"
    profile = f"arn:aws:iam::{PIPELINES}:instance-profile/Web"
    instance = (
        f"<item><iamInstanceProfile><arn>{profile}</arn></iamInstanceProfile>"
        "<tagSet><item><key>app</key><value>shop</value></item></tagSet></item>"
    )
    cloud.answer(
        "ec2",
        "DescribeInstances",
        "<DescribeInstancesResponse><reservationSet><item><instancesSet>"
        f"{instance}{instance}</instancesSet></item></reservationSet></DescribeInstancesResponse>",
    )
    found = described(sessions, Kind.INSTANCES, arn).require()
    assert found == {"InstanceProfileArns": [profile]}
    (call,) = cloud.made("ec2")
    assert asked in call.body


def test_instances_of_a_tag_that_may_not_be_listed_are_unreadable(
    cloud: Cloud, sessions: Sessions
) -> None:
    cloud.refuse("ec2", "DescribeInstances", code="UnauthorizedOperation")
    arn = f"arn:aws:ec2:{HERE}:instance/tag:app=shop"
    assert described(sessions, Kind.INSTANCES, arn).state is State.UNREADABLE


def test_an_instance_profile_leads_to_its_role(cloud: Cloud, sessions: Sessions) -> None:
    iam = cloud.client("iam", PIPELINES)
    role = make_role(cloud, PIPELINES, "Web")
    arn = iam.create_instance_profile(InstanceProfileName="Web")["InstanceProfile"]["Arn"]
    iam.add_role_to_instance_profile(InstanceProfileName="Web", RoleName="Web")
    found = described(sessions, Kind.INSTANCE_PROFILE, arn).require()
    assert found == {"Arn": arn, "Roles": [role]}


def test_a_topic_has_a_policy_and_a_key(cloud: Cloud, sessions: Sessions) -> None:
    sns = cloud.client("sns", PIPELINES)
    arn = sns.create_topic(Name="approvals", Attributes={"KmsMasterKeyId": "alias/x"})["TopicArn"]
    found = read(sessions, Kind.TOPIC, arn)
    assert found["descriptions", arn].require()["KmsMasterKeyId"] == "alias/x"
    assert "Statement" in json.loads(found["policies", arn].require())
    gone = arn.replace("approvals", "gone")
    assert {each.state for each in read(sessions, Kind.TOPIC, gone).values()} == {State.ABSENT}


def test_an_image_repository_has_a_policy(cloud: Cloud, sessions: Sessions) -> None:
    ecr = cloud.client("ecr", WORKLOAD)
    arn = ecr.create_repository(repositoryName="shop/web")["repository"]["repositoryArn"]
    found = read(sessions, Kind.REPOSITORY, arn)
    assert found["descriptions", arn].require()["repositoryName"] == "shop/web"
    assert found["policies", arn].state is State.ABSENT
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage", "Sid": "x"}
            ],
        }
    )
    ecr.set_repository_policy(repositoryName="shop/web", policyText=policy)
    document = read(sessions, Kind.REPOSITORY, arn)["policies", arn].require()
    assert json.loads(document)["Statement"][0]["Sid"] == "x"


def test_a_code_repository_has_no_policy(cloud: Cloud, sessions: Sessions) -> None:
    cloud.client("codecommit", PIPELINES).create_repository(repositoryName="shop")
    arn = f"arn:aws:codecommit:{HERE}:shop"
    found = read(sessions, Kind.REPOSITORY, arn)
    assert found["descriptions", arn].require()["repositoryName"] == "shop"
    assert found["policies", arn].state is State.ABSENT


def test_a_stack_is_found_by_an_arn_without_its_random_part(
    cloud: Cloud, sessions: Sessions
) -> None:
    template = json.dumps({"Resources": {"T": {"Type": "AWS::SNS::Topic"}}, "Outputs": {}})
    cloud.client("cloudformation", PIPELINES).create_stack(
        StackName="shop", TemplateBody=template, Tags=[{"Key": "team", "Value": SECRET[:4]}]
    )
    arn = f"arn:aws:cloudformation:{HERE}:stack/shop/*"
    found = described(sessions, Kind.STACK, arn).require()
    assert (found["StackName"], found["StackStatus"]) == ("shop", "CREATE_COMPLETE")
    gone = f"arn:aws:cloudformation:{HERE}:stack/none/*"
    assert described(sessions, Kind.STACK, gone).state is State.ABSENT


def test_the_rules_that_start_a_pipeline_are_found_by_its_arn(
    cloud: Cloud, sessions: Sessions
) -> None:
    pipeline = f"arn:aws:codepipeline:{HERE}:shop"
    starter = f"arn:aws:iam::{PIPELINES}:role/service-role/cwe-role"
    events = cloud.client("events", PIPELINES)
    rule = events.put_rule(Name="on-push", EventPattern='{"source":["aws.codecommit"]}')["RuleArn"]
    events.put_targets(Rule="on-push", Targets=[{"Id": "p", "Arn": pipeline, "RoleArn": starter}])
    found = read(sessions, Kind.EVENT_RULE, pipeline)
    assert found["descriptions", pipeline].require() == {"RuleArns": [rule]}
    targets = found["descriptions", rule].require()["Targets"]
    assert targets == [{"Id": "p", "Arn": pipeline, "RoleArn": starter}]
    assert described(sessions, Kind.EVENT_RULE, rule).require()["State"] == "ENABLED"


def test_an_event_bus_has_a_policy_or_none(cloud: Cloud, sessions: Sessions) -> None:
    events = cloud.client("events", PIPELINES)
    arn = events.create_event_bus(Name="shop")["EventBusArn"]
    assert read(sessions, Kind.EVENT_BUS, arn)["policies", arn].state is State.ABSENT
    events.put_permission(
        EventBusName="shop", Action="events:PutEvents", Principal=WORKLOAD, StatementId="in"
    )
    policy = json.loads(read(sessions, Kind.EVENT_BUS, arn)["policies", arn].require())
    assert policy["Statement"][0]["Sid"] == "in"


def test_the_endpoints_of_a_vpc_come_with_their_policies(cloud: Cloud, sessions: Sessions) -> None:
    ec2 = cloud.client("ec2", PIPELINES)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    policy = '{"Version":"2012-10-17","Statement":[]}'
    ec2.create_vpc_endpoint(
        VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.s3", PolicyDocument=policy
    )
    (endpoint,) = described(sessions, Kind.VPC_ENDPOINTS, vpc).require()["VpcEndpoints"]
    assert endpoint["ServiceName"] == f"com.amazonaws.{REGION}.s3"
    assert endpoint["PolicyDocument"] == policy
    assert described(sessions, Kind.VPC_ENDPOINTS, "vpc-none").require() == {"VpcEndpoints": []}


@pytest.mark.parametrize(
    ("status", "kept"),
    [("Enabled", "Enabled"), (None, "Off")],
)
def test_a_bucket_with_everything(
    cloud: Cloud, sessions: Sessions, status: str | None, kept: str
) -> None:
    s3 = cloud.client("s3", PIPELINES)
    s3.create_bucket(Bucket="artifacts-x", CreateBucketConfiguration={"LocationConstraint": REGION})
    key = f"arn:aws:kms:{HERE}:key/k"
    s3.put_bucket_encryption(
        Bucket="artifacts-x",
        ServerSideEncryptionConfiguration={
            "Rules": [
                {
                    "ApplyServerSideEncryptionByDefault": {
                        "SSEAlgorithm": "aws:kms",
                        "KMSMasterKeyID": key,
                    },
                    "BucketKeyEnabled": True,
                }
            ]
        },
    )
    s3.put_bucket_ownership_controls(
        Bucket="artifacts-x", OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )
    s3.put_public_access_block(
        Bucket="artifacts-x",
        PublicAccessBlockConfiguration={"BlockPublicAcls": True, "RestrictPublicBuckets": True},
    )
    s3.put_bucket_tagging(
        Bucket="artifacts-x", Tagging={"TagSet": [{"Key": "team", "Value": "shop"}]}
    )
    if status:
        s3.put_bucket_versioning(Bucket="artifacts-x", VersioningConfiguration={"Status": status})
    found = read(sessions, Kind.BUCKET, "artifacts-x")["buckets", "artifacts-x"].require()
    assert found.encryption_key.require() == key
    assert found.bucket_key.require() is True
    assert found.ownership.require() == "ObjectWriter"
    assert found.public_access_block.require().block_public_acls is True
    assert found.public_access_block.require().block_public_policy is False
    assert found.public_access_block.require().restrict_public_buckets is True
    assert found.versioning.require() == kept
    assert found.tags.require() == {"team": "shop"}


def test_encryption_with_kms_and_no_key_is_the_aws_managed_key(
    cloud: Cloud, sessions: Sessions
) -> None:
    s3 = cloud.client("s3", PIPELINES, "us-east-1")
    s3.create_bucket(Bucket="artifacts-y")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    s3.put_bucket_encryption(
        Bucket="artifacts-y", ServerSideEncryptionConfiguration={"Rules": [rule]}
    )
    found = read(sessions, Kind.BUCKET, "artifacts-y")["buckets", "artifacts-y"].require()
    assert found.encryption_key.require() == "alias/aws/s3"
    assert found.bucket_key.require() is False
    assert found.region == "us-east-1"


def test_the_grants_of_a_key(cloud: Cloud, sessions: Sessions) -> None:
    kms = cloud.client("kms", PIPELINES)
    key = kms.create_key()["KeyMetadata"]["Arn"]
    grantee = f"arn:aws:iam::{WORKLOAD}:role/Deploy"
    kms.create_grant(
        KeyId=key,
        GranteePrincipal=grantee,
        Operations=["Decrypt"],
        Constraints={"EncryptionContextSubset": {"aws:s3:arn": "x"}},
    )
    (grant,) = read(sessions, Kind.KEY, key)["keys", key].require().grants.require()
    assert (grant.grantee, grant.operations) == (grantee, ("Decrypt",))
    assert grant.encryption_context_subset == {"aws:s3:arn": "x"}
    assert grant.encryption_context_equals == {}


def test_a_key_that_is_gone_is_absent(cloud: Cloud, sessions: Sessions) -> None:
    key = f"arn:aws:kms:{HERE}:key/11111111-2222-3333-4444-555555555555"
    assert read(sessions, Kind.KEY, key)["keys", key].state is State.ABSENT


# --- the pipeline's own secrets -------------------------------------------------------------------


def test_a_pipeline_is_kept_without_tokens_and_plain_values(
    cloud: Cloud, sessions: Sessions
) -> None:
    from workers.aws.pipelines import read_pipeline

    variables = json.dumps(
        [
            {"name": "A", "value": SECRET, "type": "PLAINTEXT"},
            {"name": "B", "value": "db", "type": "SECRETS_MANAGER"},
        ]
    )
    build = {
        "name": "Build",
        "actionTypeId": {"category": "Build", "owner": "AWS", "provider": "CodeBuild"},
        "configuration": {"ProjectName": "b", "EnvironmentVariables": variables},
    }
    source = {
        "name": "Source",
        "actionTypeId": {"category": "Source", "owner": "ThirdParty", "provider": "GitHub"},
        "configuration": {"Owner": "acme", "OAuthToken": SECRET},
    }
    commands = {
        "name": "Run",
        "actionTypeId": {"category": "Compute", "owner": "AWS", "provider": "Commands"},
        "commands": ["make"],
        "environmentVariables": [
            {"name": "P", "value": SECRET},
            {"name": "S", "value": "db", "type": "SECRETS_MANAGER"},
        ],
    }
    pipeline = {
        "name": "shop",
        "pipelineType": "V2",
        "artifactStores": {
            REGION: {"type": "S3", "location": "artifacts-a"},
            "us-east-1": {"type": "S3", "location": "artifacts-b"},
        },
        "stages": [
            {
                "name": "All",
                "actions": [source, build, commands],
                "beforeEntry": {
                    "conditions": [
                        {
                            "result": "FAIL",
                            "rules": [
                                {
                                    "name": "Alarm",
                                    "ruleTypeId": {
                                        "category": "Rule",
                                        "owner": "AWS",
                                        "provider": "CloudWatchAlarm",
                                    },
                                    "configuration": {"AlarmName": "red"},
                                    "roleArn": f"arn:aws:iam::{PIPELINES}:role/Rule",
                                }
                            ],
                        }
                    ]
                },
            }
        ],
        "version": 3,
    }
    cloud.answer("codepipeline", "GetPipeline", {"pipeline": pipeline})
    cloud.answer("codepipeline", "ListTagsForResource", {"tags": []})
    with Calls(sessions) as calls:
        found = read_pipeline(Chain(calls), "shop", PIPELINES, REGION).require()

    assert SECRET not in repr(found)
    assert (found.type, found.version) == ("V2", 3)
    assert {store.region: store.bucket for store in found.stores} == {
        REGION: "artifacts-a",
        "us-east-1": "artifacts-b",
    }
    assert found.actions[0].configuration == {"Owner": "acme"}
    assert json.loads(found.actions[1].configuration["EnvironmentVariables"]) == [
        {"name": "A", "type": "PLAINTEXT"},
        {"name": "B", "value": "db", "type": "SECRETS_MANAGER"},
    ]
    assert found.actions[2].environment == (
        {"name": "P"},
        {"name": "S", "value": "db", "type": "SECRETS_MANAGER"},
    )
    (rule,) = found.stages[0].rules
    assert (rule.when, rule.type.provider) == ("beforeEntry", "CloudWatchAlarm")
    assert rule.role_arn == f"arn:aws:iam::{PIPELINES}:role/Rule"

"""The reference pipeline as a snapshot: three accounts, two regions, fourteen actions, all healthy.

Written by hand from AWS's pages on service roles, cross-account and cross-region pipelines; every
test starts from a copy and breaks one thing.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

TOOLS, STAGING, PROD = "111111111111", "222222222222", "333333333333"
HOME, AWAY = "eu-west-1", "us-east-1"
NAME = "payments-deploy"
BUCKET, AWAY_BUCKET, SOURCE_BUCKET, SITE_BUCKET = (
    "payments-artifacts",
    "payments-artifacts-us",
    "payments-config",
    "payments-site",
)
KEY = f"arn:aws:kms:{HOME}:{TOOLS}:key/11111111-aaaa-4bbb-8ccc-000000000001"
AWAY_KEY = f"arn:aws:kms:{AWAY}:{TOOLS}:key/22222222-aaaa-4bbb-8ccc-000000000002"
SITE_KEY = f"arn:aws:kms:{HOME}:{TOOLS}:key/33333333-aaaa-4bbb-8ccc-000000000003"
CONNECTION = (
    f"arn:aws:codestar-connections:{HOME}:{TOOLS}:connection/aaaaaaaa-1111-4222-8333-bbbbbbbbbbbb"
)
TOPIC = f"arn:aws:sns:{HOME}:{TOOLS}:payments-approvals"
FUNCTION = f"arn:aws:lambda:{HOME}:{TOOLS}:function:payments-smoke"
MACHINE = f"arn:aws:states:{HOME}:{TOOLS}:stateMachine:payments-verify"


def role(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:role/{name}"


SERVICE = role(TOOLS, "PaymentsPipeline")
BUILD = role(TOOLS, "PaymentsBuild")
TEST = role(TOOLS, "PaymentsTest")
SMOKE = role(TOOLS, "PaymentsSmoke")
STAGING_DEPLOY = role(STAGING, "PaymentsDeploy")
STAGING_STACK = role(STAGING, "PaymentsStack")
STAGING_TASK = role(STAGING, "PaymentsTask")
STAGING_TASK_START = role(STAGING, "PaymentsTaskStart")
PROD_DEPLOY = role(PROD, "PaymentsDeploy")
PROD_STACK = role(PROD, "PaymentsStack")
PROD_INSTANCE = role(PROD, "PaymentsServer")

READ_OBJECT = ["s3:GetObject", "s3:GetObjectVersion"]
WRITE_OBJECT = ["s3:PutObject", "s3:PutObjectAcl"]
LOOK_AT_BUCKET = [
    "s3:GetBucketAcl",
    "s3:GetBucketLocation",
    "s3:GetBucketVersioning",
    "s3:ListBucket",
]
USE_KEY = [
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey*",
    "kms:ReEncrypt*",
]


def allow(
    sid: str, actions: str | Sequence[str], resources: str | Sequence[str], **rest: Any
) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": actions if isinstance(actions, str) else list(actions),
        "Resource": resources if isinstance(resources, str) else list(resources),
        **rest,
    }


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trusting(*principals: str) -> dict[str, Any]:
    named = (
        {"AWS": list(principals)}
        if principals[0].startswith("arn:")
        else {"Service": list(principals)}
    )
    return document({"Effect": "Allow", "Principal": named, "Action": "sts:AssumeRole"})


def s3(bucket: str, suffix: str = "") -> str:
    return f"arn:aws:s3:::{bucket}{suffix}"


def action(
    name: str,
    category: str,
    provider: str,
    configuration: dict[str, str],
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    **rest: Any,
) -> dict[str, Any]:
    return {
        "name": name,
        "actionTypeId": {
            "category": category,
            "owner": "AWS",
            "provider": provider,
            "version": "1",
        },
        "configuration": configuration,
        "inputArtifacts": [{"name": each} for each in inputs],
        "outputArtifacts": [{"name": each} for each in outputs],
        **rest,
    }


def pipeline() -> dict[str, Any]:
    stack = {"Capabilities": "CAPABILITY_IAM", "TemplatePath": "Built::stack.yaml"}
    return {
        "name": NAME,
        "account": TOOLS,
        "region": HOME,
        "roleArn": SERVICE,
        "pipelineType": "V2",
        "artifactStores": {
            HOME: {"type": "S3", "location": BUCKET, "encryptionKey": {"id": KEY, "type": "KMS"}},
            AWAY: {
                "type": "S3",
                "location": AWAY_BUCKET,
                "encryptionKey": {"id": AWAY_KEY, "type": "KMS"},
            },
        },
        "stages": [
            {
                "name": "Source",
                "actions": [
                    action(
                        "App",
                        "Source",
                        "CodeStarSourceConnection",
                        {
                            "ConnectionArn": CONNECTION,
                            "FullRepositoryId": "example-org/payments",
                            "BranchName": "main",
                        },
                        outputs=["App"],
                    ),
                    action(
                        "Config",
                        "Source",
                        "S3",
                        {"S3Bucket": SOURCE_BUCKET, "S3ObjectKey": "config.zip"},
                        outputs=["Config"],
                    ),
                ],
            },
            {
                "name": "Build",
                "actions": [
                    action(
                        "Build",
                        "Build",
                        "CodeBuild",
                        {"ProjectName": "payments-build"},
                        ["App"],
                        ["Built"],
                    ),
                    action("Test", "Test", "CodeBuild", {"ProjectName": "payments-test"}, ["App"]),
                ],
            },
            {
                "name": "Staging",
                "actions": [
                    action(
                        "Prepare",
                        "Deploy",
                        "CloudFormation",
                        {
                            "ActionMode": "CHANGE_SET_REPLACE",
                            "StackName": "payments",
                            "ChangeSetName": "release",
                            "RoleArn": STAGING_STACK,
                            **stack,
                        },
                        ["Built"],
                        roleArn=STAGING_DEPLOY,
                    ),
                    action(
                        "Execute",
                        "Deploy",
                        "CloudFormation",
                        {
                            "ActionMode": "CHANGE_SET_EXECUTE",
                            "StackName": "payments",
                            "ChangeSetName": "release",
                        },
                        roleArn=STAGING_DEPLOY,
                        runOrder=2,
                    ),
                    action(
                        "Service",
                        "Deploy",
                        "ECS",
                        {
                            "ClusterName": "payments",
                            "ServiceName": "api",
                            "FileName": "images.json",
                        },
                        ["Built"],
                        roleArn=STAGING_DEPLOY,
                        runOrder=3,
                    ),
                    action(
                        "UsStack",
                        "Deploy",
                        "CloudFormation",
                        {
                            "ActionMode": "CREATE_UPDATE",
                            "StackName": "payments-us",
                            "RoleArn": STAGING_STACK,
                            **stack,
                        },
                        ["Built"],
                        roleArn=STAGING_DEPLOY,
                        region=AWAY,
                        runOrder=4,
                    ),
                ],
            },
            {
                "name": "Verify",
                "actions": [
                    action("Smoke", "Invoke", "Lambda", {"FunctionName": "payments-smoke"}),
                    action("Flow", "Invoke", "StepFunctions", {"StateMachineArn": MACHINE}),
                    action("Approve", "Approval", "Manual", {"NotificationArn": TOPIC}, runOrder=2),
                ],
            },
            {
                "name": "Prod",
                "actions": [
                    action(
                        "Stack",
                        "Deploy",
                        "CloudFormation",
                        {
                            "ActionMode": "CREATE_UPDATE",
                            "StackName": "payments",
                            "RoleArn": PROD_STACK,
                            **stack,
                        },
                        ["Built"],
                        roleArn=PROD_DEPLOY,
                    ),
                    action(
                        "Servers",
                        "Deploy",
                        "CodeDeploy",
                        {"ApplicationName": "payments", "DeploymentGroupName": "servers"},
                        ["Built"],
                        roleArn=PROD_DEPLOY,
                        runOrder=2,
                    ),
                    action(
                        "Site",
                        "Deploy",
                        "S3",
                        {
                            "BucketName": SITE_BUCKET,
                            "Extract": "true",
                            "KMSEncryptionKeyARN": SITE_KEY,
                        },
                        ["Built"],
                        runOrder=3,
                    ),
                ],
            },
        ],
        "tags": {},
    }


def _role(trust: dict[str, Any], *statements: dict[str, Any]) -> dict[str, Any]:
    return {
        "trust": trust,
        "policies": {"access": document(*statements)} if statements else {},
        "boundary": None,
        "tags": {},
    }


def _artifacts(bucket: str, key: str, *, write: bool = True) -> list[dict[str, Any]]:
    verbs = READ_OBJECT + (WRITE_OBJECT if write else [])
    sid = "Us" if bucket == AWAY_BUCKET else ""
    return [
        allow(f"Artifacts{sid}", verbs, s3(bucket, "/*")),
        allow(f"ArtifactBucket{sid}", LOOK_AT_BUCKET, s3(bucket)),
        allow(f"ArtifactKey{sid}", USE_KEY, key),
    ]


def _stack_statements(account: str, stack_role: str, region: str = HOME) -> list[dict[str, Any]]:
    return [
        allow(
            "Stack" + ("Us" if region == AWAY else ""),
            [
                "cloudformation:DescribeStacks",
                "cloudformation:DescribeStackEvents",
                "cloudformation:DescribeStackResources",
                "cloudformation:GetTemplate",
                "cloudformation:CreateStack",
                "cloudformation:UpdateStack",
                "cloudformation:DeleteStack",
                "cloudformation:SetStackPolicy",
                "cloudformation:CreateChangeSet",
                "cloudformation:DeleteChangeSet",
                "cloudformation:DescribeChangeSet",
                "cloudformation:ExecuteChangeSet",
            ],
            f"arn:aws:cloudformation:{region}:{account}:stack/payments*/*",
        ),
        allow(
            "PassStackRole" + ("Us" if region == AWAY else ""),
            "iam:PassRole",
            stack_role,
            Condition={"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}},
        ),
        allow(
            "Validate" + ("Us" if region == AWAY else ""), "cloudformation:ValidateTemplate", "*"
        ),
    ]


def _logs(project: str) -> dict[str, Any]:
    group = f"arn:aws:logs:{HOME}:{TOOLS}:log-group:/aws/codebuild/{project}"
    return allow(
        "Logs",
        ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        [group, f"{group}:*"],
    )


def _reports(project: str) -> dict[str, Any]:
    return allow(
        "Reports",
        [
            "codebuild:CreateReportGroup",
            "codebuild:CreateReport",
            "codebuild:UpdateReport",
            "codebuild:BatchPutTestCases",
            "codebuild:BatchPutCodeCoverages",
        ],
        f"arn:aws:codebuild:{HOME}:{TOOLS}:report-group/{project}-*",
    )


def roles() -> dict[str, Any]:
    pipeline_service = trusting("codepipeline.amazonaws.com")
    return {
        SERVICE: _role(
            pipeline_service,
            *_artifacts(BUCKET, KEY),
            *_artifacts(AWAY_BUCKET, AWAY_KEY),
            allow(
                "Connection",
                ["codestar-connections:UseConnection", "codeconnections:UseConnection"],
                CONNECTION,
            ),
            allow(
                "SourceBucket",
                [
                    "s3:GetBucketVersioning",
                    "s3:GetBucketAcl",
                    "s3:GetBucketLocation",
                    "s3:ListBucket",
                ],
                s3(SOURCE_BUCKET),
            ),
            allow(
                "SourceObject",
                [
                    "s3:GetObject",
                    "s3:GetObjectVersion",
                    "s3:GetObjectTagging",
                    "s3:GetObjectVersionTagging",
                ],
                s3(SOURCE_BUCKET, "/config.zip"),
            ),
            allow(
                "Builds",
                ["codebuild:StartBuild", "codebuild:BatchGetBuilds"],
                [
                    f"arn:aws:codebuild:{HOME}:{TOOLS}:project/payments-build",
                    f"arn:aws:codebuild:{HOME}:{TOOLS}:project/payments-test",
                ],
            ),
            allow("AssumeActionRoles", "sts:AssumeRole", [STAGING_DEPLOY, PROD_DEPLOY]),
            allow("Smoke", "lambda:InvokeFunction", [FUNCTION, f"{FUNCTION}:*"]),
            allow("ListFunctions", "lambda:ListFunctions", "*"),
            allow("Flow", ["states:DescribeStateMachine", "states:StartExecution"], MACHINE),
            allow(
                "FlowExecutions",
                "states:DescribeExecution",
                f"arn:aws:states:{HOME}:{TOOLS}:execution:payments-verify:*",
            ),
            allow("Approvals", "sns:Publish", TOPIC),
            allow(
                "Site",
                ["s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectVersionAcl"],
                s3(SITE_BUCKET, "/*"),
            ),
            allow("SiteBucket", LOOK_AT_BUCKET, s3(SITE_BUCKET)),
            allow("SiteKey", USE_KEY, SITE_KEY),
        ),
        BUILD: _role(
            trusting("codebuild.amazonaws.com"),
            *_artifacts(BUCKET, KEY),
            _logs("payments-build"),
            _reports("payments-build"),
        ),
        TEST: _role(
            trusting("codebuild.amazonaws.com"),
            *_artifacts(BUCKET, KEY, write=False),
            _logs("payments-test"),
            _reports("payments-test"),
        ),
        SMOKE: _role(
            trusting("lambda.amazonaws.com"),
            allow(
                "Result",
                ["codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult"],
                "*",
            ),
            allow(
                "Logs",
                ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                f"arn:aws:logs:{HOME}:{TOOLS}:log-group:/aws/lambda/payments-smoke*",
            ),
        ),
        STAGING_DEPLOY: _role(
            trusting(SERVICE),
            *_artifacts(BUCKET, KEY),
            *_artifacts(AWAY_BUCKET, AWAY_KEY),
            *_stack_statements(STAGING, STAGING_STACK),
            *_stack_statements(STAGING, STAGING_STACK, AWAY),
            allow(
                "TaskDefinitions", ["ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition"], "*"
            ),
            allow(
                "Service",
                ["ecs:DescribeServices", "ecs:UpdateService"],
                f"arn:aws:ecs:{HOME}:{STAGING}:service/payments/api",
            ),
            allow("Tasks", ["ecs:DescribeTasks", "ecs:ListTasks"], "*"),
            allow(
                "TagTaskDefinition",
                "ecs:TagResource",
                f"arn:aws:ecs:{HOME}:{STAGING}:task-definition/*",
            ),
            allow(
                "PassTaskRoles",
                "iam:PassRole",
                [STAGING_TASK, STAGING_TASK_START],
                Condition={
                    "StringEquals": {
                        "iam:PassedToService": ["ecs.amazonaws.com", "ecs-tasks.amazonaws.com"]
                    }
                },
            ),
        ),
        STAGING_STACK: _role(
            trusting("cloudformation.amazonaws.com"),
            allow("StackWork", ["lambda:*", "iam:PassRole", "cloudformation:*"], "*"),
            *_artifacts(BUCKET, KEY, write=False),
            *_artifacts(AWAY_BUCKET, AWAY_KEY, write=False),
        ),
        STAGING_TASK: _role(trusting("ecs-tasks.amazonaws.com")),
        STAGING_TASK_START: _role(
            trusting("ecs-tasks.amazonaws.com"), allow("Images", "ecr:GetAuthorizationToken", "*")
        ),
        PROD_DEPLOY: _role(
            trusting(SERVICE),
            *_artifacts(BUCKET, KEY),
            *_stack_statements(PROD, PROD_STACK),
            allow(
                "Application",
                [
                    "codedeploy:GetApplication",
                    "codedeploy:GetApplicationRevision",
                    "codedeploy:RegisterApplicationRevision",
                ],
                f"arn:aws:codedeploy:{HOME}:{PROD}:application:payments",
            ),
            allow(
                "DeploymentGroup",
                [
                    "codedeploy:CreateDeployment",
                    "codedeploy:GetDeployment",
                    "codedeploy:GetDeploymentGroup",
                    "codedeploy:ListDeployments",
                    "codedeploy:ListDeploymentGroups",
                ],
                [
                    f"arn:aws:codedeploy:{HOME}:{PROD}:application:payments",
                    f"arn:aws:codedeploy:{HOME}:{PROD}:deploymentgroup:payments/servers",
                ],
            ),
            allow(
                "DeploymentConfig",
                "codedeploy:GetDeploymentConfig",
                f"arn:aws:codedeploy:{HOME}:{PROD}:deploymentconfig:*",
            ),
            allow("ListConfigs", "codedeploy:ListDeploymentConfigs", "*"),
        ),
        PROD_STACK: _role(
            trusting("cloudformation.amazonaws.com"),
            allow("StackWork", ["lambda:*", "iam:PassRole", "cloudformation:*"], "*"),
            *_artifacts(BUCKET, KEY, write=False),
        ),
        PROD_INSTANCE: _role(trusting("ec2.amazonaws.com"), *_artifacts(BUCKET, KEY, write=False)),
    }


def _bucket_policy(bucket: str, accounts: Sequence[str]) -> dict[str, Any]:
    principals = {"AWS": [f"arn:aws:iam::{account}:root" for account in accounts]}
    return document(
        {
            "Sid": "OnlyTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [s3(bucket), s3(bucket, "/*")],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        allow("Objects", [*READ_OBJECT, *WRITE_OBJECT], s3(bucket, "/*"), Principal=principals),
        allow("Bucket", LOOK_AT_BUCKET, s3(bucket), Principal=principals),
    )


def _key_policy(accounts: Sequence[str]) -> dict[str, Any]:
    return document(
        allow("Owner", "kms:*", "*", Principal={"AWS": f"arn:aws:iam::{TOOLS}:root"}),
        allow(
            "Users",
            USE_KEY,
            "*",
            Principal={"AWS": [f"arn:aws:iam::{account}:root" for account in accounts]},
        ),
    )


def _bucket(
    name: str, region: str, policy: dict[str, Any] | None, key: str | None
) -> dict[str, Any]:
    del name
    return {
        "account": TOOLS,
        "region": region,
        "policy": policy,
        "ownership": "BucketOwnerEnforced",
        "encryption_key": key,
        "versioning": "Enabled",
        "public_access_block": {
            "block_public_acls": True,
            "ignore_public_acls": True,
            "block_public_policy": True,
            "restrict_public_buckets": True,
        },
        "tags": {},
    }


def _key(accounts: Sequence[str]) -> dict[str, Any]:
    return {
        "policy": _key_policy(accounts),
        "state": "Enabled",
        "manager": "CUSTOMER",
        "grants": [],
        "aliases": [],
        "tags": {},
    }


FULL_ACCESS = document({"Sid": "Full", "Effect": "Allow", "Action": "*", "Resource": "*"})


def _membership(account: str) -> dict[str, Any]:
    def levels(name: str) -> list[dict[str, Any]]:
        return [
            {"target": target, "policies": {name: FULL_ACCESS}}
            for target in ("r-root", "ou-root-workloads", "ou-root-payments", account)
        ]

    full_rcp = document({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"})
    return {
        "organisation": "o-payments00",
        "scps": levels("FullAWSAccess"),
        "rcps": [
            {"target": each["target"], "policies": {"RCPFullAWSAccess": full_rcp}}
            for each in levels("")
        ],
    }


def reference() -> dict[str, Any]:
    """A fresh copy of the healthy snapshot, as its file would have it."""
    everyone = (TOOLS, STAGING, PROD)
    projects = {
        f"arn:aws:codebuild:{HOME}:{TOOLS}:project/{name}": {
            "service_role": service_role,
            "encryption_key": KEY,
            "source_type": "CODEPIPELINE",
            "tags": {},
        }
        for name, service_role in (("payments-build", BUILD), ("payments-test", TEST))
    }
    service = f"arn:aws:ecs:{HOME}:{STAGING}:service/payments/api"
    task = f"arn:aws:ecs:{HOME}:{STAGING}:task-definition/payments:7"
    group = f"arn:aws:codedeploy:{HOME}:{PROD}:deploymentgroup:payments/servers"
    return copy.deepcopy(
        {
            "snapshot": 1,
            "taken_at": "2026-11-24T06:00:00Z",
            "pipeline": pipeline(),
            "runs": [],
            "roles": roles(),
            "buckets": {
                BUCKET: _bucket(BUCKET, HOME, _bucket_policy(BUCKET, everyone), KEY),
                AWAY_BUCKET: _bucket(
                    AWAY_BUCKET, AWAY, _bucket_policy(AWAY_BUCKET, everyone), AWAY_KEY
                ),
                SOURCE_BUCKET: _bucket(SOURCE_BUCKET, HOME, None, None),
                SITE_BUCKET: _bucket(SITE_BUCKET, HOME, None, SITE_KEY),
            },
            "keys": {KEY: _key(everyone), AWAY_KEY: _key(everyone), SITE_KEY: _key((TOOLS,))},
            "connections": {CONNECTION: {"status": "AVAILABLE", "provider": "GitHub"}},
            "projects": projects,
            "memberships": {account: _membership(account) for account in everyone},
            "policies": {TOPIC: None, FUNCTION: None},
            "descriptions": {
                f"arn:aws:codepipeline:{HOME}:{TOOLS}:{NAME}": {"Rules": []},
                service: {"serviceArn": service, "taskDefinition": task},
                task: {
                    "taskDefinitionArn": task,
                    "taskRoleArn": STAGING_TASK,
                    "executionRoleArn": STAGING_TASK_START,
                },
                group: {
                    "applicationName": "payments",
                    "deploymentGroupName": "servers",
                    "deploymentConfigName": "CodeDeployDefault.OneAtATime",
                    "InstanceProfileArns": [],
                    "serviceRoleArn": role(PROD, "PaymentsCodeDeploy"),
                },
                FUNCTION: {"FunctionArn": FUNCTION, "Role": SMOKE},
                TOPIC: {"TopicArn": TOPIC},
            },
            "events": [],
        }
    )


def statement(snapshot: dict[str, Any], holder: str, sid: str) -> dict[str, Any]:
    """The statement with that Sid in the policies of a role, bucket or key."""
    if holder in snapshot["roles"]:
        found = snapshot["roles"][holder]["policies"]["access"]
    elif holder in snapshot["buckets"]:
        found = snapshot["buckets"][holder]["policy"]
    else:
        found = snapshot["keys"][holder]["policy"]
    return next(each for each in found["Statement"] if each.get("Sid") == sid)

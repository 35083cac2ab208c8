"""Fifteen failures of the kinds that people report, written by hand as far as a report goes.

Each holds only what such a report would tell: some policies, an error text, a status. What is not
there is unknown to the diagnosis, as it would be to whoever answers the report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.diagnosis.world import allow, document, trusting

A, B = "111111111111", "222222222222"
REGION = "eu-central-1"
SERVICE = f"arn:aws:iam::{A}:role/service-role/OrdersPipeline"
DEPLOY = f"arn:aws:iam::{B}:role/OrdersDeploy"
BUILD = f"arn:aws:iam::{A}:role/OrdersBuild"
BUCKET = "orders-artifacts"
KEY = f"arn:aws:kms:{REGION}:{A}:key/0a0a0a0a-1111-4222-8333-444444444444"
CONNECTION = f"arn:aws:codeconnections:{REGION}:{A}:connection/c0c0c0c0-1111-4222-8333-444444444444"
PROJECT = f"arn:aws:codebuild:{REGION}:{A}:project/orders-build"


@dataclass(frozen=True)
class Case:
    """A report, and what is wrong: component, principal, action, resource."""

    name: str
    snapshot: dict[str, Any]
    component: str
    principal: str | None
    action: str
    resource: str
    kinds: tuple[str, ...] = ("apply", "instructions")
    certainty: tuple[str, ...] = ("proven", "likely")


def action(
    stage: str, name: str, category: str, provider: str, configuration: dict[str, str], **rest: Any
) -> dict[str, Any]:
    return {
        "stage": stage,
        "action": name,
        "actionTypeId": {
            "category": category,
            "owner": "AWS",
            "provider": provider,
            "version": "1",
        },
        "configuration": configuration,
        **rest,
    }


def pipeline(*stages: dict[str, Any], key: str | None = KEY) -> dict[str, Any]:
    store: dict[str, Any] = {"type": "S3", "location": BUCKET}
    if key is not None:
        store["encryptionKey"] = {"id": key, "type": "KMS"}
    return {
        "name": "orders",
        "account": A,
        "region": REGION,
        "roleArn": SERVICE,
        "artifactStore": store,
        "stages": list(stages),
    }


def policies(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"policies": {"inline": document(*statements)}}


SOURCE = action(
    "Source",
    "Checkout",
    "Source",
    "CodeStarSourceConnection",
    {
        "ConnectionArn": CONNECTION,
        "FullRepositoryId": "example-org/orders",
        "BranchName": "main",
    },
)
FAILED = {"failed": True}
OBJECTS = f"arn:aws:s3:::{BUCKET}/*"
ARTIFACTS = allow(
    "Artifacts",
    [
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:PutObject",
        "s3:PutObjectAcl",
        "s3:GetBucket*",
        "s3:ListBucket",
    ],
    [f"arn:aws:s3:::{BUCKET}", OBJECTS],
)
USE_KEY = allow(
    "Key",
    ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
    KEY,
)
LOGS = allow("Logs", "logs:*", "*")
OWN_KEY = document(allow("Own", "kms:*", "*", Principal={"AWS": f"arn:aws:iam::{A}:root"}))


def denied(principal: str, action: str, resource: str, suffix: str = "") -> str:
    name = principal.rsplit("/", 1)[-1]
    account = principal.split(":")[4]
    return (
        f"User: arn:aws:sts::{account}:assumed-role/{name}/1700000000000 is not authorized to "
        f"perform: {action} on resource: {resource}{suffix}"
    )


NO_IDENTITY = " because no identity-based policy allows the {} action"

CASES = [
    Case(
        "the new prefix only, the action asks for either",
        {
            "pipeline": pipeline(SOURCE | FAILED),
            "errors": [
                f"Unable to use Connection: {CONNECTION}. The provided role does not have "
                "sufficient permissions."
            ],
            "roles": {SERVICE: policies(ARTIFACTS, USE_KEY)},
            "connections": {CONNECTION: {"status": "AVAILABLE"}},
        },
        "service_role",
        SERVICE,
        "codestar-connections:UseConnection",
        CONNECTION,
        ("apply",),
    ),
    Case(
        "the repository condition is on a key that not every request carries",
        {
            "pipeline": pipeline(SOURCE | FAILED),
            "errors": [
                f"Unable to use Connection: {CONNECTION}. The provided role does not have "
                "sufficient permissions."
            ],
            "roles": {
                SERVICE: policies(
                    ARTIFACTS,
                    USE_KEY,
                    allow(
                        "Use",
                        ["codestar-connections:UseConnection", "codeconnections:UseConnection"],
                        CONNECTION,
                        Condition={
                            "StringEquals": {
                                "codestar-connections:FullRepositoryId": "example-org/other",
                                "codeconnections:FullRepositoryId": "example-org/other",
                            }
                        },
                    ),
                )
            },
            "connections": {CONNECTION: {"status": "AVAILABLE"}},
        },
        "service_role",
        SERVICE,
        "codestar-connections:UseConnection",
        CONNECTION,
    ),
    Case(
        "the build cannot clone: the project's role has no connection",
        {
            "pipeline": pipeline(
                SOURCE
                | {
                    "configuration": SOURCE["configuration"]
                    | {"OutputArtifactFormat": "CODEBUILD_CLONE_REF"}
                },
                action(
                    "Build",
                    "Build",
                    "Build",
                    "CodeBuild",
                    {"ProjectName": "orders-build"},
                    **FAILED,
                ),
            ),
            "errors": [
                f"OAuthProviderException: User is not authorized to access connection {CONNECTION} "
                "for primary source and source version refs/heads/main"
            ],
            "projects": {PROJECT: {"service_role": BUILD, "encryption_key": KEY}},
            "roles": {BUILD: policies(ARTIFACTS, USE_KEY, LOGS)},
        },
        "build_role",
        BUILD,
        "codeconnections:UseConnection",
        CONNECTION,
        ("apply",),
    ),
    Case(
        "the build's role cannot see who owns the bucket",
        {
            "pipeline": pipeline(
                SOURCE,
                action(
                    "Build",
                    "Build",
                    "Build",
                    "CodeBuild",
                    {"ProjectName": "orders-build"},
                    **FAILED,
                ),
            ),
            "errors": [
                "Error calling GetBucketAcl: Either the bucket owner has changed or the service "
                "role no longer has permission to called s3:GetBucketAcl"
            ],
            "projects": {PROJECT: {"service_role": BUILD, "encryption_key": KEY}},
            "roles": {
                BUILD: policies(
                    allow(
                        "Objects", ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"], OBJECTS
                    ),
                    USE_KEY,
                    LOGS,
                )
            },
        },
        "build_role",
        BUILD,
        "s3:GetBucketAcl",
        f"arn:aws:s3:::{BUCKET}",
    ),
    Case(
        "the function reports its result on its own pipeline, but the action takes no resource",
        {
            "pipeline": pipeline(
                action(
                    "Check", "Smoke", "Invoke", "Lambda", {"FunctionName": "orders-smoke"}, **FAILED
                )
            ),
            "errors": [
                "The AWS Lambda function orders-smoke failed to return a result. Check the "
                "function to verify that it has permission to call the PutJobSuccessResult API"
            ],
            "descriptions": {
                f"arn:aws:lambda:{REGION}:{A}:function:orders-smoke": {
                    "Role": f"arn:aws:iam::{A}:role/OrdersSmoke"
                }
            },
            "roles": {
                f"arn:aws:iam::{A}:role/OrdersSmoke": policies(
                    allow(
                        "Report",
                        ["codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult"],
                        f"arn:aws:codepipeline:{REGION}:{A}:orders",
                    )
                )
            },
        },
        "action_role",
        f"arn:aws:iam::{A}:role/OrdersSmoke",
        "codepipeline:PutJobSuccessResult",
        "*",
        ("apply",),
    ),
    Case(
        "the state machine's executions are in the account of the machine",
        {
            "pipeline": pipeline(
                action(
                    "Check",
                    "Flow",
                    "Invoke",
                    "StepFunctions",
                    {"StateMachineArn": f"arn:aws:states:{REGION}:{A}:stateMachine:orders-flow"},
                    **FAILED,
                )
            ),
            "errors": [
                denied(
                    SERVICE,
                    "states:DescribeExecution",
                    f"arn:aws:states:{REGION}:{A}:execution:orders-flow:abc",
                )
            ],
            "roles": {
                SERVICE: policies(
                    ARTIFACTS,
                    USE_KEY,
                    allow(
                        "Flow",
                        [
                            "states:DescribeStateMachine",
                            "states:StartExecution",
                            "states:DescribeExecution",
                        ],
                        f"arn:aws:states:{REGION}:{A}:stateMachine:orders-flow",
                    ),
                )
            },
        },
        "service_role",
        SERVICE,
        "states:DescribeExecution",
        f"arn:aws:states:{REGION}:{A}:execution:orders-flow:*",
        ("apply",),
    ),
    Case(
        "the service's task roles may not be passed",
        {
            "pipeline": pipeline(
                action(
                    "Deploy",
                    "Service",
                    "Deploy",
                    "ECS",
                    {"ClusterName": "orders", "ServiceName": "api"},
                    **FAILED,
                )
            ),
            "errors": [
                denied(
                    SERVICE,
                    "iam:PassRole",
                    f"arn:aws:iam::{A}:role/OrdersTask",
                    NO_IDENTITY.format("iam:PassRole"),
                )
            ],
            "roles": {
                SERVICE: policies(
                    ARTIFACTS,
                    USE_KEY,
                    allow("Ecs", "ecs:*", "*"),
                    allow(
                        "Pass",
                        "iam:PassRole",
                        f"arn:aws:iam::{A}:role/OrdersTask",
                        Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
                    ),
                )
            },
            "descriptions": {
                f"arn:aws:ecs:{REGION}:{A}:service/orders/api": {
                    "taskDefinition": f"arn:aws:ecs:{REGION}:{A}:task-definition/orders:3"
                },
                f"arn:aws:ecs:{REGION}:{A}:task-definition/orders:3": {
                    "taskRoleArn": f"arn:aws:iam::{A}:role/OrdersTask"
                },
            },
        },
        "service_role",
        SERVICE,
        "iam:PassRole",
        f"arn:aws:iam::{A}:role/OrdersTask",
        ("apply",),
    ),
    Case(
        "both sides of a key across accounts, told by KMS",
        {
            "pipeline": pipeline(
                action(
                    "Deploy",
                    "Stack",
                    "Deploy",
                    "CloudFormation",
                    {
                        "ActionMode": "CREATE_UPDATE",
                        "StackName": "orders",
                        "TemplatePath": "Built::t.yaml",
                    },
                    roleArn=DEPLOY,
                    **FAILED,
                )
            ),
            "errors": [
                denied(
                    DEPLOY,
                    "kms:Decrypt",
                    KEY,
                    " because no resource-based policy allows the kms:Decrypt action",
                )
            ],
            "roles": {DEPLOY: policies(ARTIFACTS, allow("Stack", "cloudformation:*", "*"))},
            "keys": {KEY: {"policy": OWN_KEY, "grants": []}},
        },
        "action_role",
        DEPLOY,
        "kms:Decrypt",
        KEY,
        ("apply",),
    ),
    Case(
        "the bucket policy forgot the other account",
        {
            "pipeline": pipeline(
                action(
                    "Deploy",
                    "Stack",
                    "Deploy",
                    "CloudFormation",
                    {
                        "ActionMode": "CREATE_UPDATE",
                        "StackName": "orders",
                        "TemplatePath": "Built::t.yaml",
                    },
                    roleArn=DEPLOY,
                    **FAILED,
                )
            ),
            "errors": [
                "The service role or action role doesn’t have the permissions required to access "
                f"the Amazon S3 bucket named {BUCKET}. Update the IAM role permissions, and then "
                "try again. Error: Amazon S3:AccessDenied:Access Denied"
            ],
            "roles": {
                DEPLOY: policies(ARTIFACTS, USE_KEY, allow("Stack", "cloudformation:*", "*"))
            },
            "buckets": {
                BUCKET: {
                    "account": A,
                    "policy": document(
                        allow("Own", "s3:*", OBJECTS, Principal={"AWS": f"arn:aws:iam::{A}:root"})
                    ),
                }
            },
        },
        "bucket",
        DEPLOY,
        "s3:GetObject",
        OBJECTS,
        ("apply",),
    ),
    Case(
        "an SCP by its ARN, whose text nobody here may read",
        {
            "pipeline": pipeline(
                SOURCE,
                action(
                    "Build",
                    "Build",
                    "Build",
                    "CodeBuild",
                    {"ProjectName": "orders-build"},
                    **FAILED,
                ),
            ),
            "errors": [
                "Error calling startBuild: "
                + denied(
                    SERVICE,
                    "codebuild:StartBuild",
                    PROJECT,
                    " with an explicit deny in a service control policy: "
                    f"arn:aws:organizations::{B}:policy/o-abcdefghij/service_control_policy/p-12345678",
                )
            ],
            "roles": {SERVICE: policies(ARTIFACTS, USE_KEY, allow("Build", "codebuild:*", "*"))},
        },
        "scp",
        SERVICE,
        "codebuild:StartBuild",
        PROJECT,
        ("instructions",),
    ),
    Case(
        "an RCP wants a header that the upload does not carry",
        {
            "pipeline": pipeline(SOURCE | FAILED),
            "errors": [
                "[GitHub] Upload to S3 failed with the following error: "
                + denied(
                    SERVICE,
                    "s3:PutObject",
                    f"arn:aws:s3:::{BUCKET}/orders/SourceArti/AbCdEfG",
                    " with an explicit deny in a resource control policy",
                )
            ],
            "roles": {SERVICE: policies(ARTIFACTS, USE_KEY)},
        },
        "rcp",
        SERVICE,
        "s3:PutObject",
        OBJECTS,
        ("instructions",),
    ),
    Case(
        "a permissions boundary, told by the message",
        {
            "pipeline": pipeline(
                action(
                    "Deploy",
                    "Stack",
                    "Deploy",
                    "CloudFormation",
                    {
                        "ActionMode": "CREATE_UPDATE",
                        "StackName": "orders",
                        "TemplatePath": "Built::t.yaml",
                    },
                    **FAILED,
                )
            ),
            "errors": [
                denied(
                    SERVICE,
                    "cloudformation:CreateStack",
                    f"arn:aws:cloudformation:{REGION}:{A}:stack/orders/*",
                    " because no permissions boundary allows the cloudformation:CreateStack action",
                )
            ],
            "roles": {
                SERVICE: policies(ARTIFACTS, USE_KEY, allow("Stack", "cloudformation:*", "*"))
            },
        },
        "service_role",
        SERVICE,
        "cloudformation:CreateStack",
        f"arn:aws:cloudformation:{REGION}:{A}:stack/orders/*",
        ("instructions",),
    ),
    Case(
        "CloudFormation cannot take on its role",
        {
            "pipeline": pipeline(
                action(
                    "Deploy",
                    "Stack",
                    "Deploy",
                    "CloudFormation",
                    {
                        "ActionMode": "CREATE_UPDATE",
                        "StackName": "orders",
                        "TemplatePath": "Built::t.yaml",
                        "RoleArn": f"arn:aws:iam::{A}:role/OrdersStack",
                    },
                    **FAILED,
                )
            ),
            "errors": [f"Role arn:aws:iam::{A}:role/OrdersStack is invalid or cannot be assumed"],
            "roles": {
                f"arn:aws:iam::{A}:role/OrdersStack": {"trust": trusting("ec2.amazonaws.com")}
            },
        },
        "trust",
        "cloudformation.amazonaws.com",
        "sts:AssumeRole",
        f"arn:aws:iam::{A}:role/OrdersStack",
        ("apply",),
    ),
    Case(
        "a person may not create the rule that starts the pipeline",
        {
            "pipeline": pipeline(SOURCE),
            "errors": [
                "Could not create Amazon CloudWatch Events rule codepipeline-orders. Failed on the "
                "following Amazon CloudWatch Events operation: PutRule. "
                + f"User: arn:aws:iam::{A}:user/anna is not authorized to perform: events:PutRule "
                f"on resource: arn:aws:events:{REGION}:{A}:rule/codepipeline-orders"
            ],
            "users": {
                f"arn:aws:iam::{A}:user/anna": policies(allow("Pipelines", "codepipeline:*", "*"))
            },
        },
        "user",
        f"arn:aws:iam::{A}:user/anna",
        "events:PutRule",
        f"arn:aws:events:{REGION}:{A}:rule/codepipeline-orders",
        ("instructions",),
    ),
    Case(
        "a key policy pasted with the key AWS twice",
        {
            "pipeline": pipeline(
                action(
                    "Deploy",
                    "Stack",
                    "Deploy",
                    "CloudFormation",
                    {
                        "ActionMode": "CREATE_UPDATE",
                        "StackName": "orders",
                        "TemplatePath": "Built::t.yaml",
                    },
                    roleArn=DEPLOY,
                    **FAILED,
                )
            ),
            "errors": [
                "The ciphertext refers to a customer master key that does not exist, does not "
                "exist in this region, or you are not allowed to access"
            ],
            "roles": {
                DEPLOY: policies(ARTIFACTS, USE_KEY, allow("Stack", "cloudformation:*", "*"))
            },
            "keys": {
                KEY: {
                    "grants": [],
                    "policy": (
                        '{"Version": "2012-10-17", "Statement": [{"Sid": "Use", "Effect": "Allow", '
                        f'"Principal": {{"AWS": "{DEPLOY}", "AWS": "{SERVICE}"}}, '
                        '"Action": ["kms:Decrypt", "kms:DescribeKey"], "Resource": "*"}]}'
                    ),
                }
            },
        },
        "kms",
        DEPLOY,
        "kms:Decrypt",
        KEY,
        ("apply",),
    ),
]

"""Healthy pipelines whose roles follow the policies that AWS publishes, written as snapshots.

`python -m tests.cases.healthy.write` writes the JSON files beside this one (those of the AWS CDK
are made by tests/pipeline/cdk/resolve.py).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workers.snapshot.codec import dump, load

HOME, TARGET = "111111111111", "222222222222"
BLOCK = dict.fromkeys(
    ("block_public_acls", "ignore_public_acls", "block_public_policy", "restrict_public_buckets"),
    True,
)


def allow(actions: Any, resources: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources} | more


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trust(principal: dict[str, Any], **more: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"} | more
    return policy(statement)


def role(trusted: dict[str, Any], *statements: dict[str, Any], **more: Any) -> dict[str, Any]:
    written = {"trust": trusted, "policies": {"access": policy(*statements)}, "boundary": None}
    return written | {"tags": {}} | more


def bucket(name: str, account: str, region: str, **more: Any) -> dict[str, Any]:
    return {
        "account": account,
        "region": region,
        "policy": None,
        "ownership": "BucketOwnerEnforced",
        "encryption_key": None,
        "public_access_block": BLOCK,
        "versioning": "Enabled",
        "tags": {},
    } | more


def key(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "policy": document,
        "state": "Enabled",
        "manager": "CUSTOMER",
        "grants": [],
        "aliases": [],
        "tags": {},
    }


def action(category: str, provider: str, name: str, **fields: Any) -> dict[str, Any]:
    declared: dict[str, Any] = {
        "name": name,
        "actionTypeId": {"category": category, "owner": "AWS", "provider": provider},
    }
    for given, api in (("inputs", "inputArtifacts"), ("outputs", "outputArtifacts")):
        if given in fields:
            declared[api] = [{"name": each} for each in fields.pop(given)]
    return declared | fields


def snapshot(pipeline: dict[str, Any], **parts: Any) -> dict[str, Any]:
    partition = pipeline["roleArn"].split(":")[1]
    arn = ":".join(("arn", partition, "codepipeline", pipeline["region"], HOME, pipeline["name"]))
    return (
        {
            "snapshot": 1,
            "taken_at": "2026-11-24T06:00:00Z",
            "pipeline": {"account": HOME, "tags": {}} | pipeline,
            "runs": [],
            "memberships": {HOME: None},
            "events": None,
        }
        | parts
        | {"descriptions": {arn: {"RuleArns": []}} | parts.get("descriptions", {})}
    )


def console() -> dict[str, Any]:
    """As the console makes it: one service role, aws/s3, the bucket policy that it writes.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html
    https://docs.aws.amazon.com/codepipeline/latest/userguide/S3-artifact-encryption.html
    """
    store = "codepipeline-us-east-1-123456789012"
    service = f"arn:aws:iam::{HOME}:role/service-role/AWSCodePipelineServiceRole-us-east-1-shop"
    builder = f"arn:aws:iam::{HOME}:role/service-role/codebuild-shop-service-role"
    connection = f"arn:aws:codeconnections:us-east-1:{HOME}:connection/11111111-2222-3333-4444-5555"
    project = f"arn:aws:codebuild:us-east-1:{HOME}:project/shop"
    logs = f"arn:aws:logs:us-east-1:{HOME}:log-group:/aws/codebuild/shop"
    own = {"Condition": {"StringEquals": {"aws:ResourceAccount": HOME}}}
    deny = {"Effect": "Deny", "Principal": "*", "Resource": f"arn:aws:s3:::{store}/*"}
    return snapshot(
        {
            "name": "shop",
            "region": "us-east-1",
            "roleArn": service,
            "pipelineType": "V2",
            "artifactStore": {"type": "S3", "location": store},
            "stages": [
                {
                    "name": "Source",
                    "actions": [
                        action(
                            "Source",
                            "CodeStarSourceConnection",
                            "Source",
                            configuration={
                                "ConnectionArn": connection,
                                "FullRepositoryId": "example-org/shop",
                                "BranchName": "main",
                                "OutputArtifactFormat": "CODE_ZIP",
                            },
                            outputs=["SourceArtifact"],
                        )
                    ],
                },
                {
                    "name": "Build",
                    "actions": [
                        action(
                            "Build",
                            "CodeBuild",
                            "Build",
                            configuration={"ProjectName": "shop"},
                            inputs=["SourceArtifact"],
                            outputs=["BuildArtifact"],
                        )
                    ],
                },
                {
                    "name": "Deploy",
                    "actions": [
                        action(
                            "Deploy",
                            "S3",
                            "Deploy",
                            configuration={"BucketName": "shop-site", "Extract": "true"},
                            inputs=["BuildArtifact"],
                        )
                    ],
                },
            ],
        },
        roles={
            service: role(
                trust(
                    {"Service": "codepipeline.amazonaws.com"},
                    Condition={"StringEquals": {"aws:SourceAccount": HOME}},
                ),
                allow(
                    ["s3:GetBucketVersioning", "s3:GetBucketAcl", "s3:GetBucketLocation"],
                    [f"arn:aws:s3:::{store}", "arn:aws:s3:::shop-site"],
                    **own,
                ),
                allow(
                    [
                        "s3:PutObject",
                        "s3:PutObjectAcl",
                        "s3:GetObject",
                        "s3:GetObjectVersion",
                        "s3:PutObjectTagging",
                        "s3:GetObjectTagging",
                        "s3:GetObjectVersionTagging",
                    ],
                    [f"arn:aws:s3:::{store}/*", "arn:aws:s3:::shop-site/*"],
                    **own,
                ),
                allow(
                    ["codeconnections:UseConnection", "codestar-connections:UseConnection"],
                    connection,
                ),
                allow(["codebuild:BatchGetBuilds", "codebuild:StartBuild"], project),
            ),
            builder: role(
                trust({"Service": "codebuild.amazonaws.com"}),
                allow(
                    ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                    [logs, f"{logs}:*"],
                ),
                allow(
                    [
                        "s3:PutObject",
                        "s3:GetObject",
                        "s3:GetObjectVersion",
                        "s3:GetBucketAcl",
                        "s3:GetBucketLocation",
                    ],
                    ["arn:aws:s3:::codepipeline-us-east-1-*"],
                ),
            ),
        },
        buckets={
            store: bucket(
                store,
                HOME,
                "us-east-1",
                policy=policy(
                    deny
                    | {
                        "Sid": "DenyUnEncryptedObjectUploads",
                        "Action": "s3:PutObject",
                        "Condition": {
                            "StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}
                        },
                    },
                    deny
                    | {
                        "Sid": "DenyInsecureConnections",
                        "Action": "s3:*",
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    },
                ),
            ),
            "shop-site": bucket("shop-site", HOME, "us-east-1"),
        },
        connections={connection: {"status": "AVAILABLE", "provider": "GitHub"}},
        projects={
            project: {
                "service_role": builder,
                "encryption_key": f"arn:aws:kms:us-east-1:{HOME}:alias/aws/s3",
                "tags": {},
            }
        },
    )


def cross_account() -> dict[str, Any]:
    """CodeDeploy in another account, with the documents of AWS's page, under an organisation.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-create-cross-account.html
    """
    region, store = "eu-west-1", "pipeline-artifacts-eu-west-1"
    service = f"arn:aws:iam::{HOME}:role/AWS-CodePipeline-Service"
    crossing = f"arn:aws:iam::{TARGET}:role/CrossAccount_Role"
    instances = f"arn:aws:iam::{TARGET}:role/web-instances"
    profile = f"arn:aws:iam::{TARGET}:instance-profile/web"
    group = f"arn:aws:codedeploy:{region}:{TARGET}:deploymentgroup:web/live"
    own = f"arn:aws:kms:{region}:{HOME}:key/11111111-2222-3333-4444-555555555555"
    use = [
        "kms:Encrypt",
        "kms:Decrypt",
        "kms:ReEncrypt*",
        "kms:GenerateDataKey*",
        "kms:DescribeKey",
    ]
    full = policy(allow("*", "*"))
    levels: list[dict[str, Any]] = [
        {"target": target, "policies": {"FullAWSAccess": full}}
        for target in ("r-abcd", "ou-abcd-1")
    ]

    def place(account: str) -> dict[str, Any]:
        last = {"target": account, "policies": {"FullAWSAccess": full}}
        resource = [
            {
                "target": each["target"],
                "policies": {
                    "RCPFullAWSAccess": policy(allow("*", "*", Principal="*")),
                },
            }
            for each in [*levels, last]
        ]
        return {"organisation": "o-exampleorg", "scps": [*levels, last], "rcps": resource}

    return snapshot(
        {
            "name": "web",
            "region": region,
            "roleArn": service,
            "artifactStore": {
                "type": "S3",
                "location": store,
                "encryptionKey": {"id": own, "type": "KMS"},
            },
            "stages": [
                {
                    "name": "Source",
                    "actions": [
                        action(
                            "Source",
                            "S3",
                            "Source",
                            configuration={"S3Bucket": "web-source", "S3ObjectKey": "web.zip"},
                            outputs=["Source"],
                        )
                    ],
                },
                {
                    "name": "Staging",
                    "actions": [
                        action(
                            "Deploy",
                            "CodeDeploy",
                            "ExternalDeploy",
                            configuration={
                                "ApplicationName": "web",
                                "DeploymentGroupName": "live",
                            },
                            roleArn=crossing,
                            inputs=["Source"],
                        )
                    ],
                },
            ],
        },
        roles={
            service: role(
                trust({"Service": "codepipeline.amazonaws.com"}),
                allow("s3:*", ["arn:aws:s3:::web-source", "arn:aws:s3:::web-source/*"]),
                allow(["s3:Get*", "s3:Put*"], [f"arn:aws:s3:::{store}", f"arn:aws:s3:::{store}/*"]),
                allow(use, own),
                allow("sts:AssumeRole", [crossing]),
                boundary={"team-boundary": policy(allow(["s3:*", "kms:*", "sts:AssumeRole"], "*"))},
            ),
            crossing: role(
                trust({"AWS": f"arn:aws:iam::{HOME}:root"}),
                allow(
                    [
                        "codedeploy:CreateDeployment",
                        "codedeploy:GetApplication",
                        "codedeploy:GetDeployment",
                        "codedeploy:GetDeploymentConfig",
                        "codedeploy:RegisterApplicationRevision",
                    ],
                    "*",
                ),
                allow(
                    ["s3:GetObject*", "s3:PutObject", "s3:PutObjectAcl"], f"arn:aws:s3:::{store}/*"
                ),
                allow(use, own),
            ),
            instances: role(
                trust({"Service": "ec2.amazonaws.com"}),
                allow(["s3:Get*"], f"arn:aws:s3:::{store}/*"),
                allow(["s3:ListBucket"], f"arn:aws:s3:::{store}"),
                allow(use, own),
            ),
        },
        buckets={
            store: bucket(
                store,
                HOME,
                region,
                encryption_key=own,
                policy=policy(
                    allow(
                        ["s3:Get*", "s3:Put*"],
                        f"arn:aws:s3:::{store}/*",
                        Principal={"AWS": f"arn:aws:iam::{TARGET}:root"},
                    ),
                    allow(
                        "s3:ListBucket",
                        f"arn:aws:s3:::{store}",
                        Principal={"AWS": f"arn:aws:iam::{TARGET}:root"},
                    ),
                ),
            ),
            "web-source": bucket("web-source", HOME, region),
        },
        keys={
            own: key(
                policy(
                    allow("kms:*", "*", Principal={"AWS": f"arn:aws:iam::{HOME}:root"}),
                    allow(
                        use,
                        "*",
                        Principal={"AWS": [service, f"arn:aws:iam::{TARGET}:root"]},
                    ),
                )
            )
        },
        memberships={HOME: place(HOME), TARGET: place(TARGET)},
        descriptions={
            group: {
                "deploymentConfigName": "CodeDeployDefault.OneAtATime",
                "InstanceProfileArns": [profile],
            },
            profile: {"Roles": [instances]},
        },
    )


def china() -> dict[str, Any]:
    """The partition aws-cn: its own ARNs and names of services."""
    region, store = "cn-north-1", "artifacts-cn"
    service = f"arn:aws-cn:iam::{HOME}:role/PipelineRole"
    builder = f"arn:aws-cn:iam::{HOME}:role/BuildRole"
    project = f"arn:aws-cn:codebuild:{region}:{HOME}:project/app"
    own = f"arn:aws-cn:kms:{region}:{HOME}:key/11111111-2222-3333-4444-555555555555"
    stack = f"arn:aws-cn:cloudformation:{region}:{HOME}:stack/app/*"
    cfn = f"arn:aws-cn:iam::{HOME}:role/StackRole"
    artifacts = [f"arn:aws-cn:s3:::{store}", f"arn:aws-cn:s3:::{store}/*"]
    use = [
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:ReEncrypt*",
        "kms:GenerateDataKey*",
    ]
    return snapshot(
        {
            "name": "app",
            "region": region,
            "roleArn": service,
            "artifactStore": {
                "type": "S3",
                "location": store,
                "encryptionKey": {"id": own, "type": "KMS"},
            },
            "stages": [
                {
                    "name": "Source",
                    "actions": [
                        action(
                            "Source",
                            "CodeCommit",
                            "Source",
                            configuration={"RepositoryName": "app", "BranchName": "main"},
                            outputs=["Source"],
                        )
                    ],
                },
                {
                    "name": "Build",
                    "actions": [
                        action(
                            "Build",
                            "CodeBuild",
                            "Build",
                            configuration={"ProjectName": "app"},
                            inputs=["Source"],
                            outputs=["Built"],
                        )
                    ],
                },
                {
                    "name": "Deploy",
                    "actions": [
                        action(
                            "Deploy",
                            "CloudFormation",
                            "Stack",
                            configuration={
                                "ActionMode": "CREATE_UPDATE",
                                "StackName": "app",
                                "RoleArn": cfn,
                                "TemplatePath": "Built::template.yaml",
                            },
                            inputs=["Built"],
                        )
                    ],
                },
            ],
        },
        roles={
            service: role(
                trust({"Service": "codepipeline.amazonaws.com"}),
                allow(["s3:GetObject*", "s3:PutObject*", "s3:GetBucket*", "s3:List*"], artifacts),
                allow(use, own),
                allow("codecommit:*", f"arn:aws-cn:codecommit:{region}:{HOME}:app"),
                allow(["codebuild:StartBuild", "codebuild:BatchGetBuilds"], project),
                allow("cloudformation:*", stack),
                allow(
                    "iam:PassRole",
                    cfn,
                    Condition={
                        "StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}
                    },
                ),
            ),
            builder: role(
                trust({"Service": "codebuild.amazonaws.com"}),
                allow("logs:*", f"arn:aws-cn:logs:{region}:{HOME}:log-group:/aws/codebuild/app*"),
                allow(["s3:GetObject*", "s3:PutObject", "s3:GetBucket*"], artifacts),
                allow(use, own),
            ),
            cfn: role(trust({"Service": "cloudformation.amazonaws.com"}), allow("*", "*")),
        },
        buckets={store: bucket(store, HOME, region, encryption_key=own)},
        keys={
            own: key(policy(allow("kms:*", "*", Principal={"AWS": f"arn:aws-cn:iam::{HOME}:root"})))
        },
        projects={project: {"service_role": builder, "encryption_key": own, "tags": {}}},
    )


def conditions() -> dict[str, Any]:
    """V2: rules of stage conditions, one with a role of its own, variables, a clone reference.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-conditions.html
    """
    region, store = "us-east-1", "conditions-artifacts"
    service = f"arn:aws:iam::{HOME}:role/PipelineRole"
    looking = f"arn:aws:iam::{HOME}:role/AlarmRole"
    checking = f"arn:aws:iam::{HOME}:role/CheckRole"
    function = f"arn:aws:lambda:{region}:{HOME}:function:check"
    machine = f"arn:aws:states:{region}:{HOME}:stateMachine:release"

    def rule(name: str, provider: str, **fields: Any) -> dict[str, Any]:
        kind = {"category": "Rule", "owner": "AWS", "provider": provider}
        return {"name": name, "ruleTypeId": kind} | fields

    def holds(*rules: dict[str, Any]) -> dict[str, Any]:
        return {"conditions": [{"result": "FAIL", "rules": list(rules)}]}

    return snapshot(
        {
            "name": "conditions",
            "region": region,
            "roleArn": service,
            "pipelineType": "V2",
            "artifactStore": {"type": "S3", "location": store},
            "variables": [{"name": "FUNCTION"}],
            "stages": [
                {
                    "name": "Source",
                    "actions": [
                        action(
                            "Source",
                            "ECR",
                            "Image",
                            configuration={"RepositoryName": "app", "ImageTag": "live"},
                            outputs=["Image"],
                        )
                    ],
                },
                {
                    "name": "Release",
                    "beforeEntry": holds(
                        rule(
                            "Calm",
                            "CloudWatchAlarm",
                            configuration={"AlarmName": "errors"},
                            roleArn=looking,
                        ),
                        rule("Office", "DeploymentWindow", configuration={"Cron": "* 9-17 * * ?"}),
                    ),
                    "onSuccess": holds(
                        rule("Check", "LambdaInvoke", configuration={"FunctionName": "check"})
                    ),
                    "actions": [
                        action(
                            "Invoke",
                            "Lambda",
                            "Notify",
                            configuration={"FunctionName": "#{variables.FUNCTION}"},
                        ),
                        action(
                            "Invoke",
                            "StepFunctions",
                            "Run",
                            configuration={"StateMachineArn": machine},
                        ),
                        action("Approval", "Manual", "Approve", configuration={}),
                    ],
                },
            ],
        },
        runs=[
            {
                "stage": "Release",
                "action": "Notify",
                "status": "Succeeded",
                "configuration": {"FunctionName": "check"},
            }
        ],
        roles={
            service: role(
                trust({"Service": "codepipeline.amazonaws.com"}),
                allow("sts:AssumeRole", looking),
                allow("ecr:DescribeImages", f"arn:aws:ecr:{region}:{HOME}:repository/app"),
                allow("s3:PutObject", f"arn:aws:s3:::{store}/conditions/*"),
                allow("lambda:InvokeFunction", function),
                allow(["states:StartExecution", "states:DescribeStateMachine"], machine),
                allow(
                    "states:DescribeExecution",
                    f"arn:aws:states:{region}:{HOME}:execution:release:*",
                ),
            ),
            looking: role(
                trust({"AWS": service}),
                allow(
                    "cloudwatch:DescribeAlarms",
                    f"arn:aws:cloudwatch:{region}:{HOME}:alarm:errors",
                ),
            ),
            checking: role(
                trust({"Service": "lambda.amazonaws.com"}),
                allow(
                    ["codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult"], "*"
                ),
            ),
        },
        buckets={store: bucket(store, HOME, region)},
        descriptions={function: {"FunctionArn": function, "Role": checking}},
        policies={function: None, f"arn:aws:ecr:{region}:{HOME}:repository/app": None},
    )


def main() -> None:
    for name, build in (
        ("console-made", console),
        ("published-cross-account", cross_account),
        ("china", china),
        ("stage-conditions", conditions),
    ):
        path = Path(__file__).parent / f"{name}.json"
        path.write_text(dump(load(json.dumps(build()))), encoding="utf-8")


if __name__ == "__main__":
    main()

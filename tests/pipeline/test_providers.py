"""What an action of each provider needs before it can run: written from AWS's pages.

Each case names the page. The artifact store is not repeated here: the pipelines have actions
without artifacts, so that only the provider's own permissions are left. `documented` ones are
tested where they decide something.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.pipeline.build import (
    HOME,
    REGION,
    SERVICE_ROLE,
    action,
    catalogue,
    required,
    snapshot,
)

GUIDE = "https://docs.aws.amazon.com/codepipeline/latest/userguide/"
WHERE = f"{REGION}:{HOME}"
CONNECTION = f"arn:aws:codestar-connections:{WHERE}:connection/c"
MACHINE = f"arn:aws:states:eu-west-1:{HOME}:stateMachine:release"
TOPIC = f"arn:aws:sns:{WHERE}:approvals"
STACK = f"arn:aws:cloudformation:{WHERE}:stack/app/*"
STACK_SET = f"arn:aws:cloudformation:{WHERE}:stackset/baseline:*"
LOGS = f"arn:aws:logs:{WHERE}:log-group:/aws/codepipeline/example:log-stream:*"
CFN_ROLE = f"arn:aws:iam::{HOME}:role/cfn"
PROJECT = f"arn:aws:codebuild:{WHERE}:project/app"
LOG = {("logs:CreateLogStream", LOGS), ("logs:PutLogEvents", LOGS)}


@dataclass(frozen=True)
class Case:
    provider: str
    category: str
    page: str
    configuration: dict[str, str]
    needs: set[tuple[str, str]]
    owner: str = "AWS"
    parts: dict[str, Any] = field(default_factory=dict)
    id: str = ""


def actions_on(resource: str, *names: str) -> set[tuple[str, str]]:
    return {(name, resource) for name in names}


CASES = [
    Case(
        "CodeCommit",
        "Source",
        "action-reference-CodeCommit.html",
        {"RepositoryName": "app", "BranchName": "main"},
        actions_on(
            f"arn:aws:codecommit:{WHERE}:app",
            "codecommit:GetBranch",
            "codecommit:GetCommit",
            "codecommit:UploadArchive",
            "codecommit:GetUploadArchiveStatus",
        ),
    ),
    Case(
        "CodeCommit",
        "Source",
        "action-reference-CodeCommit.html",
        {"RepositoryName": "app", "OutputArtifactFormat": "CODEBUILD_CLONE_REF"},
        actions_on(
            f"arn:aws:codecommit:{WHERE}:app",
            "codecommit:GetBranch",
            "codecommit:GetCommit",
            "codecommit:UploadArchive",
            "codecommit:GetUploadArchiveStatus",
            "codecommit:GetRepository",
        ),
        id="full clone",
    ),
    Case(
        "S3",
        "Source",
        "action-reference-S3.html",
        {"S3Bucket": "sources", "S3ObjectKey": "app/source.zip"},
        actions_on("arn:aws:s3:::sources/app/source.zip", "s3:GetObject", "s3:GetObjectVersion")
        | {("s3:GetBucketVersioning", "arn:aws:s3:::sources")},
    ),
    Case(
        "S3",
        "Source",
        "action-reference-S3.html",
        {"S3Bucket": "sources", "S3ObjectKey": "source.zip"},
        actions_on("arn:aws:s3:::sources/source.zip", "s3:GetObject", "s3:GetObjectVersion")
        | {
            ("s3:GetBucketVersioning", "arn:aws:s3:::sources"),
            ("kms:Decrypt", f"arn:aws:kms:{WHERE}:key/of-sources"),
        },
        parts={
            "buckets": {
                "sources": {
                    "account": HOME,
                    "region": REGION,
                    "encryption_key": f"arn:aws:kms:{WHERE}:key/of-sources",
                }
            }
        },
        id="encrypted with a customer managed key",
    ),
    Case(
        "ECR",
        "Source",
        "action-reference-ECR.html",
        {"RepositoryName": "team/app", "ImageTag": "live"},
        {("ecr:DescribeImages", f"arn:aws:ecr:{WHERE}:repository/team/app")},
    ),
    Case(
        "CodeStarSourceConnection",
        "Source",
        "action-reference-CodestarConnectionSource.html",
        {"ConnectionArn": CONNECTION, "FullRepositoryId": "org/app", "BranchName": "main"},
        {
            ("codestar-connections:UseConnection", CONNECTION),
            ("codeconnections:UseConnection", CONNECTION),
            ("s3:PutObjectAcl", "arn:aws:s3:::example-artifact-bucket/*"),
        },
    ),
    Case(
        "GitHub",
        "Source",
        "appendix-github-oauth.html",
        {"Owner": "org", "Repo": "app", "Branch": "main", "OAuthToken": "****"},
        set(),
        owner="ThirdParty",
    ),
    Case(
        "CodeBuild",
        "Build",
        "action-reference-CodeBuild.html",
        {"ProjectName": "app"},
        actions_on(PROJECT, "codebuild:StartBuild", "codebuild:BatchGetBuilds"),
    ),
    Case(
        "CodeBuild",
        "Test",
        "action-reference-CodeBuild.html",
        {"ProjectName": "app", "BatchEnabled": "true"},
        actions_on(PROJECT, "codebuild:StartBuildBatch", "codebuild:BatchGetBuildBatches"),
        id="batch",
    ),
    Case(
        "ECRBuildAndPublish",
        "Build",
        "action-reference-ECRBuildAndPublish.html",
        {"ECRRepositoryName": "app"},
        actions_on(
            f"arn:aws:ecr:{WHERE}:repository/app",
            "ecr:DescribeRepositories",
            "ecr:InitiateLayerUpload",
            "ecr:UploadLayerPart",
            "ecr:CompleteLayerUpload",
            "ecr:PutImage",
            "ecr:BatchCheckLayerAvailability",
        )
        | {("ecr:GetAuthorizationToken", "*")}
        | LOG,
    ),
    Case(
        "ECRBuildAndPublish",
        "Build",
        "action-reference-ECRBuildAndPublish.html",
        {"ECRRepositoryName": "app", "RegistryType": "public"},
        actions_on(
            f"arn:aws:ecr-public::{HOME}:repository/app",
            "ecr-public:DescribeRepositories",
            "ecr-public:InitiateLayerUpload",
            "ecr-public:UploadLayerPart",
            "ecr-public:CompleteLayerUpload",
            "ecr-public:PutImage",
            "ecr-public:BatchCheckLayerAvailability",
        )
        | actions_on("*", "ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken")
        | LOG,
        id="public registry",
    ),
    Case("Commands", "Compute", "action-reference-Commands.html", {}, LOG),
    Case(
        "DeviceFarm",
        "Test",
        "action-reference-DeviceFarm.html",
        {"ProjectId": "p1", "DevicePoolArn": "arn:aws:devicefarm:us-west-2::devicepool:1"},
        actions_on(
            f"arn:aws:devicefarm:us-west-2:{HOME}:project:p1",
            "devicefarm:CreateUpload",
            "devicefarm:ScheduleRun",
        )
        | {
            ("devicefarm:GetRun", f"arn:aws:devicefarm:us-west-2:{HOME}:run:p1/*"),
            ("devicefarm:GetUpload", f"arn:aws:devicefarm:us-west-2:{HOME}:upload:p1/*"),
        },
    ),
    Case(
        "CloudFormation",
        "Deploy",
        "action-reference-CloudFormation.html",
        {"ActionMode": "CREATE_UPDATE", "StackName": "app", "RoleArn": CFN_ROLE},
        actions_on(
            STACK,
            "cloudformation:DescribeStacks",
            "cloudformation:CreateStack",
            "cloudformation:UpdateStack",
        )
        | {("iam:PassRole", CFN_ROLE)},
        id="create or update",
    ),
    Case(
        "CloudFormation",
        "Deploy",
        "action-reference-CloudFormation.html",
        {"ActionMode": "REPLACE_ON_FAILURE", "StackName": "app"},
        actions_on(
            STACK,
            "cloudformation:DescribeStacks",
            "cloudformation:CreateStack",
            "cloudformation:UpdateStack",
            "cloudformation:DeleteStack",
        ),
        id="replace on failure",
    ),
    Case(
        "CloudFormation",
        "Deploy",
        "action-reference-CloudFormation.html",
        {
            "ActionMode": "CHANGE_SET_REPLACE",
            "StackName": "app",
            "ChangeSetName": "release",
            "RoleArn": CFN_ROLE,
        },
        actions_on(
            STACK,
            "cloudformation:DescribeStacks",
            "cloudformation:CreateChangeSet",
            "cloudformation:DescribeChangeSet",
            "cloudformation:DeleteChangeSet",
        )
        | {("iam:PassRole", CFN_ROLE)},
        id="prepare a change set",
    ),
    Case(
        "CloudFormation",
        "Deploy",
        "action-reference-CloudFormation.html",
        {
            "ActionMode": "CHANGE_SET_EXECUTE",
            "StackName": "app",
            "ChangeSetName": "release",
            "RoleArn": CFN_ROLE,
        },
        actions_on(
            STACK,
            "cloudformation:DescribeStacks",
            "cloudformation:ExecuteChangeSet",
            "cloudformation:DescribeChangeSet",
        ),
        id="execute a change set: the role is not passed",
    ),
    Case(
        "CloudFormation",
        "Deploy",
        "action-reference-CloudFormation.html",
        {"ActionMode": "DELETE_ONLY", "StackName": "app"},
        actions_on(STACK, "cloudformation:DescribeStacks", "cloudformation:DeleteStack"),
        id="delete",
    ),
    Case(
        "CloudFormationStackSet",
        "Deploy",
        "action-reference-StackSets.html",
        {"StackSetName": "baseline", "AdministrationRoleArn": CFN_ROLE},
        actions_on(
            STACK_SET,
            "cloudformation:CreateStackSet",
            "cloudformation:UpdateStackSet",
            "cloudformation:CreateStackInstances",
            "cloudformation:DescribeStackSet",
            "cloudformation:DescribeStackSetOperation",
            "cloudformation:ListStackInstances",
        )
        | {("iam:PassRole", CFN_ROLE)},
    ),
    Case(
        "CloudFormationStackInstances",
        "Deploy",
        "action-reference-StackSets.html",
        {"StackSetName": "baseline"},
        actions_on(
            STACK_SET,
            "cloudformation:CreateStackInstances",
            "cloudformation:DescribeStackSetOperation",
        ),
    ),
    Case(
        "CodeDeploy",
        "Deploy",
        "action-reference-CodeDeploy.html",
        {"ApplicationName": "app", "DeploymentGroupName": "live"},
        actions_on(
            f"arn:aws:codedeploy:{WHERE}:deploymentgroup:app/live",
            "codedeploy:CreateDeployment",
            "codedeploy:GetDeployment",
        )
        | {
            (
                "codedeploy:RegisterApplicationRevision",
                f"arn:aws:codedeploy:{WHERE}:application:app",
            ),
            (
                "codedeploy:GetDeploymentConfig",
                f"arn:aws:codedeploy:{WHERE}:deploymentconfig:CodeDeployDefault.OneAtATime",
            ),
        },
        parts={
            "descriptions": {
                f"arn:aws:codedeploy:{WHERE}:deploymentgroup:app/live": {
                    "deploymentConfigName": "CodeDeployDefault.OneAtATime"
                }
            }
        },
    ),
    Case(
        "CodeDeployToECS",
        "Deploy",
        "action-reference-ECSbluegreen.html",
        {"ApplicationName": "app", "DeploymentGroupName": "live"},
        actions_on(
            f"arn:aws:codedeploy:{WHERE}:deploymentgroup:app/live",
            "codedeploy:CreateDeployment",
            "codedeploy:GetDeployment",
        )
        | actions_on(
            f"arn:aws:codedeploy:{WHERE}:application:app",
            "codedeploy:GetApplication",
            "codedeploy:GetApplicationRevision",
            "codedeploy:RegisterApplicationRevision",
        )
        | {("ecs:RegisterTaskDefinition", "*")},
    ),
    Case(
        "ECS",
        "Deploy",
        "action-reference-ECS.html",
        {"ClusterName": "main", "ServiceName": "web"},
        actions_on(
            f"arn:aws:ecs:{WHERE}:service/main/web", "ecs:DescribeServices", "ecs:UpdateService"
        )
        | actions_on("*", "ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition")
        | {
            ("iam:PassRole", f"arn:aws:iam::{HOME}:role/task"),
            ("iam:PassRole", f"arn:aws:iam::{HOME}:role/execution"),
        },
        parts={
            "descriptions": {
                f"arn:aws:ecs:{WHERE}:service/main/web": {
                    "taskDefinition": f"arn:aws:ecs:{WHERE}:task-definition/web:7"
                },
                f"arn:aws:ecs:{WHERE}:task-definition/web:7": {
                    "taskRoleArn": f"arn:aws:iam::{HOME}:role/task",
                    "executionRoleArn": f"arn:aws:iam::{HOME}:role/execution",
                },
            }
        },
    ),
    Case(
        "EKS",
        "Deploy",
        "action-reference-EKS.html",
        {"ClusterName": "main", "Subnets": "subnet-1", "SecurityGroupIds": "sg-1"},
        {("eks:DescribeCluster", f"arn:aws:eks:{WHERE}:cluster/main")}
        | LOG
        | actions_on(
            "*",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeDhcpOptions",
            "ec2:DescribeSubnets",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeVpcs",
        )
        | actions_on(
            f"arn:aws:ec2:{WHERE}:network-interface/*",
            "ec2:CreateNetworkInterface",
            "ec2:CreateNetworkInterfacePermission",
            "ec2:DeleteNetworkInterface",
        )
        | {
            ("ec2:CreateNetworkInterface", f"arn:aws:ec2:{WHERE}:subnet/subnet-1"),
            ("ec2:CreateNetworkInterface", f"arn:aws:ec2:{WHERE}:security-group/sg-1"),
        },
    ),
    Case(
        "EC2",
        "Deploy",
        "action-reference-EC2Deploy.html",
        {
            "InstanceTagKey": "Name",
            "InstanceTagValue": "web",
            "InstanceType": "EC2",
            "TargetGroupNameList": "web, api",
        },
        actions_on(
            "*",
            "ec2:DescribeInstances",
            "ssm:DescribeInstanceInformation",
            "ssm:ListCommandInvocations",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTargetHealth",
        )
        | {
            ("ssm:SendCommand", f"arn:aws:ec2:{WHERE}:instance/*"),
            ("ssm:SendCommand", f"arn:aws:ssm:{REGION}::document/AWS-RunShellScript"),
        }
        | {
            (f"elasticloadbalancing:{verb}Targets", f"arn:aws:elasticloadbalancing:{WHERE}:{group}")
            for verb in ("Register", "Deregister")
            for group in ("targetgroup/web/*", "targetgroup/api/*")
        }
        | LOG,
    ),
    Case(
        "ElasticBeanstalk",
        "Deploy",
        "action-reference-Beanstalk.html",
        {"ApplicationName": "app", "EnvironmentName": "live"},
        actions_on(
            f"arn:aws:elasticbeanstalk:{WHERE}:applicationversion/app/*",
            "elasticbeanstalk:CreateApplicationVersion",
            "elasticbeanstalk:DescribeApplicationVersions",
        )
        | actions_on(
            f"arn:aws:elasticbeanstalk:{WHERE}:environment/app/live",
            "elasticbeanstalk:DescribeEvents",
            "elasticbeanstalk:DescribeEnvironments",
            "elasticbeanstalk:UpdateEnvironment",
        )
        | {
            (
                "elasticbeanstalk:CreateApplicationVersion",
                f"arn:aws:elasticbeanstalk:{WHERE}:application/app",
            )
        },
    ),
    Case(
        "Lambda",
        "Deploy",
        "action-reference-LambdaDeploy.html",
        {"FunctionName": "app", "FunctionAlias": "live", "Alarms": "errors, latency"},
        actions_on(
            f"arn:aws:lambda:{WHERE}:function:app",
            "lambda:GetAlias",
            "lambda:GetFunctionConfiguration",
            "lambda:PublishVersion",
            "lambda:UpdateAlias",
            "lambda:UpdateFunctionCode",
        )
        | {
            ("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{WHERE}:alarm:errors"),
            ("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{WHERE}:alarm:latency"),
        }
        | LOG,
    ),
    Case(
        "S3",
        "Deploy",
        "action-reference-S3Deploy.html",
        {"BucketName": "site", "Extract": "true"},
        {("s3:PutObject", "arn:aws:s3:::site/*")},
    ),
    Case(
        "S3",
        "Deploy",
        "action-reference-S3Deploy.html",
        {
            "BucketName": "site",
            "Extract": "true",
            "CannedACL": "bucket-owner-full-control",
            "KMSEncryptionKeyARN": f"arn:aws:kms:{WHERE}:key/of-site",
        },
        {
            ("s3:PutObject", "arn:aws:s3:::site/*"),
            ("s3:PutObjectAcl", "arn:aws:s3:::site/*"),
            ("kms:GenerateDataKey", f"arn:aws:kms:{WHERE}:key/of-site"),
        },
        id="with an ACL and a key",
    ),
    Case(
        "ServiceCatalog",
        "Deploy",
        "action-reference-ServiceCatalog.html",
        {"ProductId": "prod-1", "ProductType": "CLOUD_FORMATION_TEMPLATE"},
        actions_on(
            f"arn:aws:catalog:{WHERE}:product/prod-1",
            "servicecatalog:CreateProvisioningArtifact",
            "servicecatalog:DescribeProvisioningArtifact",
        ),
    ),
    Case(
        "AppConfig",
        "Deploy",
        "action-reference-AppConfig.html",
        {
            "Application": "a1",
            "Environment": "e1",
            "ConfigurationProfile": "p1",
            "DeploymentStrategy": "s1",
        },
        {
            (f"appconfig:{action}", f"arn:aws:appconfig:{WHERE}:{resource}")
            for action, resources in {
                "StartDeployment": (
                    "application/a1",
                    "application/a1/environment/e1",
                    "application/a1/configurationprofile/p1",
                    "deploymentstrategy/s1",
                ),
                "GetDeployment": (
                    "application/a1",
                    "application/a1/environment/e1",
                    "application/a1/environment/e1/deployment/*",
                ),
            }.items()
            for resource in resources
        },
    ),
    Case("AlexaSkillsKit", "Deploy", "", {"SkillId": "s"}, set(), owner="ThirdParty"),
    Case("Jenkins", "Build", "actions-create-custom-action.html", {}, set(), owner="Custom"),
    Case(
        "Lambda",
        "Invoke",
        "action-reference-Lambda.html",
        {"FunctionName": "check"},
        {("lambda:InvokeFunction", f"arn:aws:lambda:{WHERE}:function:check")},
    ),
    Case(
        "StepFunctions",
        "Invoke",
        "action-reference-StepFunctions.html",
        {"StateMachineArn": MACHINE, "ExecutionNamePrefix": "run"},
        actions_on(MACHINE, "states:StartExecution", "states:DescribeStateMachine")
        | {("states:DescribeExecution", f"arn:aws:states:eu-west-1:{HOME}:execution:release:run*")},
    ),
    Case(
        "InspectorScan",
        "Invoke",
        "action-reference-InspectorScan.html",
        {"InspectorRunMode": "ECRImageScan", "ECRRepositoryName": "app"},
        {("inspector-scan:ScanSbom", "*")}
        | actions_on(
            f"arn:aws:ecr:{WHERE}:repository/app",
            "ecr:GetDownloadUrlForLayer",
            "ecr:BatchGetImage",
            "ecr:BatchCheckLayerAvailability",
        )
        | LOG,
    ),
    Case(
        "InspectorScan",
        "Invoke",
        "action-reference-InspectorScan.html",
        {"InspectorRunMode": "SourceCodeScan"},
        {("inspector-scan:ScanSbom", "*")} | LOG,
        id="source code",
    ),
    Case(
        "CodePipeline",
        "Invoke",
        "action-reference-PipelineInvoke.html",
        {"PipelineName": "next"},
        {("codepipeline:StartPipelineExecution", f"arn:aws:codepipeline:{WHERE}:next")},
    ),
    Case("Manual", "Approval", "approvals-service-role-permissions.html", {}, set()),
    Case(
        "Manual",
        "Approval",
        "approvals-service-role-permissions.html",
        {"NotificationArn": TOPIC},
        {
            ("sns:Publish", TOPIC),
            ("kms:GenerateDataKey", f"arn:aws:kms:{WHERE}:key/of-topic"),
            ("kms:Decrypt", f"arn:aws:kms:{WHERE}:key/of-topic"),
        },
        parts={"descriptions": {TOPIC: {"KmsMasterKeyId": f"arn:aws:kms:{WHERE}:key/of-topic"}}},
        id="topic encrypted with a customer managed key",
    ),
]


@pytest.mark.parametrize(
    "case", CASES, ids=lambda c: f"{c.category}-{c.provider}-{c.id}".strip("-")
)
def test_needs(case: Case) -> None:
    found = snapshot(
        action(case.provider, case.category, owner=case.owner, configuration=case.configuration),
        # Somebody makes an artifact, so that actions without artifacts are known to take none.
        action("Jenkins", "Test", owner="Custom", name="other", outputs=["Other"]),
        key=None,
        **case.parts,
    )
    upload = ("s3:PutObject", "arn:aws:s3:::example-artifact-bucket/*")
    needs = required(found, principal=SERVICE_ROLE)
    assert upload in needs, "a source action, and the other one, put out artifacts"
    assert needs - {upload} == case.needs


@pytest.mark.parametrize("case", [case for case in CASES if case.page], ids=lambda c: c.page)
def test_the_page_is_named(case: Case) -> None:
    provider = catalogue().provider(case.category, case.owner, case.provider)
    assert provider is not None
    assert provider.documentation == GUIDE + case.page


def test_every_provider_of_the_catalogue_is_in_the_table_or_is_a_rule() -> None:
    tabled = {(case.category, case.owner, case.provider) for case in CASES}
    known = {
        (category, each.owner, each.provider)
        for each in catalogue().providers
        for category in each.category
        if category != "Rule" and each.provider != "*"
    }
    assert known - tabled == {("Deploy", "AWS", "OpsWorks")}, "the service has been closed"

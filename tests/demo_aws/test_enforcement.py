"""A call that the caller's policies do not allow is refused, in AWS's words.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

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
READER = "arn:aws:sts::111111111111:assumed-role/pipeline-access-read/job-7"


def refused(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_the_read_role_cannot_write(reader: Reader) -> None:
    code, message = refused(
        reader("iam").put_role_policy,
        RoleName="PlatformAdmin",
        PolicyName="x",
        PolicyDocument='{"Version": "2012-10-17", "Statement": []}',
    )
    assert code == "AccessDenied"
    assert message == (
        f"User: {READER} is not authorized to perform: iam:PutRolePolicy on resource: "
        "arn:aws:iam::111111111111:role/PlatformAdmin because no identity-based policy allows the "
        "iam:PutRolePolicy action"
    )


def test_json_services_have_the_longer_code(reader: Reader) -> None:
    code, message = refused(reader("codepipeline").start_pipeline_execution, name="payments-deploy")
    assert code == "AccessDeniedException"
    assert "codepipeline:StartPipelineExecution on resource: arn:aws:codepipeline:us-east-1:" in (
        message
    )


def test_s3_puts_the_resource_in_quotation_marks(reader: Reader) -> None:
    code, message = refused(reader("s3").delete_bucket_policy, Bucket="acme-payments-artifacts")
    assert code == "AccessDenied"
    assert 'on resource: "arn:aws:s3:::acme-payments-artifacts" because' in message


def test_a_refusal_of_ec2_carries_a_message_that_can_be_decoded(reader: Reader) -> None:
    code, message = refused(reader("ec2").create_vpc, CidrBlock="10.0.0.0/16")
    assert code == "UnauthorizedOperation"
    encoded = message.rsplit("Encoded authorization failure message: ", 1)[1]
    decoded = json.loads(
        reader("sts").decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"]
    )
    assert decoded["allowed"] is False
    assert decoded["context"]["action"] == "ec2:CreateVpc"
    assert decoded["context"]["principal"]["arn"] == READER


def test_another_accounts_bucket_policy_and_key_policy_are_not_readable(reader: Reader) -> None:
    code, message = refused(
        reader("s3", "222222222222").get_bucket_policy, Bucket="acme-payments-artifacts"
    )
    assert code == "AccessDenied"
    assert "because no resource-based policy allows the s3:GetBucketPolicy action" in message
    assert refused(reader("kms", "222222222222").get_key_policy, KeyId=KEY)[0] == (
        "AccessDeniedException"
    )


def test_a_foreign_caller_with_the_permission_gets_method_not_allowed(scratch: Cloud) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicy.html"""
    s3 = scratch.client("s3", "111111111111")
    s3.create_bucket(Bucket="acme-shared-reading")
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::222222222222:role/pipeline-access-read"},
        "Action": "s3:GetBucketPolicy",
        "Resource": "arn:aws:s3:::acme-shared-reading",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket="acme-shared-reading", Policy=policy)
    role = "arn:aws:iam::222222222222:role/pipeline-access-read"
    foreign = scratch.client_as(scratch.role_session(role), "s3")
    assert refused(foreign.get_bucket_policy, Bucket="acme-shared-reading")[0] == "MethodNotAllowed"


def test_a_service_control_policy_binds_the_bots_sessions_too(scratch: Cloud, world: World) -> None:
    client = scratch.client("organizations", "999999999999")
    deny = {"Effect": "Deny", "Action": "codepipeline:GetPipeline", "Resource": "*"}
    policy = client.create_policy(
        Name="NoPipelines",
        Description="",
        Type="SERVICE_CONTROL_POLICY",
        Content=json.dumps({"Version": "2012-10-17", "Statement": [deny]}),
    )["Policy"]["PolicySummary"]["Id"]
    client.attach_policy(PolicyId=policy, TargetId="333333333333")
    session = assume(scratch, world, "333333333333", world.bot.read_role)
    code, message = refused(
        scratch.client_as(session, "codepipeline").get_pipeline, name="status-page"
    )
    assert code == "AccessDeniedException"
    assert message.endswith("with an explicit deny in a service control policy")
    client.detach_policy(PolicyId=policy, TargetId="333333333333")
    assert scratch.client_as(session, "codepipeline").get_pipeline(name="status-page")


# --- the fix role, narrowed to one change --------------------------------------------------------

NAMED: dict[str, Any] = {
    "SourceIdentity": "U123",
    "Tags": [{"Key": "pipeline-access-request", "Value": "r-7"}],
}
BUCKET_ONLY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:GetBucketPolicy", "s3:PutBucketPolicy"],
                "Resource": "arn:aws:s3:::acme-orders-artifacts",
            }
        ],
    }
)


def test_an_inline_session_policy_narrows_the_fix_role(scratch: Cloud, world: World) -> None:
    session = assume(
        scratch,
        world,
        "111111111111",
        world.bot.fix_role,
        Policy=BUCKET_ONLY,
        **NAMED,
    )
    s3 = scratch.client_as(session, "s3")
    policy = s3.get_bucket_policy(Bucket="acme-orders-artifacts")["Policy"]
    s3.put_bucket_policy(Bucket="acme-orders-artifacts", Policy=policy)
    code, message = refused(s3.put_bucket_policy, Bucket="acme-payments-artifacts", Policy=policy)
    assert code == "AccessDenied"
    assert message.endswith("because no session policy allows the s3:PutBucketPolicy action")
    assert (
        refused(scratch.client_as(session, "kms").get_key_policy, KeyId=KEY)[0]
        == "AccessDeniedException"
    )
    event = scratch.client("cloudtrail", "111111111111").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "PutBucketPolicy"}]
    )["Events"]
    records = [json.loads(each["CloudTrailEvent"]) for each in event]
    assert {each["userIdentity"]["sessionContext"]["sourceIdentity"] for each in records} == {
        "U123"
    }
    assert sum("errorCode" in each for each in records) == 1


def test_nobody_gets_the_fix_role_without_a_name(scratch: Cloud, world: World) -> None:
    sts = scratch.client_as(scratch.role_session(world.bot.worker), "sts")
    code, _ = refused(
        sts.assume_role,
        RoleArn=f"arn:aws:iam::111111111111:role/{world.bot.fix_role}",
        RoleSessionName="job-7",
        ExternalId=world.bot.external_id,
    )
    assert code == "AccessDenied"


def test_a_pipeline_may_be_saved_only_by_who_may_pass_its_role(
    scratch: Cloud, world: World
) -> None:
    without = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "codepipeline:*", "Resource": "*"}],
        }
    )
    session = assume(scratch, world, "111111111111", world.bot.fix_role, Policy=without, **NAMED)
    client = scratch.client_as(session, "codepipeline")
    pipeline = client.get_pipeline(name="docs-site")["pipeline"]
    _, message = refused(client.update_pipeline, pipeline=pipeline)
    assert "iam:PassRole on resource: arn:aws:iam::111111111111:role/service-role/docs-site" in (
        message
    )

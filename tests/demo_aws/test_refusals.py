"""Documents that AWS refuses to store are refused here too, in its words and with its codes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from demo.aws.cloud import Cloud

ADMIN = "arn:aws:iam::111111111111:role/PlatformAdmin"
KEY = "arn:aws:kms:us-east-1:111111111111:key/4f1c2a60-8d3b-4e57-9a61-0c5d7e2b9f10"
ROOT = {"AWS": "arn:aws:iam::111111111111:root"}
NOBODY = {"AWS": "arn:aws:iam::222222222222:role/NeverCreated"}
GONE = {"AWS": "AROA5XK7EXAMPLEDELETED"}


@pytest.fixture
def admin(scratch: Cloud) -> Any:
    session = scratch.role_session(ADMIN, "sam")
    return lambda service: scratch.client_as(session, service)


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def statement(action: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def refused(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def objects(number: int) -> list[str]:
    return [f"arn:aws:s3:::acme-a-bucket-with-a-long-name-{index:04}/*" for index in range(number)]


# --- identity and trust policies -----------------------------------------------------------------
def test_inline_policies_of_a_role_count_together(admin: Any) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
    iam = admin("iam")
    half = policy({"Effect": "Allow", "Action": "s3:GetObject", "Resource": objects(120)})
    assert 5120 < len("".join(half.split())) < 10240
    iam.put_role_policy(RoleName="CheckoutStack", PolicyName="one", PolicyDocument=half)
    iam.put_role_policy(RoleName="CheckoutStack", PolicyName="one", PolicyDocument=half)
    code, message = refused(
        iam.put_role_policy, RoleName="CheckoutStack", PolicyName="two", PolicyDocument=half
    )
    assert code == "LimitExceeded"
    assert message == "Maximum policy size of 10240 bytes exceeded for role CheckoutStack"


def test_a_managed_policy_has_a_limit_of_its_own(admin: Any) -> None:
    large = policy({"Effect": "Allow", "Action": "s3:GetObject", "Resource": objects(150)})
    code, message = refused(
        admin("iam").create_policy_version,
        PolicyArn="arn:aws:iam::111111111111:policy/PipelineBoundary",
        PolicyDocument=large,
    )
    assert (code, message) == ("LimitExceeded", "Cannot exceed quota for PolicySize: 6144")


def test_a_trust_policy_is_short(admin: Any) -> None:
    roles = [f"arn:aws:iam::777777777777:role/Deploy{index:03}" for index in range(60)]
    trust = policy({"Effect": "Allow", "Principal": {"AWS": roles}, "Action": "sts:AssumeRole"})
    code, _ = refused(
        admin("iam").update_assume_role_policy, RoleName="CheckoutStack", PolicyDocument=trust
    )
    assert code == "LimitExceeded"


@pytest.mark.parametrize("principal", [NOBODY, GONE])
def test_nobody_can_be_trusted_who_does_not_exist(admin: Any, principal: dict[str, str]) -> None:
    trust = policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})
    code, message = refused(
        admin("iam").update_assume_role_policy, RoleName="CheckoutStack", PolicyDocument=trust
    )
    assert code == "MalformedPolicyDocument"
    assert message == f'Invalid principal in policy: "AWS":"{principal["AWS"]}"'


# --- key policies --------------------------------------------------------------------------------
def put_key_policy(admin: Any, text: str, **more: Any) -> Any:
    return admin("kms").put_key_policy(KeyId=KEY, PolicyName="default", Policy=text, **more)


@pytest.mark.parametrize("principal", [NOBODY, GONE])
def test_a_key_policy_names_only_principals_that_exist(
    admin: Any, principal: dict[str, str]
) -> None:
    """https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html"""
    text = policy(statement("kms:*", Principal=ROOT), statement("kms:Decrypt", Principal=principal))
    code, message = refused(lambda: put_key_policy(admin, text))
    assert code == "MalformedPolicyDocumentException"
    assert message == "Policy contains a statement with one or more invalid principals."


def test_nobody_locks_themselves_out_of_a_key(admin: Any) -> None:
    text = policy(statement("kms:Decrypt", Principal=ROOT))
    code, message = refused(lambda: put_key_policy(admin, text))
    assert code == "MalformedPolicyDocumentException"
    assert (
        message == "The new key policy will not allow you to update the key policy in the future."
    )


def test_a_key_policy_is_json_and_not_too_long(admin: Any) -> None:
    assert refused(lambda: put_key_policy(admin, '{"Version": "2012-10-17",}'))[0] == (
        "MalformedPolicyDocumentException"
    )
    many = [statement("kms:*", Principal=ROOT, Sid=f"Statement{n:04}") for n in range(400)]
    assert refused(lambda: put_key_policy(admin, policy(*many)))[0] == "LimitExceededException"


def test_a_good_key_policy_is_stored_as_it_is(admin: Any) -> None:
    text = policy(statement("kms:*", Principal=ROOT, Sid="Everything"))
    put_key_policy(admin, text)
    assert admin("kms").get_key_policy(KeyId=KEY)["Policy"] == text


# --- bucket policies -----------------------------------------------------------------------------
BUCKET = "acme-docs-artifacts"


def put_bucket_policy(admin: Any, text: str) -> Any:
    return admin("s3").put_bucket_policy(Bucket=BUCKET, Policy=text)


def test_a_bucket_policy_is_json_with_principals_that_exist(admin: Any) -> None:
    assert refused(lambda: put_bucket_policy(admin, "{,}"))[0] == "MalformedPolicy"
    text = policy(statement("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*", Principal=NOBODY))
    code, message = refused(lambda: put_bucket_policy(admin, text))
    assert (code, message) == ("MalformedPolicy", "Invalid principal in policy")


def test_a_bucket_policy_has_20_kb(admin: Any) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html"""
    many = [
        statement("s3:GetObject", f"arn:aws:s3:::{BUCKET}/{n:04}/*", Principal=ROOT)
        for n in range(200)
    ]
    assert refused(lambda: put_bucket_policy(admin, policy(*many)))[0] == "PolicyTooLarge"


def test_block_public_access_refuses_a_public_policy(admin: Any) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html"""
    text = policy(statement("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*", Principal="*"))
    code, message = refused(lambda: put_bucket_policy(admin, text))
    assert code == "AccessDenied"
    assert message.endswith(
        "because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public "
        "Access."
    )


def test_the_world_itself_may_store_anything(scratch: Cloud) -> None:
    kms = scratch.client("kms", "111111111111")
    kms.put_key_policy(KeyId=KEY, PolicyName="default", Policy="// no JSON")
    assert kms.get_key_policy(KeyId=KEY)["Policy"] == "// no JSON"

"""Who may assume what: trust policy, external id, identity policy.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user_externalid.html
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from demo.aws.cloud import Cloud

WORKER = "arn:aws:iam::111111111111:role/pipeline-access-worker"
READ = "arn:aws:iam::222222222222:role/pipeline-access-read"
EXTERNAL_ID = "acme-pipeline-access-demo"


@pytest.fixture
def worker(cloud: Cloud) -> Any:
    return cloud.client_as(cloud.role_session(WORKER, "worker-1"), "sts")


def refused(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_the_worker_assumes_the_read_role_with_the_external_id(cloud: Cloud, worker: Any) -> None:
    answer = worker.assume_role(RoleArn=READ, RoleSessionName="job-7", ExternalId=EXTERNAL_ID)
    assert (
        answer["AssumedRoleUser"]["Arn"]
        == "arn:aws:sts::222222222222:assumed-role/pipeline-access-read/job-7"
    )
    session = {
        "AWS_ACCESS_KEY_ID": answer["Credentials"]["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": answer["Credentials"]["SecretAccessKey"],
        "AWS_SESSION_TOKEN": answer["Credentials"]["SessionToken"],
    }
    assert cloud.client_as(session, "sts").get_caller_identity()["Account"] == "222222222222"
    role = cloud.client_as(session, "iam").get_role(RoleName="PaymentsDeploy")["Role"]
    assert role["Arn"] == "arn:aws:iam::222222222222:role/PaymentsDeploy"


@pytest.mark.parametrize("external_id", [{}, {"ExternalId": "somebody-else"}])
def test_not_without_the_right_external_id(worker: Any, external_id: dict[str, str]) -> None:
    code, message = refused(
        worker.assume_role, RoleArn=READ, RoleSessionName="job-7", **external_id
    )
    assert code == "AccessDenied"
    assert message == (
        "User: arn:aws:sts::111111111111:assumed-role/pipeline-access-worker/worker-1 is not "
        f"authorized to perform: sts:AssumeRole on resource: {READ}"
    )


def test_not_a_role_that_does_not_exist(worker: Any) -> None:
    missing = "arn:aws:iam::555555555555:role/pipeline-access-read"
    code, message = refused(
        worker.assume_role, RoleArn=missing, RoleSessionName="job-7", ExternalId=EXTERNAL_ID
    )
    assert code == "AccessDenied"
    assert message.endswith(f"sts:AssumeRole on resource: {missing}")


def test_not_a_role_that_trusts_somebody_else(worker: Any) -> None:
    code, _ = refused(
        worker.assume_role,
        RoleArn="arn:aws:iam::222222222222:role/PaymentsDeploy",
        RoleSessionName="job-7",
    )
    assert code == "AccessDenied"


def test_an_unknown_key_is_no_principal(cloud: Cloud) -> None:
    stranger = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x"}
    assert refused(cloud.client_as(stranger, "sts").get_caller_identity)[0] == (
        "InvalidClientTokenId"
    )


def test_a_token_of_another_session_is_refused(cloud: Cloud) -> None:
    one, other = cloud.role_session(WORKER, "one"), cloud.role_session(WORKER, "other")
    mixed = {**one, "AWS_SESSION_TOKEN": other["AWS_SESSION_TOKEN"]}
    assert refused(cloud.client_as(mixed, "iam").list_account_aliases)[0] == "InvalidClientTokenId"

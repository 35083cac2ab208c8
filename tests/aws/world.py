"""Builds accounts inside the cloud, as their owners would."""

from __future__ import annotations

import json
from typing import Any

from moto.iam.models import AWSManagedPolicy, iam_backends

from tests.aws.cloud import Cloud

CODEPIPELINE_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "codepipeline.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
ALLOW_ARTIFACTS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
}


READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


def aws_managed(account: str, name: str = "ReadOnlyAccess") -> str:
    """One of AWS's own policies (moto has none, unless it loads all thousand of them)."""
    moment = "2026-01-01T00:00:00+00:00"
    policy = AWSManagedPolicy.from_data(
        name,
        account,
        "us-east-1",
        {
            "DefaultVersionId": "v3",
            "Path": "/",
            "Document": ALLOW_ARTIFACTS,
            "CreateDate": moment,
            "UpdateDate": moment,
        },
    )
    iam_backends[account]["aws"].managed_policies[policy.arn] = policy
    return policy.arn


def make_role(
    cloud: Cloud,
    account: str,
    name: str,
    *,
    inline: dict[str, str] | None = None,
    attached: tuple[str, ...] = (),
    trust: Any = None,
    **more: Any,
) -> str:
    """A role; policy documents are given as text, so that they need not be well-formed JSON."""
    iam = cloud.client("iam", account)
    arn = str(
        iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(trust or CODEPIPELINE_TRUST),
            **more,
        )["Role"]["Arn"]
    )
    for policy, document in (inline or {}).items():
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document)
    for policy_arn in attached:
        iam.attach_role_policy(RoleName=name, PolicyArn=policy_arn)
    return arn


def make_bucket(cloud: Cloud, account: str, name: str, region: str = "eu-west-1") -> None:
    s3 = cloud.client("s3", account, region)
    if region == "us-east-1":
        s3.create_bucket(Bucket=name)
    else:
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})


def make_key(cloud: Cloud, account: str, region: str = "eu-west-1", **more: Any) -> str:
    return str(cloud.client("kms", account, region).create_key(**more)["KeyMetadata"]["Arn"])


def make_pipeline(
    cloud: Cloud,
    account: str,
    name: str,
    *,
    role: str,
    bucket: str,
    key: str | None = None,
    region: str = "eu-west-1",
    deploy: dict[str, Any] | None = None,
) -> None:
    """A pipeline with a CodeCommit source and one deploy action."""
    store: dict[str, Any] = {"type": "S3", "location": bucket}
    if key:
        store["encryptionKey"] = {"id": key, "type": "KMS"}
    source = {
        "name": "Checkout",
        "actionTypeId": {
            "category": "Source",
            "owner": "AWS",
            "provider": "CodeCommit",
            "version": "1",
        },
        "runOrder": 1,
        "configuration": {"RepositoryName": "shop", "BranchName": "main"},
        "outputArtifacts": [{"name": "Code"}],
        "inputArtifacts": [],
    }
    action = {
        "name": "Stack",
        "actionTypeId": {
            "category": "Deploy",
            "owner": "AWS",
            "provider": "CloudFormation",
            "version": "1",
        },
        "runOrder": 1,
        "configuration": {"ActionMode": "CREATE_UPDATE", "StackName": "shop"},
        "outputArtifacts": [],
        "inputArtifacts": [{"name": "Code"}],
    } | (deploy or {})
    cloud.client("codepipeline", account, region).create_pipeline(
        pipeline={
            "name": name,
            "roleArn": role,
            "artifactStore": store,
            "stages": [
                {"name": "Source", "actions": [source]},
                {"name": "Deploy", "actions": [action]},
            ],
            "version": 1,
        },
        tags=[{"key": "team", "value": "payments"}],
    )

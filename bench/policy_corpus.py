"""The requests that the policy benchmark evaluates, reproducible from a seed.

*small*: one identity policy of one to three statements. *heavy*: a cross-account request against 50
identity statements in 3 policies, 4 SCP levels of 5 statements, 2 RCP levels, a bucket policy of
12 and a boundary. About half of the requests are allowed. Every line uses only what both
evaluators understand, and their decisions on it are compared before anything is timed.
"""

from __future__ import annotations

from random import Random
from typing import Any

OWN, OTHER = "111122223333", "444455556666"
ROLE = f"arn:aws:iam::{OWN}:role/pipeline"
SESSION = f"arn:aws:sts::{OWN}:assumed-role/pipeline/run-1"
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}

SERVICES = {
    "s3": ("GetObject", "PutObject", "ListBucket", "GetBucketLocation", "DeleteObject"),
    "sqs": ("SendMessage", "ReceiveMessage", "DeleteMessage", "GetQueueUrl"),
    "dynamodb": ("GetItem", "PutItem", "Query", "DeleteItem"),
    "codebuild": ("StartBuild", "BatchGetBuilds", "StopBuild"),
    "secretsmanager": ("GetSecretValue", "DescribeSecret"),
    "ec2": ("DescribeInstances", "RunInstances", "StopInstances"),
    "logs": ("CreateLogGroup", "PutLogEvents", "CreateLogStream"),
}


def _policy(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


def _arn(random: Random, service: str) -> str:
    name = f"item-{random.randint(1, 40)}"
    if service == "s3":
        return f"arn:aws:s3:::bucket-{random.randint(1, 40)}/*"
    return f"arn:aws:{service}:us-east-1:{OWN}:{name}"


def _statement(random: Random, effect: str = "Allow") -> dict[str, Any]:
    service = random.choice(list(SERVICES))
    actions = [f"{service}:{name}" for name in random.sample(SERVICES[service], 2)]
    if random.random() < 0.3:
        actions = [f"{service}:{random.choice(SERVICES[service])[:4]}*"]
    statement: dict[str, Any] = {
        "Sid": f"S{random.randint(0, 10**9)}",
        "Effect": effect,
        "Action": actions,
        "Resource": [_arn(random, service) for _ in range(random.randint(1, 2))],
    }
    if random.random() < 0.3:
        statement["Condition"] = {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}
    return statement


def _context() -> dict[str, Any]:
    return {
        "aws:PrincipalArn": ROLE,
        "aws:PrincipalAccount": OWN,
        "aws:PrincipalOrgID": "o-aaaa",
        "aws:RequestedRegion": "us-east-1",
        "aws:SecureTransport": "true",
        "aws:SourceIp": "203.0.113.7",
    }


def small(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Requests in one account with one identity policy."""
    random = Random(seed)
    return [_small(random, number) for number in range(count)]


def _small(random: Random, number: int) -> dict[str, Any]:
    bucket = f"artifacts-{random.randint(1, 9)}"
    statements = [_statement(random) for _ in range(random.randint(0, 2))]
    wanted: dict[str, Any] = {
        "Sid": "Artifacts",
        "Effect": "Allow",
        "Action": random.choice(["s3:GetObject", "s3:Get*", ["s3:GetObject", "s3:PutObject"]]),
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    if random.random() < 0.4:
        wanted["Condition"] = {"Bool": {"aws:SecureTransport": "true"}}
    if random.random() < 0.5:
        wanted["Action"] = "s3:PutObject"
    statements.insert(random.randint(0, len(statements)), wanted)
    return {
        "id": number,
        "request": {
            "principal": ROLE,
            "action": "s3:GetObject",
            "resource": f"arn:aws:s3:::{bucket}/build/app.zip",
            "resource_account": OWN,
            "context": _context(),
        },
        "identity_policies": [{"name": "inline", "policy": _policy(statements)}],
    }


def heavy(count: int, seed: int = 2) -> list[dict[str, Any]]:
    """Cross-account requests with every layer filled."""
    random = Random(seed)
    return [_heavy(random, number) for number in range(count)]


def _heavy(random: Random, number: int) -> dict[str, Any]:
    bucket = f"artifacts-{random.randint(1, 9)}"
    objects = f"arn:aws:s3:::{bucket}/*"
    granted = random.random() < 0.5
    identity = [[_statement(random) for _ in range(size)] for size in (17, 17, 15)]
    identity[random.randint(0, 2)].append(
        {
            "Sid": "Artifacts",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject"] if granted else "s3:PutObject",
            "Resource": objects,
            "Condition": {"Bool": {"aws:SecureTransport": "true"}},
        }
    )
    return {
        "id": number,
        "request": {
            "principal": SESSION,
            "action": "s3:GetObject",
            "resource": f"arn:aws:s3:::{bucket}/build/app.zip",
            "resource_account": OTHER,
            "context": _context(),
        },
        "identity_policies": [
            {"name": f"identity-{at}", "policy": _policy(statements)}
            for at, statements in enumerate(identity)
        ],
        "resource_policy": _bucket_policy(random, bucket),
        "permission_boundaries": [
            {"name": "boundary", "policy": _policy([EVERYTHING, _statement(random, "Deny")])}
        ],
        "scps": [_level(random, f"level-{at}") for at in range(4)],
        "rcps": [_rcp_level(f"level-{at}") for at in range(2)],
    }


def _bucket_policy(random: Random, bucket: str) -> dict[str, Any]:
    both = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    insecure = {
        "Sid": "Transport",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": both,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    pipeline = {
        "Sid": "Pipeline",
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:aws:iam::{OWN}:root", ROLE]},
        "Action": ["s3:Get*", "s3:Put*"],
        "Resource": both[1],
    }
    others = [
        {
            "Sid": f"Team{at}",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{OTHER}:role/team-{at}"},
            "Action": [f"s3:{name}" for name in random.sample(SERVICES["s3"], 2)],
            "Resource": f"arn:aws:s3:::{bucket}/team-{at}/*",
        }
        for at in range(10)
    ]
    return _policy([insecure, *others, pipeline])


def _level(random: Random, target: str) -> dict[str, Any]:
    statements: list[dict[str, Any]] = [EVERYTHING]
    for _ in range(3):
        statements.append({**_statement(random, "Deny"), "Resource": "*", "Action": "iam:Create*"})
    statements.append(
        {
            "Effect": "Deny",
            "NotAction": ["iam:*", "sts:*", "s3:*"],
            "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["us-east-1", "eu-west-1"]}},
        }
    )
    return {"org_id": target, "policies": [{"name": target, "policy": _policy(statements)}]}


def _rcp_level(target: str) -> dict[str, Any]:
    perimeter = {
        "Sid": "Perimeter",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:*", "sqs:*", "kms:*"],
        "Resource": "*",
        "Condition": {
            "StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-aaaa"},
            "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
        },
    }
    return {"org_id": target, "policies": [{"name": target, "policy": _policy([perimeter])}]}


def roles(count: int, seed: int = 3) -> list[list[str]]:
    """For each role the JSON texts of five policies, no two alike."""
    import json

    random = Random(seed)
    return [
        [
            json.dumps(_policy([_statement(random) for _ in range(random.randint(2, 6))]), indent=1)
            for _ in range(5)
        ]
        for _ in range(count)
    ]

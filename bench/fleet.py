"""Many pipelines in many accounts, for what looks at them together: accounts share what real ones
share, a bucket and a key for all, two roles and a build project for each team.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.aws.cloud import Cloud
from demo.aws.world import load
from demo.aws.world.model import Account, Bucket, Key, Pipeline, World
from workers.settings import Settings, validate

REGION = "us-east-1"
TEAM = 10  # pipelines of a team
_EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def fleet(accounts: int, each: int, *, broken: bool = False) -> World:
    """The demo's organisation with so many accounts more, and nothing but these pipelines.

    `broken`: the key of every account lets nobody use it, so each account is one cause.
    """
    world = load()
    added = tuple(
        Account(id=account_id(number), alias=f"fleet-{number:02}", name="Fleet", unit="Workloads")
        for number in range(accounts)
    )
    organisation = world.organisation.model_copy(
        update={"accounts": world.organisation.accounts + added}
    )
    pipelines = tuple(
        _pipeline(account, number, broken=broken)
        for account in range(accounts)
        for number in range(each)
    )
    return world.model_copy(update={"organisation": organisation, "pipelines": pipelines})


def account_id(number: int) -> str:
    return f"8000000000{number:02}"


def name(account: int, number: int) -> str:
    return f"service-{account:02}-{number:03}"


def role(account: int, number: int) -> str:
    """The service role of a pipeline, which its team's pipelines share."""
    return f"arn:aws:iam::{account_id(account)}:role/team-{number // TEAM:02}-pipelines"


def key(account: int) -> str:
    return f"arn:aws:kms:{REGION}:{account_id(account)}:key/00000000-0000-4000-8000-{account:012}"


def settings_of(world: World, **more: object) -> Settings:
    """A configuration that knows every account of the world."""
    return validate(table_of(world, **more), "bench")


def table_of(world: World, **more: object) -> dict[str, object]:
    return {
        "defaults": {
            "regions": [REGION],
            "read_role": world.bot.read_role,
            "external_id": world.bot.external_id,
        },
        "accounts": [
            {"id": each.id, "alias": each.alias}
            for each in world.accounts
            if each.alias.startswith("fleet-")
        ],
        "organisation": {
            "account": world.organisation.management,
            "read_role": world.bot.organisation_role,
        },
        **more,
    }


@contextmanager
def worker_credentials(cloud: Cloud, world: World) -> Iterator[None]:
    """The environment of a worker that runs under the world's worker role."""
    given = cloud.role_session(world.bot.worker) | {
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_REGION": REGION,
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for variable, value in before.items():
            if value is None:
                del os.environ[variable]
            else:
                os.environ[variable] = value


def resident() -> float:
    """Megabytes of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def _pipeline(account: int, number: int, *, broken: bool) -> Pipeline:
    id, team = account_id(account), number // TEAM
    build = f"arn:aws:iam::{id}:role/team-{team:02}-builds"
    bucket, project = f"acme-fleet-{account:02}", f"team-{team:02}"
    stages = [
        _stage("Source", "Source/AWS/S3", {"S3Bucket": bucket, "S3ObjectKey": f"{number}.zip"}),
        _stage("Build", "Build/AWS/CodeBuild", {"ProjectName": project}),
    ]
    stages[0]["actions"][0]["outputs"] = ["App"]  # type: ignore[index]
    stages[1]["actions"][0]["inputs"] = ["App"]  # type: ignore[index]
    own: dict[str, object] = {}
    if number % TEAM == 0:
        own = {
            "roles": [
                {
                    "arn": role(account, number),
                    "trust": "codepipeline.amazonaws.com",
                    "grants": [_EVERYTHING],
                },
                {"arn": build, "trust": "codebuild.amazonaws.com", "grants": [_EVERYTHING]},
            ],
            "projects": [
                {"arn": f"arn:aws:codebuild:{REGION}:{id}:project/{project}", "role": build}
            ],
        }
    if number == 0:
        closed = {"policy": ["key-administration-only"], "values": {"account": id}}
        own |= {
            "buckets": [Bucket(name=bucket, account=id, key=key(account))],
            "keys": [
                Key.model_validate(
                    {"arn": key(account), "alias": "artifacts", **(closed if broken else {})}
                )
            ],
        }
    return Pipeline.model_validate(
        {
            "name": name(account, number),
            "account": id,
            "summary": "one of many",
            "outcome": "blocked" if broken else "clear",
            "pipeline": {
                "role": role(account, number),
                "store": {"bucket": bucket, "key": key(account)},
                "stages": stages,
            },
        }
        | own
    )


def _stage(named: str, kind: str, configuration: dict[str, str]) -> dict[str, object]:
    return {
        "name": named,
        "actions": [{"name": named, "type": kind, "configuration": configuration}],
    }

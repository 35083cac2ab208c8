"""One local AWS with the whole world for the tests that only read; another for those that write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from demo.aws.cloud import Cloud
from demo.aws.world import World, build, load

TOOLS = "111111111111"


@pytest.fixture(scope="session")
def world() -> World:
    return load()


@pytest.fixture(scope="session")
def cloud(world: World) -> Iterator[Cloud]:
    with Cloud(action_seconds=0.02) as running:
        build(running, world)
        # Processor time, which other work on the machine does not change much.
        assert running.cpu_seconds < 10
        yield running


@pytest.fixture(scope="module")
def scratch(world: World) -> Iterator[Cloud]:
    """A world of the test module's own, to break and to cure."""
    with Cloud(action_seconds=0.02) as running:
        build(running, world)
        yield running


def assume(cloud: Cloud, world: World, account: str, role: str, **extra: Any) -> dict[str, str]:
    """Credentials of one of the bot's roles, assumed as its worker does."""
    sts = cloud.client_as(cloud.role_session(world.bot.worker, "worker"), "sts")
    answer = sts.assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/{role}",
        RoleSessionName="job-7",
        ExternalId=world.bot.external_id,
        **extra,
    )
    return {
        "AWS_ACCESS_KEY_ID": answer["Credentials"]["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": answer["Credentials"]["SecretAccessKey"],
        "AWS_SESSION_TOKEN": answer["Credentials"]["SessionToken"],
    }


@pytest.fixture(scope="session")
def root(cloud: Cloud) -> Callable[..., Any]:
    """`root(service, account, region)`: a client for reads that the bot has no need of."""

    def client(service: str, account: str = TOOLS, region: str = "us-east-1") -> Any:
        return cloud.client(service, account, region)

    return client


@pytest.fixture(scope="session")
def reader(cloud: Cloud, world: World) -> Callable[..., Any]:
    """`reader(service, account, region)`: a client with the bot's read role."""
    sessions: dict[str, dict[str, str]] = {}

    def client(service: str, account: str = TOOLS, region: str = "us-east-1") -> Any:
        if account not in sessions:
            sessions[account] = assume(cloud, world, account, world.bot.read_role)
        return cloud.client_as(sessions[account], service, region)

    return client

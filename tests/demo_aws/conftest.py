"""One local AWS with the whole world for all tests of this folder that only read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.aws import world as worlds
from demo.aws.cloud import Cloud
from demo.aws.world.build import build
from demo.aws.world.model import World


@pytest.fixture(scope="session")
def world() -> World:
    return worlds.load()


@pytest.fixture(scope="session")
def cloud(world: World) -> Iterator[Cloud]:
    with Cloud(action_seconds=0.05) as running:
        build(running, world)
        yield running

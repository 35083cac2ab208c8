"""One local AWS with the whole world for all tests of this folder that only read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.aws.cloud import Cloud
from demo.aws.world import World, build, load


@pytest.fixture(scope="session")
def world() -> World:
    return load()


@pytest.fixture(scope="session")
def cloud(world: World) -> Iterator[Cloud]:
    with Cloud(action_seconds=0.05) as running:
        build(running, world)
        yield running

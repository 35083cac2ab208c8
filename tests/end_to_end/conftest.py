"""One local world for all: real bot, real forking worker, real Valkey, simulated Slack and AWS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from demo.local import LocalWorld
from tests.end_to_end.people import Story

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of them in one process of `pytest -n auto --dist loadgroup`: they share the world."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("world"))


@pytest.fixture(scope="session")
def world() -> Iterator[LocalWorld]:
    with LocalWorld() as started:
        yield started


@pytest.fixture
def story(world: LocalWorld) -> Iterator[Story]:
    """A test begins where no answer can be joined and no bad luck is left, and ends with every
    message accepted by the rules of Slack."""
    with Redis.from_url(world.redis_url) as redis:
        for key in redis.scan_iter("pipeline-access:join:*"):
            redis.delete(key)
    yield Story(world)
    world.workspace.faults.clear()
    world.cloud.clear_faults()
    _revive(world)
    assert world.workspace.rejections == []


def _revive(world: LocalWorld) -> None:
    """Whatever a test has killed, the next one finds it running."""
    running = {each.name.split("-")[0] for each in world.processes if each.running}
    for name, start in (("valkey", world.start_valkey), ("worker", world.start_worker)):
        if name not in running:
            world.wait_for(start())

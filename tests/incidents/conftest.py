from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.incidents.world import Post, Scene
from tests.jobs.house import House, open_house
from workers.consumer import Consumer
from workers.incidents import jobs
from workers.queue import open_queue


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    """What a survey of AWS would find; set it before the worker works."""
    made = Scene()
    monkeypatch.setattr(jobs, "open_survey", made.open_survey)
    return made


@pytest.fixture
def house(
    valkey: str, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    with open_house(valkey, tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def consumer(house: House, redis: Redis, post: Post) -> Consumer:
    return Consumer(house.settings, redis, open_queue(redis, house.settings.jobs), post)


@pytest.fixture
def killed_at(scene: Scene, tmp_path: Path) -> Callable[[str, str], None]:
    """Kill the worker with SIGKILL when it comes to a pipeline: once, or always."""

    def arrange(name: str, how: str) -> None:
        marker, log = tmp_path / "killed", tmp_path / "looked"

        def act(pipeline: str) -> None:
            if pipeline == name and (how == "always" or not marker.exists()):
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            with log.open("a") as file:
                file.write(f"{pipeline}\n")

        scene.act = act

    return arrange

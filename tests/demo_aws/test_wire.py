"""Requests that come at once, each as the first of its service."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from demo.aws import wire


class SlowModel:
    """moto's model of a service, which is not safe to be completed by two threads."""

    operation_names = ("GetThing", "PutThing")

    def __init__(self) -> None:
        self.completed: list[str] = []

    def operation_model(self, name: str) -> None:
        time.sleep(0.02)
        self.completed.append(name)


def test_nobody_sees_a_model_before_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[SlowModel] = []

    def load(service: str) -> SlowModel:
        loaded.append(SlowModel())
        return loaded[-1]

    monkeypatch.setattr(wire, "get_service_model", load)
    with ThreadPoolExecutor(4) as threads:
        seen = list(
            threads.map(
                lambda _: tuple(cast(Any, wire.service_model("a-service-of-this-test")).completed),
                range(4),
            )
        )
    assert len(loaded) == 1
    assert seen == [("GetThing", "PutThing")] * 4

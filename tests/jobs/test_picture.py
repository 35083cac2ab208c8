"""The access map follows the findings into the thread, once, and never costs an answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest
from redis import Redis

from tests.jobs.house import House
from tests.jobs.stage import Stage
from tests.slack import reports
from workers import pictures
from workers.diagnosis.map.raster import CannotRaster
from workers.diagnosis.model import Report
from workers.slack import delivery
from workers.slack.client import for_jobs, for_posting
from workers.snapshot.model import Snapshot, unreadable

NAME = "access-map-payments-deploy.png"


def drawable(report: Report) -> Report:
    return replace(report, snapshot=Snapshot(pipeline=unreadable()))


def ask(house: House, stage: Stage, report: Report) -> None:
    stage.put(drawable(report))
    house.command(f"{report.name} {report.region}")
    house.work()


def test_a_denied_pipeline_gets_its_map_after_the_findings(house: House, stage: Stage) -> None:
    ask(house, stage, reports.BLOCKED)
    *said, last = house.thread()
    assert len(said) == 4, "the root, two findings, what was checked"
    (picture,) = last.files
    assert picture["name"] == NAME
    assert picture["mimetype"] == "image/png"
    assert picture["title"] == "Access map of payments-deploy: who may not reach what"
    assert "kms:Decrypt" in picture["alt_txt"]
    assert len(picture["alt_txt"]) <= 1_000
    content = house.workspace.file(picture["id"])
    assert content is not None
    assert content.startswith(b"\x89PNG")


@pytest.mark.parametrize("report", [reports.CLEAR, reports.UNKNOWN], ids=lambda each: each.name)
def test_where_nothing_is_denied_there_is_nothing_to_draw(
    house: House, stage: Stage, report: Report
) -> None:
    ask(house, stage, report)
    assert not any(each.files for each in house.thread())


def _no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bytes:
        raise ZeroDivisionError("a picture without width")

    monkeypatch.setattr(pictures, "draw", refuse)


def _no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bytes:
        raise CannotRaster("resvg_py is not installed")

    monkeypatch.setattr(pictures, "png", refuse)


@pytest.mark.parametrize("broken", [_no_drawing, _no_library])
def test_a_map_that_cannot_be_drawn_costs_nothing(
    house: House,
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
    broken: Callable[[pytest.MonkeyPatch], None],
) -> None:
    broken(monkeypatch)
    ask(house, stage, reports.BLOCKED)
    root, *replies = house.thread()
    assert root.text.startswith("⛔ *payments-deploy* is denied")
    assert len(replies) == 3


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "files.completeUploadExternal"])
def test_a_map_that_slack_refuses_costs_nothing(house: House, stage: Stage, method: str) -> None:
    """`missing_scope`: the app was installed before it asked for files:write."""
    house.workspace.faults.refuse(method, "missing_scope", times=9)
    ask(house, stage, reports.BLOCKED)
    root, *replies = house.thread()
    assert root.text.startswith("⛔ *payments-deploy* is denied")
    assert len(replies) == 3
    house.command("website")
    house.work()
    assert any("is clear" in each.text for each in house.roots()), "nothing waits behind it"


def test_a_map_that_arrived_although_its_worker_died_is_not_sent_again(
    house: House, stage: Stage, redis: Redis
) -> None:
    ask(house, stage, reports.BLOCKED)
    (key,) = cast("list[bytes]", redis.keys("pipeline-access:outbox:*:posted"))
    thread = key.decode().split(":")[2]
    redis.hset(f"pipeline-access:outbox:{thread}:sending", "again", str(time.time()))
    outbox = delivery.Outbox(redis, for_posting(house.places), for_jobs(house.places))
    outbox.add(thread, delivery.file("again", NAME, b"\x89PNG", title="Map", alt="Map"))
    outbox.deliver(thread)
    assert sum(bool(each.files) for each in house.thread()) == 1

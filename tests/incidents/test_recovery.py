"""Healthy again without an event that says so: events may be lost, so somebody looks."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest
from redis import Redis

from tests.incidents.test_alerts import deliver, said, threads, watch
from tests.incidents.world import NOON, Post, Scene, denied, event, key_finding, report
from tests.jobs.house import House
from workers.consumer import Consumer
from workers.diagnosis.model import Outcome
from workers.incidents import alerts
from workers.incidents.looks import went_through
from workers.snapshot.model import Action, ActionType, Pipeline, Run, Snapshot, Stage, present

EXECUTION = "0000000a-0000-4000-8000-000000000000"


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def ran(status: str, at: float, action: str = "Compile", execution: str = EXECUTION) -> Run:
    return Run("Build", action, status, execution, iso(at))


def minutes_pass(redis: Redis) -> None:
    """The time to look has come for every pipeline that alerts wait for."""
    for arn in cast("list[bytes]", redis.zrange(alerts.CHECK, 0, -1)):
        redis.zadd(alerts.CHECK, {arn: 1})


@pytest.fixture
def told(house: House, consumer: Consumer, post: Post, scene: Scene) -> Scene:
    """cart and email were denied at noon, and the channel knows."""
    scene.put(*(report(name, key_finding(name)) for name in ("cart", "email")))
    watch(house, "prod")
    post.send(denied("cart", 1), denied("email", 2))
    deliver(consumer, post)
    house.work()
    assert len(threads(house)) == 1
    return scene


def test_a_success_whose_event_got_lost_is_found_by_looking(
    house: House, told: Scene, redis: Redis
) -> None:
    told.put(report("cart"), report("email"))
    for name in ("cart", "email"):
        told.runs[name] = (ran("Succeeded", NOON + 600),)
    minutes_pass(redis)
    house.work(rounds=2)
    ((root, _, _, over),) = threads(house)
    assert root.text == "✅ *cart*, *email*: healthy again after 10 min"
    assert "10 min after the first failure" in over.text
    assert redis.zcard(alerts.CHECK) == 0


def test_a_success_before_the_failure_heals_nothing(
    house: House, told: Scene, redis: Redis
) -> None:
    told.runs["cart"] = (ran("Succeeded", NOON - 600),)
    minutes_pass(redis)
    house.work(rounds=2)
    ((root, _, _),) = threads(house)
    assert root.text.startswith("⛔ *2 pipelines are denied*")


def test_access_that_is_there_again_is_no_recovery_before_something_ran(
    house: House, told: Scene, consumer: Consumer, post: Post, redis: Redis
) -> None:
    told.put(report("cart"))
    minutes_pass(redis)
    house.work(rounds=2)
    ((root, _, count),) = threads(house)
    assert root.text.startswith("⛔ *2 pipelines are denied*")
    assert "`cart`  nothing stops it any more" in said([count])

    told.put(report("email"))
    minutes_pass(redis)
    house.work(rounds=2)
    ((root, _, count),) = threads(house)
    assert root.text.startswith("🔁 *cart*, *email*: nothing stops them any more.")

    told.put(report("cart", key_finding("cart")))  # broken once more, and it runs
    post.send(denied("cart", 3, at=NOON + 900))
    deliver(consumer, post)
    house.work()
    ((root, *_),) = threads(house)
    assert root.text.startswith("⛔ *2 pipelines are denied*")


def test_what_could_not_be_read_proves_nothing(house: House, told: Scene, redis: Redis) -> None:
    for name in ("cart", "email"):
        told.put(replace(report(name), outcome=Outcome.UNKNOWN))
    minutes_pass(redis)
    house.work(rounds=2)
    ((root, _, _),) = threads(house)
    assert root.text.startswith("⛔ *2 pipelines are denied*")


def test_one_recovery_lets_the_others_be_looked_at_soon(
    house: House, told: Scene, consumer: Consumer, post: Post, redis: Redis
) -> None:
    """The execution that succeeded is another pipeline's: it heals that one alone."""
    post.send(event(3, "cart", "SUCCEEDED", at=NOON + 60))
    deliver(consumer, post)
    house.work()
    ((root, _, count),) = threads(house)
    assert root.text.startswith("⛔")
    assert "1 healthy again" in said([count])
    waiting = redis.zrange(alerts.CHECK, 0, -1, withscores=True)
    ((arn, at),) = cast("list[tuple[bytes, float]]", waiting)
    assert arn.endswith(b":email")
    assert at <= time.time() + alerts.CHECK_SOON


def test_the_longer_it_lasts_the_less_often_anybody_looks(
    house: House, told: Scene, redis: Redis
) -> None:
    known = redis.smembers(f"{alerts.OF}arn:aws:codepipeline:eu-west-1:111111111111:cart")
    (alert,) = cast("set[bytes]", known)
    for hours, wait in ((0, 300), (2, 3600), (48, 6 * 3600)):
        redis.hset(f"{alerts.PREFIX}{alert.decode()}", "opened", str(time.time() - hours * 3600))
        minutes_pass(redis)
        house.work(rounds=2)
        due = redis.zscore(alerts.CHECK, "arn:aws:codepipeline:eu-west-1:111111111111:cart")
        assert due is not None
        assert due - time.time() == pytest.approx(wait, abs=30)


# --- what counts as gone through ----------


def pipeline(*actions: str) -> Pipeline:
    kind = ActionType("Build", "AWS", "CodeBuild", "1")
    declared = tuple(Action("Build", name, kind) for name in actions)
    return Pipeline("cart", "1", "eu-west-1", stages=(Stage("Source"), Stage("Build", declared)))


@pytest.mark.parametrize(
    ("runs", "at"),
    [
        ((), 0),
        ((ran("Succeeded", 900), ran("Succeeded", 960, "Sign")), 960),
        ((ran("Failed", 960, "Sign"), ran("Succeeded", 900)), 0),
        ((ran("Succeeded", 900),), 0),  # the other action has not run yet
        ((ran("InProgress", 960, "Sign"), ran("Succeeded", 900)), 0),
        # retried: the newest run of an action says how it ended
        (
            (ran("Succeeded", 990, "Sign"), ran("Failed", 960, "Sign"), ran("Succeeded", 900)),
            990,
        ),
        # an earlier execution went through, the latest did not
        (
            (
                ran("Failed", 990, "Sign", "two"),
                ran("Succeeded", 980, "Compile", "two"),
                ran("Succeeded", 900, "Sign", "one"),
                ran("Succeeded", 890, "Compile", "one"),
            ),
            900,
        ),
    ],
)
def test_an_execution_went_through_when_all_of_the_last_stage_did(
    runs: tuple[Run, ...], at: float
) -> None:
    snapshot = Snapshot(present(pipeline("Compile", "Sign")), runs=present(runs))
    assert went_through(snapshot) == at

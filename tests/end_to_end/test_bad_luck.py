"""Slack, AWS, Redis and workers fail; nobody waits in vain, and nobody is told twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
from redis import Redis
from urllib3 import BaseHTTPResponse, request

from demo import cast
from demo.local import LocalWorld
from demo.processes import Process
from demo.rounds import COMMAND
from demo.workspace import sign
from tests.end_to_end.people import Story
from workers.queue import BEAT

# --- Slack ----------------------------------------------------------------------------------------


def test_slack_limits_every_call_for_a_while(world: LocalWorld, story: Story) -> None:
    world.workspace.faults.limit("*", times=4, retry_after=1)
    story.type("search-release")
    assert story.thread("search-release")[0].startswith("⛔")


def test_slack_is_down_in_the_middle_of_an_answer(world: LocalWorld, story: Story) -> None:
    world.workspace.faults.slow(0.5, "chat.postMessage")  # the root message comes through
    world.workspace.faults.fail("chat.postMessage", times=2)
    world.workspace.faults.fail("chat.update", times=1)
    story.type("orders-deploy")
    said = story.thread("orders-deploy")
    assert len(said) == len(set(said)), "each message once"


def test_slack_took_a_message_and_never_said_so(world: LocalWorld, story: Story) -> None:
    """The answer to a post is lost: whether it stands is found out, not guessed."""
    world.workspace.faults.slow(12, "chat.postMessage")
    story.type("warehouse-deploy")
    said = story.thread("warehouse-deploy")
    assert len(said) == len(set(said)), "each message once"


# --- workers --------------------------------------------------------------------------------------


@pytest.fixture
def horse(world: LocalWorld, story: Story) -> int:
    """The work horse of a worker in the middle of reading shipping-deploy: its process id."""
    world.cloud.fail("codepipeline:GetPipeline", "hang", seconds=30)
    story.type("shipping-deploy in tools us-east-1")
    return _horse(world.workers[-1])


def test_a_killed_work_horse_is_replaced(horse: int, story: Story) -> None:
    os.kill(horse, signal.SIGKILL)
    assert story.thread("shipping-deploy", seconds=60)[0].startswith("⛔")


def test_a_killed_worker_is_replaced_by_another(
    horse: int, world: LocalWorld, story: Story
) -> None:
    world.workers[-1].kill()
    world.start_worker()
    assert story.thread("shipping-deploy", seconds=60)[0].startswith("⛔")


def test_who_asks_while_no_worker_runs_is_told_so_and_answered_later(
    world: LocalWorld, story: Story
) -> None:
    world.workers[-1].stop()
    with Redis.from_url(world.redis_url) as redis:
        redis.delete(BEAT)  # as after three quarters of a minute
    assert "No worker is running" in story.type("web-frontend")
    assert story.roots("web-frontend") == []
    world.start_worker()
    assert story.thread("web-frontend")[0].startswith("⛔")


def _horse(worker: Process) -> int:
    """The process that the worker forked for a job and still waits for a second later."""
    seen: set[int] = set()

    def stays() -> bool:
        found = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text()
        before, now = set(seen), {int(each) for each in found.split()}
        seen.clear()
        seen.update(now)
        return bool(before & now)

    _until(stays, 30, every=1)
    return max(seen)


# --- Redis ----------------------------------------------------------------------------------------


def test_redis_is_down_and_comes_back(world: LocalWorld, story: Story) -> None:
    (valkey,) = (each for each in world.processes if each.name == "valkey" and each.running)
    valkey.kill()
    # Within the three seconds that Slack waits: later there is no answer to read.
    answer = story.type("media-service")
    assert "Nothing was queued: the queue (Redis) does not answer" in answer
    world.wait_for(world.start_valkey())
    _until(lambda: "Queued" in story.type("media-service"), 20)
    assert story.thread("media-service", seconds=90)[0].startswith("✅")


# --- AWS ------------------------------------------------------------------------------------------


def test_aws_refuses_a_read_and_the_rest_arrives(world: LocalWorld, story: Story) -> None:
    world.cloud.fail("s3:GetBucketPolicy", "denied", times=50)
    story.type("identity-deploy")
    said = story.thread("identity-deploy")
    text = "\n".join(said)
    assert "What could not be read" in text
    assert "s3:GetBucketPolicy" in text, "it says what to grant"
    assert "checks" in said[-1]


def test_aws_limits_the_rate_and_nothing_is_lost(world: LocalWorld, story: Story) -> None:
    world.cloud.fail("iam:*", "throttle", times=4)
    story.type("mobile-api")
    said = "\n".join(story.thread("mobile-api"))
    assert "What could not be read" not in said


def test_aws_breaks_for_everything(world: LocalWorld, story: Story) -> None:
    """No read succeeds: nothing is called clear or denied."""
    world.cloud.fail("*", "error", times=10_000)
    story.type("reporting-deploy in tools us-east-1")

    root, *_ = story.thread("reporting-deploy", seconds=120)
    assert root.startswith("❔")
    assert "could not be read" in root


# --- requests that are not what they seem ---------------------------------------------------------


def test_a_request_counts_once_and_only_when_signed_in_time(
    world: LocalWorld, story: Story
) -> None:
    command = {
        "command": COMMAND,
        "text": "email-service",
        "user_id": cast.DEVELOPER.id,
        "channel_id": cast.DEPLOYS.id,
        "channel_name": cast.DEPLOYS.name,
        "team_id": world.workspace.directory.team.id,
        "trigger_id": f"{time.time_ns()}.1.a",
    }
    body, now = urlencode(command), int(time.time())
    secret = world.workspace.signing_secret
    assert _post(world, body, now, "").status == 401
    assert _post(world, body, now, sign("another secret", str(now), body)).status == 401
    assert _post(world, body, now - 301, sign(secret, str(now - 301), body)).status == 401
    assert story.roots("email-service") == []

    first = _post(world, body, now, sign(secret, str(now), body))
    again = _post(world, body, now, sign(secret, str(now), body))
    assert (first.status, again.status) == (200, 200)
    assert "Queued" in first.json()["text"]
    assert again.data == b"", "taken already"
    story.thread("email-service")


def _post(world: LocalWorld, body: str, stamp: int, signature: str) -> BaseHTTPResponse:
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": str(stamp),
        "X-Slack-Signature": signature,
    }
    return request("POST", f"{world.bot_url}/slack/events", body=body, headers=headers)


def _until(holds: Callable[[], bool], seconds: float, every: float = 0.2) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(every)

"""Bad luck: workers that die, a Slack that fails, a queue that is gone: told, and told once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from redis import Redis

from demo.workspace import Message
from tests.conftest import start_valkey
from tests.jobs.house import DEV, House, open_house
from tests.jobs.stage import Stage, kill_worker
from workers import watch, worker
from workers.ledger import Ledger
from workers.slack import delivery
from workers.slack.client import for_jobs, for_posting


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is waited for comes at once; the order of things stays."""
    monkeypatch.setattr(watch, "YOUNG_SECONDS", 0)
    monkeypatch.setattr(delivery, "BACKOFF_SECONDS", (0,))
    monkeypatch.setattr(worker, "ROUND_SECONDS", 0)


def texts(messages: list[Message]) -> list[str]:
    return [message.text for message in messages]


def answers(house: House) -> int:
    return sum("is denied" in message.text for message in house.roots())


# --- workers that die -----------------------------------------------------------------------------


def test_a_job_whose_process_is_killed_is_run_once_more(
    house: House, stage: Stage, tmp_path: Path
) -> None:
    stage.act = kill_worker(tmp_path / "killed", times=1)
    house.command("payments-deploy in prod")
    house.work(rounds=2)
    root, *replies = house.thread()
    assert root.text.startswith("⛔ *payments-deploy* is denied")
    assert len(replies) == 3


def test_a_job_that_kills_every_process_is_answered_honestly_once(
    house: House, stage: Stage, tmp_path: Path
) -> None:
    stage.act = kill_worker(tmp_path / "killed", times=9)
    house.command("payments-deploy in prod")
    house.work(rounds=4)
    root, failure = house.thread()
    assert "the diagnosis failed" in root.text
    assert "the worker that ran it was stopped, twice" in failure.text
    assert (tmp_path / "killed").read_text() == "xx"


def test_after_a_failure_the_button_asks_again(house: House, stage: Stage, tmp_path: Path) -> None:
    stage.act = kill_worker(tmp_path / "killed", times=2)
    house.command("payments-deploy in prod")
    house.work(rounds=3)
    house.workspace.press(DEV, house.thread()[-1], "ask_again")
    house.work()
    assert any("is denied" in text for text in texts(house.thread()))


def test_a_fault_of_ours_is_told_and_not_repeated(
    house: House, stage: Stage, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"

    def fault() -> None:
        with runs.open("a") as file:
            file.write("x")
        raise ZeroDivisionError("a bug")

    stage.act = fault
    house.command("payments-deploy in prod")
    house.work(rounds=2)
    root, failure = house.thread()
    assert "the diagnosis failed" in root.text
    assert "an error on our side, logged as" in failure.text
    assert "ZeroDivisionError" not in failure.text
    assert runs.read_text() == "x"


def test_a_diagnosis_that_takes_too_long_says_so(
    valkey: str, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "[jobs]\ntimeout_seconds = 10\n[[accounts]]\nid = '111111111111'\nalias = 'prod'\n"
    with open_house(valkey, tmp_path, monkeypatch, text) as house:
        house.command("payments-deploy in prod")
        # RQ's own alarm, brought forward: the job is interrupted where it stands.
        stage.act = lambda: os.kill(os.getpid(), signal.SIGALRM)
        house.work()
        assert any("took longer than 10 s" in text for text in texts(house.thread()))


WORKER = """
import sys
from pathlib import Path
from tests.jobs.stage import standard, wait_for
from workers import jobs, watch, worker
stage = standard()
if len(sys.argv) > 1:
    stage.act = wait_for(Path(sys.argv[1]))
jobs.open_engine = stage.open_engine
watch.YOUNG_SECONDS = 0
worker.ROUND_SECONDS = 1
worker.MONITORING_SECONDS = 1
worker.MISSING_SECONDS = 1
worker.main()
"""


@contextmanager
def worker_process(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", WORKER, *arguments]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(true: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    while not true():
        assert process.poll() is None, "the worker ended"
        time.sleep(0.05)


def test_the_death_of_a_whole_worker_is_noticed_and_made_good(house: House, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    house.command("payments-deploy in prod")
    with worker_process(str(gate)) as first:
        until(gate.with_suffix(".reached").exists, first)
        first.kill()
        first.wait()
        # Its child lives on, half-way through; what it says later must not be said twice.
        with worker_process() as second:
            until(lambda: answers(house) == 1, second)
            gate.touch()
            until(lambda: len(house.thread()) == 4, second)
    house.work()
    assert len(house.thread()) == 4


# --- Slack ----------------------------------------------------------------------------------------


def test_while_slack_is_down_nothing_is_lost_and_nothing_doubled(house: House) -> None:
    house.command("payments-deploy in prod")
    house.workspace.faults.fail("chat.postMessage", times=4)
    house.work(rounds=6)
    root, *replies = house.thread()
    assert root.text.startswith("⛔ *payments-deploy* is denied")
    assert len(replies) == 3


def test_a_rate_limit_delays_and_doubles_nothing(house: House) -> None:
    house.command("payments-deploy in prod")
    house.workspace.faults.limit("chat.postMessage", times=2, retry_after=1)
    house.workspace.faults.limit("chat.update", times=1, retry_after=1)
    house.work(rounds=3)
    assert len(house.thread()) == 4
    assert answers(house) == 1


def test_a_message_that_arrived_although_slack_failed_is_not_sent_again(
    house: House, redis: Redis
) -> None:
    # Slack takes the message and is too slow to say so; the sender gives up waiting.
    house.command("payments-deploy in prod")
    house.work()
    (key,) = cast("list[bytes]", redis.keys("pipeline-access:outbox:*:posted"))
    thread = key.decode().split(":")[2]
    posted = cast("dict[bytes, bytes]", redis.hgetall(key))
    redis.hset(f"pipeline-access:outbox:{thread}:sending", "late", str(time.time()))
    channel, ts = posted[b"root"].decode().split(" ")
    item = delivery.Item(step="late", method="post", thread="root", payload={"text": "late"})
    metadata = {
        "event_type": delivery.EVENT_TYPE,
        "event_payload": {"thread": thread, "step": "late"},
    }
    client = for_jobs(house.places)
    client.chat_postMessage(channel=channel, thread_ts=ts, text="late", metadata=metadata)
    outbox = delivery.Outbox(redis, for_posting(house.places), client)
    outbox.add(thread, item)
    outbox.deliver(thread)
    assert texts(house.thread()).count("late") == 1
    assert outbox.posted(thread, "late") is not None


def test_blocks_that_slack_refuses_arrive_as_text(house: House) -> None:
    house.command("payments-deploy in prod")
    house.workspace.faults.refuse("chat.postMessage", "invalid_blocks", times=1)
    house.work()
    assert len(house.thread()) == 4


def test_while_nobody_knows_who_asks_the_question_waits(house: House) -> None:
    house.workspace.faults.fail("users.info", times=3)
    house.command("payments-deploy in prod")
    house.work()
    assert house.roots() == []
    redis = house.worker().connection
    scheduled = "rq:scheduled:pipeline-access"
    for job in cast("list[bytes]", redis.zrange(scheduled, 0, -1)):
        redis.zadd(scheduled, {job: 1})
    house.work(rounds=2)
    assert answers(house) == 1


# --- Redis ----------------------------------------------------------------------------------------


def test_without_redis_the_person_is_told_that_nothing_was_queued(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_valkey()
    url = f"redis://127.0.0.1:{server.port}/0"
    with open_house(url, tmp_path, monkeypatch) as house:
        house.command("payments-deploy in prod")
        house.work()
        server.stop()
        assert "Nothing was queued" in house.command("website")
        finding = house.thread()[1]
        house.workspace.press(DEV, finding, "request_fix")
        assert "Nothing was queued" in house.whispered()[-1]


def test_the_audit_trail_survives_what_happens(house: House, redis: Redis) -> None:
    house.command("payments-deploy in prod")
    house.work()
    house.workspace.press(DEV, house.thread()[1], "request_fix")
    view = house.workspace.modal(DEV)
    assert view is not None
    house.workspace.submit(DEV, view, {"reason": "needed"})
    ledger = Ledger(redis)
    (entry,) = ledger.trail()
    assert entry.content["event"] == "requested"
    assert ledger.verify() is None

"""Bursts, doubles, wrong orders, strangers, rubbish: nothing lost, nothing twice, no flood."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner
from redis import Redis

from tests.incidents.test_alerts import deliver, said, threads, watch
from tests.incidents.world import (
    NOON,
    SCP,
    Post,
    Scene,
    denied,
    event,
    key_finding,
    report,
    scp_finding,
)
from tests.jobs.house import CONFIGURATION, DEPLOYS, DEV, OTHER, PLATFORM, House, open_house
from workers.commands.events import events as command
from workers.consumer import MOST_TIMES, Consumer
from workers.diagnosis.model import Evidence, Report
from workers.incidents import intake, triage
from workers.incidents.intake import Intake
from workers.incidents.watches import Watches
from workers.queue import open_queue


@pytest.fixture
def broken(scene: Scene) -> Scene:
    scene.put(*(report(name, key_finding(name)) for name in ("cart", "email", "media")))
    return scene


# --- many, twice, in the wrong order ----------


def test_five_hundred_failures_in_a_minute_are_one_thread_and_one_look_each(
    house: House, consumer: Consumer, post: Post, broken: Scene, redis: Redis
) -> None:
    watch(house, "prod")
    names = ("cart", "email", "media")
    post.send(*(denied(names[n % 3], n, at=NOON + n / 10) for n in range(500)))
    deliver(consumer, post)
    house.work()
    ((root, _, count),) = threads(house)
    assert "3 pipelines are denied" in root.text
    assert "*500 failures so far*" in said([count])
    assert Intake(redis).counts()["failed"] == 500
    posted = [each for each in house.workspace.calls if each.method == "chat.postMessage"]
    assert len(posted) == 4  # the watch's note, root, finding, count


def test_each_event_counts_once_however_often_it_comes(
    house: House, consumer: Consumer, post: Post, broken: Scene, redis: Redis
) -> None:
    watch(house, "cart")
    for _ in range(3):
        post.send(*(denied("cart", n) for n in range(1, 4)))
        deliver(consumer, post)
        house.work()
    ((_, _, count),) = threads(house)
    assert "*3 failures so far*" in said([count])
    assert Intake(redis).counts()["doubled"] == 6


def test_any_order_of_the_same_events_leads_to_the_same_thread(
    house: House, consumer: Consumer, post: Post, broken: Scene
) -> None:
    """Failed at 12:00 and 12:01, well again at 12:05: whatever comes first."""
    watch(house, "cart")
    post.send(denied("cart", 0))
    deliver(consumer, post)
    house.work()
    bodies = [
        denied("cart", 1, at=NOON + 60),
        event(2, "cart", "SUCCEEDED", at=NOON + 300),
        event(3, "cart", "SUCCEEDED", at=NOON - 300),
    ]
    random.Random(7).shuffle(bodies)
    for body in bodies:
        post.send(body)
        deliver(consumer, post)
        house.work()
    (thread,) = threads(house)
    assert thread[0].text == "✅ *cart*: healthy again after 5 min"


def test_a_failure_that_is_older_than_the_recovery_is_history(
    house: House, consumer: Consumer, post: Post, broken: Scene, redis: Redis
) -> None:
    watch(house, "cart")
    post.send(event(1, "cart", "SUCCEEDED", at=NOON + 300))
    deliver(consumer, post)
    post.send(denied("cart", 2, at=NOON))
    deliver(consumer, post)
    house.work()
    assert threads(house) == []
    assert Intake(redis).counts()["stale"] == 1


# --- strangers and rubbish ----------


def test_accounts_that_nobody_configured_are_counted_and_shown(
    house: House, consumer: Consumer, post: Post, redis: Redis
) -> None:
    post.send(denied("cart", 1, account="999999999999"), denied("cart", 1, account="999999999999"))
    deliver(consumer, post)
    house.work()
    assert Intake(redis).unknown_accounts() == {"999999999999": 1}
    printed = CliRunner().invoke(command).output
    assert "Account 999999999999 is not configured: 1 events." in printed
    assert post.waiting == []


def test_rubbish_is_set_aside_and_the_rest_goes_on(
    house: House, consumer: Consumer, post: Post, broken: Scene, redis: Redis
) -> None:
    watch(house, "cart")
    secret = "xoxb-123-very-secret"
    post.send("{", "[]", json.dumps({"token": secret}), denied("cart", 1))
    deliver(consumer, post)
    house.work()
    assert len(threads(house)) == 1
    assert post.waiting == []
    result = CliRunner().invoke(command, ["--set-aside", "--json"])
    kept = json.loads(result.output)
    assert [each["body"] for each in reversed(kept)][:2] == ["{", "[]"]
    assert all(each["why"] for each in kept)
    assert secret not in result.output


def test_a_fault_of_ours_is_tried_again_and_then_set_aside(
    house: House, consumer: Consumer, post: Post, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: str) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("workers.consumer.read_event", broken)
    post.send(denied("cart", 1))
    for times in range(1, MOST_TIMES + 1):
        assert post.waiting[0].times == times - 1
        consumer.round()
    assert post.waiting == []
    (aside,) = Intake(redis).aside()
    assert "ZeroDivisionError" in aside.why


def test_the_list_of_what_was_set_aside_does_not_grow_for_ever(
    house: House, consumer: Consumer, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MOST_ASIDE", 5)
    for number in range(9):
        Intake(redis).set_aside(f"m-{number}", "no JSON", "{")
    assert [each.id for each in Intake(redis).aside()] == ["m-8", "m-7", "m-6", "m-5", "m-4"]


# --- parts that fail ----------


def test_a_message_that_could_not_be_deleted_counts_once(
    house: House, consumer: Consumer, post: Post, broken: Scene
) -> None:
    watch(house, "cart")
    post.send(denied("cart", 1))
    post.refuses_to_delete = True
    with pytest.raises(Exception, match="does not delete"):
        consumer.round()
    post.refuses_to_delete = False
    deliver(consumer, post)
    house.work()
    ((_, _),) = threads(house)
    assert post.waiting == []


def test_a_worker_killed_while_looking_leaves_the_events_to_the_next(
    house: House, consumer: Consumer, post: Post, broken: Scene, tmp_path: Path
) -> None:
    def act(_: str) -> None:
        if not (tmp_path / "killed").exists():
            (tmp_path / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)

    watch(house, "cart")
    broken.act = act
    post.send(denied("cart", 1), denied("cart", 2))
    deliver(consumer, post)
    house.work(rounds=3)
    ((_, _, count),) = threads(house)
    assert "*2 failures so far*" in said([count])


def test_a_fault_with_one_pipeline_is_tried_again_then_set_aside_and_holds_up_nobody(
    house: House,
    consumer: Consumer,
    post: Post,
    broken: Scene,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def explain(report: Report, *rest: Any) -> Any:
        if report.name == "cart":
            raise ZeroDivisionError
        return triage_explain(report, *rest)

    triage_explain = triage.explain
    monkeypatch.setattr(triage, "explain", explain)
    watch(house, "prod")
    post.send(denied("cart", 1), denied("email", 2))
    deliver(consumer, post)
    house.work()
    (thread,) = threads(house)
    assert "*email*" in thread[0].text
    assert Intake(redis).aside() == ()
    for _ in range(2):
        waiting = cast("list[bytes]", redis.zrange(intake.DUE, 0, -1))
        redis.zadd(intake.DUE, dict.fromkeys(waiting, 1))
        house.work(rounds=2)
    (aside,) = Intake(redis).aside()
    assert "ZeroDivisionError" in aside.why
    assert '"cart"' in aside.body
    assert redis.zcard(intake.DUE) == 0


def test_slack_that_is_away_gets_the_alert_later_once(
    house: House, consumer: Consumer, post: Post, broken: Scene, redis: Redis
) -> None:
    watch(house, "cart")
    house.workspace.faults.fail("chat.postMessage", times=1)
    post.send(denied("cart", 1))
    deliver(consumer, post)
    house.work()
    assert threads(house) == []
    for name in redis.keys("pipeline-access:outboxes:due"):
        for member, _ in redis.zscan_iter(name):
            redis.zadd(name, {member: time.time() - 1})
    house.work(rounds=3)
    assert len(threads(house)) == 1


# --- channels that let nobody in ----------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"is_archived": True}, "is archived, so what is watched there rests"),
        ({"app_is_member": False, "is_private": True}, "I may not post in"),
    ],
)
def test_a_channel_that_is_closed_pauses_its_watches_and_tells_who_set_them(
    house: House,
    consumer: Consumer,
    post: Post,
    broken: Scene,
    redis: Redis,
    change: dict[str, Any],
    words: str,
) -> None:
    watch(house, "cart")
    watch(house, "email", user=OTHER)
    watch(house, "prod", PLATFORM)
    house.workspace.change_channel(DEPLOYS, **change)
    post.send(denied("cart", 1))
    deliver(consumer, post)
    house.work()
    for user in (DEV, OTHER):
        (note,) = house.workspace.history(house.workspace.im(user))
        assert words in note.text
    assert len(threads(house, PLATFORM)) == 1
    assert all(each.paused for each in Watches(redis).of(DEPLOYS))

    post.send(denied("cart", 2), denied("email", 3))
    deliver(consumer, post)
    house.work()
    assert len(house.workspace.history(house.workspace.im(DEV))) == 1


def test_watching_again_ends_the_pause(
    house: House, consumer: Consumer, post: Post, broken: Scene
) -> None:
    watch(house, "cart")
    house.workspace.change_channel(DEPLOYS, is_archived=True)
    post.send(denied("cart", 1))
    deliver(consumer, post)
    house.work()
    house.workspace.change_channel(DEPLOYS, is_archived=False)
    watch(house, "cart")
    post.send(denied("cart", 2, at=NOON + 60))
    deliver(consumer, post)
    house.work()
    assert len(threads(house)) == 1


# --- no flood ----------


@pytest.fixture
def slow_house(
    valkey: str, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    text = CONFIGURATION + "\n[slack]\nmessages_per_minute = 6\n"
    with open_house(valkey, tmp_path, monkeypatch, text) as made:
        yield made


def test_a_channel_is_told_no_faster_than_its_rate_and_of_everything_in_the_end(
    slow_house: House, scene: Scene, post: Post, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight causes at once, six messages a minute: an alert has two messages."""
    house = slow_house
    consumer = Consumer(house.settings, redis, open_queue(redis, house.settings.jobs), post)
    watch(house, "prod")
    for number in range(8):
        name = f"p{number}"
        policy = Evidence("scp", f"{SCP}{number}", "OnlyEurope", "Deny")
        scene.put(report(name, replace(scp_finding(name), evidence=(policy,))))
        body = denied(name, number)
        body["additionalAttributes"]["failedStage"] = "Deploy"
        body["additionalAttributes"]["failedActions"][0]["action"] = "Stack"
        post.send(body)
    deliver(consumer, post)
    house.work()
    assert len(threads(house)) == 3
    for minute in range(1, 4):
        monkeypatch.setattr(time, "time", later(minute))
        house.work(rounds=2)
    assert len(threads(house)) == 8


def later(minutes: int) -> Any:
    began = REAL() + minutes * 60
    return lambda: began


REAL = time.time


# --- who may be told ----------


def test_an_account_that_is_bound_to_channels_is_told_of_there_alone(
    valkey: str,
    scene: Scene,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    redis: Redis,
    post: Post,
) -> None:
    scene.put(report("cart", key_finding("cart")))
    closed = CONFIGURATION.replace('alias = "prod"', f'alias = "prod"\nchannels = ["{DEPLOYS}"]')
    with open_house(valkey, tmp_path, monkeypatch, closed) as house:
        consumer = Consumer(house.settings, redis, open_queue(redis, house.settings.jobs), post)
        watch(house, "cart", DEPLOYS)
        watch(house, "cart", PLATFORM)
        refused = house.command("watch prod", DEV, PLATFORM)
        house.work()
        post.send(denied("cart", 1))
        deliver(consumer, post)
        house.work()
        assert len(threads(house, DEPLOYS)) == 1
        assert threads(house, PLATFORM) == []
        assert "may only be given in" in refused
        assert Intake(redis).counts()["not_allowed"] == 1


def test_a_watch_of_somebody_who_may_no_longer_ask_tells_nothing(
    valkey: str,
    scene: Scene,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    redis: Redis,
    post: Post,
) -> None:
    scene.put(report("cart", key_finding("cart")))
    bound = CONFIGURATION.replace(
        'alias = "prod"', 'alias = "prod"\naskers = { groups = ["S0CLOUD"] }'
    )
    with open_house(valkey, tmp_path, monkeypatch, bound) as house:
        consumer = Consumer(house.settings, redis, open_queue(redis, house.settings.jobs), post)
        watch(house, "cart", DEPLOYS, DEV)  # no member of the group
        watch(house, "cart", PLATFORM, "U0APPROVER")
        house.command("watch prod", DEV)
        house.work()
        assert "not among those who may ask about" in house.whispered(DEV)[-1]
        post.send(denied("cart", 1))
        deliver(consumer, post)
        house.work()
        assert threads(house, DEPLOYS) == []
        assert len(threads(house, PLATFORM)) == 1


def test_a_channel_that_another_organisation_reads_is_told_nothing(
    house: House, consumer: Consumer, post: Post, broken: Scene, redis: Redis
) -> None:
    watch(house, "cart")
    house.workspace.change_channel(DEPLOYS, is_shared=True)
    redis.delete(f"pipeline-access:people:channel:{DEPLOYS}")
    post.send(denied("cart", 1))
    deliver(consumer, post)
    house.work()
    assert threads(house) == []
    house.command("incident")
    house.work()
    assert "another organisation read along" in house.whispered()[-1]

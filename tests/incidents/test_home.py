"""App Home: what waits for me, my requests, what is watched and how it is; true at any moment."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from tests.incidents.test_alerts import deliver, threads, watch
from tests.incidents.world import NOON, Post, Scene, denied, event, key_finding, report
from tests.jobs.house import (
    APPROVER,
    CONFIGURATION,
    DEPLOYS,
    DEV,
    GUEST,
    OTHER,
    PLATFORM,
    House,
    open_house,
)
from tests.jobs.stage import Stage, standard
from workers import freshness, jobs
from workers.consumer import Consumer
from workers.diagnosis.model import Outcome
from workers.incidents import jobs as incident_jobs
from workers.queue import SWEEP, enqueue, open_queue


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = standard()
    monkeypatch.setattr(jobs, "open_engine", made.open_engine)
    return made


def open_home(house: House, user: str = DEV) -> str:
    """Open App Home; what it says."""
    try:
        house.workspace.open_home(user, timeout=0.2)
    except TimeoutError:
        house.work()
    return page(house, user)


def page(house: House, user: str = DEV) -> str:
    """What the person's App Home says now, without opening it."""
    shown = house.workspace.home(user)
    assert shown is not None
    assert house.workspace.rejections == []
    return json.dumps(shown.body, ensure_ascii=False)


def rounds_pass(house: House, redis: Redis) -> None:
    """The pause between two pages is over, and the workers make their rounds."""
    redis.delete(freshness.LATELY)
    house.work(rounds=2)


@pytest.fixture
def watched(house: House, scene: Scene) -> Scene:
    """DEV watches prod's pipelines: one is well, one will be denied, one cannot be read."""
    scene.put(report("docs"), report("cart", key_finding("cart")))
    scene.put(replace(report("ledger"), outcome=Outcome.UNKNOWN))
    watch(house, "prod")
    house.work()
    return scene


def test_an_empty_page_says_how_to_begin(house: House) -> None:
    shown = open_home(house)
    assert "Waiting for my approval" in shown
    assert "/pipeline-access watch payments-*" in shown
    assert "Request this fix" in shown


def test_watched_pipelines_have_their_state_from_the_first_moment(
    house: House, watched: Scene
) -> None:
    shown = open_home(house)
    assert "⚠️ `cart`  *will be denied when it runs*" in shown
    assert "cart-build" in shown
    assert "✅ `docs`  healthy" in shown
    assert "❔ `ledger`  not known" in shown
    assert f"<#{DEPLOYS}>" in shown
    assert "watch prod" not in shown  # no diagnosis
    assert shown.index("`cart`") < shown.index("`ledger`") < shown.index("`docs`")


def test_a_large_account_is_looked_at_in_parts(
    house: House, scene: Scene, redis: Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """So that nobody waits behind it: every job looks at what fits into its time."""
    log = tmp_path / "looked"

    def look(name: str) -> None:
        time.sleep(0.05)
        with log.open("a") as file:
            file.write(f"{os.getpid()} {name}\n")

    monkeypatch.setattr(incident_jobs, "STOCK_SECONDS", 0.12)
    scene.put(*(report(f"p{number}") for number in range(7)))
    scene.act = look
    watch(house, "prod")
    house.work(rounds=2)
    lines = [line.split() for line in log.read_text().splitlines()]
    assert sorted(name for _, name in lines) == [f"p{number}" for number in range(7)]
    assert len({job for job, _ in lines}) > 1


def test_an_alert_and_its_end_are_on_the_page_at_once(
    house: House, watched: Scene, consumer: Consumer, post: Post, redis: Redis
) -> None:
    open_home(house)
    post.send(denied("cart", 1))
    deliver(consumer, post)
    house.work()
    rounds_pass(house, redis)
    shown = page(house)
    assert f"*denied* since <!date^{int(NOON)}^" in shown
    (root, *_) = threads(house)[0]
    assert f"p{root.ts.replace('.', '')}|cart>" in shown  # leads to the thread

    watched.put(report("cart"))
    post.send(event(2, "cart", "SUCCEEDED", at=NOON + 600))
    deliver(consumer, post)
    house.work()
    rounds_pass(house, redis)
    assert "✅ `cart`  healthy" in page(house)


def test_a_watch_that_is_set_or_ended_changes_the_page(
    house: House, watched: Scene, redis: Redis
) -> None:
    open_home(house)
    watch(house, "payments-*")
    rounds_pass(house, redis)
    assert "pipeline `payments-*`: nothing is known yet" in page(house)
    house.command("unwatch payments-*")
    house.command("unwatch prod")
    house.work()
    rounds_pass(house, redis)
    shown = page(house)
    assert "payments-*`: nothing" not in shown
    assert "`cart`" not in shown


def test_a_diagnosis_and_a_request_change_the_page(
    house: House, stage: Stage, redis: Redis
) -> None:
    open_home(house)
    open_home(house, APPROVER)
    house.command("payments-deploy in prod")
    house.work()
    rounds_pass(house, redis)
    assert "⛔ <" in page(house)
    assert "|payments-deploy>" in page(house)

    house.workspace.press(DEV, house.thread()[1], "request_fix")
    view = house.workspace.modal(DEV)
    assert view is not None
    house.workspace.submit(DEV, view, {"reason": "needed"})
    house.work()
    rounds_pass(house, redis)
    for user in (DEV, APPROVER):
        shown = page(house, user)
        assert "waits for approval" in shown
        assert shown.index("📝 <") < shown.index("Recent diagnoses")  # a link to the thread

    request = next(
        each
        for each in house.workspace.thread(DEPLOYS, house.roots()[0].ts)
        if "approve_fix" in str(each.blocks)
    )
    house.workspace.press(DEV, request, "withdraw_fix")
    house.work(rounds=2)
    rounds_pass(house, redis)
    assert "waits for approval" not in page(house, APPROVER)
    assert "withdrawn" in page(house)


def test_a_diagnosis_that_failed_is_not_shown_as_running(
    house: House, stage: Stage, redis: Redis
) -> None:
    def fault() -> None:
        raise ZeroDivisionError

    stage.act = fault
    open_home(house)
    house.command("payments-deploy in prod")
    house.work()
    rounds_pass(house, redis)
    assert "⚠️ <" in page(house)


def test_the_channels_that_i_am_in_count_whoever_set_the_watch(
    house: House, watched: Scene
) -> None:
    house.workspace.change_channel(DEPLOYS, members=(DEV, OTHER))
    assert "`cart`" in open_home(house, OTHER)
    assert "`cart`" not in open_home(house, APPROVER)


def test_a_sweep_refreshes_what_is_known_and_forgets_what_is_gone(
    house: House, watched: Scene, redis: Redis
) -> None:
    open_home(house)
    del watched.reports[report("ledger").arn]
    watched.put(report("cart"))
    enqueue(open_queue(redis, house.settings.jobs), SWEEP, "one", id="one")
    house.work()
    rounds_pass(house, redis)
    shown = page(house)
    assert "✅ `cart`  healthy" in shown
    assert "`ledger`" not in shown


def test_many_that_are_well_are_one_line_and_a_page_keeps_slacks_limits(
    house: House, scene: Scene
) -> None:
    scene.put(*(report(f"well-{n:03}") for n in range(120)))
    scene.put(*(report(f"ill-{n:03}", key_finding(f"ill-{n:03}")) for n in range(120)))
    watch(house, "prod")
    house.work()
    shown = open_home(house)
    assert "120 healthy: `well-000`" in shown
    assert "and 111 more" in shown
    view = house.workspace.home(DEV)
    assert view is not None
    assert len(view.body["blocks"]) <= 100


def test_the_same_page_is_not_sent_twice(house: House, watched: Scene, redis: Redis) -> None:
    open_home(house)
    shown = house.workspace.home(DEV)
    house.command("list")
    house.work()
    rounds_pass(house, redis)
    assert house.workspace.home(DEV) == shown


def test_pages_made_by_themselves_do_not_ask_slack_for_groups_again_and_again(
    house: House, stage: Stage, redis: Redis
) -> None:
    """usergroups.users.list may be called 20 times a minute, for all that the bot does together.

    https://docs.slack.dev/reference/methods/usergroups.users.list
    """
    house.command("payments-deploy in prod")
    house.work()
    house.workspace.press(DEV, house.thread()[1], "request_fix")
    view = house.workspace.modal(DEV)
    assert view is not None
    house.workspace.submit(DEV, view, {"reason": "needed"})
    house.work()
    people = (DEV, OTHER, APPROVER, "U0APPROVER2")
    for user in people:
        open_home(house, user)
    house.workspace.faults.fail("usergroups.users.list", times=100)
    watch(house, "zeta-*")
    rounds_pass(house, redis)
    for user in people:
        assert "zeta-*" in page(house, user)


@pytest.fixture
def bound_house(
    valkey: str, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    """prod's answers stand in one channel alone; only the cloud team may ask about shared."""
    text = CONFIGURATION.replace('alias = "prod"', f'alias = "prod"\nchannels = ["{DEPLOYS}"]')
    text = text.replace('alias = "shared"', 'alias = "shared"\naskers = { groups = ["S0CLOUD"] }')
    with open_house(valkey, tmp_path, monkeypatch, text) as made:
        yield made


def test_what_is_bound_to_channels_does_not_leave_them(bound_house: House, scene: Scene) -> None:
    scene.put(report("cart", key_finding("cart")))
    watch(bound_house, "cart")
    bound_house.work()
    shown = open_home(bound_house)
    assert "🔒 `cart`  its state is told in the channels of its account alone" in shown
    assert "denied" not in shown.replace("is denied", "").replace("pipeline denied", "")
    assert "cart-build" not in shown


def test_who_may_not_ask_about_an_account_sees_nothing_of_it(
    bound_house: House, scene: Scene
) -> None:
    scene.put(report("tools", key_finding("tools"), account="222222222222"))
    watch(bound_house, "tools", PLATFORM, APPROVER)
    bound_house.work()
    assert "`tools`" in open_home(bound_house, APPROVER)
    assert "`tools`" not in open_home(bound_house, DEV)


def test_a_guest_gets_a_page_that_says_so(house: House, watched: Scene) -> None:
    shown = open_home(house, GUEST)
    assert "guest" in shown.lower()
    assert "`cart`" not in shown

"""Sweeps: what will be denied next, told to channels by the clock, compared with the last time."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner
from redis import Redis
from redis.client import Pipeline

from tests.incidents.world import PROD, SHARED, Scene, key_finding, report, scp_finding
from tests.jobs.house import CONFIGURATION, DEPLOYS, OTHER, PLATFORM, House, open_house
from workers.aws.search import Unseen
from workers.commands import sweep as command
from workers.diagnosis.model import Outcome
from workers.incidents import sweep as sweep_job
from workers.incidents.causes import cause_of
from workers.incidents.schedule import NEXT, next_time, start
from workers.incidents.sweeping import Open, Swept, digest
from workers.queue import SWEEP, enqueue, open_queue
from workers.watch import Watch

DIGESTS = f"""
[sweeps]
schedule = "0 7 * * MON"

[[sweeps.digests]]
channel = "{PLATFORM}"

[[sweeps.digests]]
channel = "{DEPLOYS}"
accounts = ["prod"]
tags = {{ team = "storefront" }}
"""


@pytest.fixture
def house(
    valkey: str, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    with open_house(valkey, tmp_path, monkeypatch, CONFIGURATION + DIGESTS) as made:
        yield made


@pytest.fixture
def sweep(house: House, redis: Redis) -> Callable[[str], None]:
    """Let a worker sweep, as the clock would."""

    def run(name: str) -> None:
        queue = open_queue(redis, house.settings.jobs)
        enqueue(queue, SWEEP, name, id=name)
        house.work()

    return run


def text(house: House, channel: str) -> str:
    root = house.roots(channel)[-1]
    return f"{root.text}\n{root.blocks}"


def test_the_first_sweep_says_what_is_open(
    house: House, scene: Scene, sweep: Callable[[str], None]
) -> None:
    scene.put(report("cart", key_finding("cart")), report("docs"))
    sweep("one")
    told = text(house, PLATFORM)
    assert "*First sweep of 2 pipelines*: 1 open" in told
    assert "cart-build" in told


def test_where_nobody_could_look_is_said_and_nothing_is_called_clear(
    house: House, scene: Scene, sweep: Callable[[str], None]
) -> None:
    scene.put(report("docs"))
    why = "the worker cannot assume the read role. Deploy deploy/aws/read-role.yaml there."
    scene.unseen = (Unseen(SHARED, "eu-west-1", why), Unseen(SHARED, "us-east-1", why))
    sweep("one")
    told = text(house, PLATFORM)
    assert "❔ *First sweep of 1 pipeline*: 0 open" in told
    assert "Not seen: shared 222222222222, because the worker cannot assume the read role." in told
    assert "Not seen" not in text(house, DEPLOYS)  # that digest is about prod alone


def test_the_next_sweep_says_what_is_new_cured_and_still_open(
    house: House, scene: Scene, sweep: Callable[[str], None]
) -> None:
    scene.put(*(report(name, key_finding(name)) for name in ("cart", "email")), report("docs"))
    sweep("one")
    scene.put(report("email"), report("docs", scp_finding("docs")))
    sweep("two")
    told = text(house, PLATFORM)
    assert "*Sweep of 3 pipelines*: 1 new, 1 cured, 1 still open" in told
    new, cured, still = (told.index(each) for each in ("*New: 1*", "*Cured: 1*", "*Still open: 1*"))
    assert (
        new < told.index("`docs`") < cured < told.index("`email`") < still < told.rindex("`cart`")
    )


def test_a_digest_is_about_the_accounts_and_tags_that_it_names(
    house: House, scene: Scene, sweep: Callable[[str], None]
) -> None:
    scene.put(*(report(name, key_finding(name)) for name in ("cart", "orders")))
    scene.put(report("tools", key_finding("tools"), account=SHARED))
    scene.tags = {"cart": {"team": "storefront"}, "tools": {"team": "storefront"}}
    sweep("one")
    told = text(house, DEPLOYS)
    assert "1 open" in told
    assert "cart-build" in told
    assert "3 open" in text(house, PLATFORM)


def test_a_digest_keeps_to_the_channels_of_an_account(
    valkey: str,
    scene: Scene,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    redis: Redis,
) -> None:
    closed = CONFIGURATION.replace('alias = "prod"', f'alias = "prod"\nchannels = ["{DEPLOYS}"]')
    scene.put(report("cart", key_finding("cart")))
    scene.put(report("tools", scp_finding("tools"), account=SHARED))
    with open_house(valkey, tmp_path, monkeypatch, closed + DIGESTS) as house:
        enqueue(open_queue(redis, house.settings.jobs), SWEEP, "one", id="one")
        house.work()
        assert "cart" not in text(house, PLATFORM)
        assert "tools" in text(house, PLATFORM)


def test_a_sweep_goes_on_where_a_dead_worker_stopped(
    house: House,
    scene: Scene,
    sweep: Callable[[str], None],
    tmp_path: Path,
    killed_at: Callable[[str, str], None],
) -> None:
    scene.put(*(report(name, key_finding(name)) for name in ("cart", "email", "media")))
    killed_at("email", "once")
    sweep("one")
    house.work(rounds=3)
    looked = (tmp_path / "looked").read_text().split()
    assert looked == ["cart", "email", "media"]
    assert len(house.roots(PLATFORM)) == 1
    assert "3 open" in text(house, PLATFORM)


def test_its_progress_moves_and_its_thread_can_stop_it(
    house: House,
    scene: Scene,
    sweep: Callable[[str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody presses Stop while the worker is at the third of four pipelines."""
    names = ("cart", "docs", "email", "media")
    scene.put(*(report(name, key_finding(name)) for name in names))
    reached, go, seen = tmp_path / "reached", tmp_path / "go", list[str]()

    def wait(name: str) -> None:
        if name == "email":
            reached.touch()
            while not go.exists():
                time.sleep(0.01)

    def press() -> None:
        while not reached.exists():
            time.sleep(0.01)
        root = house.roots(PLATFORM)[0]
        seen.append(root.text)
        house.workspace.press(OTHER, root, "stop_look")
        go.touch()

    monkeypatch.setattr(sweep_job, "PROGRESS_SECONDS", 0)
    scene.act = wait
    thread = threading.Thread(target=press)
    thread.start()
    sweep("one")
    thread.join(10)
    assert seen == ["⏳ Sweep: 2 of 4 pipelines …"]
    told = text(house, PLATFORM)
    assert "*First sweep of 3 pipelines*: 3 open" in told
    assert f"stopped by <@{OTHER}>" in told
    assert "stop_look" not in told


def test_what_was_stopped_is_no_cure(
    house: House, scene: Scene, sweep: Callable[[str], None], redis: Redis
) -> None:
    """Of pipelines that were not looked at nothing is said, and the next sweep remembers them."""
    scene.put(*(report(name, key_finding(name)) for name in ("cart", "email")))
    sweep("one")
    redis.set("pipeline-access:look:two:stopped", OTHER)
    sweep("two")
    assert f"stopped by <@{OTHER}>" in text(house, PLATFORM)
    sweep("three")
    assert "0 new, 0 cured, 2 still open" in text(house, PLATFORM)


def test_unknown_now_is_neither_cured_nor_new() -> None:
    before = {"a": swept("a", Outcome.BLOCKED, True)}
    found = digest(
        {each.id: each for each in before.values()}, [swept("a", Outcome.UNKNOWN, False)]
    )
    assert found.cured == ()
    assert [each.pipeline.name for each in found.still] == ["a"]
    assert [each.name for each in found.unknown] == ["a"]


def test_a_pipeline_that_is_gone_is_neither_cured_nor_open() -> None:
    before = swept("a", Outcome.BLOCKED, True)
    found = digest({before.id: before}, [])
    assert (found.new, found.cured, found.still) == ((), (), ())


def swept(name: str, outcome: Outcome, is_open: bool) -> Swept:
    opened = (Open(cause_of(key_finding(name)), False),) if is_open else ()
    return Swept(name, PROD, "eu-west-1", outcome, opened)


# --- the clock ----------


def test_the_schedule_is_cron() -> None:
    tuesday = datetime(2026, 11, 24, 12, 0).astimezone().timestamp()
    monday = datetime(2026, 11, 30, 7, 0).astimezone().timestamp()
    assert next_time("0 7 * * MON", tuesday) == monday


def due(redis: Redis, schedule: str, now: float) -> str:
    return start(redis, schedule, now, lambda pipeline, sweep: None)


def test_a_sweep_is_started_once_among_all_workers(redis: Redis) -> None:
    begin = datetime(2026, 11, 24, 12, 0).astimezone().timestamp()
    assert due(redis, "0 * * * *", begin) == ""
    assert due(redis, "0 * * * *", begin + 3599) == ""
    started = [due(redis, "0 * * * *", begin + 3600) for _ in range(3)]
    assert started == [f"sweep-{int(begin + 3600)}", "", ""]


def test_workers_that_look_at_the_same_moment_start_it_once(redis: Redis) -> None:
    """The second one looks while the first is about to start it."""
    begin = datetime(2026, 11, 24, 12, 0).astimezone().timestamp()
    due(redis, "0 * * * *", begin)
    put: list[str] = []

    def first(pipeline: Pipeline, sweep: str) -> None:
        put.append(due(redis, "0 * * * *", begin + 3600))
        pipeline.rpush("jobs", sweep)

    assert start(redis, "0 * * * *", begin + 3600, first) == ""
    assert put == [f"sweep-{int(begin + 3600)}"]
    assert redis.llen("jobs") == 0


def test_a_worker_that_dies_over_it_leaves_it_to_the_next(redis: Redis) -> None:
    begin = datetime(2026, 11, 24, 12, 0).astimezone().timestamp()
    due(redis, "0 * * * *", begin)

    def dies(pipeline: Pipeline, sweep: str) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        start(redis, "0 * * * *", begin + 3600, dies)
    assert due(redis, "0 * * * *", begin + 3601) == f"sweep-{int(begin + 3600)}"


def test_a_sweep_that_was_missed_is_made_up_for_once(redis: Redis) -> None:
    begin = datetime(2026, 11, 24, 12, 0).astimezone().timestamp()
    due(redis, "0 * * * *", begin)
    late = [due(redis, "0 * * * *", begin + 5 * 3600 + 10) for _ in range(2)]
    assert late == [f"sweep-{int(begin + 3600)}", ""]


def test_a_changed_schedule_counts_from_now(redis: Redis) -> None:
    begin = datetime(2026, 11, 24, 12, 0).astimezone().timestamp()
    due(redis, "0 * * * *", begin)
    assert due(redis, "30 * * * *", begin + 3600) == ""
    assert due(redis, "30 * * * *", begin + 3600 + 1800) == f"sweep-{int(begin + 5400)}"


def test_what_is_no_schedule_is_said(redis: Redis) -> None:
    with pytest.raises(ValueError):
        due(redis, "61 25 * * *", 0)


def test_the_rounds_of_two_workers_start_a_sweep_once_when_it_is_due(
    house: House, scene: Scene, redis: Redis
) -> None:
    """As `docker compose up --scale worker=2` has it; the channel gets one digest."""
    scene.put(*(report(name, key_finding(name)) for name in ("cart", "email")))
    schedule = house.settings.sweeps.schedule
    redis.set(NEXT, f"{schedule}|{int(time.time()) - 60}")
    queue = open_queue(redis, house.settings.jobs)
    rounds = [threading.Thread(target=Watch(redis, queue, house.settings).round) for _ in range(8)]
    for each in rounds:
        each.start()
    for each in rounds:
        each.join()
    assert queue.count == 1
    house.work(rounds=2)
    (root,) = house.roots(PLATFORM)
    assert "*First sweep of 2 pipelines*" in root.text
    (_, _, following) = cast(bytes, redis.get(NEXT)).decode().rpartition("|")
    assert float(following) > time.time()


# --- the terminal ----------


@pytest.fixture
def run(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    file = tmp_path / "pipeline-access.toml"
    file.write_text(CONFIGURATION)
    monkeypatch.setenv("PIPELINE_ACCESS_CONFIG", str(file))
    monkeypatch.setattr(command, "open_survey", scene.open_survey)

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(command.sweep, arguments)
        return result.exit_code, result.output

    return run


def test_the_command_prints_what_pipelines_have_in_common(
    scene: Scene, run: Callable[..., tuple[int, str]]
) -> None:
    scene.put(*(report(name, key_finding(name)) for name in ("cart", "email")), report("docs"))
    status, printed = run("--json")
    assert status == 1
    value = json.loads(printed)
    (cause,) = value["causes"]
    assert [each["name"] for each in cause["pipelines"]] == ["cart", "email"]
    assert {each["name"]: each["outcome"] for each in value["pipelines"]} == {
        "cart": "blocked",
        "email": "blocked",
        "docs": "clear",
    }


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ((), {"cart", "email", "tools"}),
        (("--account", "prod"), {"cart", "email"}),
        (("--account", "prod", "--account", "shared"), {"cart", "email", "tools"}),
        (("--tag", "team=storefront"), {"cart", "tools"}),
        (("--account", "prod", "--tag", "team=storefront"), {"cart"}),
        (("e*",), {"email"}),
    ],
)
def test_accounts_tags_and_names_narrow_it(
    scene: Scene,
    run: Callable[..., tuple[int, str]],
    arguments: tuple[str, ...],
    names: set[str],
) -> None:
    scene.put(report("cart"), report("email"), report("tools", account=SHARED))
    scene.tags = {"cart": {"team": "storefront"}, "tools": {"team": "storefront"}}
    status, printed = run("--json", *arguments)
    assert status == 0
    assert {each["name"] for each in json.loads(printed)["pipelines"]} == names


def test_status_three_when_a_place_could_not_be_seen(
    scene: Scene, run: Callable[..., tuple[int, str]]
) -> None:
    scene.put(report("docs"))
    scene.unseen = (Unseen(SHARED, "eu-west-1", "the role is not there"),)
    status, printed = run()
    assert status == 3
    assert "the role is not there" in printed


def test_an_unknown_account_is_a_usage_error(run: Callable[..., tuple[int, str]]) -> None:
    status, printed = run("--account", "nope")
    assert status == 2
    assert "There are: prod, shared" in printed


def test_ctrl_c_shows_what_is_known_and_a_state_file_goes_on_behind_it(
    scene: Scene, run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    scene.put(*(report(name) for name in ("cart", "docs", "email", "media")))
    state = str(tmp_path / "sweep.jsonl")

    def interrupt(name: str) -> None:
        if name == "docs":
            os.kill(os.getpid(), signal.SIGINT)

    scene.act = interrupt
    status, printed = run("--state", state)
    assert status == 3
    assert "stopped: 2 pipelines were not looked at" in printed
    assert "2 pipelines: 2 clear" in printed

    scene.act, scene.looked = None, []
    status, printed = run("--state", state)
    assert status == 0
    assert scene.looked == ["email", "media"]
    assert "4 pipelines: 4 clear" in printed


def test_a_state_file_counts_for_a_day_and_a_torn_line_for_nothing(
    scene: Scene,
    run: Callable[..., tuple[int, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene.put(report("cart"), report("docs"))
    state = tmp_path / "sweep.jsonl"
    run("--state", str(state))
    whole = state.read_text()
    state.write_text(whole[:-40])  # the machine went down in the second line
    scene.looked = []
    assert run("--state", str(state))[0] == 0
    assert scene.looked == ["docs"]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 25 * 3600)
    scene.looked = []
    run("--state", str(state))
    assert scene.looked == ["cart", "docs"]


def test_a_file_of_something_else_is_left_alone(
    scene: Scene, run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("milk\nbread\n")
    status, printed = run("--state", str(other))
    assert status == 1
    assert "was not written by a sweep" in printed
    assert other.read_text() == "milk\nbread\n"

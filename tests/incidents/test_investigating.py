"""`/pipeline-access incident`: what many pipelines fail of, who changed what, told in a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from redis import Redis

from demo.workspace import Message
from tests.incidents.world import KEY, PROD, SHARED, Scene, denial, key_finding, report, scp_finding
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
from workers.aws.history import Change
from workers.queue import EXPORT_TIMELINE, enqueue, open_queue
from workers.snapshot.model import Run

BEFORE = (
    '{\n  "Principal": {\n    "AWS": [\n      "cart-build",\n      "email-build"\n    ]\n  }\n}'
)
AFTER = '{\n  "Principal": {\n    "AWS": "PlatformAdmin"\n  }\n}'


def run(name: str, ago: float, *, text: str | None = None, stage: str = "Build") -> Run:
    at = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - ago))
    told = denial(f"{name}-build") if text is None else text
    return Run(stage, "Compile", "Failed", f"{name:0<8}-1", at, "PermissionError", told)


@pytest.fixture
def incident(scene: Scene) -> Scene:
    """A shared key's policy was tidied up an hour ago: cart and email failed, media will."""
    scene.put(*(report(name, key_finding(name)) for name in ("cart", "email", "media")))
    scene.put(report("docs"), report("tools", account=SHARED))
    scene.runs["cart"] = (run("cart", 3000),)
    scene.runs["email"] = (run("email", 2000),)
    scene.changes_of[KEY] = (
        Change(
            "e-1",
            "PutKeyPolicy",
            time.time() - 3600,
            f"arn:aws:iam::{PROD}:role/PlatformAdmin",
            "jordan.lee",
            PROD,
            "eu-west-1",
            AFTER,
            BEFORE,
        ),
    )
    return scene


def investigate(house: House, text: str = "", user: str = DEV) -> list[Message]:
    house.command(f"incident {text}", user)
    house.work()
    return house.thread()


def said(messages: list[Message]) -> str:
    return "\n".join(house_text(each) for each in messages)


def house_text(message: Message) -> str:
    return str(message.blocks)


def test_the_summary_names_the_cause_the_change_and_what_is_next(
    house: House, incident: Scene
) -> None:
    root, *replies = investigate(house)
    assert root.text.startswith(
        "⛔ *2 pipelines failed of access, all of one cause*: the policy of KMS key"
    )
    shown = said([root])
    assert "`PutKeyPolicy` by `jordan.lee` (`PlatformAdmin`)" in shown
    assert "10 min before the first failure" in shown
    assert "*Failed*  2: `cart`, `email`" in shown
    assert "*Will fail next*  1: `media`" in shown
    assert "5 pipelines looked at, 2 clear" in shown
    assert "Take back what `jordan.lee` changed" in shown
    assert replies


def test_the_change_and_the_fix_are_folded_into_the_thread(house: House, incident: Scene) -> None:
    _, *replies = investigate(house)
    shown = said(replies)
    assert '-    \\"AWS\\": [' in shown or '-    "AWS": [' in shown
    assert "PlatformAdmin" in shown
    finding = next(each for each in replies if "request_fix" in house_text(each))
    house.workspace.press(DEV, finding, "request_fix")
    assert house.workspace.modal(DEV) is not None


def test_the_timeline_is_a_picture_with_words_for_those_who_do_not_see_it(
    house: House, incident: Scene
) -> None:
    _, *replies = investigate(house)
    files = [file for each in replies for file in each.files]
    (picture,) = files
    assert picture["name"] == "timeline.png"
    content = house.workspace.file(picture["id"])
    assert content is not None
    assert content.startswith(b"\x89PNG")
    assert "jordan.lee" in picture["alt_txt"]
    assert "cart" in picture["alt_txt"]


def test_the_timeline_is_exported_for_the_post_mortem(house: House, incident: Scene) -> None:
    root, *_ = investigate(house)
    house.workspace.press(OTHER, root, "export_timeline")
    house.work()
    *_, last = house.thread()
    (snippet,) = last.files
    content = house.workspace.file(snippet["id"])
    assert content is not None
    text = content.decode()
    assert "| Change | jordan.lee | PutKeyPolicy" in text
    assert "| Failure | cart | Build/Compile |" in text
    assert "```diff" in text


def test_guests_export_nothing(house: House, incident: Scene) -> None:
    root, *replies = investigate(house)
    house.workspace.change_channel(DEPLOYS, members=(DEV, GUEST))
    house.workspace.press(GUEST, root, "export_timeline")
    house.work()
    assert len(house.thread()) == 1 + len(replies)
    assert "Guests may not ask" in house.whispered(GUEST)[-1]


def test_a_timeline_does_not_leave_its_channel(house: House, incident: Scene, redis: Redis) -> None:
    """A button cannot be carried elsewhere; if a request says so all the same, it gets nothing."""
    investigate(house)
    (mark,) = cast("list[bytes]", redis.keys("pipeline-access:look:*:timeline"))
    inquiry = mark.decode().split(":")[2]
    enqueue(
        open_queue(redis, house.settings.jobs),
        EXPORT_TIMELINE,
        *(inquiry, DEV, PLATFORM, "1.1"),
        id="export",
    )
    house.work()
    assert house.roots(PLATFORM) == []
    assert "in the thread of its investigation alone" in house.whispered()[-1]


def test_what_failed_before_the_period_is_only_to_come(house: House, incident: Scene) -> None:
    root, *_ = investigate(house, "since 30m")
    assert root.text.startswith("⛔ Nothing failed of access yet, but *3 pipelines will be denied*")


def test_failures_for_other_reasons_are_named_apart(house: House, incident: Scene) -> None:
    incident.runs["docs"] = (run("docs", 100, text="12 tests failed"),)
    root, *_ = investigate(house)
    assert "Failed for other reasons than access: `docs`" in said([root])


def test_several_causes_are_ranked_by_what_they_stopped(house: House, incident: Scene) -> None:
    scp = scp_finding("orders")
    incident.put(report("orders", replace(scp, stopped="stopped (execution orders00)")))
    incident.runs["orders"] = (replace(run("orders", 500, text="nothing"), execution="orders00-1"),)
    root, *_ = investigate(house)
    assert "*3 pipelines failed of access, of 2 causes*; the policy of KMS key" in root.text
    assert "statement `OnlyEurope` of the service control policy `p-europeonly`" in said([root])


def test_causes_that_share_nothing_are_not_called_common(house: House, incident: Scene) -> None:
    """Two pipelines, two causes: none of them is what the incident is about."""
    scp = scp_finding("orders")
    incident.put(report("orders", replace(scp, stopped="stopped (execution orders00)")))
    incident.runs["orders"] = (replace(run("orders", 500, text="nothing"), execution="orders00-1"),)
    root, *_ = investigate(house, "orders cart")
    assert root.text.endswith("*2 pipelines failed of access, each of a cause of its own*")


@pytest.mark.parametrize(
    ("text", "looked"),
    [
        ("cart email", ["cart", "email"]),
        ("c*", ["cart"]),
        ("in shared", ["tools"]),
        ("account:shared cart", ["cart", "tools"]),
        ("tag:team=storefront", ["cart"]),
    ],
)
def test_pipelines_tags_and_accounts_narrow_it_down(
    house: House, incident: Scene, text: str, looked: list[str]
) -> None:
    incident.tags["cart"] = {"team": "storefront"}
    root, *_ = investigate(house, text)
    assert f"{len(looked)} pipelines looked at" in said([root])


def test_healthy_again_is_what_the_line_says_when_it_is_over(house: House, incident: Scene) -> None:
    for name in ("cart", "email", "media"):
        incident.put(report(name))
    for name in ("cart", "email"):
        failed = incident.runs[name][0]
        again = replace(
            failed, status="Succeeded", at=time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        )
        incident.runs[name] = (again, failed)
    root, *_ = investigate(house)
    assert root.text.startswith("✅ *2 pipelines had failed of access* and are healthy again")


def test_stop_ends_it_and_tells_what_is_known(
    house: House, incident: Scene, tmp_path: Path
) -> None:
    """The worker is at its second pipeline when somebody presses the button."""
    reached, go = tmp_path / "reached", tmp_path / "go"

    def wait(name: str) -> None:
        if name == "docs":
            reached.touch()
            while not go.exists():
                time.sleep(0.01)

    def press() -> None:
        while not reached.exists():
            time.sleep(0.01)
        house.workspace.press(OTHER, house.roots()[0], "stop_look")
        go.touch()

    incident.act = wait
    house.command("incident")
    thread = threading.Thread(target=press)
    thread.start()
    house.work()
    thread.join(10)
    root = house.roots()[0]
    assert f"stopped by <@{OTHER}>, 3 not looked at" in said([root])


def test_a_worker_that_dies_leaves_what_it_looked_at_to_the_next(
    house: House, incident: Scene, tmp_path: Path, killed_at: Callable[[str, str], None]
) -> None:
    killed_at("media", "once")
    house.command("incident")
    house.work()
    house.work(rounds=3)
    root, *replies = house.thread()
    assert root.text.startswith("⛔ *2 pipelines failed of access")
    looks = (tmp_path / "looked").read_text().split()
    assert looks.count("cart") == 1
    assert len([each for each in replies if each.files]) == 1


def test_who_may_ask_about_nothing_is_told_so(house: House, incident: Scene) -> None:
    house.command("incident", GUEST, "C0GUESTS")
    house.work()
    assert "Guests may not ask" in house.whispered(GUEST)[-1]
    assert house.roots(DEPLOYS) == []


@pytest.mark.parametrize(
    ("rule", "user", "channel", "names"),
    [
        (f'channels = ["{DEPLOYS}"]', DEV, PLATFORM, {"tools"}),
        (f'channels = ["{DEPLOYS}"]', DEV, DEPLOYS, {"cart", "email", "media", "tools"}),
        ('askers = { groups = ["S0CLOUD"] }', DEV, DEPLOYS, {"tools"}),
        (
            'askers = { groups = ["S0CLOUD"] }',
            APPROVER,
            DEPLOYS,
            {"cart", "email", "media", "tools"},
        ),
    ],
)
def test_an_account_is_told_of_only_where_and_to_whom_the_rules_say(
    valkey: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    incident: Scene,
    rule: str,
    user: str,
    channel: str,
    names: set[str],
) -> None:
    incident.put(report("tools", scp_finding("tools"), account=SHARED))
    text = CONFIGURATION.replace('alias = "prod"', f'alias = "prod"\n{rule}')
    with open_house(valkey, tmp_path, monkeypatch, text) as house:
        house.command("incident", user, channel)
        house.work()
        told = said(house.thread(channel))
        every = {"cart", "email", "media", "tools"}
        assert {name for name in every if f"`{name}`" in told} == names

        refused = house.command("incident in prod", user, channel)
        house.work()
        allowed = "cart" in names
        assert len(house.roots(channel)) == (2 if allowed else 1)
        if not allowed:
            assert "Answers about" in refused or "not among those" in house.whispered(user)[-1]

"""Requesting a fix: modal, durable record, and what the thread says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner
from redis import Redis

from demo.workspace import Message, View
from tests.jobs.house import APPROVER, DEV, OTHER, House
from workers.cli import cli
from workers.ledger import Ledger, State


@pytest.fixture
def answered(house: House) -> House:
    house.command("payments-deploy in prod")
    house.work()
    return house


def finding(house: House) -> Message:
    return house.thread()[1]


def modal(house: House, user: str = DEV) -> View:
    outcome = house.workspace.press(user, finding(house), "request_fix")
    assert outcome.ok
    view = house.workspace.modal(user)
    assert view is not None
    return view


def test_the_modal_shows_the_change_and_who_may_approve(answered: House) -> None:
    view = modal(answered)
    shown = json.dumps(view.body["blocks"])
    assert "PipelineAccessDecrypt" in shown
    assert "<!subteam^S0CLOUD>" in shown
    assert view.title == "Request a fix"
    assert "policy" not in view.private_metadata


def test_a_request_is_recorded_and_told_in_the_thread(answered: House, redis: Redis) -> None:
    view = modal(answered)
    outcome = answered.workspace.submit(DEV, view, {"reason": "Deploys <!channel> stopped"})
    assert outcome.ok
    (entry,) = Ledger(redis).entries()
    assert entry.state is State.REQUESTED
    assert entry.request.requester == DEV
    assert entry.request.fingerprint == "a" * 64

    answered.work()

    root, first, *_, told = answered.thread()
    assert "1 fix requested" in json.dumps(root.blocks)
    assert "Fix requested by" in json.dumps(first.blocks)
    assert "request_fix" not in json.dumps(first.blocks)
    shown = json.dumps(told.blocks, ensure_ascii=False)
    assert "<!subteam^S0CLOUD>" in shown
    assert "&lt;!channel&gt;" in shown
    assert "<!channel>" not in shown
    assert answered.workspace.rejections == []


def test_the_terminal_shows_the_request(answered: House) -> None:
    answered.workspace.submit(DEV, modal(answered), {"reason": "needed", "ticket": "OPS-1"})
    told = CliRunner().invoke(cli, ["requests", "--json"])
    assert told.exit_code == 0
    (request,) = json.loads(told.output)
    assert request["state"] == "requested"
    assert request["reason"] == "needed"
    assert request["ticket"] == "OPS-1"
    assert request["documents"][0]["kind"] == "key_policy"
    assert request["entitled"][0]["groups"] == ["S0CLOUD"]
    assert "needed" in CliRunner().invoke(cli, ["requests"]).output


def test_without_a_reason_nothing_is_recorded(answered: House, redis: Redis) -> None:
    outcome = answered.workspace.submit(DEV, modal(answered), {"reason": "   "})
    assert not outcome.ok
    assert Ledger(redis).entries() == ()


def test_the_same_fix_is_requested_once(answered: House, redis: Redis) -> None:
    first, second = modal(answered), modal(answered, OTHER)
    assert answered.workspace.submit(DEV, first, {"reason": "needed"}).ok
    answered.workspace.submit(OTHER, second, {"reason": "needed too"})
    assert len(Ledger(redis).entries()) == 1
    answered.work()
    assert sum("Fix requested" in m.text for m in answered.thread()) == 1


def altered(view: View, change: Callable[[str], str]) -> View:
    body = dict(view.body, private_metadata=change(view.private_metadata))
    return View(view.id, view.user, body, view.hash, view.root_view_id)


def test_a_request_lost_before_its_announcement_is_announced_by_the_workers(
    answered: House, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.watch.YOUNG_SECONDS", 0)
    answered.workspace.submit(DEV, modal(answered), {"reason": "needed"})
    queue: Any = answered.worker().queue_class("pipeline-access", connection=redis)
    queue.empty()
    answered.work()
    assert "Fix requested" in answered.thread()[-1].text
    answered.work(rounds=2)
    assert sum("Fix requested" in m.text for m in answered.thread()) == 1


def test_an_approver_is_named_but_the_requester_is_not(answered: House) -> None:
    answered.workspace.submit(APPROVER, modal(answered, APPROVER), {"reason": "needed"})
    answered.work()
    assert f"not <@{APPROVER}>, who asked" in json.dumps(
        answered.thread()[-1].blocks, ensure_ascii=False
    )

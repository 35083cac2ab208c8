"""Approvers hear of a request directly, once, and see what became of it wherever it is shown."""

from __future__ import annotations

import json

import pytest
from redis import Redis

from demo.workspace import Message
from tests.fixing.conftest import ask, only, shown
from tests.fixing.documents import Documents
from tests.jobs.house import APPROVER, DEV, GUEST, OTHER, House
from workers.fixing import notices
from workers.ledger import Ledger, State
from workers.queue import ANNOUNCE, SHOW_HOME, enqueue, open_queue

SECOND = "U0APPROVER2"


def direct(house: House, user: str) -> list[Message]:
    return house.workspace.history(house.workspace.im(user))


def test_each_approver_is_told_once_and_nobody_else(house: House, requested: Message) -> None:
    for approver in (APPROVER, SECOND):
        (message,) = direct(house, approver)
        assert "Fix requested" in message.text
        assert "approve_fix" in json.dumps(message.blocks)
        assert "the thread" in json.dumps(message.blocks)
    for other in (DEV, OTHER, GUEST):
        assert direct(house, other) == []
    assert house.workspace.rejections == []


def test_an_announcement_that_runs_again_tells_nobody_again(
    house: House, requested: Message, redis: Redis, ledger: Ledger
) -> None:
    queue = open_queue(redis, house.settings.jobs)
    enqueue(queue, ANNOUNCE, only(ledger).request.id, id="once-more")
    house.work()
    assert len(direct(house, APPROVER)) == 1


@pytest.mark.parametrize("where", ["thread", "direct"])
def test_all_that_show_the_request_change_together(
    house: House, requested: Message, ledger: Ledger, redis: Redis, where: str
) -> None:
    enqueue(open_queue(redis, house.settings.jobs), SHOW_HOME, SECOND, id="home")
    house.work()
    waiting = json.dumps(house.workspace.home(SECOND).blocks)  # type: ignore[union-attr]
    assert only(ledger).request.id in waiting
    pressed = shown(house) if where == "thread" else direct(house, APPROVER)[0]
    assert house.workspace.press(APPROVER, pressed, "approve_fix").ok
    house.work(rounds=2)
    assert only(ledger).state is State.VERIFIED
    assert "is clear" in house.thread()[0].text
    for message in (shown(house), *direct(house, APPROVER), *direct(house, SECOND)):
        assert "Cured" in message.text
        assert "approve_fix" not in json.dumps(message.blocks)
    assert len(direct(house, APPROVER)) == len(direct(house, SECOND)) == 1
    after = json.dumps(house.workspace.home(SECOND).blocks)  # type: ignore[union-attr]
    assert only(ledger).request.id not in after
    assert house.workspace.rejections == []


def test_the_requester_is_not_asked_to_decide(house: House, ledger: Ledger) -> None:
    ask(house, APPROVER)
    house.work()
    assert direct(house, APPROVER) == []
    assert len(direct(house, SECOND)) == 1


def test_who_left_the_group_still_sees_what_became_of_it(
    house: House, requested: Message, ledger: Ledger, documents: Documents
) -> None:
    house.workspace.set_usergroup("S0CLOUD", [APPROVER])
    house.workspace.press(APPROVER, shown(house), "approve_fix")
    house.work(rounds=2)
    (message,) = direct(house, SECOND)
    assert "Cured" in message.text


def test_a_refused_click_in_a_direct_message_is_explained_there(
    house: House, requested: Message, ledger: Ledger
) -> None:
    house.workspace.set_usergroup("S0CLOUD", [APPROVER])
    house.workspace.press(SECOND, direct(house, SECOND)[0], "approve_fix")
    house.work()
    assert only(ledger).state is State.REQUESTED
    assert "<!subteam^S0CLOUD> may" in house.whispered(SECOND)[-1]


def test_a_group_as_large_as_a_department_is_not_written_to_one_by_one(
    monkeypatch: pytest.MonkeyPatch, house: House
) -> None:
    monkeypatch.setattr(notices, "MOST_TOLD", 1)
    ask(house, DEV)
    house.work()
    assert [len(direct(house, each)) for each in (APPROVER, SECOND)] == [1, 0]
    assert "<!subteam^S0CLOUD>" in json.dumps(shown(house).blocks)


def test_slack_that_is_away_delays_the_message_and_doubles_none(house: House) -> None:
    ask(house, DEV)
    house.workspace.faults.fail("chat.postMessage", times=4)
    house.workspace.faults.limit("chat.postMessage", times=2, retry_after=1)
    house.work(rounds=4)
    assert [len(direct(house, each)) for each in (APPROVER, SECOND)] == [1, 1]
    assert "Fix requested" in shown(house).text


def test_approvers_whom_slack_did_not_name_are_told_once_it_does(house: House) -> None:
    ask(house, DEV)
    house.workspace.faults.fail("usergroups.users.list", times=8)
    house.worker().work(burst=True, max_jobs=1, logging_level="WARNING")
    assert direct(house, APPROVER) == []
    assert "Fix requested" in shown(house).text, "the thread does not wait for it"
    house.work(rounds=4)
    assert len(direct(house, APPROVER)) == len(direct(house, SECOND)) == 1

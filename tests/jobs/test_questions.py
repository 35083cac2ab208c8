"""Asking: joining, choosing, near names, lists, refusals – everything before the diagnosis."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from redis import Redis

from demo.workspace import Message
from tests.jobs.house import DEPLOYS, DEV, GUEST, OTHER, PLATFORM, PRIVATE, House, open_house
from tests.jobs.stage import Stage
from tests.slack import reports
from workers.aws.search import Unseen


def queued(redis: Redis) -> int:
    return int(redis.llen("rq:queue:pipeline-access"))


def test_the_place_in_the_queue_is_told(house: House) -> None:
    assert "It starts as soon as one is" in house.command("payments-deploy").replace("it", "It")
    house.work()
    assert "next" in house.command("website")
    assert "Place 2" in house.command("ledger")


def test_a_second_asker_joins_the_running_diagnosis(house: House, redis: Redis) -> None:
    house.command("payments-deploy in prod")
    said = house.command("payments-deploy in prod", OTHER)
    assert "already being diagnosed" in said
    assert f"<@{DEV}>" in said
    assert queued(redis) == 1
    house.work()
    (root,) = house.roots()
    assert house.workspace.permalink(root) in house.whispered(OTHER)[-1]


def test_a_late_asker_gets_the_link_to_the_answer(house: House) -> None:
    house.command("payments-deploy in prod")
    house.work()
    said = house.command("payments-deploy in prod", OTHER)
    (root,) = house.roots()
    assert house.workspace.permalink(root) in said
    house.work()
    assert len(house.roots()) == 1


def test_another_account_is_another_question(house: House, redis: Redis) -> None:
    house.command("checkout in prod")
    house.command("checkout in shared")
    assert queued(redis) == 2


def test_a_private_channel_shares_nothing(house: House, redis: Redis) -> None:
    house.workspace.change_channel(PRIVATE, app_is_member=True)
    house.command("payments-deploy in prod", DEV, PRIVATE)
    house.work()
    assert len(house.roots(PRIVATE)) == 1
    assert "queued" in house.command("payments-deploy in prod", DEV, DEPLOYS).lower()
    house.work()
    assert len(house.roots()) == 1


def test_public_channels_share_one_answer(house: House) -> None:
    house.command("payments-deploy in prod", DEV, PLATFORM)
    house.work()
    (root,) = house.roots(PLATFORM)
    said = house.command("payments-deploy in prod", OTHER, DEPLOYS)
    assert house.workspace.permalink(root) in said


def test_a_name_in_two_accounts_gives_a_menu(house: House) -> None:
    house.command("checkout")
    house.work()
    assert house.roots() == []
    menu = house.workspace.ephemerals(DEV)[-1]
    assert "exists 2 times" in menu.text
    house.workspace.press(DEV, menu, "choose_pipeline", value="222222222222 eu-west-1 checkout")
    house.work()
    root = house.thread()[0]
    assert "*checkout*" in root.text
    assert "222222222222" in json.dumps(root.blocks)


def test_a_misspelt_name_gives_the_nearest_as_buttons(house: House) -> None:
    house.command("payment-deploy")
    house.work()
    said = house.workspace.ephemerals(DEV)[-1]
    assert "No pipeline is named `payment-deploy`" in said.text
    house.workspace.press(DEV, said, "choose_pipeline:0")
    house.work()
    assert house.thread()[0].text.startswith("⛔ *payments-deploy*")


def test_where_nobody_could_look_is_said(house: House, stage: Stage) -> None:
    stage.unseen = (Unseen("222222222222", "eu-west-1", "the role cannot be assumed"),)
    house.command("nowhere-to-be-found")
    house.work()
    shown = json.dumps(house.workspace.ephemerals(DEV)[-1].blocks)
    assert "shared 222222222222" in shown
    assert "the role cannot be assumed" in shown


def test_a_list_is_for_the_asker_alone(house: House) -> None:
    house.command("list e in prod")
    house.work()
    assert house.roots() == []
    shown = json.dumps(house.workspace.ephemerals(DEV)[-1].blocks)
    assert "payments-deploy" in shown
    assert "website" in shown


def test_diagnosing_again_answers_in_the_same_thread(house: House, stage: Stage) -> None:
    house.command("payments-deploy in prod")
    house.work()
    *_, checked = house.thread()
    stage.put(replace(reports.CLEAR, name="payments-deploy"))
    house.workspace.press(OTHER, checked, "ask_again")
    house.work()
    assert len(house.roots()) == 1
    assert any("is clear" in message.text for message in house.thread())


def test_a_guest_may_not_ask(house: House) -> None:
    house.command("payments-deploy in prod", GUEST, "C0GUESTS")
    house.work()
    assert house.roots("C0GUESTS") == []
    assert "Guests may not ask" in house.whispered(GUEST)[-1]


def test_help_says_what_is_understood(house: House, redis: Redis) -> None:
    said = house.command("help")
    assert "/pipeline-access list" in said
    assert queued(redis) == 0


def test_an_unknown_account_is_corrected(house: House, redis: Redis) -> None:
    said = house.command("payments-deploy in prd")
    assert "Did you mean `prod`?" in said
    assert queued(redis) == 0


# --- where answers may stand, and who may ask -----------------------------------------------------

RESTRICTED = """
[[accounts]]
id = "111111111111"
alias = "prod"
regions = ["eu-west-1"]
channels = ["C0PLATFORM"]
askers = { groups = ["S0CLOUD"] }

[[accounts]]
id = "222222222222"
alias = "shared"
regions = ["eu-west-1"]

[slack]
allow_private_channels = false
"""


@pytest.fixture
def strict(valkey, stage, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    with open_house(valkey, tmp_path, monkeypatch, RESTRICTED) as made:
        yield made


def test_answers_stay_in_the_channels_of_their_account(strict: House, redis: Redis) -> None:
    assert "<#C0PLATFORM>" in strict.command("payments-deploy in prod")
    assert queued(redis) == 0
    # Without an account it is the worker who finds out which one it is.
    strict.command("payments-deploy")
    strict.work()
    assert strict.roots() == []
    assert "<#C0PLATFORM>" in strict.whispered()[-1]


def test_a_name_in_two_accounts_means_the_one_that_may_be_told(strict: House) -> None:
    strict.command("checkout")
    strict.work()
    assert "222222222222" in json.dumps(strict.thread()[0].blocks)


def test_only_the_accounts_own_people_may_ask(strict: House) -> None:
    strict.command("payments-deploy in prod", DEV, PLATFORM)
    strict.work()
    assert strict.roots(PLATFORM) == []
    assert "not among those who may ask" in strict.whispered()[-1]
    strict.workspace.set_usergroup("S0CLOUD", [OTHER])
    strict.command("payments-deploy in prod", OTHER, PLATFORM)
    strict.work()
    assert strict.roots(PLATFORM)[0].text.startswith("⛔ *payments-deploy*")


def test_private_channels_can_be_closed_to_the_bot(strict: House) -> None:
    strict.command("ledger", DEV, PRIVATE)
    strict.work()
    told = strict.workspace.history(strict.workspace.im(DEV))
    assert "does not answer in private channels" in told[-1].text


def test_where_the_bot_may_not_post_the_asker_is_told(house: House) -> None:
    house.command("payments-deploy in prod", DEV, PRIVATE)
    house.work()
    told = house.workspace.history(house.workspace.im(DEV))
    assert len(told) == 1
    assert "/invite" in told[0].text


def test_in_an_archived_channel_the_asker_is_told(house: House) -> None:
    house.command("payments-deploy in prod")
    house.workspace.change_channel(DEPLOYS, is_archived=True)
    house.work()
    told: list[Message] = house.workspace.history(house.workspace.im(DEV))
    assert "archived" in told[0].text

"""Asking anywhere: in channels and threads, with little said, by people and by bots."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from redis import Redis

from demo.workspace import Message, Person
from demo.workspace.sender import sign
from tests.incidents.world import event
from tests.jobs.conftest import stage
from tests.jobs.house import CONFIGURATION, DEPLOYS, DEV, GUEST, OTHER, PEOPLE, House, open_house
from tests.jobs.stage import Stage
from workers.incidents.events import ExecutionEnded, read_event
from workers.incidents.intake import Intake

__all__ = ["stage"]

BOT = "<@U0PIPELINE>"
ERROR = (
    "User: arn:aws:sts::111111111111:assumed-role/payments-build/x is not authorized to perform: "
    "kms:Decrypt because no identity-based policy allows the kms:Decrypt action"
)
CI = Person("U0CIBOT", "ci", is_bot=True)


@pytest.fixture
def house(
    valkey: str, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    with open_house(valkey, tmp_path, monkeypatch, people=(*PEOPLE, CI)) as made:
        yield made


def say(
    house: House, text: str, user: str = DEV, thread: str | None = None, **more: Any
) -> Message:
    before = len(house.workspace.deliveries)
    message = house.workspace.message(user, DEPLOYS, text, thread_ts=thread, raw=True, **more)
    house.workspace.wait_for(lambda: len(house.workspace.deliveries) > before or None)
    return message


def answers(house: House, root: Message) -> list[Message]:
    thread = house.workspace.thread(DEPLOYS, root.ts)[1:]
    return [each for each in thread if each.user == "U0PIPELINE"]


def shown(message: Message) -> str:
    return json.dumps(message.blocks, ensure_ascii=False)


# --- what is understood ----------


@pytest.mark.parametrize(
    "text",
    [
        f"{BOT} deploys of payments-deploy are broken since noon",
        f"{BOT} payments-deploy in prod, anybody?",
        f"{BOT} can you look at `payments-deploy`?",
        f"{BOT} arn:aws:codepipeline:eu-west-1:111111111111:payments-deploy is red",
    ],
)
def test_a_name_that_exists_is_found_in_any_sentence(house: House, text: str) -> None:
    root = say(house, text)
    house.work()
    first = answers(house, root)[0]
    assert first.text.startswith("⛔ *payments-deploy* is denied")
    assert "Understood: " in shown(first)


def test_an_alias_narrows_it_down(house: House) -> None:
    root = say(house, f"{BOT} why is checkout denied in shared?")
    house.work()
    assert "222222222222" in shown(answers(house, root)[0])


def test_a_name_of_two_accounts_is_a_menu_for_the_asker_alone(house: House) -> None:
    root = say(house, f"{BOT} why is checkout denied?")
    house.work()
    assert answers(house, root) == []
    menu = house.workspace.ephemerals(DEV, DEPLOYS)[-1]
    assert menu.thread_ts == root.ts
    house.workspace.press(DEV, menu, "choose_pipeline", value="222222222222 eu-west-1 checkout")
    house.work()
    assert answers(house, root)[0].text.startswith("⛔ *checkout*")


def test_what_is_near_is_offered_with_buttons_and_answered_there(house: House) -> None:
    root = say(house, f"{BOT} the payments deployment is red")
    house.work()
    (question,) = answers(house, root)
    assert question.text == "Which pipeline is it?"
    assert "payments-deploy (prod 111111111111 · eu-west-1)" in shown(question)
    house.workspace.press(DEV, question, "choose_pipeline:0")
    house.work()
    assert any("*payments-deploy* is denied" in each.text for each in answers(house, root))
    assert len(house.roots()) == 1


def test_another_persons_question_is_not_answered_for_them(house: House) -> None:
    root = say(house, f"{BOT} the payments deployment is red")
    house.work()
    (question,) = answers(house, root)
    house.workspace.press(OTHER, question, "choose_pipeline:0")
    assert "Only the person who asked" in shown(answers(house, root)[0])


def test_an_error_text_is_explained_and_kept_for_the_pipeline_that_is_chosen(house: House) -> None:
    root = say(house, f"{BOT} payments is red: {ERROR}")
    house.work()
    (question,) = answers(house, root)
    assert "kms:Decrypt" in shown(question)
    assert "Understood: " in shown(question)
    house.workspace.press(DEV, question, "choose_pipeline:0")
    house.work()
    assert any("*payments-deploy* is denied" in each.text for each in answers(house, root))


EXECUTION = "82fdb496-1b2c-4d3e-8f90-123456789abc"


def failed(redis: Redis, account: str = "111111111111") -> None:
    """An event has told of an execution of payments-deploy that failed."""
    body = event(1, "payments-deploy", account=account, execution=EXECUTION)
    told = read_event(json.dumps(body))
    assert isinstance(told, ExecutionEnded)
    Intake(redis).take(told)


@pytest.mark.parametrize(
    "text",
    [
        f"{BOT} why did execution {EXECUTION} fail?",
        f"{BOT} {EXECUTION}",
        f"{BOT} what about 82fdb496",
        f"{BOT} 82FDB496",
    ],
)
def test_an_execution_that_failed_is_enough(house: House, redis: Redis, text: str) -> None:
    failed(redis)
    root = say(house, text)
    house.work()
    told = answers(house, root)
    assert told[0].text.startswith("⛔ *payments-deploy* is denied")
    assert "its execution 82fdb496 failed" in shown(told[0])


def test_an_execution_that_nobody_told_of_is_asked_about(house: House) -> None:
    root = say(house, f"{BOT} why did execution {EXECUTION} fail?")
    house.work()
    (question,) = answers(house, root)
    assert question.text.startswith("Whose execution is `82fdb496`?")


def test_an_execution_of_an_account_that_one_may_not_ask_about_tells_nothing(
    valkey: str, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis: Redis
) -> None:
    bound = CONFIGURATION.replace(
        'alias = "prod"', 'alias = "prod"\naskers = { groups = ["S0CLOUD"] }'
    )
    with open_house(valkey, tmp_path, monkeypatch, bound) as house:
        failed(redis)
        root = say(house, f"{BOT} why did execution {EXECUTION} fail?")
        house.work()
        (question,) = answers(house, root)
        assert question.text.startswith("Whose execution is `82fdb496`?")
        assert "payments-deploy" not in shown(question)


def test_a_forwarded_notification_is_read(house: House) -> None:
    """Amazon Q in chat applications: a title, fields, and a link behind the title."""
    forwarded = {
        "fallback": "[no preview]",
        "title": ":x: AWS CodePipeline Notification | eu-west-1 | Account: 111111111111",
        "text": "*Pipeline* payments-deploy\n*State* FAILED",
        "is_msg_unfurl": True,
    }
    root = say(house, f"{BOT} why?", attachments=(forwarded,))
    house.work()
    assert answers(house, root)[0].text.startswith("⛔ *payments-deploy*")


def test_a_forwarded_messages_own_blocks_are_read(house: House) -> None:
    event = json.dumps(
        {
            "source": "aws.codepipeline",
            "account": "111111111111",
            "region": "eu-west-1",
            "detail": {"pipeline": "payments-deploy", "state": "FAILED"},
        }
    )
    section = {"type": "section", "text": {"type": "mrkdwn", "text": event}}
    forwarded = {"message_blocks": [{"message": {"blocks": [section]}}], "fallback": "[no preview]"}
    root = say(house, f"{BOT} why?", attachments=(forwarded,))
    house.work()
    assert answers(house, root)[0].text.startswith("⛔ *payments-deploy*")


def test_in_the_thread_of_an_answer_the_pipeline_is_known(house: House) -> None:
    house.command("payments-deploy in prod")
    house.work()
    root = house.roots()[0]
    say(house, f"{BOT} and now?", OTHER, root.ts)
    house.work()
    thread = house.workspace.thread(DEPLOYS, root.ts)
    again = [each for each in thread[1:] if each.text.startswith("⛔ *payments-deploy*")]
    assert len(again) == 1
    assert "this thread is about it" in shown(again[0])


# --- commands by mention ----------


def test_help_works_in_a_thread_where_slash_commands_do_not(house: House) -> None:
    root = house.workspace.message(OTHER, DEPLOYS, "deploys are red")
    say(house, f"{BOT} help", thread=root.ts)
    (note,) = house.workspace.ephemerals(DEV, DEPLOYS)
    assert "Why is my pipeline denied?" in note.text
    assert note.thread_ts == root.ts


def test_watch_by_mention_is_told_in_the_thread(house: House) -> None:
    root = house.workspace.message(OTHER, DEPLOYS, "deploys are red")
    say(house, f"{BOT} watch payments-*", thread=root.ts)
    house.work()
    (note,) = answers(house, root)
    assert "lets this channel watch pipeline `payments-*`" in note.text


def test_list_by_mention(house: House) -> None:
    root = say(house, f"{BOT} list pay")
    house.work()
    listed = house.workspace.ephemerals(DEV, DEPLOYS)[-1]
    assert "payments-deploy" in shown(listed)
    assert listed.thread_ts == root.ts


# --- who is not answered ----------


def test_an_edited_message_is_not_answered_again(house: House) -> None:
    root = say(house, f"{BOT} payments-deploy")
    house.work()
    before = len(answers(house, root))
    house.workspace.edit(DEV, root, "@pipeline-access payments-deploy, please")
    house.work()
    assert len(answers(house, root)) == before


def test_a_deleted_question_leaves_no_job_behind(house: House, redis: Redis) -> None:
    root = say(house, f"{BOT} payments-deploy")
    house.workspace.delete(DEV, root)
    house.work(rounds=2)
    assert redis.zcard("pipeline-access:inquiries:open") == 0
    assert redis.zcard("pipeline-access:outboxes:due") == 0


def test_bots_are_not_answered(house: House) -> None:
    root = say(house, f"{BOT} payments-deploy failed", CI.id)
    house.work()
    assert answers(house, root) == []


def test_a_bot_that_is_configured_is_answered(
    valkey: str, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = CONFIGURATION + '\n[slack]\nanswer_bots = ["B0CIBOT"]\nallow_guests = true\n'
    with open_house(valkey, tmp_path, monkeypatch, text, people=(*PEOPLE, CI)) as house:
        root = say(house, f"{BOT} payments-deploy failed", CI.id)
        house.work()
        assert answers(house, root)[0].text.startswith("⛔ *payments-deploy*")


def test_the_bot_does_not_answer_itself(house: House) -> None:
    """What it says mentions nobody, and what it says about itself is not heard."""
    root = say(house, f"{BOT} payments-deploy")
    house.work(rounds=2)
    assert len(answers(house, root)) == 4


def test_a_delivery_that_comes_twice_is_answered_once(house: House) -> None:
    """https://docs.slack.dev/apis/events-api/#retries"""
    root = house.workspace.message(DEV, DEPLOYS, "red again")
    envelope = {
        "type": "event_callback",
        "team_id": "T0LOCAL",
        "event_id": "Ev0TWICE",
        "event": {
            "type": "app_mention",
            "user": DEV,
            "text": f"{BOT} payments-deploy",
            "ts": root.ts,
            "channel": DEPLOYS,
        },
    }
    for _ in range(2):
        deliver(house, envelope)
    house.work(rounds=2)
    assert len(answers(house, root)) == 4


def deliver(house: House, envelope: dict[str, Any]) -> None:
    body, now = json.dumps(envelope), str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": now,
        "X-Slack-Signature": sign(house.workspace.signing_secret, now, body),
    }
    request = Request(f"{house.url}/slack/events", body.encode(), headers)
    with urlopen(request, timeout=5) as response:
        assert response.status == 200


def test_guests_are_refused(house: House) -> None:
    house.workspace.change_channel(DEPLOYS, members=(DEV, GUEST))
    root = say(house, f"{BOT} payments-deploy", GUEST)
    house.work()
    assert answers(house, root) == []
    assert "Guests may not ask" in house.whispered(GUEST)[-1]


STRANGER = Person("U0STRANGER", "sam", team_id="T0ELSEWHERE")


@pytest.mark.parametrize(
    ("rule", "who", "told"),
    [
        ("", DEV, "People of another organisation read along"),
        ("allow_shared_channels = true", DEV, ""),
        ("allow_shared_channels = true", STRANGER.id, "Guests may not ask"),
        ("allow_shared_channels = true\nallow_guests = true", STRANGER.id, ""),
    ],
)
def test_a_channel_shared_with_another_organisation(
    valkey: str,
    stage: Stage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rule: str,
    who: str,
    told: str,
) -> None:
    """https://docs.slack.dev/apis/slack-connect/using-slack-connect-api"""
    text = f"{CONFIGURATION}\n[slack]\n{rule}\n"
    people = (*PEOPLE, STRANGER)
    with open_house(valkey, tmp_path, monkeypatch, text, people) as house:
        members = (DEV, STRANGER.id)
        house.workspace.change_channel(DEPLOYS, members=members, is_shared=True)
        root = say(house, f"{BOT} payments-deploy", who)
        house.work()
        if told:
            assert answers(house, root) == []
            assert told in house.whispered(who)[-1]
        else:
            assert answers(house, root)[0].text.startswith("⛔ *payments-deploy* is denied")


# --- in direct messages ----------


def direct(house: House, text: str, user: str = DEV, thread: str | None = None) -> Message:
    before = len(house.workspace.deliveries)
    message = house.workspace.message(
        user, house.workspace.im(user), text, thread_ts=thread, raw=True
    )
    house.workspace.wait_for(lambda: len(house.workspace.deliveries) > before or None)
    return message


def replies(house: House, root: Message) -> list[Message]:
    return house.workspace.thread(root.channel, root.ts)[1:]


def test_in_a_direct_message_no_mention_is_needed(house: House) -> None:
    root = direct(house, "why is payments-deploy denied?")
    house.work()
    told = replies(house, root)
    assert told[0].text.startswith("⛔ *payments-deploy* is denied")
    assert len(told) == 4
    assert house.roots(DEPLOYS) == []


def test_commands_work_there_as_well(house: House) -> None:
    root = direct(house, "watch payments-*")
    house.work()
    (note,) = replies(house, root)
    assert "payments-*" in note.text


def test_what_the_bot_says_there_itself_is_no_question(house: House) -> None:
    root = direct(house, "deploys are red")
    house.work(rounds=2)
    (question,) = replies(house, root)
    assert question.text.startswith("Which pipeline is it?")
    house.work(rounds=2)
    assert len(replies(house, root)) == 1


def test_talk_in_a_thread_there_is_answered_only_when_mentioned(house: House) -> None:
    root = direct(house, "payments-deploy")
    house.work()
    said = len(replies(house, root))
    direct(house, "thanks!", thread=root.ts)
    house.work()
    assert len(replies(house, root)) == said + 1
    direct(house, f"{BOT} and now?", thread=root.ts)
    house.work()
    assert len(replies(house, root)) > said + 2


def test_direct_messages_can_be_closed_to_the_bot(
    valkey: str, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = CONFIGURATION + "\n[slack]\nallow_direct_messages = false\n"
    with open_house(valkey, tmp_path, monkeypatch, text) as house:
        root = direct(house, "payments-deploy")
        house.work()
        assert replies(house, root) == []
        assert "does not answer in direct messages" in house.whispered()[-1]
        house.workspace.shortcut(DEV, "why_denied", root)
        house.work()
        assert replies(house, root) == []
        direct(house, "watch payments-*")
        assert "does not answer in direct messages" in house.whispered()[-1]

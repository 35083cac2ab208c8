"""Asking where people are: mentions in channels and threads, the shortcut, App Home."""

from __future__ import annotations

import json

import pytest

from demo.workspace import Message
from tests.jobs.house import DEPLOYS, DEV, OTHER, House
from tests.jobs.stage import Stage

FAILED = (
    "Deploy failed: User: arn:aws:sts::111111111111:assumed-role/payments-build/x is not "
    "authorized to perform: kms:Decrypt because no identity-based policy allows the kms:Decrypt "
    "action"
)
LINK = (
    "https://eu-west-1.console.aws.amazon.com/codesuite/codepipeline/pipelines/"
    "payments-deploy/view?region=eu-west-1"
)


def mention(house: House, text: str, thread: str | None = None, user: str = DEV) -> Message:
    before = len(house.workspace.deliveries)
    message = house.workspace.message(
        user, DEPLOYS, f"<@U0PIPELINE> {text}", thread_ts=thread, raw=True
    )
    house.workspace.wait_for(lambda: len(house.workspace.deliveries) > before or None)
    return message


def answers(house: House, root: Message) -> list[Message]:
    return house.workspace.thread(DEPLOYS, root.ts)[1:]


def test_a_mention_is_answered_in_its_thread(house: House) -> None:
    root = mention(house, "why is payments-deploy denied?")
    house.work()
    replies = answers(house, root)
    assert replies[0].text.startswith("⛔ *payments-deploy* is denied")
    assert len(replies) == 4
    assert len(house.roots()) == 1
    assert "Understood" in json.dumps(replies[0].blocks)


def test_a_link_is_enough(house: House) -> None:
    root = mention(house, f"<{LINK}>")
    house.work()
    assert answers(house, root)[0].text.startswith("⛔ *payments-deploy*")


def test_in_a_thread_what_was_said_before_is_read(house: House) -> None:
    root = house.workspace.message(OTHER, DEPLOYS, f"red again: {LINK}")
    mention(house, "why was this denied?", thread=root.ts)
    house.work()
    assert any("*payments-deploy* is denied" in each.text for each in answers(house, root))


def test_without_a_pipeline_one_short_question_is_asked(house: House) -> None:
    root = mention(house, "deploys are failing since noon")
    house.work()
    (question,) = answers(house, root)
    assert question.text.startswith("Which pipeline is it?")


def test_an_error_text_alone_is_explained(house: House) -> None:
    root = mention(house, FAILED)
    house.work()
    shown = json.dumps(answers(house, root)[-1].blocks)
    assert "kms:Decrypt" in shown
    assert "Which pipeline" in shown


def test_the_shortcut_reads_the_message(house: House) -> None:
    message = house.workspace.message(OTHER, DEPLOYS, f"payments is red: {LINK}\n{FAILED}")
    outcome = house.workspace.shortcut(DEV, "why_denied", message)
    assert outcome.ok
    house.work()
    assert any("*payments-deploy* is denied" in each.text for each in answers(house, message))


@pytest.mark.parametrize("text", ["&gt; <@U0PIPELINE> payments-deploy", "&gt;<@U0PIPELINE> why"])
def test_a_quoted_mention_is_not_answered(house: House, text: str) -> None:
    before = len(house.workspace.deliveries)
    house.workspace.message(DEV, DEPLOYS, text, raw=True)
    house.workspace.wait_for(lambda: len(house.workspace.deliveries) > before or None)
    house.work()
    assert all("payments" not in each.text or each.user == DEV for each in house.roots())
    assert [each for each in house.workspace.history(DEPLOYS) if each.bot_id] == []


def test_home_shows_requests_and_diagnoses(house: House, stage: Stage) -> None:
    house.command("payments-deploy in prod")
    house.work()
    house.workspace.press(DEV, house.thread()[1], "request_fix")
    view = house.workspace.modal(DEV)
    assert view is not None
    house.workspace.submit(DEV, view, {"reason": "needed"})
    house.work()
    for user in (DEV, "U0APPROVER"):
        try:
            house.workspace.open_home(user, timeout=0.3)
        except TimeoutError:
            house.work()
    mine, theirs = house.workspace.home(DEV), house.workspace.home("U0APPROVER")
    assert mine is not None
    assert theirs is not None
    assert "waits for approval" in json.dumps(mine.body)
    assert "⛔" in json.dumps(mine.body, ensure_ascii=False)
    assert "waits for approval" in json.dumps(theirs.body)
    assert house.workspace.rejections == []

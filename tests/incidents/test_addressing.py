"""Whether a message speaks to the bot: said, quoted, pasted, edited, by people and by bots."""

from __future__ import annotations

from typing import Any

import pytest

from bot.addressing import addressed, is_new, words

BOT = "U0PIPELINE"
ME = {"type": "user", "user_id": BOT}


def rich(*elements: dict[str, Any], kind: str = "rich_text_section") -> dict[str, Any]:
    """https://docs.slack.dev/reference/block-kit/blocks/rich-text-block"""
    return {"type": "rich_text", "elements": [{"type": kind, "elements": list(elements)}]}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (f"<@{BOT}> why is payments-deploy denied", True),
        (f"hey <@{BOT}|pipeline-access>: payments-deploy?", True),
        ("<@U0OTHER> payments-deploy", False),
        (f"&gt; <@{BOT}> payments-deploy", False),
        (f"&gt; <@{BOT}> old question\n<@{BOT}> and today?", True),
        (f"&gt; <@{BOT}> old question\n<@U0OTHER> do you know?", False),
        (f"&gt;&gt;&gt; everything from here on is quoted\n<@{BOT}> x", False),
        (f"`<@{BOT}> payments-deploy` is how to ask", False),
        (f"```\n<@{BOT}> payments-deploy\n```", False),
        (f"```never closed <@{BOT}>", False),
        ("", False),
    ],
)
def test_text_alone(text: str, meant: bool) -> None:
    assert addressed({"text": text}, BOT) is meant


@pytest.mark.parametrize(
    ("block", "meant"),
    [
        (rich(ME, {"type": "text", "text": " payments-deploy"}), True),
        (rich(ME, kind="rich_text_quote"), False),
        (rich(ME, kind="rich_text_preformatted"), False),
        (rich({**ME, "style": {"code": True}}), False),
        (rich({"type": "user", "user_id": "U0OTHER"}), False),
        (
            {
                "type": "rich_text",
                "elements": [
                    {
                        "type": "rich_text_list",
                        "elements": [{"type": "rich_text_section", "elements": [ME]}],
                    }
                ],
            },
            True,
        ),
    ],
)
def test_the_blocks_say_it_better_than_the_text(block: dict[str, Any], meant: bool) -> None:
    assert addressed({"text": f"<@{BOT}> whatever", "blocks": [block]}, BOT) is meant


@pytest.mark.parametrize(
    ("event", "new"),
    [
        ({}, True),
        ({"subtype": "file_share"}, True),
        ({"subtype": "thread_broadcast"}, True),
        ({"subtype": "bot_message"}, True),
        ({"subtype": "message_changed"}, False),
        ({"subtype": "message_deleted"}, False),
        ({"subtype": "document_mention"}, False),
        ({"edited": {"user": "U0DEV", "ts": "1.2"}}, False),
    ],
)
def test_only_what_was_said_now(event: dict[str, Any], new: bool) -> None:
    assert is_new(event) is new


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"<@{BOT}> incident since 2h", "incident since 2h"),
        (f"<@{BOT}|bot>: watch payments-*", "watch payments-*"),
        (f"please <@{BOT}>   help", "help"),
        (f"<@{BOT}> list pay\nand more", "list pay"),
        (f"<@{BOT}>", ""),
        ("nobody", ""),
    ],
)
def test_what_follows_the_mention(text: str, said: str) -> None:
    assert words({"text": text}, BOT) == said

"""What people type, and what is read in a terminal."""

from __future__ import annotations

from typing import Any

import pytest

from demo.workspace import Channel, Message, Person, UserGroup, Workspace
from demo.workspace.typed import command_text, message_text, rich_text

WORLD = Workspace(
    people=[Person("U1", "dana", "Dana Fischer"), Person("U2", "arjun.rao", "Arjun Rao")],
    channels=[Channel("C1", "payments-deploys")],
    usergroups=[UserGroup("S1", "cloud", "Cloud platform", ("U2",))],
)


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("@dana look", "<@U1> look"),
        ("@Arjun.Rao, please", "<@U2>, please"),
        ("@nobody", "@nobody"),
        ("mail dana@dana.example", "mail dana@dana.example"),
        ("@cloud @here @channel", "<!subteam^S1> <!here> <!channel>"),
        ("#payments-deploys #other", "<#C1|payments-deploys> #other"),
        ("<@U1> <#C1> <!here>", "<@U1> <#C1> <!here>"),
        ("<script>", "&lt;script&gt;"),
        ("see https://x.example/?a=1&b=2", "see <https://x.example/?a=1&amp;b=2>"),
        ("arn:aws:iam::1:role/x", "arn:aws:iam::1:role/x"),
    ],
)
def test_messages_are_escaped_and_names_become_tokens(typed: str, sent: str) -> None:
    """https://docs.slack.dev/messaging/formatting-message-text"""
    assert message_text(WORLD.directory, typed) == sent


def test_commands_keep_names_unless_they_ask_for_ids() -> None:
    """https://docs.slack.dev/interactivity/implementing-slash-commands"""
    text = "x in #payments-deploys for @dana & <me>"
    assert command_text(WORLD.directory, text, should_escape=False) == (
        "x in #payments-deploys for @dana &amp; &lt;me&gt;"
    )
    assert command_text(WORLD.directory, text, should_escape=True) == (
        "x in <#C1|payments-deploys> for <@U1> &amp; &lt;me&gt;"
    )


def leaves(text: str) -> list[tuple[str, Any, list[str]]]:
    (section,) = rich_text(WORLD.directory, text)["elements"]
    return [
        (part["type"], part.get("text") or part.get("user_id"), sorted(part.get("style", {})))
        for part in section["elements"]
    ]


def test_typed_marks_become_styles() -> None:
    assert leaves("*red* and `a*b*c` for _@dana_") == [
        ("text", "red", ["bold"]),
        ("text", " and ", []),
        ("text", "a*b*c", ["code"]),
        ("text", " for ", []),
        ("user", "U1", ["italic"]),
    ]
    assert leaves("2*3*4 a_b_c") == [("text", "2*3*4 a_b_c", [])]


def test_a_typed_code_block() -> None:
    parts = rich_text(WORLD.directory, 'before\n```\n{"Effect": "Deny"}\n```\nafter')["elements"]
    assert [part["type"] for part in parts] == [
        "rich_text_section",
        "rich_text_preformatted",
        "rich_text_section",
    ]
    assert parts[1]["elements"] == [{"type": "text", "text": '{"Effect": "Deny"}'}]


def test_a_transcript_reads_like_the_message() -> None:
    def plain(text: str) -> dict[str, str]:
        return {"type": "plain_text", "text": text}

    def marked(text: str) -> dict[str, str]:
        return {"type": "mrkdwn", "text": text}

    cells = [{"type": "raw_text", "text": text} for text in ("action", "verdict")]
    bold = {"type": "text", "text": "implicitDeny", "style": {"bold": True}}
    section = {"type": "rich_text_section", "elements": [bold]}
    item = {"type": "rich_text", "elements": [section]}
    message = Message(
        "C1",
        "1.000001",
        "U0PIPELINE",
        "fallback",
        (
            {"type": "header", "text": plain("Blocked")},
            {
                "type": "section",
                "text": marked("<@U1> asked in <#C1>: `s3:GetObject` &lt;denied&gt;"),
                "fields": [marked("*Stage*\nDeploy")],
            },
            {"type": "table", "rows": [cells, [{"type": "raw_text", "text": "s3:Get"}, item]]},
            {"type": "context", "elements": [marked("<https://x.example|docs>")]},
            {"type": "divider"},
            {"type": "actions", "elements": [{"type": "button", "text": plain("Request a fix")}]},
        ),
    )
    assert WORLD.plain(message).splitlines() == [
        "Blocked",
        "=======",
        "@Dana Fischer asked in #payments-deploys: `s3:GetObject` <denied>",
        "*Stage*: Deploy",
        "action  verdict",
        "──────  ────────────",
        "s3:Get  implicitDeny",
        "docs (https://x.example)",
        "─" * 40,
        "[Request a fix]",
    ]

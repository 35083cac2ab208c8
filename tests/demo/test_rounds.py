"""A round judges the threads: each has to name the cause that was built in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from rich.console import Console

from demo.aws.world import load
from demo.aws.world.model import Pipeline
from demo.rounds import Thread, judge
from demo.transcript import as_json, summary, transcript
from demo.workspace import Channel, Message, Person, Workspace
from workers.slack import blocks
from workers.slack.markup import Mrkdwn

WORLD = load()
BLOCKED = WORLD.pipeline("payments-deploy")
CLEAR = WORLD.pipeline("docs-site")
RETRY = WORLD.pipeline("loyalty-deploy")
UNKNOWN = WORLD.pipeline("ledger-export")
CAUSE = (
    "⛔ *payments-deploy* is denied: key 4f1c2a60-8d3b-4e57-9a61-0c5d7e2b9f10 does not give "
    "PaymentsDeploy kms:Decrypt"
)

JUDGED: dict[str, tuple[Pipeline, Sequence[str], str, bool]] = {
    "the true cause": (BLOCKED, [CAUSE], "blocked", True),
    "the cause in a reply": (
        BLOCKED, ["⛔ *payments-deploy* is denied", CAUSE.removeprefix("⛔ ")], "blocked", True,
    ),
    "another key": (BLOCKED, [CAUSE.replace("4f1c2a60", "00000000")], "blocked", False),
    "another action": (BLOCKED, [CAUSE.replace("Decrypt", "Encrypt")], "blocked", False),
    "another principal": (BLOCKED, [CAUSE.replace("PaymentsDeploy", "Other")], "blocked", False),
    "called clear": (BLOCKED, [CAUSE.replace("⛔", "✅")], "clear", False),
    "no answer": (BLOCKED, [], "silent", False),
    "healthy": (CLEAR, ["✅ *docs-site* is clear"], "clear", True),
    "healthy, called denied": (CLEAR, ["⛔ *docs-site* is denied"], "blocked", False),
    "denied once": (RETRY, ["✅ *loyalty-deploy* is clear. Retry the stage."], "clear", True),
    "denied once, and nothing said": (RETRY, ["✅ *loyalty-deploy* is clear"], "clear", False),
    "not readable": (UNKNOWN, ["❔ *ledger-export* – not known"], "unknown", True),
    "not readable, called clear": (UNKNOWN, ["✅ *ledger-export* is clear"], "clear", False),
}  # fmt: skip


@pytest.mark.parametrize("case", JUDGED)
def test_a_thread_is_right_when_it_names_the_true_cause(case: str) -> None:
    pipeline, said, outcome, right = JUDGED[case]
    assert judge(pipeline, said)[0] == outcome
    assert thread(pipeline, *said).right is right


def thread(pipeline: Pipeline, *said: str, messages: Sequence[Message] = ()) -> Thread:
    outcome, missing = judge(pipeline, said)
    return Thread(
        pipeline=pipeline,
        asked=f"/pipeline-access {pipeline.name}",
        acknowledged="🕓 Queued: `payments-deploy`.",
        outcome=outcome,
        messages=tuple(messages),
        missing=missing,
        seconds=1.234,
    )


# --- how it is shown ------------------------------------------------------------------------------

POLICY = '{\n  "Action": "kms:*",\n  "Resource": "*"\n}'
DIFF = '@@ -1,2 +1,2 @@\n-  "Action": []\n+  "Action": ["kms:Decrypt"]'


@pytest.fixture
def workspace() -> Workspace:
    return Workspace(people=[Person("U0DEV", "dana")], channels=[Channel("C0A", "a")])


def message(*shown: Any) -> Message:
    return Message("C0A", "1.000001", "U0APP", "fallback", tuple(shown))


def printed(thread: Thread, workspace: Workspace, width: int) -> str:
    console = Console(width=width, force_terminal=False, file=None)
    with console.capture() as captured:
        console.print(transcript(thread, workspace))
    return captured.get()


@pytest.mark.parametrize("width", [80, 120])
def test_a_transcript_reads_like_the_thread(workspace: Workspace, width: int) -> None:
    root = message(blocks.section(Mrkdwn("⛔ *payments-deploy* is denied, asked by <@U0DEV>")))
    reply = message(
        blocks.section(Mrkdwn("*Cannot*  `kms:Decrypt`")),
        blocks.preformatted(POLICY),
        blocks.preformatted(DIFF),
        blocks.actions(blocks.button(Mrkdwn("Request this fix"), "request", "x")),
    )
    text = printed(thread(BLOCKED, CAUSE, messages=[root, reply]), workspace, width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("payments-deploy · 111111111111 · us-east-1 ─")
    assert "/pipeline-access payments-deploy" in lines[1]
    assert "⛔ payments-deploy is denied, asked by @dana" in lines
    assert "└── Cannot  kms:Decrypt" in lines
    assert '          "Action": "kms:*",' in lines  # in a policy, every character counts
    assert '        +  "Action": ["kms:Decrypt"]' in lines
    assert "    [Request this fix]" in lines


def test_a_thread_without_an_answer_says_so(workspace: Workspace) -> None:
    assert "No answer." in printed(thread(BLOCKED), workspace, 80)


def test_the_summary_names_what_a_thread_leaves_out() -> None:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(summary([thread(BLOCKED, "⛔ *payments-deploy*"), thread(CLEAR, "✅ clear")]))
    text = captured.get()
    assert "WRONG  blocked  payments-deploy  (does not say: PaymentsDeploy, kms:Decrypt," in text
    assert "right  clear    docs-site" in text
    assert "1 of 2 threads name the true cause." in text


def test_json_says_what_the_thread_says(workspace: Workspace) -> None:
    button = blocks.actions(blocks.button(Mrkdwn("Diagnose again"), "ask_again", "x"))
    root = message(blocks.section(Mrkdwn("✅ *docs-site* is clear")), button)
    values = as_json(thread(CLEAR, "✅ *docs-site* is clear", messages=[root]), workspace)
    assert json.loads(json.dumps(values)) == {
        "pipeline": "docs-site",
        "account": CLEAR.account,
        "region": "us-east-1",
        "asked": "/pipeline-access docs-site",
        "acknowledged": "🕓 Queued: `payments-deploy`.",
        "outcome": "clear",
        "right": True,
        "missing": [],
        "seconds": 1.23,
        "messages": [
            {"text": "✅ *docs-site* is clear\n[Diagnose again]", "buttons": ["Diagnose again"]}
        ],
    }

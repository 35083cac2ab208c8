"""Threads as people read them in a terminal, and as JSON for a program."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rich.console import ConsoleRenderable, Group
from rich.rule import Rule
from rich.text import Text
from rich.tree import Tree

from demo.rounds import Thread
from demo.workspace import Message, Workspace, blockkit

_PREFORMATTED = "    "
_DIFF = {"+": "green", "-": "red"}
_EMPHASIS = re.compile(r"`(?P<code>[^`\n]+)`|\*(?P<bold>[^*\n]+)\*")


def transcript(thread: Thread, workspace: Workspace) -> ConsoleRenderable:
    """What was typed, what only the asker saw, and the thread below its root message."""
    pipeline = thread.pipeline
    title = Text(f"{pipeline.name} · {pipeline.account} · {pipeline.region}", style="bold")
    asked = _styled(f"{thread.asked}\n{thread.acknowledged}")
    asked.stylize("dim")
    return Group(
        Rule(title, align="left", style="dim"), asked, _tree(thread.messages, workspace), Text()
    )


def transcript_of(
    title: str, said: str, messages: Sequence[Message], workspace: Workspace
) -> ConsoleRenderable:
    """What was done, and a thread that came of it, if one did."""
    shown: list[ConsoleRenderable] = [Rule(Text(title, style="bold"), align="left", style="dim")]
    if said:
        done = _styled(said)
        done.stylize("dim")
        shown.append(done)
    if messages:
        shown.append(_tree(messages, workspace))
    return Group(*shown, Text())


def _tree(messages: Sequence[Message], workspace: Workspace) -> ConsoleRenderable:
    if not messages:
        return Text("No answer.", style="bold red")
    root, *replies = (_styled(workspace.plain(message)) for message in messages)
    tree = Tree(root, guide_style="dim")
    for reply in replies:
        tree.add(reply)
    return tree


def _styled(text: str) -> Text:
    """Emphasis and the lines of diffs in colour; in preformatted text, every character counts."""
    styled = Text()
    for line in text.splitlines(keepends=True):
        if line.startswith(_PREFORMATTED):
            styled.append(line, _DIFF.get(line.lstrip()[:1], ""))
            continue
        end = 0
        for found in _EMPHASIS.finditer(line):
            styled.append(line[end : found.start()])
            styled.append(found["code"] or found["bold"], "cyan" if found["code"] else "bold")
            end = found.end()
        styled.append(line[end:])
    return styled


def summary(threads: Sequence[Thread]) -> ConsoleRenderable:
    """One line a thread: whether it names the true cause, and what it leaves out."""
    lines = []
    for each in threads:
        words = f"{'right' if each.right else 'WRONG'}  {each.outcome:8} {each.pipeline.name}"
        missing = f"  (does not say: {', '.join(each.missing)})" if each.missing else ""
        lines.append(Text(words + missing, style="green" if each.right else "bold red"))
    right = sum(each.right for each in threads)
    return Group(*lines, Text(f"{right} of {len(threads)} threads name the true cause."))


def as_json(thread: Thread, workspace: Workspace) -> dict[str, Any]:
    """The thread as JSON values; `messages` begin with the root message."""
    return {
        "pipeline": thread.pipeline.name,
        "account": thread.pipeline.account,
        "region": thread.pipeline.region,
        "asked": thread.asked,
        "acknowledged": thread.acknowledged,
        "outcome": thread.outcome,
        "right": thread.right,
        "missing": list(thread.missing),
        "seconds": round(thread.seconds, 2),
        "messages": [
            {"text": workspace.plain(each), "buttons": _buttons(each)} for each in thread.messages
        ],
    }


def _buttons(message: Message) -> list[str]:
    elements = [each for block in message.blocks for each in blockkit.elements(block)]
    return [str(each["text"]["text"]) for each in elements if each["type"] == "button"]

"""A thread of the workspace as text: what a person would read, for a terminal and for a program."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from demo.workspace.state import Message

Json = Mapping[str, Any]

_LINK = re.compile(r"<(?P<target>[^<>|]+)\|(?P<label>[^<>]*)>")
_MENTION = re.compile(r"<(?P<mark>[@#]|!subteam\^)(?P<id>[A-Z0-9]+)>")
_ESCAPES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}


def text_of(message: Message, names: Mapping[str, str] | None = None) -> str:
    """The message as lines of text; `names` maps ids of people, groups and channels to names."""
    lines = [line for block in message.blocks for line in _block(block)]
    return _plain("\n".join(lines) if lines else message.text, names or {})


def buttons_of(message: Message) -> list[str]:
    """The labels of the message's buttons, in order."""
    return [
        str(element["text"]["text"])
        for block in message.blocks
        if block["type"] == "actions"
        for element in block["elements"]
        if element["type"] == "button"
    ]


def _block(block: Json) -> Iterable[str]:
    match block["type"]:
        case "header" | "section":
            yield from _section(block)
        case "context":
            yield " ".join(_text(element) for element in block["elements"])
        case "markdown":
            yield str(block["text"])
        case "rich_text":
            yield from _rich(block["elements"])
        case "table":
            yield from _table(block["rows"])
        case "image":
            yield f"[picture: {block['alt_text']}]"
        case "divider":
            yield "─" * 20
        case "actions":
            labels = [each["text"]["text"] for each in block["elements"] if "text" in each]
            yield "  ".join(f"[{label}]" for label in labels)
        case _:
            return


def _section(block: Json) -> Iterable[str]:
    if "text" in block:
        yield _text(block["text"])
    for field in block.get("fields", ()):
        yield _text(field)


def _rich(elements: Sequence[Json]) -> Iterable[str]:
    for element in elements:
        if element["type"] == "rich_text_list":
            yield from (f"• {''.join(_rich([item]))}" for item in element["elements"])
        else:
            yield "".join(_inline(part) for part in element["elements"])


def _inline(part: Json) -> str:
    if part["type"] in ("text", "link"):
        return str(part.get("text") or part.get("url", ""))
    return str(part.get("user_id") or part.get("usergroup_id") or part.get("name") or "")


def _table(rows: Sequence[Sequence[Json]]) -> Iterable[str]:
    for row in rows:
        yield " | ".join(
            "".join(_rich(cell["elements"])) if cell["type"] == "rich_text" else str(cell["text"])
            for cell in row
        )


def _text(element: Json) -> str:
    return str(element.get("text") or element.get("alt_text", ""))


def _plain(text: str, names: Mapping[str, str]) -> str:
    text = _LINK.sub(lambda found: found["label"], text)
    text = _MENTION.sub(lambda found: f"@{names.get(found['id'], found['id'])}", text)
    for escaped, character in _ESCAPES.items():
        text = text.replace(escaped, character)
    return text

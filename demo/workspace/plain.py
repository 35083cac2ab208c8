"""Messages as plain text, for transcripts in a terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from demo.workspace import blockkit
from demo.workspace.state import Json, Message

_TOKEN = re.compile(r"<([^<>|]+)(?:\|([^<>]*))?>")
_RULE = "─" * 40


def text(message: Message, names: Mapping[str, str]) -> str:
    """What a person reads in a message, without markup; `names` gives shown names by id."""
    parts = [_block(block, names) for block in message.blocks]
    if not message.blocks:
        parts = [unmarked(message.text, names)]
    for attachment in message.attachments:
        words = [attachment.get("title", ""), unmarked(attachment.get("text", ""), names)]
        words += [_block(block, names) for block in attachment.get("blocks", [])]
        parts.append("\n".join(f"│ {line}" for word in words for line in word.splitlines()))
    parts += [f"[file: {file['title']}]" for file in message.files]
    return "\n".join(part for part in parts if part)


def unmarked(mrkdwn: str, names: Mapping[str, str]) -> str:
    """mrkdwn with its tokens spelled out and its entities decoded; emphasis stays as typed."""
    spelled = _TOKEN.sub(lambda found: _spelled(found.group(1), found.group(2), names), mrkdwn)
    return spelled.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _spelled(target: str, label: str | None, names: Mapping[str, str]) -> str:
    if target.startswith("@"):
        return f"@{names.get(target[1:], target[1:])}"
    if target.startswith("#"):
        return f"#{names.get(target[1:], label or target[1:])}"
    if target.startswith("!subteam^"):
        return f"@{names.get(target[9:], target[9:])}"
    if target.startswith("!date^"):
        return label or ""
    if target.startswith("!"):
        return f"@{target[1:]}"
    return target if label in (None, target) else f"{label} ({target})"


def _block(block: Json, names: Mapping[str, str]) -> str:
    match block["type"]:
        case "header":
            title = _text(block["text"], names)
            return f"{title}\n{'=' * len(title)}"
        case "divider":
            return _RULE
        case "section":
            parts = [_text(block["text"], names)] if "text" in block else []
            parts += [_text(field, names).replace("\n", ": ") for field in block.get("fields", [])]
            return "\n".join([*parts, *_controls(block)])
        case "context":
            return "  ".join(_text(part, names) for part in block["elements"])
        case "actions":
            return "  ".join(_controls(block))
        case "image":
            return f"[picture: {block['alt_text']}]"
        case "markdown":
            return str(block["text"])
        case "table" | "data_table":
            return _table(block, names)
        case "rich_text":
            return "\n".join(_rich(part, names) for part in block["elements"])
        case kind:
            return f"[{kind}]"


def _text(part: Json, names: Mapping[str, str]) -> str:
    if part["type"] == "image":
        return f"[picture: {part['alt_text']}]"
    words = str(part["text"])
    return unmarked(words, names) if part["type"] == "mrkdwn" else words


def _controls(block: Json) -> list[str]:
    return [f"[{_label(element)}]" for element in blockkit.elements(block)]


def _label(element: Json) -> str:
    shown = element.get("text") or element.get("placeholder") or {"text": element["type"]}
    return str(shown["text"])


def _table(block: Json, names: Mapping[str, str]) -> str:
    rows = [[_cell(cell, names) for cell in row] for row in block["rows"]]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "\n".join([lines[0].rstrip(), "  ".join("─" * width for width in widths), *lines[1:]])


def _cell(cell: Json, names: Mapping[str, str]) -> str:
    if cell["type"] == "rich_text":
        return " ".join(_rich(part, names) for part in cell["elements"])
    return str(cell["text"])


def _rich(part: Json, names: Mapping[str, str]) -> str:
    if part["type"] == "rich_text_list":
        ordered = part["style"] == "ordered"
        margin = "  " * part.get("indent", 0)
        return "\n".join(
            f"{margin}{f'{at}.' if ordered else '•'} {_rich(item, names)}"
            for at, item in enumerate(part["elements"], 1)
        )
    words = "".join(_leaf(element, names) for element in part["elements"])
    if part["type"] == "rich_text_section":
        return words
    mark = "> " if part["type"] == "rich_text_quote" else "    "
    return "\n".join(mark + line for line in words.splitlines())


def _leaf(element: Json, names: Mapping[str, str]) -> str:
    kind: str = element["type"]
    named: dict[str, Any] = {
        "user": ("@", "user_id"),
        "channel": ("#", "channel_id"),
        "usergroup": ("@", "usergroup_id"),
    }
    if kind in named:
        sign, key = named[kind]
        return f"{sign}{names.get(element[key], element[key])}"
    if kind == "broadcast":
        return f"@{element['range']}"
    if kind == "emoji":
        return f":{element['name']}:"
    return str(element.get("text") or element.get("url") or element.get("fallback") or "")

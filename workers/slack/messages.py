"""The words of a message that somebody else wrote: typed text, attachments, blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

LONGEST = 20_000


def text_of(message: Mapping[str, Any]) -> str:
    """All text of a message, its attachments and blocks; at most 20,000 characters.

    https://docs.slack.dev/reference/events/message
    """
    parts = [str(message.get("text") or "")]
    for attachment in message.get("attachments") or ():
        for name in ("pretext", "title", "title_link", "text", "fallback"):
            parts.append(str(attachment.get(name) or ""))
        for field in attachment.get("fields") or ():
            parts.append(f"{field.get('title', '')}: {field.get('value', '')}")
        parts += _texts(attachment.get("blocks") or ())
        # A forwarded message brings its own blocks: https://docs.slack.dev/messaging
        parts += _texts(attachment.get("message_blocks") or ())
    parts += _texts(message.get("blocks") or ())
    parts += [str(file.get("preview") or "") for file in message.get("files") or ()]
    return "\n".join(dict.fromkeys(part for part in parts if part))[:LONGEST]


def _texts(values: Iterable[Any]) -> Iterator[str]:
    """The texts and addresses inside of blocks, in order, wherever they stand."""
    for value in values:
        if isinstance(value, Mapping):
            for name in ("text", "url"):
                if isinstance(found := value.get(name), str):
                    yield found
            yield from _texts(each for each in value.values() if isinstance(each, Mapping | list))
        elif isinstance(value, list):
            yield from _texts(value)

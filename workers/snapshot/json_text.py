"""JSON that loses nothing: objects with a repeated key keep both members.

People paste policies into snapshots, and a key policy whose "AWS" stands twice is one of the
failures that the diagnosis must see. Python's reader would keep the last one in silence.
"""

from __future__ import annotations

import json
from typing import Any


class Repeated(dict[str, Any]):
    """A JSON object some key of which stands twice. As a dict it shows the last of each."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def parse(text: str) -> Any:
    """The value in `text`. Raises json.JSONDecodeError."""
    return json.loads(text, object_pairs_hook=_object)


def repeated_keys(value: Repeated) -> list[str]:
    keys = [key for key, _ in value.pairs]
    return sorted({key for key in keys if keys.count(key) > 1})


def text_of(value: Any, depth: int = 0) -> str:
    """`value` as JSON indented by two spaces, repeated keys and the order of keys included."""
    if isinstance(value, dict):
        pairs = value.pairs if isinstance(value, Repeated) else list(value.items())
        members = [
            f"{json.dumps(k, ensure_ascii=False)}: {text_of(v, depth + 1)}" for k, v in pairs
        ]
        return _block("{", members, "}", depth)
    if isinstance(value, list):
        return _block("[", [text_of(element, depth + 1) for element in value], "]", depth)
    return json.dumps(value, ensure_ascii=False)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else Repeated(pairs)


def _block(opening: str, members: list[str], closing: str, depth: int) -> str:
    if not members:
        return opening + closing
    indent = "\n" + "  " * (depth + 1)
    return opening + indent + ("," + indent).join(members) + "\n" + "  " * depth + closing

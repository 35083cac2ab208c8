"""A fault before its text and position are filled in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workers.policy.reader import Path


@dataclass(frozen=True, slots=True)
class Fault:
    """Where what is wrong: a code of ``diagnostics.toml`` and the values of its placeholders."""

    code: str
    path: Path
    values: Mapping[str, str] = field(default_factory=dict)
    offset: int | None = None


def shown(value: Any, limit: int = 160) -> str:
    """A value as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")  # lone surrogates
    return text if len(text) <= limit else text[: limit - 1] + "…"


def type_name(value: Any) -> str:
    """What a value is, in words."""
    if value is None:
        return "null"
    names = {bool: "a boolean", str: "a string", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")

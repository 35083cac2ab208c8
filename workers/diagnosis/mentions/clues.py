"""A clue: what one source in a text says, and the forms that values must have."""

from __future__ import annotations

import re
from dataclasses import dataclass

NAME = r"[A-Za-z0-9.@_-]{1,100}+"  # codepipeline/API_PipelineDeclaration.html
REGION = r"[a-z]{2,4}(?:-[a-z]{2,10}){1,3}-\d"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
MARKUP = re.compile(r"<(?:@|#|!)[^<>]{1,200}>")
"""Slack's people, channels and broadcasts."""

_FITS = {
    "pipeline": re.compile(NAME),
    "execution": re.compile(UUID),
    "stage": re.compile(NAME),
    "action": re.compile(NAME),
    "account": re.compile(r"\d{12}"),
    "region": re.compile(REGION),
}


@dataclass(frozen=True, slots=True)
class Clue:
    """What one source says."""

    source: str
    pipeline: str = ""
    account: str = ""
    region: str = ""
    execution: str = ""
    stage: str = ""
    action: str = ""


def fitting(field: str, value: str) -> str:
    """The value when it has the form of that field, else nothing."""
    return value if _FITS[field].fullmatch(value) else ""


def without_markup(text: str) -> str:
    """Slack's three escapes undone and its links made plain."""
    text = re.sub(r"<(https?://[^\s<>|]{1,3000})(?:\|[^<>]{0,3000})?>", r"\1", text)
    text = MARKUP.sub(" ", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def take(found: dict[str, str], field: str, value: str) -> int:
    """Keeps the first fitting value of a field; returns 1 when it was kept."""
    value = value.strip().rstrip(".,;")
    if field in found or not fitting(field, value):
        return 0
    found[field] = value
    return 1

"""Clues in JSON: EventBridge, notification rules, CloudTrail, answers of the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from workers.diagnosis.mentions.clues import Clue, fitting, without_markup

_DEEPEST = 6
_OBJECTS = 8
_KEYS = {
    "pipeline": ("pipeline", "pipelineName", "pipeline-name"),
    "execution": ("execution-id", "pipelineExecutionId", "executionId"),
    "stage": ("stage", "stageName", "failedStage"),
    "action": ("action", "actionName"),
    "account": ("account", "recipientAccountId", "accountId"),
    "region": ("region", "awsRegion"),
}


def events(text: str) -> Iterator[Clue]:
    """JSON in the text, unwrapped from queue messages, notifications and Lambda records.

    CP/detect-state-changes-cloudwatch-events.html (emitted and processed events).
    """
    for value in _objects(text):
        found: dict[str, str] = {}
        for key, inner in _pairs(value, 0):
            for field, names in _KEYS.items():
                fits = isinstance(inner, str) and fitting(field, inner)
                if key in names and fits and field not in found:
                    found[field] = inner
        if "pipeline" in found or "execution" in found:
            yield Clue("event", **found)


def _objects(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    for raw in dict.fromkeys((text, without_markup(text))):
        position, tried = raw.find("{"), 0
        while position >= 0 and tried < _OBJECTS:
            tried += 1
            try:
                value, end = decoder.raw_decode(raw, position)
            except (ValueError, RecursionError):
                end = position + 1
            else:
                yield value
            position = raw.find("{", end)


def _pairs(value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """Keys and values, outer ones first; text that is JSON itself is opened."""
    if depth > _DEEPEST:
        return
    if isinstance(value, str) and value[:1] in "{[" and len(value) > 2:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return
    if isinstance(value, dict):
        yield from value.items()
        inner = list(value.values())
    elif isinstance(value, list):
        inner = value
    else:
        return
    for each in inner[:1000]:
        yield from _pairs(each, depth + 1)

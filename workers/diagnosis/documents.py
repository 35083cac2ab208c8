"""Policy documents as text: add a statement and keep the rest as it was.

A document is read as pairs, so that a repeated key is seen instead of lost, and written back in
the indentation it had. Repeated keys are merged into one list, which is what their author meant:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

VERSION = "2012-10-17"


class NotJson(ValueError):
    """The document is no JSON text; `line` and `column` say where reading stopped."""

    def __init__(self, fault: json.JSONDecodeError) -> None:
        super().__init__(f"line {fault.lineno}, column {fault.colno}: {fault.msg}")
        self.line = fault.lineno
        self.column = fault.colno


class Pairs(list[tuple[str, Any]]):
    """A JSON object as its pairs, in order, repeated keys included."""


def with_statements(text: str | None, statements: Iterable[Mapping[str, Any]]) -> str:
    """The document with `statements` appended; a new document when `text` is None.

    Raises NotJson when `text` cannot be read.
    """
    if text is None:
        return json.dumps({"Version": VERSION, "Statement": list(statements)}, indent=2)
    document = merged(read(text))
    present = document.get("Statement", [])
    document["Statement"] = [*(present if isinstance(present, list) else [present]), *statements]
    return json.dumps(document, indent=_indent(text), ensure_ascii=False)


def repaired(text: str) -> str:
    """The document with repeated keys merged. Raises NotJson when it cannot be read."""
    return json.dumps(merged(read(text)), indent=_indent(text), ensure_ascii=False)


def read(text: str) -> Any:
    """The JSON value of `text` with objects as `Pairs`. Raises NotJson."""
    try:
        return json.loads(text, object_pairs_hook=Pairs)
    except json.JSONDecodeError as fault:
        raise NotJson(fault) from None
    except RecursionError:
        raise NotJson(json.JSONDecodeError("nested too deeply", text[:1], 0)) from None


def merged(value: Any) -> Any:
    """Plain dicts and lists; the values of a repeated key become one list without doubles."""
    if isinstance(value, Pairs):
        result: dict[str, Any] = {}
        for key, each in value:
            plain = merged(each)
            result[key] = _join(result[key], plain) if key in result else plain
        return result
    if isinstance(value, list):
        return [merged(each) for each in value]
    return value


def statements(text: str | None) -> list[Mapping[str, Any]]:
    """The statements of a policy, one that stands alone too. Raises NotJson for what is none."""
    if text is None:
        return []
    found = merged(read(text)).get("Statement", [])
    return found if isinstance(found, list) else [found]


def added(before: str | None, after: str) -> tuple[str, ...]:
    """The statements of `after` that `before` lacks, by their Sid or as `#1`."""
    known = statements(before)
    return tuple(
        str(each.get("Sid") or f"#{number}")
        for number, each in enumerate(statements(after), start=1)
        if each not in known
    )


def compact(text: str) -> str:
    """The document without white space between its elements. Raises NotJson."""
    return json.dumps(merged(read(text)), separators=(",", ":"), ensure_ascii=False)


def pretty(text: str) -> str:
    """The document with two spaces of indentation, repeated keys kept; other text unchanged."""
    try:
        return _write(read(text), "")
    except NotJson:
        return text


def diff(before: str | None, after: str, name: str) -> str:
    """A unified diff of the two documents, both laid out alike so that only content differs."""
    return compared(before, after, f"{name} (now)", f"{name} (proposed)")


def compared(one: str | None, other: str | None, name: str, other_name: str) -> str:
    """A unified diff under these names; None stands for no document."""
    old, new = (pretty(each).splitlines() if each is not None else [] for each in (one, other))
    source = name if one is not None else "/dev/null"
    target = other_name if other is not None else "/dev/null"
    return "\n".join(difflib.unified_diff(old, new, source, target, lineterm=""))


def fingerprint(documents: Iterable[str | None]) -> str:
    """SHA-256 over a sequence of documents; absence differs from the empty document."""
    encoded = json.dumps(list(documents), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(encoded.encode()).hexdigest()


def _join(one: Any, two: Any) -> Any:
    if isinstance(one, dict) and isinstance(two, dict):
        return {
            key: _join(one[key], two[key])
            if key in one and key in two
            else one.get(key, two.get(key))
            for key in [*one, *(key for key in two if key not in one)]
        }
    values: list[Any] = []
    for each in (
        *(one if isinstance(one, list) else [one]),
        *(two if isinstance(two, list) else [two]),
    ):
        if each not in values:
            values.append(each)
    return values if len(values) > 1 else values[0]


def _indent(text: str) -> int | str:
    found = re.search(r"\n([ \t]+)\S", text)
    if not found:
        return 2
    space = found.group(1)
    return space if "\t" in space else min(len(space), 8)


def _write(value: Any, margin: str) -> str:
    inner = margin + "  "
    if isinstance(value, Pairs):
        if not value:
            return "{}"
        body = ",\n".join(
            f"{inner}{json.dumps(key, ensure_ascii=False)}: {_write(each, inner)}"
            for key, each in value
        )
        return f"{{\n{body}\n{margin}}}"
    if isinstance(value, list):
        if not value:
            return "[]"
        body = ",\n".join(f"{inner}{_write(each, inner)}" for each in value)
        return f"[\n{body}\n{margin}]"
    return json.dumps(value, ensure_ascii=False)

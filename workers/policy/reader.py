"""Reading policy JSON as people write it, with positions.

The standard reader is tried first. This one is asked where something has to be located, or where
the text is not strict JSON: it goes on after comments, trailing commas and duplicate keys, and
says where each of them is.
"""

from __future__ import annotations

import bisect
import json
import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys and list indexes, e.g. ``("Statement", 0, "Action")``."""

MAX_DEPTH = 64
"""Deeper nesting than this is no policy."""


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something in the text that strict JSON does not have."""

    code: str
    offset: int
    path: Path
    detail: str = ""
    lost: Any = None
    kept: Any = None


class NotJson(ValueError):
    """The text cannot be read as JSON even with patience."""

    def __init__(self, why: str, offset: int) -> None:
        super().__init__(why)
        self.why = why
        self.offset = offset


@dataclass(slots=True)
class Reading:
    """What the patient reader found."""

    value: Any
    offsets: dict[Path, int] = field(default_factory=dict)
    oddities: list[Oddity] = field(default_factory=list)


class Source:
    """A document's text, and where its parts are; located only when somebody asks."""

    __slots__ = ("_lines", "_offsets", "_raw", "_text")

    def __init__(self, text: str | None, raw: Any = None) -> None:
        self._text = text
        self._raw = raw
        self._offsets: dict[Path, int] | None = None
        self._lines: list[int] | None = None

    @property
    def text(self) -> str:
        """The document as it was given, or written out where it was given as values."""
        if self._text is None:
            self._text = json.dumps(self._raw, indent=2, ensure_ascii=False, default=str)
        return self._text

    def position(self, path: Path) -> tuple[int, int]:
        """1-based line and column of the value or key at ``path``, or of the nearest above it.

        A single statement that is no list is found under ``("Statement", 0)`` too.
        """
        offsets = self._located()
        while path:
            if path in offsets:
                return self.line_and_column(offsets[path])
            if path[:2] == ("Statement", 0) and ("Statement", *path[2:]) in offsets:
                return self.line_and_column(offsets[("Statement", *path[2:])])
            path = path[:-1]
        return 1, 1

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """1-based line and column of a character offset."""
        if self._lines is None:
            self._lines = [0, *(found.end() for found in re.finditer(r"\n", self.text))]
        line = bisect.bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def _located(self) -> dict[Path, int]:
        if self._offsets is None:
            try:
                self._offsets = read(self.text).offsets
            except NotJson:
                self._offsets = {}
        return self._offsets


def read(text: str, *, keep_first: bool = False) -> Reading:
    """Read patiently; of two equal keys the last one counts, or with ``keep_first`` the first.

    Raises ``NotJson`` with the offset of the first thing that makes no sense.
    """
    return _Reader(text, keep_first).document()


_SKIP = re.compile(r"[ \t\r\n\ufeff\u00a0]+|//[^\n]*|#[^\n]*|/\*.*?\*/", re.DOTALL)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_PLAIN = re.compile(r"[^\x00-\x1f\\]*")
_WORD = re.compile(r"-?[A-Za-z0-9_.+-]+")


class _Reader:
    def __init__(self, text: str, keep_first: bool) -> None:
        self.text = text
        self.keep_first = keep_first
        self.at = 0
        self.reading = Reading(None)

    def document(self) -> Reading:
        self._skip(())
        if self.at >= len(self.text):
            raise NotJson("the document is empty", 0)
        self.reading.value = self._value((), 0)
        self._skip(())
        if self.at < len(self.text):
            raise NotJson("there is more text after the end of the document", self.at)
        return self.reading

    def _skip(self, path: Path) -> None:
        while found := _SKIP.match(self.text, self.at):
            start = found[0][:1]
            if start in ("/", "#"):
                self._note("comment", self.at, path, found[0][:60])
            self.at = found.end()

    def _note(self, code: str, offset: int, path: Path, detail: str = "", **values: Any) -> None:
        self.reading.oddities.append(Oddity(code, offset, path, detail, **values))

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _value(self, path: Path, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise NotJson(f"values are nested deeper than {MAX_DEPTH} levels", self.at)
        self.reading.offsets.setdefault(path, self.at)
        char = self._peek()
        if char == "{":
            return self._object(path, depth)
        if char == "[":
            return self._list(path, depth)
        if char == '"':
            return self._string(path)
        return self._word()

    def _object(self, path: Path, depth: int) -> dict[str, Any]:
        opened = self.at
        self.at += 1
        members: dict[str, Any] = {}
        while True:
            self._skip(path)
            if self._close("}", opened):
                return members
            if self._peek() != '"':
                raise NotJson(self._instead_of("a key in double quotes"), self.at)
            key_at = self.at
            key = self._string(path)
            inner = (*path, key)
            self._skip(inner)
            if self._peek() != ":":
                raise NotJson(self._instead_of(f'":" after the key "{key}"'), self.at)
            self.at += 1
            self._skip(inner)
            self.reading.offsets[inner] = key_at
            value = self._value(inner, depth + 1)
            if key in members:
                lost = members[key]
                self._note("duplicate-key", key_at, inner, key, lost=lost, kept=value)
            if not (self.keep_first and key in members):
                members[key] = value
            self._comma(path, "}", opened)

    def _list(self, path: Path, depth: int) -> list[Any]:
        opened = self.at
        self.at += 1
        items: list[Any] = []
        while True:
            self._skip(path)
            if self._close("]", opened):
                return items
            inner = (*path, len(items))
            items.append(self._value(inner, depth + 1))
            self._comma(path, "]", opened)

    def _close(self, bracket: str, opened: int) -> bool:
        if self._peek() == bracket:
            self.at += 1
            return True
        if self.at >= len(self.text):
            raise NotJson(f'the text ends before the "{bracket}" that closes this', opened)
        return False

    def _comma(self, path: Path, bracket: str, opened: int) -> None:
        self._skip(path)
        char = self._peek()
        if char == ",":
            comma = self.at
            self.at += 1
            self._skip(path)
            if self._peek() == bracket:
                self._note("trailing-comma", comma, path)
        elif char != bracket:
            if self.at >= len(self.text):
                raise NotJson(f'the text ends before the "{bracket}" that closes this', opened)
            raise NotJson(self._instead_of(f'"," or "{bracket}"'), self.at)

    def _string(self, path: Path) -> str:
        found = _STRING.match(self.text, self.at)
        if not found:
            raise NotJson("a string is not closed", self.at)
        start, self.at = self.at, found.end()
        body = found[1]
        if _PLAIN.fullmatch(body):
            return body
        try:
            value = json.loads(found[0], strict=False)
        except ValueError as error:
            raise NotJson("a string holds an escape that JSON does not have", start) from error
        if any(char < " " for char in body):
            self._note("control-character", start, path)
        return str(value)

    def _word(self) -> Any:
        found = _WORD.match(self.text, self.at)
        if not found:
            raise NotJson(self._instead_of("a value"), self.at)
        word = found[0]
        try:
            value = json.loads(word)
        except (ValueError, RecursionError) as error:
            raise NotJson(self._instead_of("a value"), self.at) from error
        self.at = found.end()
        return value

    def _instead_of(self, expected: str) -> str:
        char = self._peek()
        if not char:
            return f"the text ends where {expected} is expected"
        if char in "“”‘’'":
            return f"{char} stands where {expected} is expected: JSON takes straight double quotes"
        return f"{json.dumps(char, ensure_ascii=False)} stands where {expected} is expected"

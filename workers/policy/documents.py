"""Policy documents: parsed once, never raising, every statement knowing where it stands.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from workers.policy.conditions import Answer, Check
from workers.policy.index import ActionIndex
from workers.policy.layers import Effect, PolicyKind
from workers.policy.reader import NotJson, Oddity, Source, read
from workers.policy.requests import Facts
from workers.policy.statements import Statement, statement_of

if TYPE_CHECKING:
    from workers.policy.diagnostics import Diagnostic


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands in for a document that nobody could read, with the reason for people."""

    name: str
    why: str

    @property
    def unreadable(self) -> str:
        """The reason, under the name that documents use."""
        return self.why


class Document:
    """A policy document, compiled. Make one with ``parse``; it does not change afterwards.

    ``unreadable`` is the reason why nothing can be said about what the document does (its text is
    no JSON, or holds ``Statement`` twice); evaluation then treats it like ``Unreadable``.
    """

    __slots__ = (
        "_diagnostics",
        "allows",
        "denies",
        "kind",
        "name",
        "oddities",
        "raw",
        "source",
        "statements",
        "unreadable",
        "version",
    )

    def __init__(
        self,
        name: str,
        kind: PolicyKind,
        source: Source,
        raw: Any,
        oddities: tuple[Oddity, ...] = (),
        unreadable: str | None = None,
    ) -> None:
        self.name = name
        self.kind = kind
        self.source = source
        self.raw = raw
        self.oddities = oddities
        if unreadable is None and not isinstance(raw, Mapping):
            unreadable = "it is JSON, but no object"
        self.unreadable = unreadable
        self.version = _version(raw)
        self.statements: tuple[Statement, ...] = () if unreadable else self._compiled()
        by_effect = {
            effect: [s for s in self.statements if s.effect is effect] for effect in Effect
        }
        self.allows = ActionIndex(by_effect[Effect.ALLOW])
        self.denies = ActionIndex(by_effect[Effect.DENY])
        self._diagnostics: tuple[Diagnostic, ...] | None = None

    @property
    def text(self) -> str:
        """The text as given; a document given as values is written out."""
        return self.source.text

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Everything that is wrong or suspicious in the text, with positions."""
        if self._diagnostics is None:
            from workers.policy.lint import (
                lint,
            )  # here: documents that nobody asks about stay cheap

            self._diagnostics = lint(self)
        return self._diagnostics

    @property
    def valid(self) -> bool:
        """Whether AWS would take the document: no diagnostic of severity *error*."""
        return not any(diagnostic.severity == "error" for diagnostic in self.diagnostics)

    def __repr__(self) -> str:
        return f"Document({self.name!r}, {self.kind.value}, {len(self.statements)} statements)"

    def _compiled(self) -> tuple[Statement, ...]:
        repeats = any(oddity.code == "duplicate-key" for oddity in self.oddities)
        others = raw_statements(read(self.text, keep_first=True).value) if repeats else []
        compiled = []
        for index, raw in enumerate(raw_statements(self.raw)):
            if not isinstance(raw, Mapping):
                continue
            statement = self._statement(index, raw, others)
            if statement is not None:
                compiled.append(statement)
        return tuple(compiled)

    def _statement(
        self, index: int, raw: Mapping[str, Any], other_readings: list[Any]
    ) -> Statement | None:
        def compiled(values: Mapping[str, Any]) -> Statement | None:
            return statement_of(
                values,
                index=index,
                policy=self.name,
                kind=self.kind,
                version=self.version,
                source=self.source,
            )

        statement = compiled(raw)
        first = other_readings[index] if index < len(other_readings) else raw
        if statement is None or first == raw:
            return statement
        return _either(statement, compiled(first) if isinstance(first, Mapping) else None)


def parse(text: str | bytes | Mapping[str, Any], *, name: str, kind: PolicyKind) -> Document:
    """Parse a policy document.

    Never raises: what cannot be read at all becomes a document without statements whose
    ``unreadable`` says why, and every fault is a diagnostic with its position.
    """
    if isinstance(text, Mapping):
        return Document(name, kind, Source(None, text), text)
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    if text.lstrip().startswith("%7B"):
        text = unquote(text)
    source = Source(text)
    repeated = False

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        found = dict(pairs)
        repeated = repeated or len(found) != len(pairs)
        return found

    try:
        raw = json.loads(text, object_pairs_hook=members)
        if not repeated:
            return Document(name, kind, source, raw)
    except (ValueError, RecursionError):
        pass
    try:
        reading = read(text)
    except NotJson as error:
        line, column = source.line_and_column(error.offset)
        why = f"line {line}, column {column}: {error.why}"
        oddity = Oddity("not-json", error.offset, (), error.why)
        return Document(name, kind, source, None, (oddity,), why)
    twice = [o for o in reading.oddities if o.code == "duplicate-key" and len(o.path) == 1]
    why_not = f'the key "{twice[0].path[0]}" is given twice' if twice else None
    return Document(name, kind, source, reading.value, tuple(reading.oddities), why_not)


def raw_statements(raw: Any) -> list[Any]:
    """The values under Statement; a single statement need not be a list."""
    if not isinstance(raw, Mapping):
        return []
    statements = raw.get("Statement")
    if isinstance(statements, list):
        return statements
    return [] if statements is None else [statements]


def _version(raw: Any) -> str:
    """A document without Version has the first one.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
    """
    version = raw.get("Version") if isinstance(raw, Mapping) else None
    return version if isinstance(version, str) else "2008-10-17"


def _either(last: Statement, first: Statement | None) -> Statement:
    """A statement with a repeated key: known only where both readings agree."""
    if first is None or first.effect is not last.effect:
        return replace(last, checks=(_unsure,))
    other = first

    def check(facts: Facts) -> Answer:
        answers = [
            statement.applies(facts) if statement.covers(facts.action) else False
            for statement in (last, other)
        ]
        return answers[0] if answers[0] is answers[1] else None

    actions = last.actions
    if not last.not_action and not first.not_action:
        actions = tuple(dict.fromkeys((*last.actions, *first.actions)))
    checks: tuple[Check, ...] = (check,)
    return replace(last, actions=actions, checks=checks)


def _unsure(_: Facts) -> Answer:
    return None

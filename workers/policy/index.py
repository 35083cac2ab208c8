"""Statements of a document by the action that they cover.

A request asks for one action, so most statements need not be looked at. What is remembered per
action is the list of statements that cover it, never a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable

from workers.policy.patterns import Matcher
from workers.policy.statements import Statement, compile_action

_REMEMBERED = 2048


class ActionIndex:
    """The statements of one effect."""

    __slots__ = ("_any", "_exact", "_known", "_services")

    def __init__(self, statements: Iterable[Statement]) -> None:
        self._exact: dict[str, list[Statement]] = {}
        self._services: dict[str, list[tuple[Matcher, Statement]]] = {}
        self._any: list[tuple[Matcher | None, Statement]] = []
        self._known: dict[str, tuple[Statement, ...]] = {}
        for statement in statements:
            self._add(statement)

    def _add(self, statement: Statement) -> None:
        if statement.not_action:
            self._any.append((None, statement))
            return
        for written in statement.actions:
            action = written.lower()
            if "*" not in action and "?" not in action:
                self._exact.setdefault(action, []).append(statement)
                continue
            service, colon, _ = action.partition(":")
            if colon and "*" not in service and "?" not in service:
                pattern = (compile_action(action), statement)
                self._services.setdefault(service, []).append(pattern)
            else:
                self._any.append((compile_action(action), statement))

    def __bool__(self) -> bool:
        return bool(self._exact or self._services or self._any)

    def covering(self, action: str) -> tuple[Statement, ...]:
        """The statements that cover ``action`` (lower case), in the order of the document."""
        found = self._known.get(action)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[action] = self._look_up(action)
        return found

    def _look_up(self, action: str) -> tuple[Statement, ...]:
        covering = {statement.index: statement for statement in self._exact.get(action, ())}
        service = action.partition(":")[0]
        for match, statement in self._services.get(service, ()):
            if statement.index not in covering and match(action):
                covering[statement.index] = statement
        for any_match, statement in self._any:
            if statement.index not in covering and (
                statement.covers(action) if any_match is None else any_match(action)
            ):
                covering[statement.index] = statement
        return tuple(covering[index] for index in sorted(covering))

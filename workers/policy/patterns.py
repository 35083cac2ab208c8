"""Wildcard patterns of the policy language, compiled once, matched in linear time.

``*`` stands for any run of characters and ``?`` for exactly one. No regular expression with
several ``.*`` is ever built: those backtrack, and a policy is written by somebody else.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TypeAlias

Matcher: TypeAlias = Callable[[str], bool]


class Wild(Enum):
    """A wildcard token. The two bounded ones stay inside one ARN segment."""

    MANY = "*"
    ONE = "?"
    MANY_IN_SEGMENT = "*:"
    ONE_IN_SEGMENT = "?:"


Token: TypeAlias = str | Wild


def anything(_: str) -> bool:
    """The matcher of a lone ``*``; compare with ``is`` to skip the call."""
    return True


def tokens_of(text: str) -> list[Token]:
    """Split into literals and wildcards: ``a*b`` gives ``["a", MANY, "b"]``."""
    tokens: list[Token] = []
    start = 0
    for index, char in enumerate(text):
        if char in "*?":
            if index > start:
                tokens.append(text[start:index])
            tokens.append(Wild.MANY if char == "*" else Wild.ONE)
            start = index + 1
    if start < len(text):
        tokens.append(text[start:])
    return tokens


def compile_glob(text: str) -> Matcher:
    """A matcher for a pattern without variables, the whole text, case-sensitive."""
    if "*" not in text and "?" not in text:
        return text.__eq__
    return compile_tokens(tokens_of(text))


def compile_tokens(tokens: Sequence[Token]) -> Matcher:
    """The cheapest matcher that says the same as ``tokens``."""
    tokens = _merged(tokens)
    if not tokens:
        return "".__eq__
    if len(tokens) == 1:
        only = tokens[0]
        if isinstance(only, str):
            return only.__eq__
        if only is Wild.MANY:
            return anything
    if any(token in _BOUNDED for token in tokens):
        return _automaton(tokens)
    if len(tokens) == 2 and Wild.MANY in tokens:
        first, second = tokens
        if isinstance(first, str):
            return _prefix(first)
        if isinstance(second, str):
            return _suffix(second)
    return _pieces(tokens)


_BOUNDED = frozenset({Wild.MANY_IN_SEGMENT, Wild.ONE_IN_SEGMENT})


def _merged(tokens: Sequence[Token]) -> list[Token]:
    merged: list[Token] = []
    for token in tokens:
        last = merged[-1] if merged else None
        if isinstance(token, str) and isinstance(last, str):
            merged[-1] = last + token
        elif not (token is Wild.MANY and last is Wild.MANY) and token != "":
            merged.append(token)
    return merged


def _prefix(prefix: str) -> Matcher:
    return lambda text: text.startswith(prefix)


def _suffix(suffix: str) -> Matcher:
    return lambda text: text.endswith(suffix)


Piece: TypeAlias = tuple[Token, ...]


def _pieces(tokens: Sequence[Token]) -> Matcher:
    """Match the pieces between ``*`` leftmost first: no piece is ever tried twice."""
    pieces: list[list[Token]] = [[]]
    for token in tokens:
        if token is Wild.MANY:
            pieces.append([])
        else:
            pieces[-1].append(token)
    if len(pieces) == 1:
        return _exact_piece(tuple(pieces[0]))
    head, *middle, tail = (_find(tuple(piece)) for piece in pieces)
    head_width, tail_width = _width(pieces[0]), _width(pieces[-1])

    def match(text: str) -> bool:
        end = len(text) - tail_width
        if end < head_width or head(text, 0, head_width) != 0:
            return False
        if tail(text, end, len(text)) != end:
            return False
        position = head_width
        for find, width in widths:
            found = find(text, position, end)
            if found < 0:
                return False
            position = found + width
        return True

    widths = tuple((find, _width(piece)) for find, piece in zip(middle, pieces[1:-1], strict=True))
    return match


def _width(piece: Sequence[Token]) -> int:
    return sum(len(token) if isinstance(token, str) else 1 for token in piece)


Finder: TypeAlias = Callable[[str, int, int], int]


def _find(piece: Piece) -> Finder:
    """A finder of the first place of ``piece`` inside ``text[start:end]``, or -1."""
    if not piece:
        return lambda _text, start, _end: start
    if len(piece) == 1 and isinstance(piece[0], str):
        literal = piece[0]
        return lambda text, start, end: text.find(literal, start, end)
    width, checks = _width(piece), _checks(piece)

    def find(text: str, start: int, end: int) -> int:
        for place in range(start, end - width + 1):
            if all(text.startswith(literal, place + offset) for offset, literal in checks):
                return place
        return -1

    return find


def _exact_piece(piece: Piece) -> Matcher:
    width, checks = _width(piece), _checks(piece)
    return lambda text: (
        len(text) == width and all(text.startswith(literal, at) for at, literal in checks)
    )


def _checks(piece: Piece) -> tuple[tuple[int, str], ...]:
    checks, offset = [], 0
    for token in piece:
        if isinstance(token, str):
            checks.append((offset, token))
            offset += len(token)
        else:
            offset += 1
    return tuple(checks)


def _automaton(tokens: Sequence[Token]) -> Matcher:
    """For patterns with wildcards that may not cross a colon: a set of states, no backtracking."""
    steps: list[Token] = []
    for token in tokens:
        steps.extend(token) if isinstance(token, str) else steps.append(token)
    last = len(steps)
    loops = (Wild.MANY, Wild.MANY_IN_SEGMENT)

    def closed(states: set[int]) -> set[int]:
        out = set()
        for state in states:
            out.add(state)
            while state < last and steps[state] in loops:
                state += 1
                out.add(state)
        return out

    def match(text: str) -> bool:
        states = closed({0})
        for char in text:
            after: set[int] = set()
            for state in states:
                if state == last:
                    continue
                step = steps[state]
                if step is Wild.MANY or (step is Wild.MANY_IN_SEGMENT and char != ":"):
                    after.add(state)
                elif (step is Wild.ONE_IN_SEGMENT and char != ":") or step in (Wild.ONE, char):
                    after.add(state + 1)
            if not after:
                return False
            states = closed(after)
        return last in states

    return match


def bound_to_segments(tokens: Sequence[Token]) -> list[Token]:
    """Apply the rule of the Resource element to the first five segments of an ARN.

    A wildcard stands for characters of its own segment, except a ``*`` that is the last character
    of the segment: that one may run over the colon.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    bounded: list[Token] = []
    colons = 0
    for index, token in enumerate(tokens):
        if isinstance(token, str):
            colons += token.count(":")
            bounded.append(token)
            continue
        after = tokens[index + 1] if index + 1 < len(tokens) else ":"
        ends_segment = isinstance(after, str) and after.startswith(":")
        if colons >= 5 or (token is Wild.MANY and ends_segment):
            bounded.append(token)
        else:
            bounded.append(Wild.MANY_IN_SEGMENT if token is Wild.MANY else Wild.ONE_IN_SEGMENT)
    return bounded


def compile_arn(tokens: Sequence[Token]) -> Matcher:
    """A matcher of the ARN operators: six parts, each checked on its own.

    A pattern or a value that has fewer than six parts matches nothing, not even ``*``.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN
    """
    merged = _merged(tokens)
    parts: list[list[Token]] = [[]]
    for token in merged:
        if not isinstance(token, str):
            parts[-1].append(token)
            continue
        first, *rest = token.split(":", 6 - len(parts)) if len(parts) < 6 else [token]
        parts[-1].append(first)
        parts.extend([piece] for piece in rest)
    if len(parts) < 6:
        return lambda _text: False
    if all(isinstance(token, str) for token in merged):
        return "".join(str(token) for token in merged).__eq__
    matchers = tuple(compile_tokens(part) for part in parts)
    checked = tuple((at, test) for at, test in enumerate(matchers) if test is not anything)

    def match(text: str) -> bool:
        values = text.split(":", 5)
        return len(values) == 6 and all(test(values[at]) for at, test in checked)

    return match

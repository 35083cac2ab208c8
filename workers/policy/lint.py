"""Finding what is wrong with a document.

https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from workers.policy.actions import ActionTable, Suggestions
from workers.policy.diagnostics import Diagnostic, diagnostic
from workers.policy.faults import Fault, shown, type_name
from workers.policy.layers import PolicyKind
from workers.policy.lint_elements import (
    action_faults,
    condition_faults,
    principal_faults,
    resource_faults,
)
from workers.policy.reader import MAX_DEPTH, Oddity, Path
from workers.policy.statements import VARIABLES_SINCE

if TYPE_CHECKING:
    from workers.policy.documents import Document

_TOP = ("Version", "Id", "Statement")
_ELEMENTS = (
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
)
_VERSIONS = ("2012-10-17", "2008-10-17")
_PLACEHOLDER = re.compile(
    r"\[\[[^\[\]]*\]\]|\{\{[^{}]*\}\}|<[A-Za-z][\w .:-]*>"
    r"|\$\{AWS::[A-Za-z]+\}|\$\{(?:Token|TOKEN)\["
)


def lint(document: Document, table: ActionTable | None = None) -> tuple[Diagnostic, ...]:
    """Every fault of a document, in the order of its text."""
    faults = [*map(_of_oddity, document.oddities)]
    if not any(oddity.code == "not-json" for oddity in document.oddities):
        faults += _document_faults(document, table)
    made = [_diagnostic(document, fault) for fault in faults]
    return tuple(sorted(made, key=lambda d: (d.line, d.column)))


def _diagnostic(document: Document, fault: Fault) -> Diagnostic:
    if fault.offset is not None:
        line, column = document.source.line_and_column(fault.offset)
    else:
        line, column = document.source.position(fault.path)
    return diagnostic(fault.code, line, column, **fault.values)


def _of_oddity(oddity: Oddity) -> Fault:
    if oddity.code == "not-json":
        return Fault("not-json", (), {"why": oddity.detail}, oddity.offset)
    if oddity.code == "comment":
        return Fault("comment", oddity.path, {"comment": oddity.detail.strip()}, oddity.offset)
    if oddity.code != "duplicate-key":
        return Fault(oddity.code, oddity.path, {}, oddity.offset)
    in_principal = len(oddity.path) > 1 and oddity.path[-2] in ("Principal", "NotPrincipal")
    values = {
        "key": oddity.detail,
        "kept": shown(oddity.kept),
        "lost": shown(oddity.lost),
        "advice": ", with all principals in one list" if in_principal else "",
    }
    return Fault("duplicate-key", oddity.path, values, oddity.offset)


def _document_faults(document: Document, table: ActionTable | None) -> Iterator[Fault]:
    raw = document.raw
    if not isinstance(raw, Mapping):
        yield Fault("not-an-object", (), {"found": type_name(raw)})
        return
    for key in raw:
        if key not in _TOP:
            values = {"where": "The document", "element": f'"{key}"'}
            yield Fault("element-unknown", (key,), values | _suggest(key, _TOP))
    version = raw.get("Version")
    if "Version" in raw and version not in _VERSIONS:
        yield Fault("version-unknown", ("Version",), {"found": shown(version)})
    yield from _placeholders(raw, ())
    statements = raw.get("Statement")
    if statements is None or statements == []:
        yield Fault("statement-missing", ("Statement",))
        return
    sids: dict[str, int] = {}
    suggestions = Suggestions(table)
    for index, statement in enumerate(statements if isinstance(statements, list) else [statements]):
        yield from _statement_faults(document, index, statement, sids, suggestions)


def _placeholders(value: Any, path: Path) -> Iterator[Fault]:
    if len(path) > MAX_DEPTH:
        return
    if isinstance(value, str):
        if found := _PLACEHOLDER.search(value):
            yield Fault("placeholder", path, {"value": shown(value), "placeholder": found[0]})
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _placeholders(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _placeholders(inner, (*path, index))


def _statement_faults(
    document: Document, index: int, raw: Any, sids: dict[str, int], suggestions: Suggestions
) -> Iterator[Fault]:
    path: Path = ("Statement", index)
    if not isinstance(raw, Mapping):
        yield Fault("statement-type", path, {"statement": f"#{index + 1}", "found": type_name(raw)})
        return
    sid = raw.get("Sid")
    label = f"“{sid}”" if isinstance(sid, str) and sid else f"#{index + 1}"
    for key in raw:
        if key not in _ELEMENTS:
            values = {"where": f"Statement {label}", "element": f'"{key}"'}
            yield Fault("element-unknown", (*path, key), values | _suggest(key, _ELEMENTS))
    yield from _sid_faults(document.kind, raw, index, sids)
    yield from _effect_faults(raw, path, label)
    yield from _pair_faults(raw, path, label, document.kind)
    yield from principal_faults(raw, path, label, document.kind)
    yield from action_faults(raw, path, label, suggestions)
    yield from resource_faults(raw, path, label)
    yield from condition_faults(raw, path, label)
    if document.version != VARIABLES_SINCE:
        yield from _variables_without_version(raw, path)


def _sid_faults(
    kind: PolicyKind, raw: Mapping[str, Any], index: int, sids: dict[str, int]
) -> Iterator[Fault]:
    if "Sid" not in raw:
        return
    path: Path = ("Statement", index, "Sid")
    sid = raw["Sid"]
    if not isinstance(sid, str):
        values = {"element": "Sid", "statement": f"#{index + 1}", "expected": "a string"}
        yield Fault("element-type", path, values | {"found": type_name(sid)})
        return
    if sid and sid in sids:
        values = {"sid": sid, "first": f"#{sids[sid] + 1}", "second": f"#{index + 1}"}
        yield Fault("sid-repeated", path, values)
    sids.setdefault(sid, index)
    if kind in (PolicyKind.IDENTITY, PolicyKind.BOUNDARY) and not re.fullmatch(
        r"[A-Za-z0-9]*", sid
    ):
        yield Fault("sid-characters", path, {"sid": sid})


def _effect_faults(raw: Mapping[str, Any], path: Path, label: str) -> Iterator[Fault]:
    if "Effect" not in raw:
        yield Fault("element-missing", path, {"statement": label, "element": "Effect"})
    elif raw["Effect"] not in ("Allow", "Deny"):
        values = {"statement": label, "found": shown(raw["Effect"])}
        yield Fault("effect-value", (*path, "Effect"), values)


def _pair_faults(
    raw: Mapping[str, Any], path: Path, label: str, kind: PolicyKind
) -> Iterator[Fault]:
    for one in ("Action", "Resource", "Principal"):
        other = f"Not{one}"
        if one in raw and other in raw:
            values = {"statement": label, "one": one, "other": other}
            yield Fault("element-conflict", (*path, other), values)
    if "Action" not in raw and "NotAction" not in raw:
        yield Fault("element-missing", path, {"statement": label, "element": "Action"})
    needs_resource = kind not in (PolicyKind.TRUST, PolicyKind.RESOURCE)
    if needs_resource and "Resource" not in raw and "NotResource" not in raw:
        yield Fault("element-missing", path, {"statement": label, "element": "Resource"})


def _variables_without_version(raw: Mapping[str, Any], path: Path) -> Iterator[Fault]:
    for element in ("Resource", "NotResource", "Condition"):
        text = json.dumps(raw.get(element), ensure_ascii=False)
        if found := re.search(r"\$\{(?!AWS::)[A-Za-z][^}]*\}", text):
            yield Fault("version-without-variables", (*path, element), {"value": found[0]})


def _suggest(word: str, known: tuple[str, ...]) -> dict[str, str]:
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return {"suggestion": f"; {by_lower[near[0]]} was probably meant" if near else ""}

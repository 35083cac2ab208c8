"""Verdicts, explanations and remedies as plain values for JSON."""

from __future__ import annotations

from typing import Any

from workers.policy.explanation import Explanation, LayerExplanation, NearMiss
from workers.policy.remedy import Remedy
from workers.policy.verdicts import Match, Verdict


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict as the command prints it."""
    return {
        "decision": verdict.decision,
        "blocked_by": list(verdict.blocked_by),
        "matched": [_match_json(match) for match in verdict.matched],
        "depends_on": [
            {"kind": d.kind, "name": d.name, "outcomes": dict(d.outcomes)}
            for d in verdict.depends_on
        ],
    }


def _match_json(match: Match) -> dict[str, Any]:
    return {
        "layer": match.layer,
        "policy": match.policy,
        "statement": match.statement,
        "effect": match.effect,
    }


def explanation_json(explanation: Explanation) -> dict[str, Any]:
    """An explanation as the command prints it."""
    return {"layers": [_layer_json(layer) for layer in explanation.layers]}


def _layer_json(layer: LayerExplanation) -> dict[str, Any]:
    return {
        "layer": layer.layer,
        "target": layer.target,
        "stance": layer.stance,
        "matched": [
            {**_match_json(match), "line": match.line, "column": match.column}
            for match in layer.matched
        ],
        "near_misses": [_miss_json(miss) for miss in layer.near_misses],
        "unread": [{"name": name, "why": why} for name, why in layer.unread],
    }


def _miss_json(miss: NearMiss) -> dict[str, Any]:
    failure = miss.failure
    return {
        "policy": miss.cause.policy,
        "statement": miss.cause.label,
        "effect": miss.cause.effect,
        "line": miss.cause.line,
        "column": miss.cause.column,
        "failed": failure.element,
        "operator": failure.operator,
        "key": failure.key,
        "expected": list(failure.expected),
        "actual": list(failure.actual),
        "unknown": failure.unknown,
        "further_failures": len(miss.failures) - 1,
    }


def remedy_json(remedy: Remedy) -> dict[str, Any]:
    """What would be enough, as the command prints it."""
    return {
        "additions": [
            {"layer": a.layer, "target": a.target, "statement": dict(a.statement)}
            for a in remedy.additions
        ],
        "obstacle": remedy.obstacle,
        "after": remedy.after,
    }

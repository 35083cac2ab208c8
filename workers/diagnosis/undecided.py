"""Why a check is not decided: what was not read, or what nobody knows of the request."""

from __future__ import annotations

from dataclasses import replace

from workers.diagnosis.cause import Cause, Side, layer_component
from workers.diagnosis.checks import Checker
from workers.diagnosis.components import component_of, detail_of, scope_of, weight_of
from workers.diagnosis.grants import delegating, grants_of, missing
from workers.diagnosis.lookup import role_of
from workers.diagnosis.model import Certainty, Check
from workers.pipeline.requirement import Part, Requirement
from workers.policy import Decision, Effect, Layer, Match, Policy, Unreadable, evaluate, explain


def undecided(check: Check, checker: Checker) -> tuple[Cause, ...]:
    """An unknown check is worth a finding where what *was* read grants nothing.

    Where the identity side grants and only other documents are unread, there is nothing to point
    at: the report lists the documents, not a finding.
    """
    request, policies = checker.request(check.requirement), checker.policies(check.requirement)
    requirement = check.requirement
    if isinstance(policies.grants, Unreadable) and (
        silent := missing(check, request, replace(policies, grants=()))
    ):
        # Key policy and identity side are known and silent; only a grant could make up for it.
        return (replace(silent, certainty=Certainty.LIKELY, unread=(policies.grants.name,)),)
    unread = tuple(each.name for each in check.verdict.depends_on if each.kind == "document")
    keys = tuple(each.name for each in check.verdict.depends_on if each.kind == "context")
    open_parts = requirement.unresolved
    if not unread and (open_statement := uncertain(check, checker)) is not None:
        return (_conditional(requirement, open_statement, keys),)
    if requirement.part is Part.SERVICE or any(_unknown(each) for each in policies.identity):
        return ()
    bare = grants_of(policies, request)
    generous = replace(bare, resource=delegating(request.principal), grants=())
    alone = evaluate(request, generous, partial=True).decision
    if alone is Decision.ALLOWED:
        return ()
    return (
        Cause(
            "undecided"
            if unread
            else "undecided_resource"
            if open_parts
            else "undecided_condition",
            component_of(requirement),
            (
                "undecided",
                role_of(requirement.principal),
                scope_of(requirement),
                weight_of(requirement),
            ),
            Certainty.UNKNOWN,
            detail=detail_of(requirement),
            sides=frozenset({Side.IDENTITY}),
            policies=policies.identity,
            unread=unread or open_parts or keys,
        ),
    )


def uncertain(
    check: Check,
    checker: Checker,
    layers: tuple[Layer, ...] = tuple(Layer),
    effect: Effect | None = None,
) -> Match | None:
    """The statement that applies or not by what nobody knows of the request; a deny first."""
    explanation = explain(
        checker.request(check.requirement), checker.policies(check.requirement), partial=True
    )
    found = [
        Match(layer.layer, miss.cause)
        for layer in explanation.layers
        if layer.layer in layers
        for miss in layer.near_misses
        if all(failure.unknown for failure in miss.failures) and effect in (None, miss.cause.effect)
    ]
    found.sort(key=lambda match: match.effect is not Effect.DENY)
    return found[0] if found else None


def _conditional(requirement: Requirement, match: Match, keys: tuple[str, ...]) -> Cause:
    return Cause(
        "undecided_condition",
        layer_component(match.layer, requirement),
        ("condition", match.layer, match.policy, match.statement, role_of(requirement.principal)),
        Certainty.UNKNOWN,
        detail="condition",
        layer=match.layer,
        match=match,
        unread=keys,
    )


def _unknown(policy: Policy) -> bool:
    return policy.unreadable is not None

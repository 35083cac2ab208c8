"""The statement that decided, or the policies that should allow and do not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from workers.diagnosis.authorization import refusals
from workers.diagnosis.cause import Side
from workers.diagnosis.checks import Checker
from workers.diagnosis.drafts import Draft
from workers.diagnosis.failures import Failure
from workers.diagnosis.lookup import role_of
from workers.diagnosis.model import Check, Evidence
from workers.diagnosis.naming import Names
from workers.pipeline.arn import account_of
from workers.policy import (
    Decision,
    Document,
    Effect,
    Element,
    Explanation,
    Layer,
    Match,
    NearMiss,
    Policy,
    Statement,
    explain,
)
from workers.snapshot.model import Opinion, Snapshot

MESSAGE = "message"
SIMULATOR = "simulator"
AUTHORIZATION = "authorization"
_OF_OTHERS = frozenset({MESSAGE, SIMULATOR, AUTHORIZATION})
_NEAREST = 2
_POLICIES = 6
_RESOURCE = (Layer.RESOURCE, Layer.TRUST)


def grounds(draft: Draft, checker: Checker, names: Names) -> tuple[Evidence, ...]:
    """What proves the draft, the deciding document first, then what AWS and others said."""
    holder = role_of(draft.lead.principal)
    said = (
        *(of_failure(failure) for failure in draft.matched),
        *_authorizations(draft.matched, checker.snapshot, names),
    )
    opinions = tuple(_opinions(draft.checks[0], checker.snapshot, names)) if draft.checks else ()
    found = (*_decisive(draft, checker, names), *draft.evidence, *said, *opinions)
    return tuple(
        each
        if each.layer in _OF_OTHERS
        else replace(each, name=names.source(each.layer, each.policy, holder))
        for each in found
    )


def _decisive(draft: Draft, checker: Checker, names: Names) -> Iterator[Evidence]:
    """The statement that denies, or the policies that should allow, the nearest first."""
    cause = draft.cause
    if cause is None or not draft.checks:
        return
    if cause.match is not None:
        yield of_match(cause.match)
        return
    requirement = draft.checks[0].requirement
    explanation = explain(checker.request(requirement), checker.policies(requirement), partial=True)
    if cause.layer is not None:
        nearest = _nearest(explanation, (cause.layer,))
        known = {policy.name for policy in cause.policies}
        for miss in nearest:
            if miss.cause.policy in known:
                yield replace(of_statement(miss.layer, miss.cause), note=_note(miss, names))
                known.discard(miss.cause.policy)
        silent = tuple(policy for policy in cause.policies if policy.name in known)
        if silent or not cause.policies:
            yield from _silent(str(cause.layer), silent, cause.place)
        return
    nearest = _nearest(explanation, _layers_of(cause.sides))
    for miss in nearest:
        yield replace(of_statement(miss.layer, miss.cause), note=_note(miss, names))
    yield from _rest(cause.policies, nearest, requirement.principal, cause.sides, explanation)


def nearly(draft: Draft, checker: Checker) -> str:
    """In what alone the nearest statement does not fit: ``condition``, ``action``, or "".

    "" also where it names somebody else, or where there is none.
    """
    if draft.cause is None or not draft.checks:
        return ""
    need = draft.checks[0].requirement
    explanation = explain(checker.request(need), checker.policies(need), partial=True)
    for miss in _nearest(explanation, _layers_of(draft.cause.sides))[:1]:
        elements = {failure.element for failure in miss.failures}
        if elements == {Element.CONDITION}:
            return "condition"
        if Element.PRINCIPAL not in elements and Element.ACTION in elements:
            return "action"
    return ""


def of_match(match: Match) -> Evidence:
    """The statement or grant of a match."""
    if isinstance(match.cause, Statement):
        return of_statement(match.layer, match.cause)
    return Evidence(str(match.layer), match.policy, match.statement, str(match.effect))


def of_statement(layer: Layer, statement: Statement) -> Evidence:
    return Evidence(
        layer=str(layer),
        policy=statement.policy,
        statement=statement.label,
        effect=str(statement.effect),
        line=statement.line,
        text=json.dumps(dict(statement.raw), indent=2, ensure_ascii=False, default=str),
    )


def of_failure(failure: Failure) -> Evidence:
    """What AWS said, as evidence. The policy is the one that the message names, if it does."""
    denial = failure.denial
    return Evidence(
        layer=MESSAGE,
        policy=denial.policy_arn if denial is not None else "",
        statement=failure.execution,
        effect=(denial.effect or "") if denial is not None else "",
        text=failure.text,
    )


def _authorizations(
    failures: Iterable[Failure], snapshot: Snapshot, names: Names
) -> Iterator[Evidence]:
    """The checks that AWS keeps of a refused request, whether they agree with the rest or not."""
    for failure in failures:
        id = failure.denial.authorization_id if failure.denial is not None else ""
        for each in refusals(snapshot.decoded.get(id, "")) if id else ():
            named = {"layer": names.texts.say(f"layers.{each.layer}"), "action": each.action}
            key = "authorization_policy" if each.policy else "authorization"
            yield Evidence(
                layer=AUTHORIZATION,
                policy=each.policy,
                statement=each.statement,
                effect=each.effect,
                text=names.texts.say(f"words.{key}", policy=names.policy(each.policy), **named),
            )


def agreeing(check: Check, opinions: Iterable[Opinion]) -> bool | None:
    """Whether the simulator says the same; None where it was not asked."""
    for opinion in opinions:
        need = check.requirement
        if (
            opinion.principal == need.principal
            and opinion.action.lower() == need.action.lower()
            and opinion.resource in (need.resource, need.shown)
        ):
            allowed = check.verdict.decision is Decision.ALLOWED
            return (opinion.decision == Decision.ALLOWED) is allowed
    return None


def _opinions(check: Check, snapshot: Snapshot, names: Names) -> Iterator[Evidence]:
    need, texts = check.requirement, names.texts
    for opinion in snapshot.opinions:
        if (
            opinion.principal != need.principal
            or opinion.action.lower() != need.action.lower()
            or opinion.resource not in (need.resource, need.shown)
        ):
            continue
        same = agreeing(check, (opinion,))
        yield Evidence(
            layer=SIMULATOR,
            policy="iam:SimulatePrincipalPolicy",
            statement="",
            effect=opinion.decision,
            text=texts.say("words.agrees")
            if same
            else texts.say("words.disagrees", decision=opinion.decision, action=need.action),
        )


def _layers_of(sides: frozenset[Side]) -> tuple[Layer, ...]:
    return (
        *((Layer.IDENTITY,) if Side.IDENTITY in sides else ()),
        *(_RESOURCE if Side.RESOURCE in sides else ()),
    )


def _nearest(explanation: Explanation, layers: tuple[Layer, ...]) -> tuple[NearMiss, ...]:
    misses = [
        miss
        for layer in explanation.layers
        if layer.layer in layers
        for miss in layer.near_misses
        if miss.cause.effect is Effect.ALLOW
    ]
    misses.sort(key=lambda miss: (len(miss.failures), not _names_account(miss)))
    return tuple(misses[:_NEAREST])


def _names_account(miss: NearMiss) -> bool:
    """Whether a statement that names somebody else names somebody of the same account."""
    failure = miss.failure
    if failure.element is not Element.PRINCIPAL:
        return True
    accounts = {account_of(each) or each for each in failure.expected}
    return any(account_of(each) in accounts for each in failure.actual)


def _rest(
    policies: tuple[Policy, ...],
    nearest: tuple[NearMiss, ...],
    principal: str,
    sides: frozenset[Side],
    explanation: Explanation,
) -> Iterator[Evidence]:
    """The policies without a statement that comes near: they should allow and say nothing."""
    shown = {(miss.cause.policy, _side(miss.layer)) for miss in nearest}
    for policy in policies[:_POLICIES]:
        layer = _layer_of(policy, explanation)
        if (policy.name, _side(layer)) not in shown:
            yield Evidence(str(layer), policy.name, "", str(Decision.IMPLICIT_DENY))
    if Side.IDENTITY in sides and not any(_is_identity(each) for each in policies):
        yield Evidence(str(Layer.IDENTITY), principal, "", str(Decision.IMPLICIT_DENY))


def _side(layer: Layer) -> Side:
    return Side.IDENTITY if layer is Layer.IDENTITY else Side.RESOURCE


def _is_identity(policy: Policy) -> bool:
    return not isinstance(policy, Document) or not policy.kind.names_principals


def _layer_of(policy: Policy, explanation: Explanation) -> Layer:
    if _is_identity(policy):
        return Layer.IDENTITY
    layers = [each.layer for each in explanation.layers if each.layer in _RESOURCE]
    return layers[0] if layers else Layer.RESOURCE


def _silent(layer: str, policies: tuple[Policy, ...], place: str) -> Iterator[Evidence]:
    for policy in policies[:_POLICIES]:
        yield Evidence(layer, policy.name, "", str(Decision.IMPLICIT_DENY))
    if not policies:
        yield Evidence(layer, place, "", str(Decision.IMPLICIT_DENY))


def _note(miss: NearMiss, names: Names) -> str:
    """The first thing in which a statement that comes near does not fit the request."""
    failure, texts = miss.failure, names.texts
    expected: Sequence[str] = failure.expected
    actual: Sequence[str] = failure.actual
    if failure.element is Element.PRINCIPAL:
        expected, actual = names.parties(expected, actual)
    values = {
        "expected": texts.listed(expected, 3),
        "actual": texts.listed(actual, 3) or texts.say("nearly.nothing"),
        "operator": failure.operator or "",
        "key": failure.key or "",
    }
    kind = str(failure.element)
    if failure.element is Element.CONDITION and failure.unknown:
        kind = "unknown_condition"
    return texts.say(f"nearly.{kind}", **values)

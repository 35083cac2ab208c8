"""Why a request is decided as it is: layer by layer, statement by statement.

Made only when asked for; ``evaluate`` does none of this work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from workers.policy.conditions import Answer, Condition
from workers.policy.documents import Document
from workers.policy.evaluation import evaluate, weigh
from workers.policy.layers import Effect, Layer
from workers.policy.organizations import rcps_reach, scps_reach
from workers.policy.policies import Policies, Policy
from workers.policy.principals import PrincipalType
from workers.policy.requests import Facts, Request
from workers.policy.statements import Statement
from workers.policy.verdicts import Match, Verdict
from workers.policy.weighing import Weighing


class Stance(StrEnum):
    """What one layer says."""

    ALLOWS = "allows"
    DENIES = "denies"
    SILENT = "silent"
    """It neither allows nor denies: an implicit deny, where the layer has to allow."""
    UNKNOWN = "unknown"
    EXEMPT = "exempt"
    """The layer does not reach this requester or resource."""


class Element(StrEnum):
    """The part of a statement that a request failed."""

    ACTION = "action"
    RESOURCE = "resource"
    PRINCIPAL = "principal"
    CONDITION = "condition"


@dataclass(frozen=True, slots=True)
class Failure:
    """An element that did not match: what it asks for and what the request has.

    ``actual`` is empty where the request does not carry the key. ``unknown`` says that the element
    may match or not.
    """

    element: Element
    expected: tuple[str, ...]
    actual: tuple[str, ...]
    operator: str | None = None
    key: str | None = None
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A statement that would have applied but for ``failures``, the first one first."""

    layer: Layer
    cause: Statement
    failures: tuple[Failure, ...]

    @property
    def failure(self) -> Failure:
        """The first element that did not match."""
        return self.failures[0]


@dataclass(frozen=True, slots=True)
class LayerExplanation:
    """One layer, or one level of an organisation (``target``)."""

    layer: Layer
    target: str
    stance: Stance
    matched: tuple[Match, ...] = ()
    near_misses: tuple[NearMiss, ...] = ()
    unread: tuple[tuple[str, str], ...] = ()
    """Name and reason of each document that could not be read."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict and the part of every layer in it."""

    verdict: Verdict
    layers: tuple[LayerExplanation, ...]


def explain(request: Request, policies: Policies, *, partial: bool = False) -> Explanation:
    """Decide a request and say for each layer what it did."""
    verdict = evaluate(request, policies, partial=partial)
    facts = Facts(request, partial=partial, bounded=bool(policies.boundaries))
    weighing, _ = weigh(request, facts, policies)
    return Explanation(verdict, tuple(_layers(facts, policies, weighing)))


def _layers(facts: Facts, policies: Policies, weighing: Weighing) -> Iterator[LayerExplanation]:
    root = facts.principal.type is PrincipalType.ROOT
    has_identity = weighing.has_account and not root
    reached = {
        Layer.IDENTITY: has_identity,
        Layer.BOUNDARY: has_identity,
        Layer.SESSION: has_identity,
        Layer.SCP: scps_reach(facts, policies),
        Layer.RCP: rcps_reach(facts, policies),
    }

    def layer(name: Layer, documents: tuple[Policy, ...], target: str = "") -> LayerExplanation:
        if not reached.get(name, True):
            return LayerExplanation(name, target, Stance.EXEMPT)
        return _layer(name, documents, facts, target)

    if weighing.has_account or policies.identity:
        yield layer(Layer.IDENTITY, policies.identity)
    resource = () if policies.resource is None else (policies.resource,)
    yield layer(weighing.resource_layer, resource)
    if policies.boundaries:
        yield layer(Layer.BOUNDARY, policies.boundaries)
    if policies.session:
        yield layer(Layer.SESSION, policies.session)
    for level in policies.scps:
        yield layer(Layer.SCP, level.policies, level.target)
    for level in policies.rcps:
        yield layer(Layer.RCP, level.policies, level.target)
    if policies.vpce:
        yield layer(Layer.VPCE, policies.vpce)
    yield from _settings(policies, weighing)


def _settings(policies: Policies, weighing: Weighing) -> Iterator[LayerExplanation]:
    """The layers that are no documents."""
    granted = [Match(layer, cause) for layer, cause in weighing.allows if layer is Layer.GRANT]
    if policies.grants:
        yield LayerExplanation(Layer.GRANT, "", _stance(weighing.by_grant), tuple(granted))
    if policies.public_access_block is not None:
        passes = _passes(weighing.public_access)
        yield LayerExplanation(Layer.BLOCK_PUBLIC_ACCESS, "", passes)
    if policies.ownership is not None:
        yield LayerExplanation(Layer.OBJECT_OWNERSHIP, "", _passes(weighing.ownership))


def _stance(answer: Answer) -> Stance:
    if answer is None:
        return Stance.UNKNOWN
    return Stance.ALLOWS if answer else Stance.SILENT


def _passes(answer: Answer) -> Stance:
    if answer is None:
        return Stance.UNKNOWN
    return Stance.ALLOWS if answer else Stance.DENIES


def _layer(
    layer: Layer, documents: tuple[Policy, ...], facts: Facts, target: str
) -> LayerExplanation:
    matched: list[Match] = []
    misses: list[NearMiss] = []
    unread: list[tuple[str, str]] = []
    uncertain = False
    for document in documents:
        if not isinstance(document, Document) or document.unreadable is not None:
            unread.append((document.name, document.unreadable or ""))
            continue
        for statement in document.statements:
            answer = _answer(statement, facts)
            if answer:
                matched.append(Match(layer, statement))
            elif miss := _near_miss(layer, statement, facts):
                misses.append(miss)
                uncertain = uncertain or answer is None
    misses.sort(key=lambda miss: len(miss.failures))
    effects = {match.effect for match in matched}
    if Effect.DENY in effects:
        stance = Stance.DENIES
    elif unread or uncertain:
        stance = Stance.UNKNOWN
    else:
        stance = Stance.ALLOWS if Effect.ALLOW in effects else Stance.SILENT
    return LayerExplanation(layer, target, stance, tuple(matched), tuple(misses), tuple(unread))


def _answer(statement: Statement, facts: Facts) -> Answer:
    return statement.applies(facts) if statement.covers(facts.action) else False


def _near_miss(layer: Layer, statement: Statement, facts: Facts) -> NearMiss | None:
    """A statement is near if only one element fails, or if it is about this very action."""
    failures = tuple(_failures(statement, facts))
    if not failures:
        return None
    about_action = failures[0].element is not Element.ACTION
    near = about_action or (len(failures) == 1 and _same_service(statement, facts))
    return NearMiss(layer, statement, failures) if near else None


def _same_service(statement: Statement, facts: Facts) -> bool:
    start = facts.action.partition(":")[0] + ":"
    return any(action.lower().startswith(start) for action in statement.actions)


def _failures(statement: Statement, facts: Facts) -> Iterator[Failure]:
    if not statement.covers(facts.action):
        yield Failure(Element.ACTION, statement.actions, (facts.written_action,))
    for check, element, expected, actual in (
        (statement.resource_check, Element.RESOURCE, statement.resources, facts.resource),
        (statement.principal_check, Element.PRINCIPAL, _named(statement), facts.principal.text),
    ):
        answer = True if check is None else check(facts)
        if not answer:
            yield Failure(element, expected, (actual,), unknown=answer is None)
    for condition in statement.conditions:
        answer = condition.check(facts)
        if not answer:
            yield _condition_failure(condition, facts, answer)


def _condition_failure(condition: Condition, facts: Facts, answer: Answer) -> Failure:
    return Failure(
        Element.CONDITION,
        condition.values,
        facts.context.get(condition.key.lower(), ()),
        condition.written,
        condition.key,
        unknown=answer is None,
    )


def _named(statement: Statement) -> tuple[str, ...]:
    element = statement.raw.get("NotPrincipal", statement.raw.get("Principal"))
    if not isinstance(element, dict):
        return () if element is None else (str(element),)
    named: list[str] = []
    for value in element.values():
        named.extend(map(str, value)) if isinstance(value, list) else named.append(str(value))
    return tuple(named)

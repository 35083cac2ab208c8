"""A second opinion from IAM's own simulator.

It knows identity-based policies, permissions boundaries and service control policies. It knows no
resource-based policy of a role's request and no resource control policy, so it is asked only where
the former decide: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from workers.aws.arns import parse
from workers.aws.calls import Chain, Place
from workers.diagnosis.model import Check
from workers.pipeline.requirement import Requirement
from workers.policy import Decision, Layer
from workers.snapshot.model import Opinion, State

_KNOWN_TO_IT = frozenset({Layer.IDENTITY, Layer.BOUNDARY, Layer.SCP})
# One call answers for many actions on one resource; each further one costs time in a diagnosis.
_ACTIONS_AT_ONCE = 50
_CALLS = 8

Context = tuple[tuple[str, tuple[str, ...]], ...]


class Question(NamedTuple):
    """May this principal (a role's or user's ARN) do this, with these keys in the request?"""

    principal: str
    action: str
    resource: str
    context: Context = ()


class _Batch(NamedTuple):
    principal: str
    resource: str
    context: Context
    actions: tuple[str, ...]


def questions(checks: Iterable[Check]) -> tuple[Question, ...]:
    """What to ask about denials that the layers decide which the simulator knows. Pure."""
    return tuple(
        dict.fromkeys(_question(check.requirement) for check in checks if _decidable(check))
    )


def ask(chain: Chain, asked: Iterable[Question], region: str) -> tuple[Opinion, ...]:
    """The simulator's opinion of each question that it answers; a refusal answers none."""
    batches = list(_batches(asked))[:_CALLS]
    answers = chain.each(lambda side, batch: tuple(_asked(side, batch, region)), batches)
    return tuple(opinion for answer in answers for opinion in answer)


def _decidable(check: Check) -> bool:
    verdict, arn = check.verdict, parse(check.requirement.principal)
    if arn is None or arn.service != "iam":
        return False
    if verdict.decision is Decision.EXPLICIT_DENY:
        deciding = {match.layer for match in verdict.matched}
    elif verdict.decision is Decision.IMPLICIT_DENY:
        deciding = set(verdict.blocked_by)
    else:
        return False
    return deciding <= _KNOWN_TO_IT


def _question(need: Requirement) -> Question:
    context = tuple(
        (key, (values,) if isinstance(values, str) else tuple(values))
        for key, values in sorted(need.context.items())
    )
    return Question(need.principal, need.action, need.resource, context)


def _batches(asked: Iterable[Question]) -> Iterator[_Batch]:
    grouped: dict[tuple[str, str, Context], dict[str, None]] = {}
    for question in asked:
        same = grouped.setdefault((question.principal, question.resource, question.context), {})
        same[question.action] = None
    for (principal, resource, context), actions in grouped.items():
        names = tuple(actions)
        for start in range(0, len(names), _ACTIONS_AT_ONCE):
            yield _Batch(principal, resource, context, names[start : start + _ACTIONS_AT_ONCE])


def _asked(chain: Chain, batch: _Batch, region: str) -> Iterator[Opinion]:
    arn = parse(batch.principal)
    if arn is None or not chain.calls.sessions.configured(arn.account):
        return
    results = chain.pages(
        Place("iam", arn.account, region),
        "SimulatePrincipalPolicy",
        "EvaluationResults",
        subject=batch.principal,
        PolicySourceArn=batch.principal,
        ActionNames=list(batch.actions),
        ResourceArns=[batch.resource],
        ContextEntries=[_entry(key, values) for key, values in batch.context],
    )
    if results.state is not State.PRESENT:
        return
    for result in results.require():
        # A key that the simulator lacks makes its denial a guess, and a guess is no opinion.
        if result.get("MissingContextValues") and result["EvalDecision"] != "allowed":
            continue
        yield Opinion(
            batch.principal, result["EvalActionName"], batch.resource, result["EvalDecision"]
        )


def _entry(key: str, values: tuple[str, ...]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ContextEntry.html"""
    return {
        "ContextKeyName": key,
        "ContextKeyValues": list(values),
        "ContextKeyType": "string" if len(values) == 1 else "stringList",
    }

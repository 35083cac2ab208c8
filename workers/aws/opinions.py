"""A second opinion from IAM's own simulator.

It knows identity policies, boundaries and SCPs, not resource policies of roles' requests nor
RCPs: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from workers.aws.arns import parse
from workers.aws.calls import Chain, Place
from workers.snapshot.model import Opinion, State

# SimulatePrincipalPolicy multiplies actions by resources; small batches keep its answers short.
_ACTIONS_AT_ONCE = 50


class Question(NamedTuple):
    """May this principal (a role's or user's ARN) do this?"""

    principal: str
    action: str
    resource: str


def ask(chain: Chain, questions: Iterable[Question], region: str) -> tuple[Opinion, ...]:
    """The simulator's opinion of each question that it answers; a refusal answers none."""
    batches = list(_batches(questions))
    answers = chain.each(lambda side, batch: tuple(_asked(side, batch, region)), batches)
    return tuple(opinion for answer in answers for opinion in answer)


def _batches(questions: Iterable[Question]) -> Iterator[tuple[str, str, list[str]]]:
    """Questions by principal and resource, so that one call answers for many actions."""
    grouped: dict[tuple[str, str], dict[str, None]] = {}
    for question in questions:
        actions = grouped.setdefault((question.principal, question.resource), {})
        actions[question.action] = None
    for (principal, resource), actions in grouped.items():
        names = list(actions)
        for start in range(0, len(names), _ACTIONS_AT_ONCE):
            yield principal, resource, names[start : start + _ACTIONS_AT_ONCE]


def _asked(chain: Chain, batch: tuple[str, str, list[str]], region: str) -> Iterator[Opinion]:
    principal, resource, actions = batch
    arn = parse(principal)
    if arn is None or not chain.calls.sessions.configured(arn.account):
        return
    results = chain.pages(
        Place("iam", arn.account, region),
        "SimulatePrincipalPolicy",
        "EvaluationResults",
        subject=principal,
        PolicySourceArn=principal,
        ActionNames=actions,
        ResourceArns=[resource],
    )
    if results.state is not State.PRESENT:
        return
    for result in results.require():
        # A key that the simulator lacks makes its denial a guess, and a guess is no opinion.
        if result.get("MissingContextValues") and result["EvalDecision"] != "allowed":
            continue
        yield Opinion(principal, result["EvalActionName"], resource, result["EvalDecision"])

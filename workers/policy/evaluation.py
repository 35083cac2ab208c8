"""May this principal do this action on this resource?

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

from workers.policy.dependencies import dependencies_of
from workers.policy.layers import Decision
from workers.policy.policies import Policies
from workers.policy.requests import Facts, Request, resource_account
from workers.policy.verdicts import Match, Verdict
from workers.policy.weighing import ACCOUNT_PRINCIPALS, Weighing


def evaluate(request: Request, policies: Policies, *, partial: bool = False) -> Verdict:
    """Decide a request.

    With ``partial`` the keys in ``request.unknown`` may be absent or have any value, and an
    unknown owner of the resource is unknown; otherwise those keys are absent and a resource
    without an account belongs to the requester's. A document that nobody could read is unknown
    in both modes. The decision is *unknown* only if what is unknown can turn it between allowed
    and denied: a request that no policy can allow is an implicit deny even where an unread
    document might deny it explicitly.
    """
    facts = Facts(request, partial=partial, bounded=bool(policies.boundaries))
    weighing, decision = weigh(request, facts, policies)
    if decision is Decision.UNKNOWN:
        return Verdict(
            decision,
            matched=_matches(weighing),
            depends_on=dependencies_of(request, policies, partial=partial, decide=decide),
        )
    if decision is Decision.ALLOWED:
        return Verdict(decision, (), _matches(weighing))
    return Verdict(decision, weighing.blocking(), _matches(weighing))


def decide(request: Request, policies: Policies, *, partial: bool = False) -> Decision:
    """The bare decision of ``evaluate``."""
    facts = Facts(request, partial=partial, bounded=bool(policies.boundaries))
    return weigh(request, facts, policies)[1]


def weigh(request: Request, facts: Facts, policies: Policies) -> tuple[Weighing, Decision]:
    """The answers of all layers and the decision that they add up to."""
    account = resource_account(request)
    weighing = Weighing(facts, policies, account)
    decision = weighing.decision
    if account is None and facts.partial and facts.principal.type in ACCOUNT_PRINCIPALS:
        foreign = Weighing(facts, policies, ANOTHER_ACCOUNT).decision
        if foreign is not decision:
            decision = Decision.UNKNOWN
    return weighing, decision


ANOTHER_ACCOUNT = "another account"
"""Stands for the account of a resource that is not the requester's."""


def _matches(weighing: Weighing) -> tuple[Match, ...]:
    found = weighing.denies or weighing.allows
    return tuple(Match(layer, cause) for layer, cause in found)

"""KMS grants: permissions that stand in no policy.

https://docs.aws.amazon.com/kms/latest/developerguide/grants.html
"""

from __future__ import annotations

from workers.policy.conditions import Answer
from workers.policy.policies import Grant
from workers.policy.principals import Grade, Principal, principal_of, principal_set
from workers.policy.requests import Facts

_CONTEXT = "kms:encryptioncontext:"
_CONTEXT_KEYS = "kms:encryptioncontextkeys"


def granting(facts: Facts, grants: tuple[Grant, ...]) -> tuple[Answer, Grant | None]:
    """Whether a grant allows the request, and which one."""
    answer: Answer = False
    for grant in grants:
        holds = _holds(grant, facts)
        if holds:
            return True, grant
        if holds is None:
            answer = None
    return answer, None


def _holds(grant: Grant, facts: Facts) -> Answer:
    service, _, operation = facts.action.partition(":")
    operations = {name.lower() for name in grant.operations}
    if service != "kms" or operation not in operations or grant.key != facts.resource:
        return False
    if not _is_grantee(grant.grantee, facts.principal):
        return False
    if grant.encryption_context_equals is None and grant.encryption_context_subset is None:
        return True
    return _constrained(grant, facts)


def _is_grantee(grantee: str, principal: Principal) -> bool:
    named = principal_of(grantee)
    if named.text == principal.text:
        return True
    element = {"Service": grantee} if named.name.endswith(".amazonaws.com") else {"AWS": grantee}
    return principal_set(element).grade(principal) >= Grade.ENTITY


def _constrained(grant: Grant, facts: Facts) -> Answer:
    """The encryption context of the request against the grant's constraints, with its case.

    https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html
    """
    if any(key.startswith((_CONTEXT, _CONTEXT_KEYS)) for key in facts.unknown):
        return None
    pairs = {
        key[len(_CONTEXT) :]: value if isinstance(value, str) else "".join(value)
        for key, value in facts.given.items()
        if key.lower().startswith(_CONTEXT)
    }
    equals = grant.encryption_context_equals
    if equals is not None and pairs != dict(equals):
        return False
    subset = dict(grant.encryption_context_subset or {})
    return subset.items() <= pairs.items()

"""KMS grants: permissions that stand in no policy.

https://docs.aws.amazon.com/kms/latest/developerguide/grants.html
"""

from __future__ import annotations

from collections.abc import Mapping

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
    unconstrained = grant.encryption_context_equals is None is grant.encryption_context_subset
    if unconstrained or operation in _WITHOUT_CONTEXT:
        return True
    if operation == "creategrant":
        # Holds if the new grant is at least as strict, which the request does not show.
        return None
    return _constrained(grant, facts)


_WITHOUT_CONTEXT = frozenset(
    {
        "describekey",
        "generatemac",
        "getpublickey",
        "retiregrant",
        "sign",
        "verify",
        "verifymac",
    }
)
"""Operations that take no encryption context, so that no constraint reaches them.

https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html
"""


def _is_grantee(grantee: str, principal: Principal) -> bool:
    named = principal_of(grantee)
    if named.text == principal.text:
        return True
    element = {"Service": grantee} if named.name.endswith(".amazonaws.com") else {"AWS": grantee}
    return principal_set(element).grade(principal) >= Grade.ENTITY


def _constrained(grant: Grant, facts: Facts) -> Answer:
    """The encryption context of the request against the grant's constraints.

    "The key in each key-value pair is not case sensitive, but the value is case sensitive."

    https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html
    """
    if any(key.startswith((_CONTEXT, _CONTEXT_KEYS)) for key in facts.unknown):
        return None
    pairs = {
        key[len(_CONTEXT) :].lower(): value if isinstance(value, str) else "".join(value)
        for key, value in facts.given.items()
        if key.lower().startswith(_CONTEXT)
    }
    equals = grant.encryption_context_equals
    if equals is not None and pairs != _folded(equals):
        return False
    return _folded(grant.encryption_context_subset or {}).items() <= pairs.items()


def _folded(context: Mapping[str, str]) -> dict[str, str]:
    return {key.lower(): value for key, value in context.items()}

"""The request under evaluation and the facts that statements are matched against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from workers.policy.principals import Principal, principal_of


@dataclass(frozen=True, slots=True)
class Request:
    """One question: may this principal do this action on this resource?

    ``principal`` is the ARN of a user, role, role session, federated user or root, an account id,
    a service principal (``codepipeline.amazonaws.com``), a federated provider, or ``*`` for nobody
    in particular. ``resource`` is an ARN, or ``*`` for actions that take none. ``context`` holds
    the condition keys that the request carries; a key that is not there is absent, except the
    few that the principal's ARN itself says (``aws:PrincipalArn`` and its like). ``unknown``
    names the keys that may be there with any value.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-reqcontext.html
    """

    principal: str
    action: str
    resource: str
    resource_account: str | None = None
    context: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()


def resource_account(request: Request) -> str | None:
    """The account that owns the resource, as far as the request says."""
    if request.resource_account:
        return request.resource_account
    parts = request.resource.split(":", 5)
    if len(parts) == 6 and parts[4].isdigit():
        return parts[4]
    for key, value in request.context.items():
        if key.lower() == "aws:resourceaccount":
            return value if isinstance(value, str) else (value[0] if value else None)
    return None


class Facts:
    """A request taken apart once for all the statements that it meets."""

    __slots__ = (
        "action",
        "bounded",
        "context",
        "given",
        "partial",
        "principal",
        "resource",
        "unknown",
        "written_action",
    )

    action: str
    """Lower case: action names have no case."""
    written_action: str
    resource: str
    principal: Principal
    context: dict[str, tuple[str, ...]]
    """Lower-case keys to their values."""
    given: Mapping[str, str | tuple[str, ...]]
    """The request's own keys, in their own spelling."""
    unknown: frozenset[str]
    partial: bool
    bounded: bool
    """Whether a permissions boundary is attached to the requester."""

    def __init__(self, request: Request, *, partial: bool, bounded: bool) -> None:
        self.action = request.action.lower()
        self.written_action = request.action
        self.resource = request.resource
        self.given = request.context
        principal = principal_of(request.principal)
        self.principal = principal
        context = principal.keys
        if request.context:
            context = context.copy()
            for key, value in request.context.items():
                context[key.lower()] = (value,) if isinstance(value, str) else tuple(value)
        self.unknown = _NOTHING
        if partial and request.unknown:
            given = {key.lower() for key in request.context}
            self.unknown = frozenset(key.lower() for key in request.unknown) - given
            context = {key: value for key, value in context.items() if key not in self.unknown}
        self.context = context
        self.partial = partial
        self.bounded = bounded


_NOTHING: frozenset[str] = frozenset()

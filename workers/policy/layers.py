"""The words of a verdict: decisions, policy layers, kinds of policy and effects."""

from __future__ import annotations

from enum import StrEnum


class Decision(StrEnum):
    """The outcome of a request, in the words of IAM's own simulator plus *unknown*.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html
    """

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"
    UNKNOWN = "unknown"


class Layer(StrEnum):
    """A type of policy that has a say in a request.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html
    """

    IDENTITY = "identity"
    RESOURCE = "resource"
    TRUST = "trust"
    GRANT = "grant"
    BOUNDARY = "boundary"
    SESSION = "session"
    SCP = "scp"
    RCP = "rcp"
    VPCE = "vpce"
    BLOCK_PUBLIC_ACCESS = "blockPublicAccess"
    OBJECT_OWNERSHIP = "objectOwnership"


class PolicyKind(StrEnum):
    """What a document is attached to; decides which elements it may and must carry."""

    IDENTITY = "identity"
    RESOURCE = "resource"
    TRUST = "trust"
    KEY = "key"
    BUCKET = "bucket"
    BOUNDARY = "boundary"
    SESSION = "session"
    SCP = "scp"
    RCP = "rcp"
    VPCE = "vpce"

    @property
    def names_principals(self) -> bool:
        """Whether statements of this kind carry Principal or NotPrincipal."""
        return self in _WITH_PRINCIPAL


_WITH_PRINCIPAL = frozenset(
    {
        PolicyKind.RESOURCE,
        PolicyKind.TRUST,
        PolicyKind.KEY,
        PolicyKind.BUCKET,
        PolicyKind.RCP,
        PolicyKind.VPCE,
    }
)


class Effect(StrEnum):
    """The Effect element of a statement."""

    ALLOW = "Allow"
    DENY = "Deny"

"""Why something could not be read, in the words of reasons.toml."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from importlib import resources

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
)

from workers.aws.operations import Operation

_REFUSED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AccessDeniedForDependencyException",
        "AllAccessDisabled",
        "AuthorizationError",
        "AuthorizationErrorException",
        "InvalidRequestToAccess",
        "MethodNotAllowed",
        "NotAuthorized",
        "UnauthorizedOperation",
        "403",
        "405",
    }
)
_LIMITED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "BandwidthLimitExceeded",
        "ProvisionedThroughputExceededException",
        "PriorRequestNotComplete",
        "SlowDown",
        "429",
    }
)
_BAD_SESSION = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "OptInRequired",
        "UnrecognizedClientException",
    }
)
# The template in deploy/aws that gives a role its policy; the first that fits is named.
_TEMPLATES = {
    "read": "read-role",
    "organisation": "organisation-role",
    "fix": "fix-role",
    "worker": "worker-role",
}
_BECAUSE = re.compile(r"\b(?:because (?:no|the|of) .+|with an explicit deny .+)$", re.DOTALL)
_LONGEST = 300


def text(name: str, **fields: object) -> str:
    """The sentence of that name. Raises KeyError for a name or field that does not exist."""
    return _sentences()[name].format(**fields)


def said(error: ClientError) -> str:
    """What AWS's own message adds about who denied, as a subordinate clause, or nothing."""
    found = _BECAUSE.search(error.response.get("Error", {}).get("Message", ""))
    return f", {found.group()[:_LONGEST].rstrip('. ')}" if found else ""


def code(error: Exception) -> str:
    """AWS's error code, or the name of the exception."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "")) or "an error without a code"
    return type(error).__name__


def refused(error: Exception) -> bool:
    """Whether AWS said that the caller may not."""
    return isinstance(error, ClientError) and code(error) in _REFUSED


def passing(error: Exception) -> bool:
    """Whether the same call may succeed later: limited, or the session has ended."""
    return isinstance(error, ClientError) and code(error) in _LIMITED | _BAD_SESSION


def why(
    error: ClientError | BotoCoreError,
    operation: Operation,
    *,
    principal: str,
    account: str,
    region: str,
    subject: str,
    attempts: int,
) -> str:
    """The reason for which an operation gave no answer.

    `subject` is the object that was asked about (a name or ARN), empty when there is none.
    """
    action = " and ".join(operation.actions) or f"{operation.service}:{operation.name}"
    fields = {
        "principal": principal,
        "action": action,
        "target": f"{operation.noun} {subject}".strip(),
        "account": account,
        "region": region,
        "service": operation.service,
        "code": code(error),
        "attempts": attempts,
        "template": next(name for role, name in _TEMPLATES.items() if role in operation.roles),
    }
    if isinstance(error, ClientError):
        fields["said"] = said(error)
        fields["detail"] = str(error.response.get("Error", {}).get("Message", ""))[:_LONGEST]
        if fields["code"] in _LIMITED:
            return text("throttled", **fields)
        if fields["code"] in _BAD_SESSION:
            return text("invalid_session", **fields)
        if refused(error):
            return text("refused", **fields)
        return text("unexpected", **fields)
    fields["detail"] = str(error)[:_LONGEST]
    if isinstance(error, NoCredentialsError):
        return text("no_credentials")
    if isinstance(error, ConnectionError | HTTPClientError):
        return text("unreachable", **fields)
    return text("unexpected", **fields)


@functools.cache
def _sentences() -> Mapping[str, str]:
    return tomllib.loads(resources.files(__package__).joinpath("reasons.toml").read_text("utf-8"))

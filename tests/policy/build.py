"""Short ways to write policies and requests in tests."""

from __future__ import annotations

from typing import Any

from workers.policy import (
    Decision,
    Document,
    Level,
    Policies,
    PolicyKind,
    Request,
    evaluate,
    parse,
)

OWN, OTHER = "111122223333", "444455556666"
USER = f"arn:aws:iam::{OWN}:user/ana"
ROLE = f"arn:aws:iam::{OWN}:role/pipeline"
SESSION = f"arn:aws:sts::{OWN}:assumed-role/pipeline/run-1"
ROOT = f"arn:aws:iam::{OWN}:root"
FEDERATED_USER = f"arn:aws:sts::{OWN}:federated-user/ana"
OBJECT = "arn:aws:s3:::artifacts/build/app.zip"
KEY = f"arn:aws:kms:us-east-1:{OWN}:key/1111"
OTHER_KEY = f"arn:aws:kms:us-east-1:{OTHER}:key/1111"
DEPLOYER = f"arn:aws:iam::{OWN}:role/deployer"

ALLOWED = Decision.ALLOWED
EXPLICIT = Decision.EXPLICIT_DENY
IMPLICIT = Decision.IMPLICIT_DENY
UNKNOWN = Decision.UNKNOWN


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    """An Allow statement."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    """A Deny statement."""
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def document(
    *statements: dict[str, Any],
    kind: PolicyKind = PolicyKind.IDENTITY,
    name: str = "policy",
    version: str | None = "2012-10-17",
) -> Document:
    """A parsed document of the statements."""
    text: dict[str, Any] = {"Version": version} if version else {}
    return parse({**text, "Statement": list(statements)}, name=name, kind=kind)


def identity(*statements: dict[str, Any]) -> Document:
    """An identity-based policy."""
    return document(*statements, kind=PolicyKind.IDENTITY, name="identity")


def bucket(*statements: dict[str, Any]) -> Document:
    """A bucket policy."""
    return document(*statements, kind=PolicyKind.BUCKET, name="bucket")


def key(*statements: dict[str, Any]) -> Document:
    """A key policy."""
    return document(*statements, kind=PolicyKind.KEY, name="key")


def trust(*statements: dict[str, Any]) -> Document:
    """A role trust policy, whose statements have no Resource."""
    bare = [{k: v for k, v in s.items() if k != "Resource"} for s in statements]
    return document(*bare, kind=PolicyKind.TRUST, name="trust")


def boundary(*statements: dict[str, Any]) -> Document:
    """A permissions boundary."""
    return document(*statements, kind=PolicyKind.BOUNDARY, name="boundary")


def session(*statements: dict[str, Any]) -> Document:
    """A session policy."""
    return document(*statements, kind=PolicyKind.SESSION, name="session")


def scp(target: str, *statements: dict[str, Any]) -> Level:
    """One level with one service control policy."""
    return Level(target, (document(*statements, kind=PolicyKind.SCP, name=f"scp-{target}"),))


def rcp(target: str, *statements: dict[str, Any]) -> Level:
    """One level with one resource control policy."""
    return Level(target, (document(*statements, kind=PolicyKind.RCP, name=f"rcp-{target}"),))


def request(
    action: str = "s3:GetObject",
    resource: str = OBJECT,
    principal: str = USER,
    account: str | None = OWN,
    unknown: tuple[str, ...] = (),
    **context: str | tuple[str, ...],
) -> Request:
    """A request; keywords become context keys, ``aws_SourceVpce`` for ``aws:SourceVpce``."""
    keys = {name.replace("__", "/").replace("_", ":", 1): value for name, value in context.items()}
    return Request(principal, action, resource, account, keys, frozenset(unknown))


def decision(asked: Request, policies: Policies, *, partial: bool = False) -> Decision:
    """The decision alone."""
    return evaluate(asked, policies, partial=partial).decision

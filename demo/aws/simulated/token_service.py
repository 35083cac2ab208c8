"""STS. moto gives a session of any role to anybody; here the trust policy was asked first
(`demo.aws.authorization`), and the session is one that later calls are judged by."""

from __future__ import annotations

import datetime as dt
import secrets
import string
from collections.abc import Mapping
from typing import Any

from demo.aws.identity import Caller
from demo.aws.services import Services
from demo.aws.wire import AwsError, Call

_DEFAULT_SECONDS = 3600
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
_CHAINED_SECONDS = 3600


def get_caller_identity(_services: Services, _call: Call, caller: Caller) -> Mapping[str, Any]:
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"""
    session = f":{caller.session_name}" if caller.session_name else ""
    return {"UserId": caller.unique_id + session, "Account": caller.account, "Arn": caller.arn}


def assume_role(services: Services, call: Call, caller: Caller) -> Mapping[str, Any]:
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"""
    params = call.params
    seconds = int(params.get("DurationSeconds") or _DEFAULT_SECONDS)
    if ":assumed-role/" in caller.arn and seconds > _CHAINED_SECONDS:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed "
            "by role chaining",
        )
    return open_session(
        services,
        role_arn=str(params["RoleArn"]),
        session_name=str(params["RoleSessionName"]),
        seconds=seconds,
        policy=params.get("Policy"),
        tags={tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()},
        source_identity=params.get("SourceIdentity") or caller.source_identity,
    )


def open_session(
    services: Services,
    *,
    role_arn: str,
    session_name: str,
    seconds: int = _DEFAULT_SECONDS,
    policy: str | None = None,
    tags: Mapping[str, str] | None = None,
    source_identity: str | None = None,
) -> dict[str, Any]:
    """A session of an existing role, in the shape that AssumeRole answers with."""
    role = services.live.role(role_arn)
    if role is None:
        raise AwsError("ValidationError", f"There is no role {role_arn} in this world.")
    account = role_arn.split(":")[4]
    token = secrets.token_urlsafe(96)
    expires = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    caller = Caller(
        account=account,
        arn=f"arn:aws:sts::{account}:assumed-role/{role.name}/{session_name}",
        identity=role_arn,
        unique_id=role.id,
        session_policy=policy,
        tags={
            **{tag["Key"]: tag["Value"] for tag in role.tags if "Key" in tag},
            **(tags or {}),
        },
        source_identity=source_identity,
        session_name=session_name,
        access_key="ASIA" + "".join(secrets.choice(_KEY_LETTERS) for _ in range(16)),
    )
    services.identities.open_session(caller, token, expires)
    return {
        "Credentials": {
            "AccessKeyId": caller.access_key,
            "SecretAccessKey": secrets.token_urlsafe(30),
            "SessionToken": token,
            "Expiration": expires,
        },
        "AssumedRoleUser": {
            "AssumedRoleId": f"{role.id}:{session_name}",
            "Arn": caller.arn,
        },
        "PackedPolicySize": min(100, len(policy or "") * 100 // 2048),
    }


_KEY_LETTERS = string.ascii_uppercase + "234567"

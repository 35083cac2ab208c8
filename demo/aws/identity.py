"""Who is calling: access keys, and the sessions that AssumeRole made.

Real AWS verifies the signature; here the access key id and the session token must be ones that
this cloud handed out, which is all that a test of permissions needs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

from moto.iam.models import iam_backends

from demo.aws.live import PARTITION
from demo.aws.names import ROOT_KEY
from demo.aws.wire import AwsError, Call


@dataclass(frozen=True, slots=True)
class Caller:
    """The principal behind a call.

    `arn` is how AWS names it in error messages (the session, for a role); `identity` the ARN
    whose policies count (the role or user); `session_policy` the inline policy of AssumeRole.
    """

    account: str
    arn: str
    identity: str
    unique_id: str
    session_policy: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    source_identity: str | None = None
    session_name: str = ""
    access_key: str = ""

    @property
    def is_root(self) -> bool:
        return self.identity.endswith(":root")


@dataclass(frozen=True, slots=True)
class _Session:
    caller: Caller
    token: str
    expires: dt.datetime


@dataclass(slots=True)
class Identities:
    """All callers this cloud knows. Thread-safe."""

    _sessions: dict[str, _Session] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def open_session(self, caller: Caller, token: str, expires: dt.datetime) -> None:
        """Remember a session that AssumeRole (or the demo's own start-up) made."""
        with self._lock:
            self._sessions[caller.access_key] = _Session(caller, token, expires)

    def caller(self, call: Call) -> Caller:
        """The principal that made this call.

        Raises AwsError as AWS does: InvalidClientTokenId for unknown keys or a token that does
        not belong to the key, ExpiredToken for a session that has ended
        (https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html).
        """
        if call.access_key.startswith(ROOT_KEY):
            account = call.access_key.removeprefix(ROOT_KEY)
            root = f"arn:aws:iam::{account}:root"
            return Caller(account, root, root, account, access_key=call.access_key)
        with self._lock:
            session = self._sessions.get(call.access_key)
        if session is not None and session.token == call.token:
            if dt.datetime.now(dt.UTC) >= session.expires:
                raise AwsError(
                    "ExpiredToken" if call.service in ("s3", "sts") else "ExpiredTokenException",
                    "The security token included in the request is expired",
                    400 if call.service == "s3" else 403,
                )
            return session.caller
        user = _user_with_key(call.access_key)
        if user is not None and call.token is None:
            return user
        raise _unknown_key(call)


def _user_with_key(access_key: str) -> Caller | None:
    for account, partitions in list(iam_backends.items()):
        backend = partitions[PARTITION]
        for user in list(backend.users.values()):
            if any(key.access_key_id == access_key for key in user.access_keys):
                return Caller(account, user.arn, user.arn, user.id, access_key=access_key)
    return None


def _unknown_key(call: Call) -> AwsError:
    if call.service == "s3":
        return AwsError(
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
            403,
        )
    code = (
        "InvalidClientTokenId" if call.service in ("iam", "sts") else "UnrecognizedClientException"
    )
    return AwsError(code, "The security token included in the request is invalid.", 403)

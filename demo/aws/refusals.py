"""Documents that AWS refuses to store, which moto would take: too long, no JSON, principals that
nobody is, policies that lock their owner out or open a bucket to everybody.

The world builds itself as root and may store anything; this binds everybody else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from demo.aws.identity import Caller
from demo.aws.live import Live
from demo.aws.verdicts import Asked, Verdicts
from demo.aws.wire import AwsError, Call
from workers.policy import PolicyKind, parse
from workers.policy.publicity import is_public

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html, without white space
INLINE_CHARACTERS = 10_240
MANAGED_CHARACTERS = 6_144
TRUST_CHARACTERS = 2_048
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
BUCKET_BYTES = 20_480
# https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
KEY_BYTES = 32_768

_ARN = re.compile(r"arn:aws:(?:iam|sts)::(?P<account>\d{12}):(?P<kind>role|user|root)")
_UNIQUE_ID = re.compile(r"A(?:ROA|IDA)[A-Z0-9]{12,}")


class Refusals:
    """Raises what AWS would answer to a write of a bad document."""

    def __init__(self, live: Live, verdicts: Verdicts) -> None:
        self._live = live
        self._verdicts = verdicts
        self._checks: Mapping[str, Callable[[Call, Caller], None]] = {
            "iam:PutRolePolicy": self._inline,
            "iam:CreatePolicy": self._managed,
            "iam:CreatePolicyVersion": self._managed,
            "iam:UpdateAssumeRolePolicy": self._trust,
            "s3:PutBucketPolicy": self._bucket,
            "kms:PutKeyPolicy": self._key,
        }

    def check(self, call: Call, caller: Caller) -> None:
        """Raise AwsError if the call stores a document that AWS would refuse."""
        check = None if caller.is_root else self._checks.get(call.name)
        if check is not None:
            check(call, caller)

    def _inline(self, call: Call, caller: Caller) -> None:
        name = str(call.params["RoleName"])
        role = self._live.role_named(caller.account, name)
        others = [
            text
            for policy, text in (role.policies.items() if role else ())
            if policy != call.params["PolicyName"]
        ]
        total = sum(_length(text) for text in (*others, str(call.params["PolicyDocument"])))
        if total > INLINE_CHARACTERS:
            raise AwsError(
                "LimitExceeded",
                f"Maximum policy size of {INLINE_CHARACTERS} bytes exceeded for role {name}",
                409,
            )

    def _managed(self, call: Call, _caller: Caller) -> None:
        if _length(str(call.params["PolicyDocument"])) > MANAGED_CHARACTERS:
            text = f"Cannot exceed quota for PolicySize: {MANAGED_CHARACTERS}"
            raise AwsError("LimitExceeded", text, 409)

    def _trust(self, call: Call, _caller: Caller) -> None:
        text = str(call.params["PolicyDocument"])
        if len(text) > TRUST_CHARACTERS:
            quota = f"Cannot exceed quota for ACLSizePerRole: {TRUST_CHARACTERS}"
            raise AwsError("LimitExceeded", quota, 409)
        document = _json(text, "MalformedPolicyDocument", "This policy contains invalid Json")
        nobody = next(self._nobodies(document), None)
        if nobody:
            message = f'Invalid principal in policy: "AWS":"{nobody}"'
            raise AwsError("MalformedPolicyDocument", message)

    def _bucket(self, call: Call, caller: Caller) -> None:
        name, text = str(call.params["Bucket"]), str(call.params["Policy"])
        if len(text.encode()) > BUCKET_BYTES:
            raise AwsError("PolicyTooLarge", "The policy exceeds the maximum allowed size of 20 KB")
        document = _json(
            text,
            "MalformedPolicy",
            "Policies must be valid JSON and the first byte must be '{'",
        )
        if next(self._nobodies(document), None):
            raise AwsError("MalformedPolicy", "Invalid principal in policy")
        block = getattr(self._live.bucket(name), "public_access_block", None)
        public = is_public(parse(text, name="bucket policy", kind=PolicyKind.BUCKET))
        if public and getattr(block, "block_public_policy", False):
            raise AwsError(
                "AccessDenied",
                f"User: {caller.arn} is not authorized to perform: s3:PutBucketPolicy on resource: "
                f'"arn:aws:s3:::{name}" because public policies are prevented by the '
                "BlockPublicPolicy setting in S3 Block Public Access.",
                403,
            )

    def _key(self, call: Call, caller: Caller) -> None:
        """https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html"""
        text = str(call.params["Policy"])
        code = "MalformedPolicyDocumentException"
        if len(text.encode()) > KEY_BYTES:
            raise AwsError("LimitExceededException", "The key policy exceeds 32768 bytes.")
        document = _json(text, code, "Policy is not valid JSON.")
        if next(self._nobodies(document), None):
            message = "Policy contains a statement with one or more invalid principals."
            raise AwsError(code, message)
        key = self._live.key(str(call.params["KeyId"]), caller.account, call.region)
        if key is None or call.params.get("BypassPolicyLockoutSafetyCheck"):
            return
        again = Asked(caller.identity, "kms:PutKeyPolicy", key.arn, caller.account)
        if not self._verdicts.decide(again, resource_text=text).allowed:
            raise AwsError(
                code,
                "The new key policy will not allow you to update the key policy in the future.",
            )

    def _nobodies(self, document: Any) -> Iterator[str]:
        """Principals that do not exist. Of accounts outside this world nothing is known, and they
        are taken for existing; left-over unique ids are what AWS refuses most readily."""
        for principal in _principals(document):
            found = _ARN.match(principal)
            if _UNIQUE_ID.fullmatch(principal):
                yield principal
            elif found and found["kind"] != "root" and self._live.knows(found["account"]):
                plain = principal.split(":assumed-role/")[0]
                if not (self._live.role(plain) or self._live.user(plain)):
                    yield principal


def _principals(document: Any) -> Iterator[str]:
    statements = document.get("Statement", []) if isinstance(document, dict) else []
    for statement in statements if isinstance(statements, list) else [statements]:
        named = statement.get("Principal") if isinstance(statement, dict) else None
        names = named.get("AWS", []) if isinstance(named, dict) else []
        yield from (str(name) for name in (names if isinstance(names, list) else [names]))


def _json(text: str, code: str, message: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise AwsError(code, message) from None


def _length(text: str) -> int:
    return len(re.sub(r"\s", "", text))

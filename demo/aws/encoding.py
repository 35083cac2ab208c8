"""Encoded authorization messages. AWS encrypts them; here they are only packed, so that the API
that decodes them has something to say.

https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Any

from demo.aws.identity import Caller
from demo.aws.verdicts import Verdict
from demo.aws.wire import AwsError


def encode(caller: Caller, action: str, resource: str, verdict: Verdict) -> str:
    """The message that AWS would append to the refusal of this request."""
    decoded = {
        "allowed": False,
        "explicitDeny": verdict.decision == "explicitDeny",
        "matchedStatements": {"items": []},
        "failures": {"items": []},
        "context": {
            "principal": {"id": caller.unique_id, "arn": caller.arn},
            "action": action,
            "resource": resource,
            "conditions": {"items": []},
        },
    }
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(decoded).encode())).decode()


def decode(params: Mapping[str, Any]) -> dict[str, str]:
    """DecodeAuthorizationMessage. Raises InvalidAuthorizationMessageException."""
    try:
        packed = base64.urlsafe_b64decode(str(params["EncodedMessage"]))
        return {"DecodedMessage": zlib.decompress(packed).decode()}
    except (binascii.Error, ValueError, zlib.error):
        raise AwsError(
            "InvalidAuthorizationMessageException", "The authorization message is not valid."
        ) from None

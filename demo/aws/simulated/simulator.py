"""IAM's policy simulator, which this world does not have and does not pretend to: a verdict of
this project's own evaluator would be no second opinion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from demo.aws.identity import Caller
from demo.aws.services import Services
from demo.aws.wire import AwsError, Call


def refuse(_services: Services, call: Call, caller: Caller) -> Mapping[str, Any]:
    """Refuses as an account does that lets nobody use the simulator."""
    raise AwsError(
        "AccessDenied",
        f"User: {caller.arn} is not authorized to perform: iam:{call.operation} on resource: "
        f"{call.params.get('PolicySourceArn', '*')}",
        403,
    )

"""What sts:DecodeAuthorizationMessage answers, joined with the denial that carried the message."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from workers.diagnosis.denials.model import Denial


def with_decoded(denial: Denial, decoded: str) -> Denial:
    """The denial with what the decoded message adds: principal, action, resource, effect.

    `decoded` is DecodedMessage, JSON as described on
    https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html.
    What the denial said itself stays. A text that is no such JSON changes nothing.
    """
    try:
        answer = json.loads(decoded)
    except (ValueError, RecursionError):
        return denial
    context = _table(_table(answer).get("context"))
    principal = _table(context.get("principal"))
    explicit = _table(answer).get("explicitDeny")
    effect = denial.effect
    if effect is None and isinstance(explicit, bool):
        effect = "explicitDeny" if explicit else "implicitDeny"
    return replace(
        denial,
        principal=denial.principal or _text(principal.get("arn")),
        action=denial.action or _text(context.get("action")),
        resource=denial.resource or _text(context.get("resource")),
        effect=effect,
    )


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""

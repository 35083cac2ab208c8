"""Who is let in at all: this workspace's own, told so where somebody waits for an answer.

Whether a person may ask about an account is decided by the job, which may ask Slack.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from slack_bolt import BoltRequest, BoltResponse

from workers.settings import Slack
from workers.slack.texts import Texts

log = structlog.get_logger(__name__)


class Gate:
    """Bolt middleware that refuses other workspaces."""

    def __init__(self, rules: Slack, texts: Texts) -> None:
        self._rules = rules
        self._texts = texts

    def __call__(
        self, req: BoltRequest, resp: BoltResponse, next: Callable[[], BoltResponse]
    ) -> BoltResponse:
        if self._rules.workspace is None or self._rules.workspace in workspaces(req.body):
            return next()
        log.warning("request of another workspace", workspaces=sorted(workspaces(req.body)))
        if "command" in req.body:
            return BoltResponse(status=200, body=self._texts("answer.denied_workspace"))
        return BoltResponse(status=200, body="")


def workspaces(body: Mapping[str, Any]) -> frozenset[str]:
    """The ids of the workspace and of the organisation that a request comes from."""
    team = body.get("team") or {}
    enterprise = body.get("enterprise") or {}
    found = (
        body.get("team_id"),
        body.get("enterprise_id"),
        team.get("id") if isinstance(team, Mapping) else None,
        enterprise.get("id") if isinstance(enterprise, Mapping) else None,
    )
    return frozenset(each for each in found if each)

"""What a person is told when a listener fails: never nothing, and never that it worked."""

from __future__ import annotations

import secrets
from typing import Any

import structlog
from redis import RedisError
from slack_bolt import BoltResponse
from slack_bolt.context.respond import Respond
from slack_sdk.errors import SlackClientError

from workers.slack.markup import Mrkdwn
from workers.slack.texts import Texts

log = structlog.get_logger(__name__)


class Faults:
    """Bolt's error handler. https://docs.slack.dev/tools/bolt-python/concepts/errors"""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def handle(self, error: Exception, body: dict[str, Any], respond: Respond) -> BoltResponse:
        """The response to a request whose listener raised.

        An event is answered with 500, so that Slack delivers it again.
        """
        text = self._text(error)
        match body.get("type"):
            case "event_callback":
                return BoltResponse(status=500, body="")
            case "view_submission":
                return BoltResponse(status=200, body=_view_error(body, text))
            case "block_actions" | "message_action" | "shortcut":
                self._respond(respond, text)
                return BoltResponse(status=200, body="")
            case _:
                return BoltResponse(status=200, body={"response_type": "ephemeral", "text": text})

    def _text(self, error: Exception) -> Mrkdwn:
        if isinstance(error, RedisError):
            log.error("Redis does not answer", error=type(error).__name__)
            return self._texts("answer.not_queued")
        fault = secrets.token_hex(4)
        log.error("listener failed", id=fault, exc_info=error)
        return self._texts("answer.broken", id=fault)

    def _respond(self, respond: Respond, text: Mrkdwn) -> None:
        if not respond.response_url:
            return
        try:
            respond(text=text, replace_original=False, response_type="ephemeral")
        except (SlackClientError, OSError, ValueError) as error:
            log.warning("fault not told", error=type(error).__name__)


def _view_error(body: dict[str, Any], text: Mrkdwn) -> dict[str, Any]:
    """https://docs.slack.dev/surfaces/modals#displaying_errors"""
    inputs = [each for each in body["view"]["blocks"] if each["type"] == "input"]
    name = inputs[0]["block_id"] if inputs else "reason"
    return {"response_action": "errors", "errors": {name: text}}

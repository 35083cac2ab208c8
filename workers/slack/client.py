"""Clients of Slack's Web API. https://docs.slack.dev/tools/python-slack-sdk/web"""

from __future__ import annotations

from slack_sdk import WebClient
from slack_sdk.http_retry import RetryHandler
from slack_sdk.http_retry.builtin_handlers import (
    ConnectionErrorRetryHandler,
    RateLimitErrorRetryHandler,
    ServerErrorRetryHandler,
)

from workers.settings import ConfigurationError, Places

JOB_SECONDS = 15
LISTENER_SECONDS = 2  # Slack takes an answer for 3 seconds


def for_jobs(places: Places) -> WebClient:
    """For calls that may be repeated: reads, updates, views. Waits when Slack limits the rate."""
    handlers: list[RetryHandler] = [
        ConnectionErrorRetryHandler(max_retry_count=2),
        ServerErrorRetryHandler(max_retry_count=2),
        RateLimitErrorRetryHandler(max_retry_count=2),
    ]
    return _client(places, JOB_SECONDS, handlers)


def for_posting(places: Places) -> WebClient:
    """For chat.postMessage. Repeats nothing by itself: after a time-out or a 5xx nobody knows
    whether the message was posted, so `workers.slack.delivery` looks before it repeats."""
    return _client(places, JOB_SECONDS, [])


def for_listeners(places: Places) -> WebClient:
    """For the few calls that must be made while Slack waits for an answer (views.open)."""
    return _client(places, LISTENER_SECONDS, [])


def _client(places: Places, seconds: int, handlers: list[RetryHandler]) -> WebClient:
    if places.slack_bot_token is None:
        raise ConfigurationError(
            "SLACK_BOT_TOKEN is not set. It is the Bot User OAuth Token (xoxb-…) of the app's "
            "page OAuth & Permissions."
        )
    base = (places.slack_api_url or WebClient.BASE_URL).rstrip("/") + "/"
    return WebClient(
        token=places.slack_bot_token.get_secret_value(),
        base_url=base,
        timeout=seconds,
        retry_handlers=handlers,
    )

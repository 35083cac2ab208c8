"""What Slack's refusals of a message mean for its delivery."""

from __future__ import annotations

from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

# https://docs.slack.dev/reference/methods/chat.postMessage#errors
NO_ENTRY = frozenset(
    {
        "not_in_channel",
        "channel_not_found",
        "is_archived",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
        "no_permission",
        "user_not_in_channel",
        "cannot_dm_bot",
        "messages_tab_disabled",
        "not_reactable",
        "ekm_access_denied",
    }
)
BAD_BLOCKS = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"}
)
LATER = frozenset(
    {
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "ratelimited",
        "rate_limited",
        "message_limit_exceeded",
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "team_access_not_granted",
    }
)


def refusal(error: SlackApiError) -> tuple[str, float | None]:
    """Slack's word for it, and the seconds to wait when the rate was limited."""
    response = error.response
    if isinstance(response, SlackResponse):
        if response.status_code == 429:
            headers = {str(name).lower(): value for name, value in response.headers.items()}
            after = headers.get("retry-after", "1")
            return "ratelimited", float(after[0] if isinstance(after, list) else after)
        if response.status_code >= 500:
            return "internal_error", None
        data = response.data
        return str(data.get("error", "unknown") if isinstance(data, dict) else "unknown"), None
    return "internal_error", None

"""Files in threads: pictures and snippets.

https://docs.slack.dev/messaging/working-with-files#upload
"""

from __future__ import annotations

from urllib.error import URLError

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError

log = structlog.get_logger(__name__)


def share(
    client: WebClient,
    channel: str,
    thread: str,
    name: str,
    content: bytes,
    *,
    title: str,
    alt: str = "",
) -> bool:
    """Upload into a thread. False when Slack does not take it: what it says is in words as well.

    `channel` is the id of a conversation; for direct messages that of the conversation, no user's.
    """
    try:
        client.files_upload_v2(
            filename=name,
            content=content,
            title=title,
            alt_txt=alt or None,
            channel=channel,
            thread_ts=thread or None,
        )
    except (SlackClientError, URLError, OSError) as error:
        log.warning("file not shared", name=name, error=str(error)[:200])
        return False
    return True

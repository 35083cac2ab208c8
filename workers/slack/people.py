"""Who a person is in the workspace: guest or member, and of which user groups.

https://docs.slack.dev/reference/methods/users.info
https://docs.slack.dev/reference/methods/usergroups.users.list
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, cast
from urllib.error import URLError

from redis import Redis
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from workers.settings import People

PREFIX = "pipeline-access:people:"
GUEST_SECONDS = 600
MEMBERS_SECONDS = 60


class NotKnown(Exception):
    """Slack did not say; nobody is let through on a guess."""


class Directory:
    """People, remembered for a short time. Raises NotKnown when Slack does not answer."""

    def __init__(self, client: WebClient, redis: Redis) -> None:
        self._client = client
        self._redis = redis

    def is_guest(self, user: str) -> bool:
        """Whether the person is a guest, a bot, deactivated, or of another organisation."""
        return bool(self._remembered(f"guest:{user}", GUEST_SECONDS, lambda: self._guest(user)))

    def are(self, user: str, people: People, *, fresh: bool = False) -> bool:
        """Whether the person is one of those, by name or by group. `fresh` asks Slack now."""
        return user in people.users or any(
            user in self.members(group, fresh=fresh) for group in people.groups
        )

    def members(self, group: str, *, fresh: bool = False) -> frozenset[str]:
        seconds = 0 if fresh else MEMBERS_SECONDS
        found = self._remembered(f"group:{group}", seconds, lambda: self._members(group))
        return frozenset(cast("Iterable[str]", found))

    def _guest(self, user: str) -> bool:
        person: dict[str, Any] = self._ask("users_info", user=user)["user"]
        return any(
            person.get(flag)
            for flag in ("is_restricted", "is_ultra_restricted", "is_stranger", "is_bot", "deleted")
        )

    def _members(self, group: str) -> list[str]:
        return list(self._ask("usergroups_users_list", usergroup=group)["users"])

    def _ask(self, method: str, **arguments: str) -> dict[str, Any]:
        try:
            answer = getattr(self._client, method)(**arguments)
        except SlackApiError as error:
            raise NotKnown(f"{method}: {error.response.get('error', 'no answer')}") from None
        except (SlackClientError, URLError, OSError) as error:
            raise NotKnown(f"{method}: {type(error).__name__}") from None
        return cast("dict[str, Any]", answer.data)

    def _remembered(self, name: str, seconds: int, ask: Callable[[], Any]) -> Any:
        key = PREFIX + name
        known = cast("bytes | None", self._redis.get(key)) if seconds else None
        if known is not None:
            return json.loads(known)
        value = ask()
        if seconds:
            self._redis.set(key, json.dumps(value), ex=seconds)
        return value

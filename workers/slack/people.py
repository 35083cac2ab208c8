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
HOME_SECONDS = 3600
_NOT_VISIBLE = frozenset(
    {"channel_not_found", "fetch_members_failed", "missing_scope", "not_in_channel"}
)


class NotKnown(Exception):
    """Slack did not say; nobody is let through on a guess. `word` is Slack's error, if any."""

    def __init__(self, method: str, word: str) -> None:
        super().__init__(f"{method}: {word}")
        self.word = word


class Directory:
    """People, remembered for a short time. Raises NotKnown when Slack does not answer."""

    def __init__(self, client: WebClient, redis: Redis) -> None:
        self._client = client
        self._redis = redis

    def is_guest(self, user: str, *, fresh: bool = False) -> bool:
        """Whether the person is a guest, a bot, deactivated, or of another organisation."""
        seconds = 0 if fresh else GUEST_SECONDS
        return bool(self._remembered(f"guest:{user}", seconds, lambda: self._guest(user)))

    def name(self, user: str) -> str:
        """`arjun-U0APPROVER`: the person's Slack name, and the id that stays when it changes."""
        try:
            name = self._remembered(f"name:{user}", GUEST_SECONDS, lambda: self._name(user))
        except NotKnown:
            return user
        return f"{name}-{user}"

    def is_private(self, channel: str) -> bool:
        """Whether a conversation is closed to part of the workspace. What the app cannot see is.

        https://docs.slack.dev/reference/methods/conversations.info
        """
        return bool(self._channel(channel)["private"])

    def is_shared(self, channel: str) -> bool:
        """Whether people of another organisation read along (Slack Connect).

        https://docs.slack.dev/apis/slack-connect/using-slack-connect-api
        """
        return bool(self._channel(channel)["shared"])

    def is_member(self, channel: str, user: str) -> bool:
        """Whether the person is in a channel, as far as the app can see it.

        https://docs.slack.dev/reference/methods/conversations.members
        """
        found = self._remembered(f"in:{channel}", GUEST_SECONDS, lambda: self._inside(channel))
        return user in cast("Iterable[str]", found)

    def are(self, user: str, people: People, *, fresh: bool = False, patient: bool = False) -> bool:
        """Whether the person is one of those, by name or by group.

        A remembered *no* is asked again, for people are added to groups to be let in now; with
        `fresh` a remembered *yes* is, too. Where nobody waits to be let in (`patient`), what is
        remembered for a minute is good enough.
        """
        if patient:
            return user in people.users or any(user in self.members(g) for g in people.groups)
        return user in people.users or any(
            (not fresh and user in self.members(group)) or user in self.members(group, fresh=True)
            for group in people.groups
        )

    def members(self, group: str, *, fresh: bool = False) -> frozenset[str]:
        seconds = 0 if fresh else MEMBERS_SECONDS
        found = self._remembered(f"group:{group}", seconds, lambda: self._members(group))
        return frozenset(cast("Iterable[str]", found))

    def _guest(self, user: str) -> bool:
        person: dict[str, Any] = self._ask("users_info", user=user)["user"]
        return self._is_foreign(person) or any(
            person.get(flag)
            for flag in ("is_restricted", "is_ultra_restricted", "is_stranger", "is_bot", "deleted")
        )

    def _is_foreign(self, person: dict[str, Any]) -> bool:
        """Whether somebody belongs to another organisation and is here through a shared channel:
        of these `is_stranger` says nothing.

        https://docs.slack.dev/apis/slack-connect/using-slack-connect-api
        """
        home = cast("dict[str, str]", self._remembered("home", HOME_SECONDS, self._home))
        enterprise = str((person.get("enterprise_user") or {}).get("enterprise_id") or "")
        if enterprise and enterprise == home["enterprise"]:
            return False  # of another workspace of this organisation
        team = str(person.get("team_id") or "")
        return bool(team) and team not in home.values()

    def _home(self) -> dict[str, str]:
        """https://docs.slack.dev/reference/methods/auth.test"""
        known = self._ask("auth_test")
        return {name: str(known.get(f"{name}_id") or "") for name in ("team", "enterprise")}

    def _channel(self, channel: str) -> dict[str, bool]:
        found = self._remembered(
            f"channel:{channel}", GUEST_SECONDS, lambda: self._described(channel)
        )
        return cast("dict[str, bool]", found)

    def _described(self, channel: str) -> dict[str, bool]:
        try:
            found: dict[str, Any] = self._ask("conversations_info", channel=channel)["channel"]
        except NotKnown as unknown:
            if unknown.word in ("channel_not_found", "missing_scope"):
                return {"private": True, "shared": False}
            raise
        return {
            "private": any(found.get(flag) for flag in ("is_private", "is_im", "is_mpim")),
            "shared": any(found.get(flag) for flag in ("is_ext_shared", "is_pending_ext_shared")),
        }

    def _inside(self, channel: str) -> list[str]:
        found: list[str] = []
        cursor = ""
        while True:
            try:
                answer = self._ask(
                    "conversations_members", channel=channel, limit="1000", cursor=cursor
                )
            except NotKnown as unknown:
                if unknown.word in _NOT_VISIBLE:
                    return []
                raise
            found += answer["members"]
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return found

    def _name(self, user: str) -> str:
        return str(self._ask("users_info", user=user)["user"].get("name") or "")

    def _members(self, group: str) -> list[str]:
        return list(self._ask("usergroups_users_list", usergroup=group)["users"])

    def _ask(self, method: str, **arguments: str) -> dict[str, Any]:
        try:
            answer = getattr(self._client, method)(**arguments)
        except SlackApiError as error:
            raise NotKnown(method, _word(error)) from None
        except (SlackClientError, URLError, OSError) as error:
            raise NotKnown(method, type(error).__name__) from None
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


def _word(error: SlackApiError) -> str:
    data = getattr(error.response, "data", None)
    return str(data.get("error", "no answer")) if isinstance(data, dict) else "no answer"

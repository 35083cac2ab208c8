"""Text for Slack: what people and AWS wrote is data, and stays data.

`&`, `<` and `>` are the only characters that Slack's mrkdwn gives a meaning that can ping people
or forge links: https://docs.slack.dev/messaging/formatting-message-text#escaping
Everything that is not `Mrkdwn` yet is escaped before it is put into a message.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime

ELLIPSIS = "…"
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Would reorder or hide what stands beside them.
_BIDIRECTIONAL = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_BROKEN_END = re.compile(r"(?:&\w*|<[^>]*)$")
_SLACK_ID = re.compile(r"^[A-Z0-9]+$")


class Mrkdwn(str):
    """Text that is already escaped and may be put into a message as it is."""

    __slots__ = ()


def visible(text: str, *, lines: bool = False) -> str:
    """The text without control and direction characters; line breaks only where `lines` are."""
    text = _BIDIRECTIONAL.sub("", text)
    keep = "\n" if lines else ""
    return "".join(
        character if character in keep or unicodedata.category(character)[0] != "C" else " "
        for character in text.replace("\r\n", "\n").replace("\t", "  ")
    )


def clip(text: str, limit: int) -> str:
    """At most `limit` characters, the last of them an ellipsis where something was cut."""
    return text if len(text) <= limit else text[: max(0, limit - 1)].rstrip() + ELLIPSIS


def escape(text: str, limit: int = 2_000) -> Mrkdwn:
    """Escaped text of at most `limit` characters; never cut inside an entity."""
    if isinstance(text, Mrkdwn):
        return text
    return Mrkdwn(_fit(visible(text, lines=True), limit))


def shorten(text: Mrkdwn, limit: int) -> Mrkdwn:
    """Mrkdwn of at most `limit` characters, never cut inside an entity, mention or link."""
    if len(text) <= limit:
        return text
    return Mrkdwn(_BROKEN_END.sub("", text[: limit - 1]).rstrip() + ELLIPSIS)


def code(text: str, limit: int = 600) -> Mrkdwn:
    """The text in a code span: no mark-up in it has a meaning."""
    inner = _fit(visible(text).replace("`", "ˋ").strip(), limit - 2)
    return Mrkdwn(f"`{inner}`" if inner else "")


def moment(seconds: float) -> Mrkdwn:
    """A time that Slack shows in everybody's own zone.

    https://docs.slack.dev/messaging/formatting-message-text#date-formatting
    """
    fallback = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Mrkdwn(f"<!date^{int(seconds)}^{{date_short_pretty}} {{time}}|{fallback}>")


def dotted(notes: Iterable[Mrkdwn]) -> Mrkdwn:
    """Notes on one line."""
    return Mrkdwn(" · ".join(notes))


def user(id: str) -> Mrkdwn:
    """A mention of a person. Raises ValueError for what is no Slack id."""
    return Mrkdwn(f"<@{_id(id)}>")


def group(id: str) -> Mrkdwn:
    """A mention of a user group.

    https://docs.slack.dev/messaging/formatting-message-text#mentioning-groups
    """
    return Mrkdwn(f"<!subteam^{_id(id)}>")


def channel(id: str) -> Mrkdwn:
    return Mrkdwn(f"<#{_id(id)}>")


def link(url: str, label: str) -> Mrkdwn:
    """A link to an https address that we made or read from AWS's catalogue.

    Raises ValueError for anything that could end the link early or is no web address.
    """
    if not re.fullmatch(r"https?://[^\s<>|]+", url):
        raise ValueError(f"no web address: {url!r}")
    return Mrkdwn(f"<{url.replace('&', '&amp;')}|{escape(label).replace('|', '¦')}>")


def _id(id: str) -> str:
    if not _SLACK_ID.match(id):
        raise ValueError(f"no Slack id: {id!r}")
    return id


def _fit(text: str, limit: int) -> str:
    escaped = [_ENTITIES.get(character, character) for character in text]
    if sum(map(len, escaped)) <= limit:
        return "".join(escaped)
    length, kept = len(ELLIPSIS), 0
    for piece in escaped:
        if length + len(piece) > limit:
            break
        length += len(piece)
        kept += 1
    return "".join(escaped[:kept]).rstrip() + ELLIPSIS

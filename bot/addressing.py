"""Whether a message speaks to the bot, and what it says to it. Pure.

People quote what the bot was asked, paste logs, and edit what they wrote; other bots repeat what
they read. None of that is a question.
https://docs.slack.dev/reference/events/app_mention
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_QUOTED = frozenset({"rich_text_quote", "rich_text_preformatted"})
_CODE = re.compile(r"```.*?(?:```|$)|`[^`\n]*`", re.DOTALL)
# Messages that are new and whole; a thread's reply may be shown in the channel as well.
_SPOKEN = frozenset({None, "", "bot_message", "file_share", "thread_broadcast", "me_message"})


def is_new(event: Mapping[str, Any]) -> bool:
    """Whether somebody said it now: no edit, no deletion, no note of Slack itself."""
    return not event.get("edited") and event.get("subtype") in _SPOKEN


def addressed(event: Mapping[str, Any], bot_user: str) -> bool:
    """Whether the bot is mentioned in what was said, not only in what was quoted or pasted."""
    rich = [block for block in event.get("blocks") or () if block.get("type") == "rich_text"]
    if rich:
        return any(_mentions(block.get("elements") or (), bot_user) for block in rich)
    return f"<@{bot_user}" in _spoken(str(event.get("text") or ""))


def words(event: Mapping[str, Any], bot_user: str) -> str:
    """What follows the mention, on its line."""
    said = _spoken(str(event.get("text") or ""))
    _, _, rest = said.partition(f"<@{bot_user}")
    return rest.partition(">")[2].strip().partition("\n")[0].strip(" \t,:")


def _mentions(elements: Iterable[Any], bot_user: str) -> bool:
    for element in elements:
        if not isinstance(element, Mapping) or element.get("type") in _QUOTED:
            continue
        style = element.get("style")
        if isinstance(style, Mapping) and style.get("code"):
            continue
        if element.get("type") == "user" and element.get("user_id") == bot_user:
            return True
        if _mentions(element.get("elements") or (), bot_user):
            return True
    return False


def _spoken(text: str) -> str:
    """The text without what is quoted or set as code.

    https://docs.slack.dev/messaging/formatting-message-text
    """
    text = _CODE.sub(" ", text)
    text, _, _ = text.partition("&gt;&gt;&gt;")
    lines = text.splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith(("&gt;", ">")))

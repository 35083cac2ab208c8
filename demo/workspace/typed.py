"""What people type, as Slack hands it to apps.

The three control characters are escaped; @names, #channels, @groups, @here and links become
tokens. https://docs.slack.dev/messaging/formatting-message-text#escaping
"""

from __future__ import annotations

import re
from collections.abc import Callable

from demo.workspace.people import Directory
from demo.workspace.state import Json

_TOKEN = re.compile(
    r"(?P<token><(?:@[UW]|#[CG]|!subteam\^S)[A-Z0-9]+(?:\|[^<>]*)?>|<!(?:here|channel|everyone)>)"
    r"|(?P<link>https?://[^\s<>|]+)"
    r"|(?P<name>(?<![\w@])@[\w.-]+\w)"
    r"|(?P<channel>(?<![\w#&])#[\w-]+)"
)

_STYLES = {"*": "bold", "_": "italic", "~": "strike", "`": "code"}
_STYLE = re.compile(
    r"`[^`\n]+`"
    r"|(?<!\w)\*(?=\S)[^*\n]*(?<=\S)\*(?!\w)"
    r"|(?<!\w)_(?=\S)[^_\n]*(?<=\S)_(?!\w)"
    r"|(?<!\w)~(?=\S)[^~\n]*(?<=\S)~(?!\w)"
)


def escape(text: str) -> str:
    """Escape what is markup to Slack: & < >."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def message_text(directory: Directory, text: str) -> str:
    """The `text` of a message somebody typed."""
    return _converted(text, lambda kind, value: _token(directory, kind, value))


def command_text(directory: Directory, text: str, *, should_escape: bool) -> str:
    """The `text` of a slash command; names become ids only if the command asks for that."""
    if should_escape:
        return message_text(directory, text)
    return escape(text)


def rich_text(directory: Directory, text: str) -> Json:
    """The rich_text block that comes with a typed message."""
    parts: list[Json] = []
    for at, piece in enumerate(re.split(r"```\n?([\s\S]+?)\n?```\n?", text)):
        if at % 2:
            code = [{"type": "text", "text": piece}]
            parts.append({"type": "rich_text_preformatted", "elements": code})
        elif piece:
            parts.append({"type": "rich_text_section", "elements": _styled(directory, piece, {})})
    return {"type": "rich_text", "elements": parts}


def _styled(directory: Directory, text: str, style: Json) -> list[Json]:
    """Text with *bold*, _italic_, ~strike~ and `code` as the composer shows them."""
    elements: list[Json] = []
    last = 0
    for match in _STYLE.finditer(text):
        mark, inner = match.group()[0], match.group()[1:-1]
        elements += _elements(directory, text[last : match.start()], style)
        inside = {**style, _STYLES[mark]: True}
        if mark == "`":
            elements.append({"type": "text", "text": inner, "style": inside})
        else:
            elements += _styled(directory, inner, inside)
        last = match.end()
    return elements + _elements(directory, text[last:], style)


def _elements(directory: Directory, text: str, style: Json) -> list[Json]:
    styled = {"style": style} if style else {}
    elements: list[Json] = []
    last = 0
    for match in _TOKEN.finditer(text):
        element = _element(directory, str(match.lastgroup), match.group())
        if element is None:
            continue
        if match.start() > last:
            elements.append({"type": "text", "text": text[last : match.start()], **styled})
        elements.append({**element, **styled})
        last = match.end()
    if last < len(text):
        elements.append({"type": "text", "text": text[last:], **styled})
    return elements


def _converted(text: str, token: Callable[[str, str], str | None]) -> str:
    pieces: list[str] = []
    last = 0
    for match in _TOKEN.finditer(text):
        pieces.append(escape(text[last : match.start()]))
        pieces.append(token(str(match.lastgroup), match.group()) or escape(match.group()))
        last = match.end()
    return "".join([*pieces, escape(text[last:])])


def _token(directory: Directory, kind: str, value: str) -> str | None:
    if kind == "token":
        return value
    if kind == "link":
        return f"<{escape(value)}>"
    if kind == "channel":
        found = [c for c in directory.channels.values() if c.name == value[1:]]
        return f"<#{found[0].id}|{found[0].name}>" if found else None
    name = value[1:].lower()
    if name in ("here", "channel", "everyone"):
        return f"<!{name}>"
    user = _user_id(directory, name)
    if user is not None:
        return f"<@{user}>"
    groups = [g for g in directory.usergroups.values() if g.handle.lower() == name]
    return f"<!subteam^{groups[0].id}>" if groups else None


def _element(directory: Directory, kind: str, value: str) -> Json | None:
    token = _token(directory, kind, value)
    if token is None:
        return None
    body = token[1:-1].split("|")[0]
    if kind == "link":
        return {"type": "link", "url": value}
    if body.startswith("@"):
        return {"type": "user", "user_id": body[1:]}
    if body.startswith("#"):
        return {"type": "channel", "channel_id": body[1:]}
    if body.startswith("!subteam^"):
        return {"type": "usergroup", "usergroup_id": body[9:]}
    return {"type": "broadcast", "range": body[1:]}


def _user_id(directory: Directory, name: str) -> str | None:
    if name == directory.app.name.lower():
        return directory.app.user_id
    for person in directory.people.values():
        if name in (person.name.lower(), person.display_name.lower().replace(" ", ".")):
            return person.id
    return None

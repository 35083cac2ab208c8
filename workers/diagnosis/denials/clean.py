"""Text as it reaches us through consoles, SDKs, JSON and Slack, brought back to AWS's own words."""

from __future__ import annotations

import html
import re

LIMIT = 200_000
"""Characters that are read of one text; a longer one keeps its head and its tail."""

_SLACK_LINK = re.compile(r"<((?:https?|mailto):[^\s<>|]{1,3000})(?:\|([^<>|]{0,3000}))?>")
_LINE_FRAME = re.compile(r"(?m)^[ \t]*+[>│╷╵┃|]++[ \t]*+")
_JSON_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_TYPOGRAPHIC = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u02bc": "'",
        "\u201c": '"', "\u201d": '"', "\u201e": '"',
        "\u00a0": " ", "\u202f": " ", "\u2007": " ",
        "\u200b": None, "\u200c": None, "\u200d": None, "\u2060": None, "\ufeff": None,
        "\u00ad": None, "\u2028": "\n", "\u2029": "\n",
        "`": None,
    }
)  # fmt: skip
_WHITE = {"n": "\n", "r": "\n", "t": " ", "b": " ", "f": " "}


def clean(text: str) -> str:
    """One line of text without markup, escapes, frames and typographic quotes.

    Undone are: Slack's links and escapes (docs.slack.dev/messaging/formatting-message-text),
    JSON's escapes, up to three deep (an event inside a notification inside a queue message),
    entities of HTML and XML, quote marks and box frames at line starts (`>`, Terraform's `│`),
    curly quotes and invisible characters. Linear in the length of the text.
    """
    if len(text) > LIMIT:
        text = f"{text[: LIMIT // 2]}\n{text[-LIMIT // 2 :]}"
    text = _SLACK_LINK.sub(_link, text)
    for _ in range(3):
        if "\\" not in text:
            break
        text = _JSON_ESCAPE.sub(_unescaped, text)
    text = html.unescape(text).translate(_TYPOGRAPHIC)
    text = _LINE_FRAME.sub("", text)
    return " ".join(text.split())


def _link(found: re.Match[str]) -> str:
    """The address; but the label where Slack made a link of a bare host name."""
    url, label = found[1], found[2]
    if label and url.partition("//")[2].rstrip("/") == label:
        return label
    return url.removeprefix("mailto:")


def _unescaped(found: re.Match[str]) -> str:
    escape = found[1]
    if len(escape) == 5:
        code = int(escape[1:], 16)
        return "" if 0xD800 <= code <= 0xDFFF else chr(code)
    return _WHITE.get(escape, escape)

"""The words that people read in Slack, apart from the logic: one TOML file per language.

A second language is a second file with the same keys; `tests/slack/test_texts.py` compares them.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from workers.slack.markup import Mrkdwn, escape, visible


class Texts:
    """The texts of one language, by dotted key. Raises KeyError for a key that is missing."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._texts = dict(_flatten(table))

    def __call__(self, key: str, /, **values: object) -> Mrkdwn:
        """The text as mrkdwn; every value that is not `Mrkdwn` already is escaped."""
        escaped = {
            name: escape(str(value)) if not isinstance(value, Mrkdwn) else value
            for name, value in values.items()
        }
        return Mrkdwn(self._texts[key].format_map(escaped))

    def plain(self, key: str, /, **values: object) -> str:
        """The text for a plain_text object (button, title), where nothing is mark-up."""
        return self._texts[key].format_map({name: visible(str(v)) for name, v in values.items()})

    def count(self, key: str, number: int, /, **values: object) -> Mrkdwn:
        """The text under `key.one` or `key.many`; `{number}` is the count."""
        return self(f"{key}.{'one' if number == 1 else 'many'}", number=number, **values)

    def named(self, table: str, name: str) -> Mrkdwn:
        """The words for a name out of data; the name itself where there are none yet."""
        try:
            return self(f"{table}.{name}")
        except KeyError:
            return escape(name.replace("_", " "), 80)

    @property
    def placeholders(self) -> dict[str, frozenset[str]]:
        """The names in braces of every text, by key."""
        return {
            key: frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name)
            for key, text in self._texts.items()
        }


@cache
def load(language: str = "en") -> Texts:
    """The texts of a language. Raises FileNotFoundError when there is no such file."""
    file = files(__package__) / f"{language}.toml"
    return Texts(tomllib.loads(file.read_text(encoding="utf-8")))


def _flatten(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for name, value in table.items():
        flat += (
            _flatten(value, f"{prefix}{name}.")
            if isinstance(value, Mapping)
            else [(f"{prefix}{name}", value)]
        )
    return flat

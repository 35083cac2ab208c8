"""The words of findings: one TOML file per language, no logic.

A file holds tables of templates in `str.format` fields; `tests/diagnosis/test_texts.py` holds every
language to the same keys and fields, so that adding one is adding a file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Texts:
    """The templates of one language. Get it with `texts()`."""

    language: str
    table: Mapping[str, Any]

    def say(self, path: str, /, **values: object) -> str:
        """The template at a dotted path, filled in; "" when the language leaves it out.

        Raises KeyError when a template names a field that was not given.
        """
        template = self.find(path)
        return " ".join(template.format(**values).split()) if template else ""

    def find(self, path: str, /) -> str:
        """The bare template at a dotted path, "" when there is none."""
        node: Any = self.table
        for part in path.split("."):
            node = node.get(part) if isinstance(node, Mapping) else None
        return node if isinstance(node, str) else ""

    def listed(self, values: Sequence[str], most: int = 4) -> str:
        """`a, b and c`; after `most` values, `a, b, c and 5 more`."""
        shown = list(values)
        if len(shown) > most:
            rest = len(shown) - most + 1
            shown = [*shown[: most - 1], self.say("words.more", count=rest)]
        if len(shown) < 2:
            return "".join(shown)
        return self.say("words.list", first=", ".join(shown[:-1]), last=shown[-1])


@lru_cache(maxsize=8)
def texts(language: str = DEFAULT_LANGUAGE) -> Texts:
    """The words of a language, by its code. Raises LookupError for one that has no file."""
    file = files(__package__).joinpath(f"{language}.toml")
    if not language.isalpha() or not file.is_file():
        raise LookupError(f"no texts for the language {language!r}: add {language}.toml")
    return Texts(language, tomllib.loads(file.read_text(encoding="utf-8")))

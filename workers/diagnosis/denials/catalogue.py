"""The catalogue of denial messages, read from `catalogue.toml` into frozen values."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, get_args

from workers.diagnosis.denials.model import Denial, Layer

_GROUPS = frozenset(field.name for field in fields(Denial)) - {
    "kind", "text", "points_at", "not_access", "transitive", "truncated",
}  # fmt: skip
_KEYS = frozenset(
    {"id", "regex", "meaning", "points_at", "documentation", "fields", "role", "reach",
     "not_access", "observed", "example"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Example:
    """A message as AWS documents it, and what has to be read from it."""

    text: str
    expect: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of message. Roles: *denial* stands alone; *context* only tells more about the
    denial that follows within `reach` characters; *fallback* counts when nothing else was found.
    """

    id: str
    regex: re.Pattern[str]
    meaning: str
    points_at: tuple[str, ...]
    documentation: str
    fields: Mapping[str, str]
    role: str
    reach: int
    not_access: bool
    observed: bool
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class NamedLayer:
    """A layer and the words by which AWS's messages name it."""

    id: Layer
    names: tuple[str, ...]
    points_at: tuple[str, ...]
    documentation: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    entries: tuple[Entry, ...]
    layers: tuple[NamedLayer, ...]

    def layer(self, layer: Layer) -> NamedLayer:
        """The words for a layer. Raises KeyError."""
        for each in self.layers:
            if each.id == layer:
                return each
        raise KeyError(layer)

    def entry(self, kind: str) -> Entry:
        """The entry with this id. Raises KeyError."""
        for entry in self.entries:
            if entry.id == kind:
                return entry
        raise KeyError(kind)


@cache
def catalogue() -> Catalogue:
    """The catalogue that ships with the package."""
    return read(resources.files(__package__).joinpath("catalogue.toml").read_text("utf-8"))


def read(text: str) -> Catalogue:
    """A catalogue from TOML text. Raises ValueError that names the entry and what is wrong."""
    data = tomllib.loads(text)
    entries = tuple(_entry(raw) for raw in data.get("denial", ()))
    seen: set[str] = set()
    for entry in entries:
        if entry.id in seen:
            raise ValueError(f"denial {entry.id}: the id is used twice")
        seen.add(entry.id)
    return Catalogue(entries, tuple(_layer(raw) for raw in data.get("layer", ())))


def _entry(raw: Mapping[str, Any]) -> Entry:
    name = raw.get("id", "?")
    if strange := set(raw) - _KEYS:
        raise ValueError(f"denial {name}: unknown key {', '.join(sorted(strange))}")
    for key in ("id", "regex", "meaning", "documentation"):
        if not raw.get(key):
            raise ValueError(f"denial {name}: {key} is missing")
    try:
        regex = re.compile(raw["regex"])
    except re.error as error:
        raise ValueError(f"denial {name}: regex: {error}") from error
    given = raw.get("fields", {})
    if strange := ({group.rstrip("_") for group in regex.groupindex} | set(given)) - _GROUPS:
        raise ValueError(f"denial {name}: no such field: {', '.join(sorted(strange))}")
    role = raw.get("role", "denial")
    if role not in ("denial", "context", "fallback"):
        raise ValueError(f"denial {name}: role is denial, context or fallback, not {role}")
    return Entry(
        id=raw["id"],
        regex=regex,
        meaning=raw["meaning"],
        points_at=tuple(raw.get("points_at", ())),
        documentation=raw["documentation"],
        fields=MappingProxyType(dict(given)),
        role=role,
        reach=raw.get("reach", 0),
        not_access=raw.get("not_access", False),
        observed=raw.get("observed", False),
        examples=tuple(
            Example(example["text"], MappingProxyType(example.get("expect", {})))
            for example in raw.get("example", ())
        ),
    )


def _layer(raw: Mapping[str, Any]) -> NamedLayer:
    if raw["id"] not in get_args(Layer):
        raise ValueError(f"layer {raw['id']}: no such layer")
    return NamedLayer(
        raw["id"], tuple(raw["names"]), tuple(raw.get("points_at", ())), raw["documentation"]
    )

"""What the readers of documents share: the shape of what they return, and where they ask."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from workers.aws.arns import parse
from workers.aws.calls import Chain, Place
from workers.snapshot.model import Reference

MAPS = (
    "roles",
    "users",
    "buckets",
    "keys",
    "connections",
    "projects",
    "memberships",
    "descriptions",
    "policies",
)


class Entry(NamedTuple):
    """A value and its place in the snapshot: the map's name (one of MAPS) and the key in it.

    Without a map, `id` is the name of one of the snapshot's own fields.
    """

    map: str
    id: str
    reading: Any


Entries: TypeAlias = tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Home:
    """The pipeline's account and region: where to ask for what names no other."""

    account: str
    region: str


Reader: TypeAlias = Callable[[Chain, Reference, Home], Entries]


def place(service: str, reference: Reference, home: Home) -> Place:
    """Where to ask for a reference: what it says, else what its ARN says, else the home."""
    arn = parse(reference.id)
    return Place(
        service,
        reference.account or (arn and arn.account) or home.account,
        reference.region or (arn and arn.region) or home.region,
    )


def tags(items: Any) -> Mapping[str, str]:
    """Tags as a mapping, from any of the shapes in which AWS returns them."""
    if isinstance(items, Mapping):
        return MappingProxyType(dict(items))
    pairs = {}
    for item in items or ():
        name = item.get("Key", item.get("key", item.get("TagKey", "")))
        pairs[name] = item.get("Value", item.get("value", item.get("TagValue", "")))
    return MappingProxyType(pairs)


def moment(value: object) -> str:
    """A time as ISO 8601 in UTC to the second; empty when there is none."""
    if not isinstance(value, dt.datetime):
        return ""
    return value.astimezone(dt.UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def plain(value: Any) -> Any:
    """An answer in JSON's own types: times as text, bytes left out."""
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items() if not isinstance(v, bytes)}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dt.datetime):
        return moment(value)
    return value


def kept(answer: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Only these fields of an answer: what is not needed (environments, secrets) is not kept."""
    return MappingProxyType({name: plain(answer[name]) for name in names if name in answer})

"""The audit trail: an append-only stream whose every entry carries the hash of the one before.

Whoever changes, removes or inserts an entry breaks the chain from there on, and `verify` names
the place. The head is kept beside the stream, so that cutting off its end shows as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that happened, as it stands in the stream."""

    id: str  # of the stream: milliseconds-sequence
    content: Mapping[str, Any]
    hash: str

    @property
    def request(self) -> str:
        return str(self.content.get("request", ""))


@dataclass(frozen=True, slots=True)
class Broken:
    """Where the chain does not hold, and how."""

    id: str
    why: str


def entry(previous: str, content: Mapping[str, Any]) -> tuple[str, str]:
    """(text, hash) of the entry that follows `previous`."""
    text = json.dumps(
        {**content, "previous": previous}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return text, hash_of(text)


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def read(stream: Iterable[tuple[bytes, Mapping[bytes, bytes]]]) -> Iterable[AuditEntry]:
    """The entries of a stream as Redis gives them."""
    for id, fields in stream:
        text = fields[b"entry"].decode()
        yield AuditEntry(id.decode(), json.loads(text), hash_of(text))


def line(entry: AuditEntry) -> str:
    """An entry as one line of JSON, in ASCII (some characters that people type end a line):
    how copies of the trail are kept. See `parse`."""
    return json.dumps({"id": entry.id, "hash": entry.hash, **entry.content})


def parse(line: str) -> AuditEntry:
    """The entry of such a line. Its hash is computed from what the line says.

    Raises ValueError for what is no entry, or whose content is not what it was hashed with.
    """
    content = json.loads(line)
    if not isinstance(content, dict) or "id" not in content or "previous" not in content:
        raise ValueError("not an entry of the audit trail")
    id = str(content.pop("id"))
    order(id)
    stated = content.pop("hash", None)
    text, digest = entry(str(content.pop("previous")), content)
    if stated != digest:
        raise ValueError("the hash is not that of the content")
    return AuditEntry(id, json.loads(text), digest)


def order(id: str) -> tuple[int, int]:
    """What sorts the ids of a stream. Raises ValueError.

    https://valkey.io/topics/streams-intro/#entry-ids
    """
    milliseconds, _, sequence = id.partition("-")
    return int(milliseconds), int(sequence)


def verify(entries: Iterable[AuditEntry], head: str) -> Broken | None:
    """The first place where the trail was tampered with; None when it holds."""
    previous, last = GENESIS, "start"
    for each in entries:
        if each.content.get("previous") != previous:
            return Broken(each.id, "does not follow the entry before it")
        previous, last = each.hash, each.id
    if previous != head:
        return Broken(last, "is not the last entry that was written")
    return None

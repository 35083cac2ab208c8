"""Copies of the audit trail outside of Redis: what a sink is, and the one that is a file.

A sink is given entries in their order and may be given the same ones again: it keeps each once.
Those of AWS are in `workers.aws.audit_sinks`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from workers.ledger import audit
from workers.ledger.audit import AuditEntry

TAIL = 1024 * 1024  # bytes; the last line of a copy is far shorter


class SinkFailure(Exception):
    """The entries are not, or not all, kept; the text names the sink, why, and what to do."""


class Sink(Protocol):
    """Where a copy of the trail goes. `name` is that of its place: a new place starts anew."""

    @property
    def name(self) -> str: ...

    def write(self, entries: Sequence[AuditEntry]) -> None:
        """Keep these entries. Returns when they are durable. Raises SinkFailure."""


class FileSink:
    """A file of JSON lines, appended to and flushed to the disk before an entry counts as kept."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        return f"file:{self._path}"

    def write(self, entries: Sequence[AuditEntry]) -> None:
        try:
            self._append(entries)
        except OSError as error:
            raise SinkFailure(
                f"{self._path} cannot be written ({error.strerror}). The worker's user needs "
                "to read and write it; its folder must exist."
            ) from None
        except ValueError as error:
            raise SinkFailure(
                f"{self._path} does not end with an entry of the audit trail ({error}). Move "
                "it away: the copy goes on in a new file."
            ) from None

    def _append(self, entries: Sequence[AuditEntry]) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - TAIL))
            tail = file.read()
            # What a dying worker left of a line was never counted as kept; it is written again.
            whole = tail[: tail.rfind(b"\n") + 1]
            if len(whole) < len(tail):
                file.truncate(end - len(tail) + len(whole))
            last = audit.parse(whole.splitlines()[-1].decode()) if whole else None
            for entry in entries:
                if last is None or audit.order(entry.id) > audit.order(last.id):
                    file.write(audit.line(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

"""Reads all documents that have a say in one pipeline.

It reads the pipeline, asks `wanted` which documents that names, reads those, asks again with what
they say, and ends when nothing new is wanted. Whatever AWS refuses becomes an unreadable document
with its reason; nothing here raises because of AWS.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from importlib import import_module
from queue import Empty, Queue
from types import MappingProxyType
from typing import Any, TypeAlias

from workers.aws import evidence, reasons
from workers.aws.calls import Calls, Chain, Counts, calls_for, then
from workers.aws.documents import MAPS, Entries, Entry, Home, moment
from workers.aws.kinds import READERS
from workers.aws.pipelines import read_pipeline, read_runs, read_tags
from workers.aws.search import Found, Listed, Unseen, find_pipelines, list_pipelines
from workers.aws.sessions import Sessions
from workers.settings import Settings
from workers.snapshot.model import Kind, Reading, Reference, Snapshot, unreadable

__all__ = (
    "Found",
    "Listed",
    "Progress",
    "Unseen",
    "find_pipelines",
    "list_pipelines",
    "read_snapshot",
)

Wanted: TypeAlias = Callable[[Snapshot], Iterable[Reference]]

# Kinds of documents that name no further ones.
_LEAVES = frozenset(
    {
        Kind.CONNECTION,
        Kind.EVENT_BUS,
        Kind.MEMBERSHIP,
        Kind.REPOSITORY,
        Kind.ROLE,
        Kind.STACK,
        Kind.USER,
        Kind.VPC_ENDPOINTS,
    }
)
_MAP_OF_KIND = {
    Kind.ROLE: "roles",
    Kind.USER: "users",
    Kind.BUCKET: "buckets",
    Kind.KEY: "keys",
    Kind.CONNECTION: "connections",
    Kind.PROJECT: "projects",
    Kind.MEMBERSHIP: "memberships",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reading is: documents done, documents known to be needed so far, the latest."""

    done: int
    total: int
    latest: Reference | None = None


def read_snapshot(
    settings: Settings,
    sessions: Sessions,
    pipeline_name: str,
    account: str,
    region: str,
    *,
    caller: str | None = None,
    errors: Iterable[str] = (),
    progress: Callable[[Progress], None] | None = None,
    calls: Calls | None = None,
    wanted: Wanted | None = None,
    ask_trail: bool = True,
) -> tuple[Snapshot, Counts]:
    """Everything that has a say in a pipeline, and what it cost to read.

    `caller` is the user or role whose own permissions are asked about, `errors` are error texts
    that a person gave. `progress` is called from this thread after every document. `wanted`
    defaults to `workers.pipeline.references.wanted` with the whole catalogue. Without `ask_trail`
    CloudTrail is left alone, which answers too slowly for many pipelines at once.
    """
    asks = wanted or _catalogue_wants()
    with nullcontext(calls) if calls else calls_for(settings, sessions) as shared:
        assembly = _Assembly(shared, Home(account, region), progress, ask_trail=ask_trail)
        assembly.start_pipeline(pipeline_name)
        # Every verdict depends on the organisation's policies: no need to wait for the pipeline.
        assembly.want([Reference(Kind.MEMBERSHIP, account, account)], shared.begun)
        empty = Snapshot(
            unreadable(),
            taken_at=moment(dt.datetime.now(dt.UTC)),
            errors=tuple(errors),
            caller=caller,
            aliases=MappingProxyType({each.id: each.alias for each in settings.accounts}),
        )
        snapshot = assembly.assemble(empty, asks)
        return snapshot, shared.counts()


class _Part(StrEnum):
    """What is read that no reference names."""

    PIPELINE = "pipeline"
    TAGS = "tags"
    RUNS = "runs"
    EVIDENCE = "events"


_PARTS: Mapping[_Part, Callable[[Chain, str, str, str], Reading[Any]]] = MappingProxyType(
    {_Part.PIPELINE: read_pipeline, _Part.RUNS: read_runs, _Part.TAGS: read_tags}
)


class _Assembly:
    """The documents of one snapshot while they arrive."""

    def __init__(
        self,
        calls: Calls,
        home: Home,
        progress: Callable[[Progress], None] | None,
        *,
        ask_trail: bool = True,
    ) -> None:
        self._calls = calls
        self._ask_trail = ask_trail
        self._home = home
        self._progress = progress
        self._arrived: Queue[tuple[Reference | _Part, Entries, int]] = Queue()
        self._asked: set[tuple[Kind, str]] = set()
        self._pending: set[Reference | _Part] = set()
        self._maps: dict[str, dict[str, Any]] = {name: {} for name in MAPS}
        self._fields: dict[str, Any] = {}
        self._explained = False

    def start_pipeline(self, name: str) -> None:
        """Each part by itself: roles need not wait for the list of runs."""
        for part, read in _PARTS.items():
            self._submit(part, self._calls.begun, partial(_part, part, read, name, self._home))

    def start_evidence(self, snapshot: Snapshot, length: int) -> None:
        """Ask what AWS itself says of the failures, beside the reading of the documents."""
        if not self._ask_trail or not evidence.useful(snapshot):
            why = evidence.NOTHING_FAILED if self._ask_trail else evidence.NOT_ASKED
            self._keep((Entry("", "events", unreadable(why)),))
            return

        def read(chain: Chain) -> Entries:
            found = evidence.read(chain, snapshot, self._home)
            return Entry("", "events", found.events), Entry("", "decoded", found.decoded)

        self._submit(_Part.EVIDENCE, length, read)

    def want(self, references: Iterable[Reference], length: int) -> None:
        """Begin to read those references that nobody has asked for yet."""
        for reference in references:
            if (reference.kind, reference.id) not in self._asked:
                self._asked.add((reference.kind, reference.id))
                self._submit(reference, length, _reader(reference, self._home))

    def assemble(self, empty: Snapshot, wanted: Wanted) -> Snapshot:
        """The snapshot, when nothing that it wants is missing or the time is over."""
        done, length = 0, 0
        leads_on = False
        while self._pending:
            try:
                source, entries, reached = self._arrived.get(timeout=max(self._calls.remaining, 0))
            except Empty:
                self._give_up()
                break
            self._pending.discard(source)
            self._keep(entries)
            done += 1
            if _leads_on(source):
                leads_on, length = True, max(length, reached)
            if self._progress:
                latest = source if isinstance(source, Reference) else None
                self._progress(Progress(done, done + len(self._pending), latest))
            if not self._arrived.empty():
                continue  # what has arrived together is looked at together
            if not self._explained and {_Part.PIPELINE, _Part.RUNS}.isdisjoint(self._pending):
                self._explained = True
                self.start_evidence(self._snapshot(empty), length)
            # After a document that names no others the question is idle, but for the last one.
            if leads_on or not self._pending:
                self.want(wanted(self._snapshot(empty)), length)
                leads_on, length = False, 0
        return self._snapshot(empty)

    def _submit(
        self, source: Reference | _Part, length: int, read: Callable[[Chain], Entries]
    ) -> None:
        def run() -> None:
            chain = Chain(self._calls, length)
            try:
                entries = read(chain)
            except Exception as error:  # a fault of ours must not silence the other documents
                entries = _failed(source, f"{type(error).__name__}: {error}")
            self._arrived.put((source, entries, chain.length))

        self._pending.add(source)
        self._calls.pool.submit(run)

    def _keep(self, entries: Entries) -> None:
        for entry in entries:
            if entry.map:
                self._maps[entry.map][entry.id] = entry.reading
            else:
                self._fields[entry.id] = entry.reading

    def _give_up(self) -> None:
        why = reasons.text("late", seconds=round(self._calls.seconds))
        for source in self._pending:
            self._keep(_failed(source, why))

    def _snapshot(self, empty: Snapshot) -> Snapshot:
        known: dict[str, Any] = {
            name: MappingProxyType(dict(each)) for name, each in self._maps.items()
        }
        fields = dict(self._fields)
        tags = fields.pop(_Part.TAGS, unreadable())
        if _Part.PIPELINE in fields:
            fields[_Part.PIPELINE] = then(
                fields[_Part.PIPELINE], lambda pipeline: replace(pipeline, tags=tags)
            )
        return replace(empty, **fields, **known)


def _leads_on(source: Reference | _Part) -> bool:
    if isinstance(source, Reference):
        return source.kind not in _LEAVES
    return source in (_Part.PIPELINE, _Part.RUNS)


def _part(
    part: _Part,
    read: Callable[[Chain, str, str, str], Reading[Any]],
    name: str,
    home: Home,
    chain: Chain,
) -> Entries:
    return (Entry("", part.value, read(chain, name, home.account, home.region)),)


def _reader(reference: Reference, home: Home) -> Callable[[Chain], Entries]:
    return lambda chain: READERS[reference.kind](chain, reference, home)


def _failed(source: Reference | _Part, why: str) -> Entries:
    match source:
        case _Part():
            return (Entry("", source.value, unreadable(why)),)
        case Reference(kind=kind, id=id):
            return (Entry(_MAP_OF_KIND.get(kind, "descriptions"), id, unreadable(why)),)


def _catalogue_wants() -> Wanted:
    catalogue = import_module("workers.pipeline.catalogue").load()
    wanted = import_module("workers.pipeline.references").wanted
    return lambda snapshot: wanted(snapshot, catalogue)

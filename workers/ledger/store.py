"""The ledger in Redis: requests, their states, who approved, and the audit trail.

Every step is one atomic compare-and-set: it happens only if the request is still in the state and
revision that was looked at, if the click was not counted before, and if the audit trail still ends
where its new entry says. Double clicks, redelivered events and two workers never do a thing twice.

    fix:<id>               hash: request, state, revision, approvals, reason
    fix:<id>:clicks        hash: click -> state that it led to
    fix:<id>:once          hash: reminders sent, stages retried
    fix:<id>:told          set: people who were shown the request directly
    fix:<id>:journal       list: what was about to be written to AWS, and what was (JSON)
    fix:fingerprint:<sum>  the latest request for exactly this change
    fixes                  sorted set: all ids by the time of the request
    fixes:open             sorted set: ids of unfinished requests by the time they expire
    fixes:unannounced      sorted set: ids whose request, or latest state, no thread shows yet
    document:<key>         the request that is changing this document right now
    audit, audit:head      the stream and the hash of its last entry
    audit:paused           until when nothing is copied, because a sink failed
    audit:kept             hash: sink -> id of the last entry that it has kept
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from redis import Redis

from workers.ledger import audit, scripts
from workers.ledger.audit import AuditEntry, Broken
from workers.ledger.request import Entry, FixRequest
from workers.ledger.states import OPEN, UNFINISHED, IllegalMove, Move, State, after

PREFIX = "pipeline-access:"
FIXES = f"{PREFIX}fixes"
OPEN_FIXES = f"{PREFIX}fixes:open"
UNANNOUNCED = f"{PREFIX}fixes:unannounced"
AUDIT = f"{PREFIX}audit"
HEAD = f"{PREFIX}audit:head"
KEPT = f"{PREFIX}audit:kept"
PAUSED = f"{PREFIX}audit:paused"
ATTEMPTS = 50
DOCUMENT_SECONDS = 900


class Result(StrEnum):
    DONE = "done"
    SEEN = "seen"  # this click was counted before
    LATE = "late"  # the request is in a state from which the step leads nowhere


@dataclass(frozen=True, slots=True)
class Stepped:
    """What became of a step, and the state afterwards."""

    result: Result
    state: State


class Busy(Exception):
    """The audit trail was written so often meanwhile that the step was given up. Try again."""


class Ledger:
    """Raises redis.RedisError: then nothing was recorded, or the same click says that it was."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._create = redis.register_script(scripts.CREATE)
        self._step = redis.register_script(scripts.STEP)
        self._note = redis.register_script(scripts.NOTE)
        self._take = redis.register_script(scripts.TAKE)
        self._release = redis.register_script(scripts.RELEASE)

    # --- requests ---------------------------------------------------------------------------

    def request(self, request: FixRequest) -> str:
        """Write the request down; the id of the open one for the same change if there is one."""
        keys = [
            _key(request.id),
            f"{PREFIX}fix:fingerprint:{request.fingerprint}",
            FIXES,
            OPEN_FIXES,
            UNANNOUNCED,
            AUDIT,
            HEAD,
        ]
        content = {
            "event": "requested",
            "request": request.id,
            "actor": request.requester,
            "digest": request.digest,
            "fingerprint": request.fingerprint,
            "documents": [_hashes(each.before, each.after, each.id) for each in request.documents],
            "reason": request.reason,
            "to": State.REQUESTED.value,
            "at": request.requested_at,
        }
        for _ in range(ATTEMPTS):
            head = self._head()
            text, digest = audit.entry(head or audit.GENESIS, content)
            answer, value = self._create(
                keys=keys,
                args=[
                    request.id,
                    request.model_dump_json(),
                    request.requested_at,
                    request.expires_at,
                    head,
                    text,
                    digest,
                    _key(""),
                    *sorted(OPEN),
                ],
            )
            if answer != b"moved":
                return cast(bytes, value).decode()
        raise Busy

    def entry(self, request_id: str) -> Entry | None:
        fields = cast("Mapping[bytes, bytes]", self._redis.hgetall(_key(request_id)))
        if b"request" not in fields:
            return None
        return _entry(fields)

    def entries(self, newest: int = 1000) -> tuple[Entry, ...]:
        """The requests, newest first."""
        ids = cast("list[bytes]", self._redis.zrevrange(FIXES, 0, newest - 1))
        with self._redis.pipeline(transaction=False) as pipeline:
            for each in ids:
                pipeline.hgetall(_key(each.decode()))
            found = pipeline.execute()
        return tuple(_entry(fields) for fields in found if fields)

    def of_inquiry(self, inquiry: str) -> tuple[Entry, ...]:
        """The requests that came out of one thread, oldest first."""
        found = [each for each in self.entries() if each.request.inquiry == inquiry]
        return tuple(reversed(found))

    # --- steps ------------------------------------------------------------------------------

    def step(
        self,
        request_id: str,
        move: Move,
        *,
        click: str,
        actor: str,
        reason: str = "",
        details: Mapping[str, Any] | None = None,
        now: float | None = None,
    ) -> Stepped:
        """Make the step once per `click`. An approval is counted once per person: with enough of
        them CONSENT becomes APPROVE by itself. Raises KeyError for a request that is not there."""
        at = time.time() if now is None else now
        for _ in range(ATTEMPTS):
            entry = self.entry(request_id)
            if entry is None:
                raise KeyError(request_id)
            approvals, meant = _counted(entry, move, actor)
            try:
                state = after(entry.state, meant)
            except IllegalMove:
                seen = cast("bytes | None", self._redis.hget(_key(request_id) + ":clicks", click))
                result = Result.SEEN if seen is not None else Result.LATE
                return Stepped(result, entry.state)
            head = self._head()
            content = {
                "event": meant.value,
                "request": request_id,
                "actor": actor,
                "digest": entry.request.digest,
                "from": entry.state.value,
                "to": state.value,
                "click": click,
                "at": at,
                **({"reason": reason} if reason else {}),
                **({"details": dict(details)} if details else {}),
            }
            text, digest = audit.entry(head or audit.GENESIS, content)
            answer, value = self._step(
                keys=[
                    _key(request_id),
                    _key(request_id) + ":clicks",
                    OPEN_FIXES,
                    UNANNOUNCED,
                    AUDIT,
                    HEAD,
                ],
                args=[
                    request_id,
                    entry.state.value,
                    entry.revision,
                    click,
                    state.value,
                    json.dumps(approvals),
                    reason or entry.reason,
                    "0" if state in UNFINISHED else "1",
                    at,
                    head,
                    text,
                    digest,
                ],
            )
            if answer == b"done":
                return Stepped(Result.DONE, state)
            if answer == b"seen":
                return Stepped(Result.SEEN, State(cast(bytes, value).decode()))
        raise Busy

    def refused(self, request_id: str, actor: str, move: str, why: str, click: str) -> None:
        """Note a click that was refused: who tried what, and why not."""
        self.note(
            {
                "event": "refused",
                "request": request_id,
                "actor": actor,
                "move": str(move),
                "why": why,
                "click": click,
                "at": time.time(),
            }
        )

    def note(self, content: Mapping[str, Any]) -> None:
        """Append to the audit trail. Raises Busy."""
        for _ in range(ATTEMPTS):
            head = self._head()
            text, digest = audit.entry(head or audit.GENESIS, content)
            if self._note(keys=[AUDIT, HEAD], args=[head, text, digest]):
                return
        raise Busy

    # --- while a document is changed --------------------------------------------------------

    def take(self, request: FixRequest, seconds: int = DOCUMENT_SECONDS) -> str:
        """Take the request's documents; the id of another request that is changing one of them."""
        keys = [f"{PREFIX}document:{each.key}" for each in request.documents]
        return cast(bytes, self._take(keys=keys, args=[request.id, seconds])).decode()

    def release(self, request: FixRequest) -> None:
        keys = [f"{PREFIX}document:{each.key}" for each in request.documents]
        self._release(keys=keys, args=[request.id])

    def journal(self, request_id: str, record: Mapping[str, Any]) -> None:
        """Note what is about to be written, or was. Read back with `records` after a death."""
        self._redis.rpush(_key(request_id) + ":journal", json.dumps(dict(record)))

    def records(self, request_id: str) -> tuple[dict[str, Any], ...]:
        found = cast("list[bytes]", self._redis.lrange(_key(request_id) + ":journal", 0, -1))
        return tuple(json.loads(each) for each in found)

    # --- what is due ------------------------------------------------------------------------

    def expired(self, now: float) -> tuple[str, ...]:
        """Open requests whose time is over."""
        found = cast("list[bytes]", self._redis.zrangebyscore(OPEN_FIXES, 0, now, start=0, num=100))
        return tuple(each.decode() for each in found)

    def unfinished(self) -> tuple[str, ...]:
        """Requests for which somebody or some job still has something to do."""
        found = cast("list[bytes]", self._redis.zrange(OPEN_FIXES, 0, 999))
        return tuple(each.decode() for each in found)

    def once(self, request_id: str, what: str) -> bool:
        """True for the first who asks: something that is to be done at most once."""
        key = _key(request_id) + ":once"
        return bool(self._redis.hsetnx(key, what, str(time.time())))

    def tell(self, request_id: str, people: Iterable[str]) -> None:
        """Note whom the request is shown to directly, before it is."""
        if named := list(people):
            self._redis.sadd(_key(request_id) + ":told", *named)

    def told(self, request_id: str) -> tuple[str, ...]:
        """Whom the request is shown to directly: they are shown what becomes of it, too."""
        found = cast("set[bytes]", self._redis.smembers(_key(request_id) + ":told"))
        return tuple(sorted(each.decode() for each in found))

    def reminded(self, request_id: str, number: int) -> bool:
        """Take a reminder on; True for the first who does."""
        return self.once(request_id, f"remind:{number}")

    def unannounced(self, before: float) -> tuple[str, ...]:
        """Requests whose thread does not show their latest state yet."""
        found = cast(
            "list[bytes]", self._redis.zrangebyscore(UNANNOUNCED, 0, before, start=0, num=100)
        )
        return tuple(each.decode() for each in found)

    def announced(self, request_id: str, revision: int) -> None:
        """The thread shows that revision; a later one stays to be shown."""
        entry = self.entry(request_id)
        if entry is None or entry.revision == revision:
            self._redis.zrem(UNANNOUNCED, request_id)

    # --- audit ------------------------------------------------------------------------------

    def trail(self, request_id: str | None = None) -> tuple[AuditEntry, ...]:
        """The audit trail, oldest first; only one request's when it is named."""
        every = self._trail()
        return tuple(each for each in every if request_id in (None, each.request))

    def verify(self) -> Broken | None:
        """The first place where the trail was tampered with."""
        return audit.verify(*self.whole())

    def whole(self) -> tuple[tuple[AuditEntry, ...], str]:
        """The whole trail and the hash that its last entry has to have, of one moment: what is
        written while it is read must not look like tampering."""
        for _ in range(ATTEMPTS):
            head = self._head()
            every = tuple(self._trail())
            if head == self._head():
                break
        return every, head or audit.GENESIS

    def kept(self, sink: str) -> str:
        """The id of the last entry that a sink has kept; empty at the beginning."""
        found = cast("bytes | None", self._redis.hget(KEPT, sink))
        return "" if found is None else found.decode()

    def keep(self, sink: str, id: str) -> None:
        """The sink has kept all entries up to this one."""
        self._redis.hset(KEPT, sink, id)

    def pause(self, until: float) -> None:
        """Copy nothing before that time: a sink has failed."""
        self._redis.set(PAUSED, str(until), ex=max(1, int(until - time.time()) + 1))

    def pauses(self, now: float) -> bool:
        found = cast("bytes | None", self._redis.get(PAUSED))
        return found is not None and now < float(found)

    def last(self) -> str:
        """The id of the newest entry of the trail; empty while there is none."""
        found = cast("list[tuple[bytes, Any]]", self._redis.xrevrange(AUDIT, count=1))
        return found[0][0].decode() if found else ""

    def since(self, id: str, count: int) -> tuple[AuditEntry, ...]:
        """The next entries after this one, oldest first."""
        start = f"({id}" if id else "-"
        page = cast(
            "Sequence[tuple[bytes, Mapping[bytes, bytes]]]",
            self._redis.xrange(AUDIT, min=start, count=count),
        )
        return tuple(audit.read(page))

    def _trail(self) -> Iterable[AuditEntry]:
        start = "-"
        while True:
            page = cast(
                "Sequence[tuple[bytes, Mapping[bytes, bytes]]]",
                self._redis.xrange(AUDIT, min=start, count=500),
            )
            yield from audit.read(page)
            if len(page) < 500:
                return
            start = f"({page[-1][0].decode()}"

    def _head(self) -> str:
        head = cast("bytes | None", self._redis.get(HEAD))
        return "" if head is None else head.decode()


def _counted(entry: Entry, move: Move, actor: str) -> tuple[tuple[str, ...], Move]:
    if move not in (Move.CONSENT, Move.APPROVE):
        return entry.approvals, move
    approvals = tuple(dict.fromkeys((*entry.approvals, actor)))
    enough = len(approvals) >= entry.request.needed
    return approvals, Move.APPROVE if enough else Move.CONSENT


def _entry(fields: Mapping[bytes, bytes]) -> Entry:
    return Entry(
        request=FixRequest.model_validate_json(fields[b"request"]),
        state=State(fields[b"state"].decode()),
        revision=int(fields.get(b"revision", b"0")),
        approvals=tuple(json.loads(fields.get(b"approvals", b"[]"))),
        reason=fields.get(b"reason", b"").decode(),
    )


def _hashes(before: str | None, after_: str, target: str) -> dict[str, str]:
    return {
        "target": target,
        "before": audit.hash_of(before) if before is not None else "",
        "after": audit.hash_of(after_),
    }


def _key(request_id: str) -> str:
    return f"{PREFIX}fix:{request_id}"

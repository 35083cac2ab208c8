"""Calls to AWS: each made once, in parallel where nothing depends, counted, never raising.

`Calls` holds what one piece of work shares: threads, answers, counts. A `Chain` is a line of
calls of which each needs the one before; it forks where calls are independent, and knows how
long it is, so that a benchmark can say how fast the whole could be at best.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Lock
from types import MappingProxyType, TracebackType
from typing import Any, Generic, NamedTuple, TypeVar

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from workers.aws import reasons
from workers.aws.once import Once
from workers.aws.operations import operations
from workers.aws.sessions import AssumedRole, CannotAssume, Sessions
from workers.settings import Settings
from workers.snapshot.model import Reading, State, absent, present, unreadable

T = TypeVar("T")
U = TypeVar("U")
Answer = Mapping[str, Any]
# One endpoint for a whole partition: asked from one region, or answers would not be shared.
_GLOBAL = frozenset({"iam", "organizations"})
# Of the job's time, the part that reading may take; the rest is for evaluating and answering.
_SHARE = 0.6


class Place(NamedTuple):
    """Where a call goes: the client, the account whose read role is used, the region."""

    service: str
    account: str
    region: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What the work cost: calls by service, the longest chain of dependent calls, the time."""

    calls: Mapping[str, int]
    chain: int
    seconds: float

    @property
    def total(self) -> int:
        return sum(self.calls.values())


class Calls:
    """The calls of one piece of work: a diagnosis, or a sweep whose pipelines share documents.

    Use it as a context manager; leaving it drops calls that have not begun. After `seconds`
    nothing more is asked, and what is still wanted becomes unreadable. `begun` is how long the
    chain already is when one knows what to read: a search has to end before.
    """

    def __init__(self, sessions: Sessions, *, threads: int = 64, seconds: float = 120) -> None:
        self.sessions = sessions
        self.seconds = seconds
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="aws")
        self._answers: defaultdict[Hashable, Once] = defaultdict(Once)
        self._counter: Counter[str] = Counter()
        self._longest = 0
        self.begun = 0
        self._lock = Lock()
        self._start = time.monotonic()

    def __enter__(self) -> Calls:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.pool.shutdown(wait=False, cancel_futures=True)

    @property
    def remaining(self) -> float:
        """Seconds that are left; negative when the time is over."""
        return self._start + self.seconds - time.monotonic()

    def counts(self) -> Counts:
        with self._lock:
            calls = MappingProxyType(dict(sorted(self._counter.items())))
            return Counts(calls, self._longest, time.monotonic() - self._start)

    def count(self, service: str, length: int) -> None:
        with self._lock:
            self._counter[service] += 1
            self._longest = max(self._longest, length)

    def once(
        self, shelf: Hashable, key: Hashable, length: int, make: Callable[[Chain], T]
    ) -> tuple[T, int]:
        """The value of `make` and the length of the chain at which it is known; made once for
        each key of a shelf."""

        def run() -> tuple[T, int]:
            chain = Chain(self, length)
            return make(chain), chain.length

        with self._lock:
            answers = self._answers[shelf]
        return answers.get(key, run)

    def forget(self, place: Place, subject: str) -> None:
        """Drop the answers of a place about one object, given by name (or by its ARN)."""
        with self._lock:
            answers = self._answers[place]
        answers.forget(lambda key: key[0] == subject or key[0].endswith(f":{subject}"))


class Branch(Generic[T]):
    """Work that runs beside a chain until `join`."""

    def __init__(self, trunk: Chain, work: Callable[[Chain], T]) -> None:
        self._trunk = trunk
        self._chain = Chain(trunk.calls, trunk.length)
        self._work = work
        self._future: Future[T] = trunk.calls.pool.submit(work, self._chain)

    def join(self) -> T:
        """The result; the trunk's chain is then at least as long as this branch's.

        Work that no thread has taken up is done here and now: threads that wait for each other
        in one bounded pool would otherwise wait for ever.
        """
        value = self._work(self._chain) if self._future.cancel() else self._future.result()
        self._trunk.length = max(self._trunk.length, self._chain.length)
        return value


class Chain:
    """A line of dependent calls. Belongs to one thread; `fork` for another."""

    def __init__(self, calls: Calls, length: int = 0) -> None:
        self.calls = calls
        self.length = length

    def fork(self, work: Callable[[Chain], T]) -> Branch[T]:
        return Branch(self, work)

    def each(self, work: Callable[[Chain, U], T], items: Iterable[U]) -> tuple[T, ...]:
        """`work` for all items at the same time; the results in the order of the items.

        The first is done by this thread, which would only wait for the others.
        """
        works = [partial(_applied, work, item) for item in items]
        branches = [self.fork(each) for each in works[1:]]
        beside = Chain(self.calls, self.length)
        values = [each(beside) for each in works[:1]]
        values += [branch.join() for branch in branches]
        self.length = max(self.length, beside.length)
        return tuple(values)

    def once(self, shelf: Hashable, key: Hashable, make: Callable[[Chain], T]) -> T:
        """The value of `make`, which is called only the first time that `key` is asked for."""
        value, length = self.calls.once(shelf, key, self.length, make)
        self.length = max(self.length, length)
        return value

    def read(
        self, place: Place, operation: str, *, subject: str = "", **parameters: Any
    ) -> Reading[Answer]:
        """The answer of one call, without its metadata.

        Absent when AWS says that there is no such thing (the codes in operations.toml);
        unreadable, with the reason in words, when there is no answer. `subject` names the object
        in that reason. The same call is not made twice.
        """

        return self._asked(place, operation, subject, parameters, Chain._single)

    def pages(
        self,
        place: Place,
        operation: str,
        key: str,
        *,
        subject: str = "",
        at_most: int | None = None,
        **parameters: Any,
    ) -> Reading[tuple[Any, ...]]:
        """The items under `key` of all pages (of the first `at_most` pages).

        One page that cannot be read makes the whole unreadable: half a list looks like a whole.
        """

        def ask(chain: Chain, place: Place, operation: str, parameters: Answer) -> tuple[Any, ...]:
            return chain._paged(place, operation, key, at_most, parameters)

        return self._asked(place, operation, subject, parameters, ask, key, at_most)

    def _asked(
        self,
        place: Place,
        operation: str,
        subject: str,
        parameters: Answer,
        ask: Callable[[Chain, Place, str, Answer], T],
        *more: object,
    ) -> Reading[T]:
        if place.service in _GLOBAL:
            place = place._replace(region=self.calls.sessions.home_region)
        named = json.dumps(parameters, sort_keys=True, default=str)
        return self.once(
            place,
            (subject, operation, named, *more),
            lambda chain: chain._answer(place, operation, subject, parameters, ask),
        )

    def _answer(
        self,
        place: Place,
        operation: str,
        subject: str,
        parameters: Answer,
        ask: Callable[[Chain, Place, str, Answer], T],
    ) -> Reading[T]:
        known = operations()[place.service, operation]
        if self.calls.remaining <= 0:
            return unreadable(reasons.text("late", seconds=round(self.calls.seconds)))
        try:
            return present(ask(self, place, operation, parameters))
        except CannotAssume as error:
            return unreadable(str(error))
        except ClientError as error:
            if reasons.code(error) in known.absent:
                return absent()
            failure: ClientError | BotoCoreError = error
        except BotoCoreError as error:
            failure = error
        return unreadable(
            reasons.why(
                failure,
                known,
                principal=self._role(place).role_arn,
                account=place.account,
                region=place.region,
                subject=subject,
                attempts=self.calls.sessions.attempts,
            )
        )

    def _single(self, place: Place, operation: str, parameters: Answer) -> Answer:
        client = self._client(place, operation)
        self._step(place.service)
        answer = getattr(client, xform_name(operation))(**parameters)
        answer.pop("ResponseMetadata", None)
        return MappingProxyType(answer)

    def _paged(
        self, place: Place, operation: str, key: str, at_most: int | None, parameters: Answer
    ) -> tuple[Any, ...]:
        client = self._client(place, operation)
        pages = client.get_paginator(xform_name(operation)).paginate(**parameters)
        items: list[Any] = []
        try:
            for number, page in enumerate(pages, start=1):
                self._step(place.service)
                items += page.get(key, ())
                if number == at_most:
                    break
        except (BotoCoreError, ClientError):
            self._step(place.service)
            raise
        return tuple(items)

    def _client(self, place: Place, operation: str) -> Any:
        """The client for a place; the role is assumed first, which is a call of its own."""
        sessions = self.calls.sessions
        role = self._role(place)

        def assume(chain: Chain) -> None:
            try:
                asked = sessions.assume(role)
            except CannotAssume:
                chain._step("sts")
                raise
            if asked:
                chain._step("sts")

        self.once("assumed", role, assume)
        needed = not operations()[place.service, operation].optional
        return sessions.client(place.service, role, place.region, patient=needed)

    def _role(self, place: Place) -> AssumedRole:
        sessions = self.calls.sessions
        # Who changed an organisation's policy stands in the trail of the account that has them.
        theirs = place.service == "organizations" or (
            place.service == "cloudtrail" and not sessions.configured(place.account)
        )
        return sessions.read_role(place.account, organisation=theirs)

    def _step(self, service: str) -> None:
        self.length += 1
        self.calls.count(service, self.length)


def calls_for(settings: Settings, sessions: Sessions) -> Calls:
    """The calls of one job. Hand it to several readings to let them share what they read."""
    return Calls(
        sessions,
        threads=settings.jobs.threads,
        seconds=settings.jobs.timeout_seconds * _SHARE,
    )


def then(reading: Reading[T], change: Callable[[T], U]) -> Reading[U]:
    """The reading with its value changed; absent and unreadable stay what they are."""
    if reading.state is State.PRESENT:
        return present(change(reading.require()))
    return Reading(reading.state, None, reading.why)


def _applied(work: Callable[[Chain, U], T], item: U, chain: Chain) -> T:
    return work(chain, item)

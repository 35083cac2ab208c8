"""Many pipelines read in one go: what they share is read once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

from workers.aws.calls import Calls, Place
from workers.aws.reader import Wanted, read_snapshot
from workers.aws.search import Listed
from workers.aws.sessions import Sessions
from workers.settings import Settings
from workers.snapshot.model import Snapshot

Stop: TypeAlias = Callable[[], bool]


def read_pipelines(
    settings: Settings,
    sessions: Sessions,
    pipelines: Iterable[Listed],
    calls: Calls,
    *,
    at_once: int = 8,
    wanted: Wanted | None = None,
    stop: Stop = lambda: False,
    ask_trail: bool = False,
) -> Iterator[tuple[Listed, Snapshot]]:
    """The snapshots of the pipelines, in their order, `at_once` being read at the same time.

    All go through the same `calls`, so a bucket, a role or an organisation's policy that many
    pipelines name is asked for once. What only one pipeline has (its structure and its runs) is
    forgotten when it is done, so that memory grows with what is shared. `stop` is asked before
    each further pipeline is begun. CloudTrail answers two lookups a second: it is asked with
    `ask_trail` only.
    """

    def read(one: Listed) -> Snapshot:
        return read_snapshot(
            settings,
            sessions,
            one.name,
            one.account,
            one.region,
            calls=calls,
            wanted=wanted,
            ask_trail=ask_trail,
        )[0]

    begun: deque[tuple[Listed, Future[Snapshot]]] = deque()
    waiting = iter(pipelines)
    # Their threads only wait for answers; the calls themselves run in the pool of `calls`.
    with ThreadPoolExecutor(at_once, thread_name_prefix="sweep") as pool:
        while True:
            while len(begun) < at_once and not stop():
                following = next(waiting, None)
                if following is None:
                    break
                begun.append((following, pool.submit(read, following)))
            if not begun:
                return
            one, future = begun.popleft()
            snapshot = future.result()
            calls.forget(Place("codepipeline", one.account, one.region), one.name)
            yield one, snapshot

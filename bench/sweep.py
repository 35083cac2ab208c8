"""A sweep over 1,000 pipelines in 20 accounts, 50 ms added to every AWS call:
``python -m bench.sweep``.

Looked at as `pipeline-access sweep` does: read through shared answers and diagnosed, on one core.
Twenty of them read one by one stand beside, for the calls.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from time import monotonic, process_time

from bench import fleet
from bench.table import Row, show
from demo.aws.cloud import Cloud
from demo.aws.world import build
from workers.aws.reader import read_snapshot
from workers.aws.search import Listed
from workers.aws.sessions import Sessions
from workers.diagnosis.model import Outcome
from workers.incidents.looks import looked
from workers.incidents.survey import open_survey
from workers.settings import Settings
from workers.worker import preload

ACCOUNTS, EACH = 20, 50
LATENCY_MS = 50
SAMPLE = 20


def rows() -> Iterator[Row]:
    """Measure; takes about four minutes, half of them to make the accounts."""
    world = fleet.fleet(ACCOUNTS, EACH)
    with Cloud(action_seconds=0.05) as cloud:
        began = monotonic()
        build(cloud, world)
        print(f"accounts made in {monotonic() - began:.0f} s", file=sys.stderr)
        with fleet.worker_credentials(cloud, world):
            settings = fleet.settings_of(world)
            preload()
            apiece = _one_by_one(settings)
            cloud.set_latency(LATENCY_MS)
            yield from _sweep(settings, apiece)


def _one_by_one(settings: Settings) -> float:
    """Calls of a pipeline that is read alone."""
    calls = 0
    for number in range(SAMPLE):
        account = number * ACCOUNTS // SAMPLE
        sessions = Sessions(settings, request_id="bench")
        where = fleet.account_id(account), fleet.REGION
        name = fleet.name(account, number % EACH)
        calls += read_snapshot(settings, sessions, name, *where, ask_trail=False)[1].total
    return calls / SAMPLE


def _sweep(settings: Settings, apiece: float) -> Iterator[Row]:
    before, began, busy = fleet.resident(), monotonic(), process_time()
    kept: list[tuple[Listed, Outcome]] = []
    with open_survey(settings, "bench", 3_600) as survey:
        found = survey.pipelines().matches
        for surveyed in survey.look(found):
            kept.append((surveyed.pipeline, looked(surveyed).report.outcome))
        cost = survey.cost()
    wall, cpu = monotonic() - began, process_time() - busy
    grown = fleet.resident() - before
    clear = sum(outcome is Outcome.CLEAR for _, outcome in kept)
    assert len(kept) == ACCOUNTS * EACH
    assert clear == len(kept), f"{len(kept) - clear} are not clear"
    yield Row(
        f"sweep of {len(kept)} pipelines in {ACCOUNTS} accounts: wall",
        f"{wall:.0f} s",
        f"{apiece * len(kept) * LATENCY_MS / 1000:.0f} s of waiting, one by one",
        f"{wall / len(kept) * 1000:.0f} ms each",
    )
    yield Row("of which this process was computing", f"{cpu:.0f} s", "", f"{cpu / wall:.0%}")
    yield Row(
        "AWS calls",
        f"{cost.calls} ({cost.calls / len(kept):.1f} each)",
        f"{apiece:.1f} each, one by one",
        f"{apiece * len(kept) / cost.calls:.1f}x",
        "at least 5x fewer",
        apiece * len(kept) >= 5 * cost.calls,
    )
    yield Row(
        "memory that it adds", f"{grown:.0f} MB", "", f"{grown / len(kept) * 1024:.0f} kB each"
    )


def main() -> None:
    """Print the table."""
    show(f"Sweep, {LATENCY_MS} ms added to every AWS call", rows())


if __name__ == "__main__":
    main()

"""How long a diagnosis takes once everything is read: `python -m bench.diagnosis`.

CPU time of one thread: there is no I/O in it, and other work on the machine does not count.

The reference pipeline has 3 accounts, 2 regions, 14 actions of 9 providers, 11 roles, 2 artifact
stores, 3 keys and 4 levels of service control policies. A denied one costs more than a healthy
one: every cause gets a plan, and every plan is proven by evaluating again.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

from bench.table import Row, show
from tests.diagnosis import world
from workers.diagnosis import diagnose
from workers.pipeline import catalogue
from workers.snapshot.codec import load

TURNS = 9
LIMIT = 0.150  # seconds


def rows() -> Iterable[Row]:
    """The median of `TURNS` diagnoses after a warm-up, for one snapshot each."""
    known = catalogue.load()
    for name, value in (
        ("reference pipeline, healthy", world.reference()),
        ("one action missing", _without_start(world.reference())),
        ("key and bucket policy closed to two accounts", _closed(world.reference())),
        ("an SCP denies everything", _stopped(world.reference())),
    ):
        snapshot = load(json.dumps(value))
        report = diagnose(snapshot, catalogue=known)
        taken = _median(lambda read=snapshot: diagnose(read, catalogue=known))  # type: ignore[misc]
        yield Row(
            f"{name}: {report.checked.requirements} checks, {len(report.findings)} causes",
            f"{taken * 1000:.0f} ms",
            f"{LIMIT * 1000:.0f} ms",
            f"{taken / LIMIT:.2f}x",
            f"under {LIMIT * 1000:.0f} ms",
            taken < LIMIT,
        )


def _without_start(snapshot: dict[str, Any]) -> dict[str, Any]:
    world.statement(snapshot, world.SERVICE, "Builds")["Action"] = ["codebuild:BatchGetBuilds"]
    return snapshot


def _closed(snapshot: dict[str, Any]) -> dict[str, Any]:
    """What a new account often meets: neither the bucket nor the key was opened for it."""
    own = {"AWS": f"arn:aws:iam::{world.TOOLS}:root"}
    for holder, sids in ((world.BUCKET, ("Objects", "Bucket")), (world.KEY, ("Users",))):
        for sid in sids:
            world.statement(snapshot, holder, sid)["Principal"] = own
    return snapshot


def _stopped(snapshot: dict[str, Any]) -> dict[str, Any]:
    deny = world.allow("Stop", "*", "*") | {"Effect": "Deny"}
    for membership in snapshot["memberships"].values():
        membership["scps"][1]["policies"]["Freeze"] = world.document(deny)
    return snapshot


def _median(work: Callable[[], object]) -> float:
    work()
    taken = []
    for _ in range(TURNS):
        gc.collect()
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return median(taken)


if __name__ == "__main__":
    show("Diagnosis without I/O: medians", rows())

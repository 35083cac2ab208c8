"""How fast a pipeline is read, and what it costs: ``python -m bench.reading``.

A single pipeline is read as a job reads it, in a fork of a process that has loaded what a worker's
parent loads, from an AWS that answers every call after 50 ms (`bench.replay`). The mark is twice
the longest chain of dependent calls times 50 ms: what no number of threads could shorten, doubled;
looking for the pipeline is part of both. A sweep reads 200 pipelines in 10 accounts; its mark is a
fifth of the calls that reading them one by one takes. The memory of a worker that preloads the
models stands beside.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import monotonic, process_time
from typing import NamedTuple

from botocore.credentials import Credentials

from bench.replay import replaying
from bench.table import Row, show
from demo.aws.cloud import Cloud
from demo.aws.world import build, load
from demo.aws.world.model import Account, Bucket, Key, Pipeline, World
from workers.aws.calls import Calls, Counts
from workers.aws.models import models
from workers.aws.operations import services
from workers.aws.reader import Listed, find_pipelines, read_snapshot
from workers.aws.sessions import Sessions
from workers.aws.sweep import read_pipelines
from workers.engine import known
from workers.pipeline.references import wanted
from workers.settings import Settings, validate
from workers.snapshot.model import State
from workers.worker import preload

LATENCY = 0.050
TURNS = 9
ACCOUNTS, EACH = 10, 20
SAMPLE = 20  # of the sweep's pipelines, read one by one for comparison
PARENT_LIMIT, CHILD_LIMIT = 150, 40
REGION = "us-east-1"


def rows() -> Iterator[Row]:
    """Measure everything; takes about a minute."""
    yield from _memory()
    preload()
    world = _world()
    with Cloud(action_seconds=0.05) as cloud:
        build(cloud, world)
        with _credentials(cloud, world):
            settings = _settings(world)
            without = settings.model_copy(update={"accounts": settings.accounts[:-ACCOUNTS]})
            with (
                replaying(cloud.endpoint, LATENCY * 1000) as endpoint,
                _environment({"AWS_ENDPOINT_URL": endpoint}),
            ):
                yield from _single(
                    without, "reference in tools", "11 roles, 14 actions, 3 accounts, 2 regions"
                )
                yield from _single(without, "payments-deploy", "of the demo, cross-account")
            yield from _sweep(cloud, settings)


def _single(settings: Settings, named: str, words: str) -> Iterator[Row]:
    """As after the command `NAME [in ACCOUNT]`: without an account it is looked for in all."""
    _forked(settings, named)  # what is replayed is learnt
    turns = [_forked(settings, named) for _ in range(TURNS)]
    walls = [each.seconds for each in turns]
    last = turns[-1]
    print(f"{named}: {last.services}", file=sys.stderr)
    # Where documents arrive together, one that leads on may be taken for a later one's child.
    chain = min(each.chain for each in turns)
    least = chain * LATENCY
    wall = median(walls)
    processor = median(each.processor for each in turns)
    yield Row(
        f"{named}: {words}; {last.calls} calls, {processor:.2f} s of processor, longest chain "
        f"{chain}",
        f"{wall:.2f} s (best {min(walls):.2f})",
        f"{least:.2f} s",
        f"{wall / least:.1f}x",
        "at most 2x",
        wall <= 2 * least,
    )


class Turn(NamedTuple):
    """One reading: its time, our processor time, its calls."""

    seconds: float
    processor: float
    calls: int
    chain: int
    services: str


def _forked(settings: Settings, named: str) -> Turn:
    """Read in a child, as a worker's job does."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, json.dumps(_read(settings, named)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as answer:
        turn = Turn(*json.load(answer))
    os.waitpid(child, 0)
    return turn


def _read(settings: Settings, named: str) -> Turn:
    name, _, account = named.partition(" in ")
    began, used = monotonic(), process_time()
    sessions = Sessions(settings, request_id="bench")
    with Calls(sessions, threads=settings.jobs.threads) as calls:
        found = find_pipelines(settings, sessions, name, account or None, calls=calls).matches[0]
        snapshot, counts = read_snapshot(
            settings,
            sessions,
            *_identity(found),
            calls=calls,
            wanted=lambda read: wanted(read, known()),
        )
    assert snapshot.pipeline.state is State.PRESENT
    seconds, processor = monotonic() - began, process_time() - used
    return Turn(seconds, processor, counts.total, counts.chain, _by_service(counts))


def _sweep(cloud: Cloud, settings: Settings) -> Iterator[Row]:
    pipelines = [
        Listed(f"swept-{account:02}-{number:02}", _account(account), REGION)
        for account in range(ACCOUNTS)
        for number in range(EACH)
    ]
    cloud.set_latency(0)
    alone = 0
    for one in pipelines[:: len(pipelines) // SAMPLE]:
        sessions = Sessions(settings, request_id="bench")
        alone += read_snapshot(settings, sessions, *_identity(one))[1].total
    cloud.set_latency(LATENCY * 1000)
    sessions = Sessions(settings, request_id="bench")
    began, before = monotonic(), _resident()
    with Calls(sessions, threads=settings.jobs.threads, seconds=600) as calls:
        read = sum(1 for _ in read_pipelines(settings, sessions, pipelines, calls))
        counts = calls.counts()
    wall = monotonic() - began
    apiece = alone / SAMPLE
    grown = _resident() - before
    yield Row(
        f"calls of a sweep over {read} pipelines in {ACCOUNTS} accounts, beside one by one",
        f"{counts.total / read:.1f} each",
        f"{apiece:.1f} each",
        f"{apiece * read / counts.total:.1f}x",
        "at least 5x fewer",
        apiece * read >= 5 * counts.total,
    )
    yield Row(f"the same sweep, {counts.total} calls", f"{wall:.1f} s, {grown:+.0f} MB")


def _memory() -> Iterator[Row]:
    """In a process of its own, as the worker starts: its memory is its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.reading", "--memory"],
        capture_output=True,
        text=True,
        check=True,
    )
    parent, child = json.loads(done.stdout.splitlines()[-1])
    for scenario, megabytes, limit in (
        ("a worker's parent, models preloaded", parent, PARENT_LIMIT),
        ("what a forked job with 40 clients adds", child, CHILD_LIMIT),
    ):
        yield Row(
            scenario,
            f"{megabytes:.0f} MB",
            f"{limit} MB",
            f"{megabytes / limit:.2f}x",
            f"under {limit} MB",
            megabytes < limit,
        )


def memory() -> tuple[float, float]:
    """Megabytes of a worker's parent, and what a child of it comes to have for itself."""
    preload()
    parent = _resident()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        kept = _clients()
        os.write(writing, f"{_private():.1f} {len(kept)}".encode())
        os._exit(0)
    os.close(writing)
    answer = os.read(reading, 100).decode().split()
    os.waitpid(child, 0)
    return parent, float(answer[0])


def _clients() -> list[object]:
    """The clients of a job over two regions, all that are preloaded."""
    session, nobody = models().session(), Credentials("none", "none")
    return [
        session.client_for(nobody, service, region_name=region)
        for service in services()
        if service != "ec2"
        for region in ("us-east-1", "eu-west-1")
    ]


def _resident() -> float:
    return _memory_of("status", "VmRSS:")


def _private() -> float:
    return _memory_of("smaps_rollup", "Private_Dirty:")


def _memory_of(file: str, name: str) -> float:
    """Megabytes, from /proc."""
    for line in Path("/proc/self", file).read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    return float("nan")


# --- the world -----------------------------------------------------------------------------------


def _world() -> World:
    """The demo's organisation with the reference pipeline, one of the demo's own, and 200 more."""
    world = load()
    text = Path(__file__).with_name("reference.toml").read_text("utf-8")
    reference = Pipeline.model_validate(tomllib.loads(text))
    own = world.pipeline("payments-deploy")
    added = tuple(
        Account(id=_account(number), alias=f"swept-{number:02}", name="Swept", unit="Workloads")
        for number in range(ACCOUNTS)
    )
    organisation = world.organisation.model_copy(
        update={"accounts": world.organisation.accounts + added}
    )
    swept = tuple(_swept(account, number) for account in range(ACCOUNTS) for number in range(EACH))
    return world.model_copy(
        update={"organisation": organisation, "pipelines": (reference, own, *swept)}
    )


def _swept(account: int, number: int) -> Pipeline:
    """One of twenty pipelines of an account, which share role, bucket, key and build project."""
    id = _account(account)
    role, build = (f"arn:aws:iam::{id}:role/{name}" for name in ("Pipelines", "Builds"))
    bucket = f"acme-swept-{account:02}"
    key = f"arn:aws:kms:{REGION}:{id}:key/00000000-0000-4000-8000-{account:012}"
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    shared = {
        "roles": [
            {"arn": role, "trust": "codepipeline.amazonaws.com", "grants": [everything]},
            {"arn": build, "trust": "codebuild.amazonaws.com", "grants": [everything]},
        ],
        "buckets": [Bucket(name=bucket, account=id, key=key)],
        "keys": [Key(arn=key, alias="artifacts")],
        "projects": [{"arn": f"arn:aws:codebuild:{REGION}:{id}:project/builds", "role": build}],
    }
    source = {
        "name": "Source",
        "type": "Source/AWS/S3",
        "outputs": ["App"],
        "configuration": {"S3Bucket": bucket, "S3ObjectKey": f"{number}.zip"},
    }
    compile_ = {
        "name": "Build",
        "type": "Build/AWS/CodeBuild",
        "inputs": ["App"],
        "configuration": {"ProjectName": "builds"},
    }
    return Pipeline.model_validate(
        {
            "name": f"swept-{account:02}-{number:02}",
            "account": id,
            "summary": "one of many",
            "outcome": "clear",
            "pipeline": {
                "role": role,
                "store": {"bucket": bucket, "key": key},
                "stages": [
                    {"name": "Source", "actions": [source]},
                    {"name": "Build", "actions": [compile_]},
                ],
            },
        }
        | (shared if number == 0 else {})
    )


def _account(number: int) -> str:
    return f"7000000000{number:02}"


def _identity(one: Listed) -> tuple[str, str, str]:
    return one.name, one.account, one.region


def _settings(world: World) -> Settings:
    return validate(
        {
            "defaults": {
                "regions": [REGION],
                "read_role": world.bot.read_role,
                "external_id": world.bot.external_id,
            },
            "accounts": [{"id": each.id, "alias": each.alias} for each in world.accounts],
            "organisation": {
                "account": world.organisation.management,
                "read_role": world.bot.organisation_role,
            },
        },
        "bench",
    )


@contextmanager
def _credentials(cloud: Cloud, world: World) -> Iterator[None]:
    """The environment of a worker that runs under the world's worker role."""
    given = cloud.role_session(world.bot.worker) | {
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_REGION": REGION,
    }
    with _environment(given):
        yield


@contextmanager
def _environment(given: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _by_service(counts: Counts) -> str:
    return ", ".join(f"{service} {number}" for service, number in counts.calls.items())


def main() -> None:
    """Print the table."""
    if "--memory" in sys.argv:
        print(json.dumps(memory()))
        return
    show("Reading, with 50 ms added to every AWS call", rows())


if __name__ == "__main__":
    main()

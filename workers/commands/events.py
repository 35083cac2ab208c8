"""`pipeline-access events`: what came of the failure events, and what could not be read."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TypeVar

import click
from redis import Redis, RedisError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from workers.consumer import BEAT
from workers.incidents.intake import Aside, Intake
from workers.queue import connect
from workers.settings import Places

T = TypeVar("T")
# The counts in the order in which they explain each other.
MEANINGS = {
    "received": "events received",
    "failed": "executions that failed",
    "succeeded": "executions that succeeded after a failure",
    "quiet": "other executions that succeeded",
    "doubled": "delivered more than once",
    "stale": "older than what was known",
    "unwatched": "failures that no channel watches",
    "other_reasons": "failures for other reasons than access",
    "not_allowed": "not told, because the rules forbid it there",
    "not_for_us": "events about something else",
    "unknown_account": "of accounts that are not configured",
    "set_aside": "messages that could not be read",
}


@click.command()
@click.option("--set-aside", is_flag=True, help="Show the messages that could not be read.")
@click.option("--json", "as_json", is_flag=True, help="JSON for a program.")
@click.option("--check", is_flag=True, help="Say nothing; fail unless the consumer lives.")
def events(set_aside: bool, as_json: bool, check: bool) -> None:
    """Show what the consumer took from the queue of failure events.

    Needs REDIS_URL in the environment.
    """
    if check:
        if not _read(lambda redis: redis.exists(BEAT)):
            raise click.ClickException("The consumer has not been heard of lately.")
        return
    if set_aside:
        _set_aside(_read(lambda redis: Intake(redis).aside(1_000)), as_json=as_json)
        return
    counts = _read(lambda redis: Intake(redis).counts())
    unknown = _read(lambda redis: Intake(redis).unknown_accounts())
    beat = _read(lambda redis: redis.get(BEAT))
    heard = float(beat) if isinstance(beat, bytes) else None
    if as_json:
        found = {"counts": counts, "unknown_accounts": unknown, "consumer_heard": heard}
        click.echo(json.dumps(found, indent=2))
        return
    console = Console(highlight=False)
    console.print(_counts(counts))
    for account, number in unknown.items():
        console.print(f"Account {account} is not configured: {number} events.")
    if heard is None:
        console.print(Text("The consumer has not been heard of lately.", style="yellow"))
    else:
        console.print(f"The consumer was heard {time.time() - heard:.0f} s ago.")


def _set_aside(found: tuple[Aside, ...], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=2, ensure_ascii=False))
        return
    if not found:
        click.echo("No message was set aside.", err=True)
        return
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for heading in ("when", "message", "why", "what it said"):
        table.add_column(heading, overflow="fold")
    for each in found:
        when = datetime.fromtimestamp(each.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(when, each.id, Text(each.why), Text(each.body[:300]))
    Console().print(table)


def _counts(counts: dict[str, int]) -> Table:
    table = Table(show_edge=False, pad_edge=False, show_header=False)
    table.add_column(justify="right")
    table.add_column()
    for name, meaning in MEANINGS.items():
        if counts.get(name) or name == "received":
            table.add_row(str(counts.get(name, 0)), meaning)
    return table


def _read(read: Callable[[Redis], T]) -> T:
    try:
        return read(connect(Places()))
    except RedisError as error:
        raise click.ClickException(
            f"Redis does not answer ({type(error).__name__}). REDIS_URL says where it is."
        ) from None

"""`pipeline-access audit`: the audit trail, and whether anybody tampered with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import click
from redis import RedisError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from workers.ledger import Ledger
from workers.ledger.audit import AuditEntry
from workers.queue import connect
from workers.settings import Places

SHOWN = ("request", "event", "actor", "from", "to", "reason", "why")


@click.command()
@click.option("--request", "request_id", help="Only what happened to this request.")
@click.option("--verify", is_flag=True, help="Check the chain of hashes; status 1 if it is broken.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, oldest first.")
def audit(request_id: str | None, verify: bool, as_json: bool) -> None:
    """Print the audit trail of requested fixes: requests, decisions, refusals, changes.

    Needs REDIS_URL in the environment. Every entry carries the hash of the one before it, so
    that --verify names the first place where one was altered, removed or inserted.
    """
    ledger = Ledger(connect(Places()))
    try:
        trail = ledger.trail(request_id)
        broken = ledger.verify() if verify else None
    except RedisError as error:
        raise click.ClickException(
            f"Redis does not answer ({type(error).__name__}). REDIS_URL says where it is."
        ) from None
    if as_json:
        for each in trail:
            click.echo(json.dumps({"id": each.id, "hash": each.hash, **each.content}))
    elif trail:
        Console().print(_table(trail))
    else:
        click.echo("Nothing was requested yet.", err=True)
    if broken is not None:
        click.echo(f"The trail was tampered with: entry {broken.id} {broken.why}.", err=True)
        raise SystemExit(1)
    if verify:
        click.echo("The trail is whole.", err=True)


def _table(trail: Sequence[AuditEntry]) -> Table:
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for heading in ("when", *SHOWN):
        table.add_column(heading, overflow="fold")
    for each in trail:
        at = datetime.fromtimestamp(float(each.content.get("at", 0)), UTC)
        table.add_row(
            at.strftime("%Y-%m-%d %H:%M:%S"),
            *(Text(str(each.content.get(name, ""))) for name in SHOWN),
        )
    return table

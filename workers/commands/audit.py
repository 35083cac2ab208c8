"""`pipeline-access audit`: the audit trail, and whether anybody tampered with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from redis import RedisError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from workers.ledger import Ledger
from workers.ledger import audit as chain
from workers.ledger.audit import AuditEntry
from workers.queue import connect
from workers.settings import Places

SHOWN = ("request", "event", "actor", "from", "to", "reason", "why")


@click.command()
@click.option("--request", "request_id", help="Only what happened to this request.")
@click.option("--verify", is_flag=True, help="Check the chain of hashes; status 1 if it is broken.")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read a copy (lines of JSON) instead of Redis.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, oldest first.")
def audit(request_id: str | None, verify: bool, file: Path | None, as_json: bool) -> None:
    """Print the audit trail of requested fixes: requests, decisions, refusals, changes.

    Needs REDIS_URL in the environment, or --file. Every entry carries the hash of the one before
    it, so that --verify names the first place where one was altered, removed or inserted.
    """
    every, head = _of_redis() if file is None else _of_file(file)
    trail = [each for each in every if request_id in (None, each.request)]
    broken = chain.verify(every, head) if verify else None
    if as_json:
        for each in trail:
            click.echo(chain.line(each))
    elif trail:
        Console().print(_table(trail))
    else:
        click.echo("Nothing was requested yet.", err=True)
    if broken is not None:
        click.echo(f"The trail was tampered with: entry {broken.id} {broken.why}.", err=True)
        raise SystemExit(1)
    if verify:
        end = f": {len(every)} entries, the last {every[-1].id} {every[-1].hash}" if every else ""
        click.echo(f"The trail is whole{end}.", err=True)


def _of_redis() -> tuple[tuple[AuditEntry, ...], str]:
    """The trail and the hash that its end has to have."""
    ledger = Ledger(connect(Places()))
    try:
        return ledger.whole()
    except RedisError as error:
        raise click.ClickException(
            f"Redis does not answer ({type(error).__name__}). REDIS_URL says where it is."
        ) from None


def _of_file(file: Path) -> tuple[tuple[AuditEntry, ...], str]:
    """A copy proves the chain up to its own end, wherever that is."""
    found: list[AuditEntry] = []
    for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
        try:
            found.append(chain.parse(line))
        except ValueError as error:
            raise click.ClickException(f"{file}, line {number}: {error}.") from None
    return tuple(found), found[-1].hash if found else chain.GENESIS


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

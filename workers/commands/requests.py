"""`pipeline-access requests`: the requested fixes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
from redis import RedisError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from workers.ledger import Entry, Ledger
from workers.ledger.journal import made
from workers.queue import connect
from workers.settings import Places
from workers.slack import differences

T = TypeVar("T")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array, newest first.")
@click.option("--state", help="Only requests in this state, for example `requested`.")
def requests(as_json: bool, state: str | None) -> None:
    """Show the requested fixes: who asked for what, why, and where it stands.

    Needs REDIS_URL in the environment.
    """
    ledger = Ledger(connect(Places()))
    entries = [each for each in _read(ledger.entries) if state in (None, each.state)]
    if as_json:
        records = _read(lambda: [ledger.records(each.request.id) for each in entries])
        shown = [_json(entry, each) for entry, each in zip(entries, records, strict=True)]
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
    elif not entries:
        click.echo("No fix was requested yet.", err=True)
    else:
        Console().print(_table(entries))


def _read(read: Callable[[], T]) -> T:
    try:
        return read()
    except RedisError as error:
        raise click.ClickException(
            f"Redis does not answer ({type(error).__name__}). REDIS_URL says where it is."
        ) from None


def _table(entries: list[Entry]) -> Table:
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for heading in ("request", "state", "asked", "by", "pipeline", "document", "reason"):
        table.add_column(heading, overflow="fold")
    for entry in entries:
        request = entry.request
        table.add_row(
            request.id,
            entry.state.value.replace("_", " "),
            _moment(request.requested_at),
            request.requester,
            Text(f"{request.pipeline} ({request.account} {request.region})"),
            Text("\n".join(f"{each.kind} {each.id}" for each in request.documents)),
            Text(request.reason),
        )
    return table


def _json(entry: Entry, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    known = made(records, len(entry.request.documents))
    request = entry.request.model_dump(mode="json")
    request["requested_at"] = _moment(entry.request.requested_at)
    request["expires_at"] = _moment(entry.request.expires_at)
    return {
        "id": entry.request.id,
        "state": entry.state.value,
        "approvals": list(entry.approvals),
        **{name: value for name, value in request.items() if name != "id"},
        "diverged": [
            {
                "id": document.id,
                "live": each.live,
                "author": None if each.author is None else asdict(each.author),
                **asdict(compared),
            }
            for document, each, compared in differences.compared(entry.request, known)
        ],
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

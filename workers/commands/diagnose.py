"""`pipeline-access diagnose`: why a pipeline is denied, at the terminal. Needs no Slack, no Redis.

With `--snapshot` it needs no AWS either: the report is a function of the file.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from workers.diagnosis import diagnose as diagnosis
from workers.diagnosis.mentions import read_mention
from workers.diagnosis.model import Outcome, Report
from workers.diagnosis.report_json import to_json
from workers.pipeline import catalogue
from workers.settings import ConfigurationError, Settings, load
from workers.snapshot.codec import SnapshotError, dump, redact
from workers.snapshot.codec import load as load_snapshot
from workers.snapshot.model import Snapshot, State
from workers.terminal import render

if TYPE_CHECKING:
    from workers.aws.calls import Calls
    from workers.aws.search import Found, Listed
    from workers.aws.sessions import Sessions

EXIT = {Outcome.CLEAR: 0, Outcome.BLOCKED: 1, Outcome.UNKNOWN: 3}
NOT_FOUND = 2
_FILE = click.Path(path_type=Path, dir_okay=False)


@dataclass(frozen=True, slots=True)
class _Asked:
    name: str
    account: str | None
    region: str | None
    caller: str | None
    errors: tuple[str, ...]


@click.command()
@click.argument("name", required=False)
@click.option("--account", help="The account's id or alias, where the name is not unique.")
@click.option("--region", help="The region, where the name is not unique.")
@click.option("--as", "caller", metavar="ARN", help="Check this user or role, too.")
@click.option(
    "--error", "errors", multiple=True, metavar="TEXT", help="An error text you were given."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")
@click.option(
    "--save-snapshot",
    type=_FILE,
    metavar="FILE",
    help="Keep what was read, to diagnose from it again.",
)
@click.option(
    "--snapshot",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Diagnose from a snapshot instead of AWS; - reads it from standard input.",
)
@click.option("--map", "map_file", type=_FILE, metavar="FILE", help="Draw the access map as SVG.")
def diagnose(
    name: str | None,
    account: str | None,
    region: str | None,
    caller: str | None,
    errors: tuple[str, ...],
    as_json: bool,
    save_snapshot: Path | None,
    snapshot: Path | None,
    map_file: Path | None,
) -> None:
    """Say why the pipeline NAME is denied, what will be denied next, and what cures it.

    NAME is the pipeline's name, its ARN or a link to it in the console. Ends with status 0 when
    it is clear, 1 when something blocks it, 3 when that cannot be known, and 2 when there is no
    such pipeline or the call itself is wrong.
    """
    if name is None and snapshot is None:
        raise click.UsageError("Name a pipeline, or a snapshot with --snapshot.")
    asked = _asked(name or "", account, region, caller, errors)
    if snapshot is not None:
        taken = _completed(_from_file(snapshot), asked)
        report = _report(taken, asked, _settings_if_any())
    else:
        taken, report = _from_aws(asked, load())
    if save_snapshot is not None:
        _write(save_snapshot, dump(redact(taken)))
    if map_file is not None:
        _write(map_file, _map(report, taken))
    if as_json:
        click.echo(json.dumps(to_json(report), indent=2, ensure_ascii=False))
    else:
        Console(highlight=False).print(render(report))
    sys.exit(_status(report, taken))


def _asked(
    name: str,
    account: str | None,
    region: str | None,
    caller: str | None,
    errors: tuple[str, ...],
) -> _Asked:
    """What was asked for; an ARN or a console link says account and region by itself."""
    if ":" in name or "/" in name:
        told = read_mention(name)
        if not told.pipeline:
            raise click.UsageError(f"{name[:200]!r} is no pipeline's name, ARN or console link.")
        return _Asked(
            told.pipeline, account or told.account or None, region or told.region or None,
            caller, errors,
        )  # fmt: skip
    return _Asked(name.strip(), account, region, caller, errors)


def _report(taken: Snapshot, asked: _Asked, settings: Settings | None) -> Report:
    return diagnosis(
        taken,
        catalogue=catalogue.load(),
        settings=settings,
        name=asked.name,
        account=asked.account or "",
        region=asked.region or "",
    )


def _status(report: Report, taken: Snapshot) -> int:
    return NOT_FOUND if taken.pipeline.state is State.ABSENT else EXIT[report.outcome]


# --- from a file -------------------------------------------------------------------------------


def _from_file(file: Path) -> Snapshot:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file}: cannot be read: {error}") from None
    try:
        return load_snapshot(text)
    except SnapshotError as error:
        raise click.UsageError(f"{file}: {error}") from None


def _completed(taken: Snapshot, asked: _Asked) -> Snapshot:
    """The snapshot with what was asked on the command line in addition."""
    pipeline = taken.pipeline.value
    if asked.name and pipeline is not None and pipeline.name not in ("", asked.name):
        raise click.UsageError(f"The snapshot is of {pipeline.name}, not of {asked.name}.")
    return replace(
        taken,
        caller=asked.caller or taken.caller,
        errors=(*taken.errors, *(each for each in asked.errors if each not in taken.errors)),
    )


def _settings_if_any() -> Settings | None:
    """The configuration where there is one: a snapshot is diagnosed without it as well."""
    try:
        return load()
    except ConfigurationError as error:
        if "no such file" in str(error):
            return None
        raise


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{file}: cannot be written: {error}") from None


def _map(report: Report, taken: Snapshot) -> str:
    from workers.diagnosis.map import draw

    return draw(report, taken)


# --- from AWS ----------------------------------------------------------------------------------


def _from_aws(asked: _Asked, settings: Settings) -> tuple[Snapshot, Report]:
    from workers.aws.calls import Calls
    from workers.aws.reader import read_snapshot
    from workers.aws.sessions import Sessions
    from workers.hearing import heard

    began = time.monotonic()
    sessions = Sessions(settings, request_id="diagnose")
    with Calls(
        sessions, threads=settings.jobs.threads, seconds=settings.jobs.timeout_seconds
    ) as calls:
        where = _find(asked, settings, sessions, calls)
        with _progress() as tell:
            taken, _ = read_snapshot(
                settings,
                sessions,
                where.name,
                where.account,
                where.region,
                caller=asked.caller,
                errors=asked.errors,
                progress=lambda now: tell(now.done, now.total),
                calls=calls,
            )
        found = replace(asked, name=where.name, account=where.account, region=where.region)
        taken = heard(_report(taken, found, settings), taken, calls, where.region)
        taken = replace(taken, calls=calls.counts().total)
    report = _report(taken, found, settings)
    seconds = round(time.monotonic() - began, 3)
    return taken, replace(report, checked=replace(report.checked, seconds=seconds))


def _find(asked: _Asked, settings: Settings, sessions: Sessions, calls: Calls) -> Listed:
    """The one pipeline that is meant; ends the command where there is none or more than one."""
    from workers.aws.search import Listed, find_pipelines

    found = find_pipelines(settings, sessions, asked.name, asked.account, asked.region, calls=calls)
    if len(found.matches) == 1:
        return found.matches[0]
    if not found.matches and asked.account and asked.region and found.unseen:
        account = settings.account(asked.account)
        # Named exactly, and nobody may look: the diagnosis says what to grant.
        return Listed(asked.name, account.id if account else asked.account, asked.region)
    if not found.matches and len(found.unseen) == 1 and not found.nearest:
        unseen = found.unseen[0]
        return Listed(asked.name, unseen.account, unseen.region)
    raise SystemExit(_not_one(asked, found))


def _not_one(asked: _Asked, found: Found) -> int:
    if found.matches:
        click.echo(
            f"{asked.name} exists more than once. Say which with --account and --region:", err=True
        )
        _list(found.matches)
        return NOT_FOUND
    click.echo(
        f"There is no pipeline {asked.name} in the configured accounts and regions.", err=True
    )
    if found.nearest:
        click.echo("Nearest names:", err=True)
        _list(found.nearest)
    for unseen in found.unseen:
        click.echo(f"Not looked at: {unseen.account} {unseen.region}: {unseen.why}", err=True)
    return NOT_FOUND


def _list(pipelines: tuple[Any, ...]) -> None:
    for each in pipelines:
        click.echo(f"  {each.name}  {each.account}  {each.region}", err=True)


@contextmanager
def _progress() -> Iterator[Any]:
    """A bar on the error output while documents arrive; nothing where nobody looks at it."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda *_: None
        return
    with Progress(
        SpinnerColumn(),
        TextColumn("Reading"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("read", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

"""`pipeline-access sweep`: what will be denied next time it runs. Needs no Slack, no Redis."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from workers.diagnosis.model import Outcome, Report
from workers.incidents.causes import Common, common_causes
from workers.incidents.looks import Looked, from_values, identity, looked, to_values
from workers.incidents.survey import Cost, Survey, open_survey
from workers.incidents.sweeping import to_json
from workers.incidents.watches import Kind, NoTarget, Target, matches, parse_target, tags_of
from workers.settings import Settings, load

STATE_SECONDS = 24 * 3600
EXIT = {Outcome.CLEAR: 0, Outcome.BLOCKED: 1, Outcome.UNKNOWN: 3}


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--account", "accounts", multiple=True, help="Only this account, by id or alias.")
@click.option("--region", help="Only this region.")
@click.option(
    "--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Only pipelines with this tag."
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep what is found in this file; a sweep that was stopped goes on behind it for a day.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")
def sweep(
    names: tuple[str, ...],
    accounts: tuple[str, ...],
    region: str | None,
    tags: tuple[str, ...],
    state: Path | None,
    as_json: bool,
) -> None:
    """Look at many pipelines at once: which will be denied, and of what in common.

    NAME is a name or a pattern such as 'payments-*'; without one, all pipelines of the accounts
    are looked at. What they share is read once. Ends with status 0 when all are clear, 1 when one
    is blocked, 3 when one cannot be decided, and 2 when the call itself is wrong. Ctrl-C stops it
    at the next pipeline, and what is known until then is shown.
    """
    settings = load()
    wanted = _targets(names, tags, settings)
    places = _accounts(accounts, settings)
    with open_survey(settings, "sweep", settings.sweeps.timeout_seconds) as survey:
        seen = _look(survey, places, region, wanted, settings, Notes(state), quiet=as_json)
        cost = survey.cost()
    if as_json:
        report = to_json(seen.found, seen.unseen)
        report |= {"not_looked_at": seen.left}
        report |= {"aws_calls": cost.calls, "seconds": round(cost.seconds, 3)}
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _show(seen, cost, settings, Console(highlight=False))
    sys.exit(_status(seen))


@dataclass(frozen=True, slots=True)
class Seen:
    """What a sweep found, the places that nobody could look into, and how many were left."""

    found: list[Looked]
    unseen: list[tuple[str, str, str]]
    left: int = 0


class Notes:
    """What was found, a line of JSON each, in a file that the next sweep can go on behind.

    Lines that are older than a day, or were cut off by a crash, count as not there.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def known(self) -> dict[str, Looked]:
        """By `Looked.id`. Raises click.ClickException for a file that is something else."""
        if self._file is None or not self._file.exists():
            return {}
        text = self._file.read_text("utf-8")
        if text and not text.startswith("["):
            why = f"{self._file} was not written by a sweep; nothing was changed in it."
            raise click.ClickException(why)
        return {each.id: each for line in text.splitlines() for each in self._read(line)}

    def _read(self, line: str) -> Iterator[Looked]:
        try:
            at, values = json.loads(line)
            if time.time() - at < STATE_SECONDS:
                yield from_values(values)
        except (ValueError, TypeError, KeyError):
            return

    def add(self, looked: Looked) -> None:
        if self._file is None:
            return
        line = json.dumps([int(time.time()), to_values(looked)], separators=(",", ":"))
        begun = self._file.exists() and not self._file.read_bytes().endswith(b"\n")
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n" if begun else f"{line}\n")


def _targets(names: Iterable[str], tags: Iterable[str], settings: Settings) -> list[Target]:
    try:
        named = [Target(kind=Kind.NAME, value=name) for name in names]
        return named + [parse_target(f"tag:{tag}", None, None, settings) for tag in tags]
    except NoTarget as none:
        raise click.UsageError(f"{none.word!r}: a tag is given as KEY=VALUE.") from None


def _accounts(given: Iterable[str], settings: Settings) -> list[str | None]:
    accounts: list[str | None] = []
    for each in given:
        known = settings.account(each)
        if known is None:
            there = ", ".join(account.alias for account in settings.accounts)
            raise click.UsageError(f"No account {each!r} is configured. There are: {there}.")
        accounts.append(known.id)
    return accounts or [None]


def _look(
    survey: Survey,
    accounts: list[str | None],
    region: str | None,
    wanted: list[Target],
    settings: Settings,
    notes: Notes,
    *,
    quiet: bool,
) -> Seen:
    known = notes.known()
    listings = [survey.pipelines(account, region) for account in accounts]
    unseen = [(each.account, each.region, each.why) for one in listings for each in one.unseen]
    chosen = [
        each
        for listing in listings
        for each in listing.matches
        if _may_be_meant(wanted, each.name, each.account, each.region)
    ]
    ids = {identity(each.name, each.account, each.region): each for each in chosen}
    every = [known[id] for id in ids if id in known]
    with _progress(quiet) as progress, stoppable() as stop:
        task = progress.add_task("Looking at pipelines", total=len(chosen), completed=len(every))
        missing = [each for id, each in ids.items() if id not in known]
        for surveyed in survey.look(missing, stop.is_set):
            progress.advance(task)
            every.append(looked(surveyed))
            notes.add(every[-1])
    found = [
        one for one in every if _meant(wanted, one, tags_of(one.account, dict(one.tags), settings))
    ]
    return Seen(found, unseen, len(chosen) - len(every))


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """Ctrl-C sets the event; the second one interrupts at once, as always."""
    stop = threading.Event()

    def told(number: int, frame: FrameType | None) -> None:
        del number, frame
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = signal.signal(signal.SIGINT, told)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _may_be_meant(wanted: list[Target], name: str, account: str, region: str) -> bool:
    """By its name; all targets of a kind are alternatives, names and tags must both fit."""
    names = [each for each in wanted if each.kind is Kind.NAME]
    return not names or any(matches(each, name, account, region, None) for each in names)


def _meant(wanted: list[Target], one: Looked, tags: dict[str, str]) -> bool:
    tagged = [each for each in wanted if each.kind is Kind.TAG]
    return all(matches(each, one.name, one.account, one.region, tags) for each in tagged)


def _progress(quiet: bool) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=quiet,
    )


def _show(seen: Seen, cost: Cost, settings: Settings, console: Console) -> None:
    found = seen.found
    common = common_causes(each.report for each in found)
    if common:
        console.print(_table(common, settings))
    unknown = [each.name for each in found if each.report.outcome is Outcome.UNKNOWN]
    if unknown:
        console.print(Text(f"? not known: {', '.join(unknown)}", style="yellow"))
    for why, places in _by_reason(seen.unseen).items():
        console.print(Text(f"? not seen: {', '.join(places)}: {why}", style="yellow"))
    if seen.left:
        console.print(Text(f"? stopped: {seen.left} pipelines were not looked at", style="yellow"))
    clear = sum(each.report.outcome is Outcome.CLEAR for each in found)
    calls = f"{cost.calls} AWS calls in {cost.seconds:.1f} s"
    console.print(f"{len(found)} pipelines: {clear} clear, {calls}.")


def _table(common: Iterable[Common], settings: Settings) -> Table:
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for heading in ("cause", "has failed", "will fail next"):
        table.add_column(heading, overflow="fold")
    for each in common:
        table.add_row(
            Text(each.cause.headline or each.cause.document),
            _named((one.report for one in each.failed), settings),
            _named((one.report for one in each.threatened), settings),
        )
    return table


def _named(reports: Iterable[Report], settings: Settings) -> Text:
    lines = []
    for each in reports:
        account = settings.account(each.account)
        lines.append(f"{each.name} ({account.alias if account else each.account})")
    return Text("\n".join(lines))


def _by_reason(unseen: Iterable[tuple[str, str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for account, region, why in unseen:
        found.setdefault(why, []).append(f"{account} {region}")
    return found


def _status(seen: Seen) -> int:
    outcomes = {each.report.outcome for each in seen.found}
    if Outcome.BLOCKED in outcomes:
        return EXIT[Outcome.BLOCKED]
    if Outcome.UNKNOWN in outcomes or seen.unseen or seen.left:
        return EXIT[Outcome.UNKNOWN]
    return EXIT[Outcome.CLEAR]

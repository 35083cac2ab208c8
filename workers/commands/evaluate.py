"""``pipeline-access evaluate``: JSON lines in, verdicts out."""

from __future__ import annotations

import json
import sys
import time
from typing import TextIO

import click

from workers.policy.lines import answers, bench


@click.command()
@click.argument(
    "file", type=click.File("r", encoding="utf-8", errors="replace", lazy=False), default="-"
)
@click.option(
    "--explain",
    "explained",
    is_flag=True,
    help="Add what each layer did, and what would be enough.",
)
@click.option(
    "--bench",
    "timed",
    is_flag=True,
    help="Evaluate what was read for five seconds; print the rates.",
)
def evaluate(file: TextIO, explained: bool, timed: bool) -> None:
    """Evaluate IAM requests, one JSON object a line, against the policies in the line.

    Reads FILE, or standard input. Answers come in order, one line each, as soon as they are
    known. A line that is no case is answered with its error, and the exit code is 2 at the end.
    """
    if timed:
        rates, faults = bench(file, time.perf_counter)
        for fault in faults:
            click.echo(json.dumps({"id": fault.id, "error": fault.why}), err=True)
        click.echo(json.dumps(rates))
        sys.exit(2 if faults else 0)
    good = True
    for answer in answers(file, explained=explained):
        good = good and answer.ok
        click.echo(answer.text)
    sys.exit(0 if good else 2)

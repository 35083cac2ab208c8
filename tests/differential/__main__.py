"""``python -m tests.differential [--cases N] [--seed S …]``: run both evaluators and compare,
then have the other one judge every fix that is proposed."""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter

import click

from tests.differential.comparison import Comparison, Disagreement, compare
from tests.differential.fixes import Examined, examine, local_world, reported
from tests.differential.generator import Generator
from tests.differential.peer import NoPeer, installed

SHOWN = 5


@click.command()
@click.option("--cases", default=6000, show_default=True, help="Cases a seed.")
@click.option("--seed", "seeds", multiple=True, type=int, help="May be given several times.")
def main(cases: int, seeds: tuple[int, ...]) -> None:
    """Compare the evaluator with the independent one on generated cases, and let that one judge
    the fixes of all reported failures and of the local world's pipelines.

    Ends with 1 where a disagreement is not settled by the documentation, or where a fix does not
    cure, or opens anything else. Where the other program
    cannot be had the run is skipped, which is a failure only under CI=true.
    """
    chosen = seeds or (1, 2, random.randrange(10**6))
    click.echo(f"seeds {', '.join(map(str, chosen))}; {cases} cases each")
    try:
        with installed() as folder:
            runs = [compare(folder, list(Generator(seed).cases(cases))) for seed in chosen]
            judged = {"reported failures": examine(folder, reported())}
            with local_world() as snapshots:
                judged["the local world"] = examine(folder, snapshots)
    except NoPeer as reason:
        click.echo(f"skipped: the other evaluator cannot be run here: {reason}")
        sys.exit(1 if os.environ.get("CI") == "true" else 0)
    still_open = _report(runs)
    wrong = [each for name, found in judged.items() for each in _judged(name, found)]
    sys.exit(1 if still_open or wrong else 0)


def _report(runs: list[Comparison]) -> list[Disagreement]:
    agreed: Counter[str] = sum((run.agreed for run in runs), Counter())
    settled: Counter[str] = sum((run.settled for run in runs), Counter())
    refused: Counter[str] = sum((run.refused for run in runs), Counter())
    still_open = [dispute for run in runs for dispute in run.open]
    click.echo(f"{sum(run.compared for run in runs)} compared")
    click.echo(f"{agreed.total()} agreed: {_counts(agreed)}")
    click.echo(f"{settled.total()} settled by the documentation:")
    for name, count in settled.most_common():
        click.echo(f"  {count:6}  {name}")
    if refused:
        click.echo(f"{refused.total()} refused by the other evaluator, not compared:")
        for why, count in refused.most_common(SHOWN):
            click.echo(f"  {count:6}  {why}")
    click.echo(f"{len(still_open)} unsettled")
    for dispute in sorted(still_open, key=lambda d: len(json.dumps(d.case)))[:SHOWN]:
        click.echo(f"  ours {dispute.ours}, theirs {dispute.theirs}: {json.dumps(dispute.case)}")
    return still_open


def _judged(name: str, found: Examined) -> list[str]:
    click.echo(
        f"{found.fixes} fixes of {name}: {found.cured} requests denied before and allowed after, "
        f"{found.unchanged} others unchanged, {len(found.wrong)} wrong"
    )
    for why, count in found.left_out.most_common():
        click.echo(f"  {count:6}  not asked: {why}")
    for each in found.wrong[:SHOWN]:
        click.echo(f"  {each}")
    return found.wrong


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.most_common())


if __name__ == "__main__":
    main()

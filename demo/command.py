"""`pipeline-access demo`: the local world, on a page in the browser or as a transcript."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import click
from rich.console import Console
from rich.panel import Panel
from rich.text import Text
from rich.tree import Tree

from demo.local import LocalWorld, ended_by_signals
from demo.processes import StartError
from demo.rounds import Thread, ask_all, names_of
from demo.transcript import buttons_of, text_of


@click.command()
@click.argument("names", nargs=-1, metavar="[PIPELINE]...")
@click.option(
    "--once", is_flag=True, help="No browser: ask about every pipeline, print the threads."
)
@click.option("--json", "as_json", is_flag=True, help="With --once: print JSON instead of text.")
@click.option("--port", default=0, show_default="a free one", help="The page's port.")
@click.option("--latency", default=0.0, help="Milliseconds to add to every AWS call.")
def demo(names: tuple[str, ...], once: bool, as_json: bool, port: int, latency: float) -> None:
    """Run the local world: a Slack page, AWS accounts with broken pipelines, bot and worker.

    Nothing leaves this machine. Ctrl-C ends all of it.
    """
    if names and not once:
        raise click.UsageError("Pipelines are named only with --once; on the page, type them.")
    if as_json and not once:
        raise click.UsageError("--json goes with --once.")
    console = Console(stderr=as_json)
    status = 0
    try:
        with (
            ended_by_signals(),
            LocalWorld(latency_ms=latency, page_port=port, workers=2 if once else 1) as world,
        ):
            status = _once(world, names, as_json) if once else _serve(world, console)
    except KeyboardInterrupt:
        console.print("Ended; nothing was left behind.")
    except StartError as error:
        console.print(Text(str(error), style="red"))
        status = 1
    sys.exit(status)


def _serve(world: LocalWorld, console: Console) -> int:
    lines = Text.assemble(
        ("Open  ", "dim"), (f"{world.workspace.url}/", "bold underline cyan"), "\n",
        ("Type  ", "dim"), ("/pipeline-access payments-deploy", "bold"), "\n",
        ("      ", "dim"), "and press the button in the thread; act as somebody else, top left\n",
        ("Logs  ", "dim"), str(world.folder), "\n",
        ("End   ", "dim"), "Ctrl-C",
    )  # fmt: skip
    console.print(Panel(lines, title="pipeline-access · local world", expand=False))
    while True:
        for process in world.processes:
            if not process.running:
                console.print(Text(f"{process.name} ended:\n{process.tail()}", style="red"))
                return 1
        time.sleep(0.5)


def _once(world: LocalWorld, names: tuple[str, ...], as_json: bool) -> int:
    known = {pipeline.name for pipeline in world.world.pipelines}
    unknown = [name for name in names if name not in known]
    if unknown:
        click.echo(f"No pipeline {unknown[0]!r} in the local world. There are:", err=True)
        click.echo("  " + "\n  ".join(sorted(known)), err=True)
        return 2
    people = names_of(world.workspace)
    console = Console()
    threads: list[Thread] = []
    for thread in ask_all(world.workspace, world.world, names):
        threads.append(thread)
        if not as_json:
            console.print(_tree(thread, people))
            console.print()
    rejected = world.workspace.rejections
    if as_json:
        click.echo(json.dumps([_json(thread, people) for thread in threads], indent=2))
    else:
        _summary(console, threads)
    for rejection in rejected:
        click.echo(f"Slack would refuse: {rejection}", err=True)
    return 0 if all(thread.right for thread in threads) and not rejected else 1


def _tree(thread: Thread, people: dict[str, str]) -> Tree:
    tree = Tree(Text(f"{thread.asked}\n{thread.acknowledged}", style="dim"))
    if not thread.messages:
        tree.add(Text("no answer", style="bold red"))
        return tree
    root, *replies = thread.messages
    branch = tree.add(Text(text_of(root, people), style="bold"))
    for reply in replies:
        branch.add(Text(text_of(reply, people)))
    return tree


def _summary(console: Console, threads: list[Thread]) -> None:
    for thread in threads:
        style = "green" if thread.right else "bold red"
        words = (
            f"{'right' if thread.right else 'WRONG':6} {thread.outcome:8} {thread.pipeline.name}"
        )
        missing = f"  (does not say: {', '.join(thread.missing)})" if thread.missing else ""
        console.print(Text(words + missing, style=style))
    right = sum(thread.right for thread in threads)
    console.print(f"{right} of {len(threads)} threads name the true cause.")


def _json(thread: Thread, people: dict[str, str]) -> dict[str, Any]:
    return {
        "pipeline": thread.pipeline.name,
        "account": thread.pipeline.account,
        "region": thread.pipeline.region,
        "asked": thread.asked,
        "acknowledged": thread.acknowledged,
        "outcome": thread.outcome,
        "right": thread.right,
        "missing": list(thread.missing),
        "seconds": round(thread.seconds, 2),
        "messages": [
            {"text": text_of(each, people), "buttons": buttons_of(each)} for each in thread.messages
        ],
    }

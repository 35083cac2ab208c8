"""The local world as it is shown: served to a browser, or asked about everything in one go."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Sequence

import click
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from demo import incident
from demo.aws.cloud import Cloud
from demo.local import LocalWorld
from demo.rounds import Thread, ask_all
from demo.transcript import as_json, summary, transcript, transcript_of


def serve(cloud: Cloud, page_port: int, console: Console) -> int:
    """Until Ctrl-C, which raises KeyboardInterrupt; 1 when a part of the world ended by itself."""
    with _entered(LocalWorld(cloud, page_port=page_port), console) as world:
        return _serve(world, console)


def once(cloud: Cloud, names: Sequence[str], json_wanted: bool, console: Console) -> int:
    """The threads of the pipelines of these names, or of all, on standard output; or the incident.

    The status: 0 when all say what is true, else 1. Raises click.UsageError for a name that does
    not exist. `console` is told how the start goes.
    """
    world = LocalWorld(cloud, workers=2)
    if tuple(names) != (incident.NAME,):
        _refuse_unknown(world, names)
    with _entered(world, console):
        if tuple(names) == (incident.NAME,):
            return _play(world, json_wanted)
        return _once(world, names, json_wanted)


@contextlib.contextmanager
def _entered(world: LocalWorld, console: Console) -> Iterator[LocalWorld]:
    accounts, pipelines = len(world.world.accounts), len(world.world.pipelines)
    console.print(
        f"Starting {accounts} AWS accounts with {pipelines} pipelines, a Slack workspace, "
        "Valkey, the bot and a worker …",
        highlight=False,
    )
    began = time.monotonic()
    with world:
        console.print(f"Ready after {time.monotonic() - began:.1f} s.", highlight=False)
        yield world


def _serve(world: LocalWorld, console: Console) -> int:
    lines = Text.assemble(
        ("Open   ", "dim"), (f"{world.workspace.url}/", "bold underline cyan"), "\n",
        ("Type   ", "dim"), ("/pipeline-access payments-deploy", "bold"), "\n",
        ("       ", "dim"), "and press the button in the thread; act as somebody else, top right\n",
        ("Or     ", "dim"), ("/world", "bold"), " plays an incident; #incidents is told\n",
        ("Shell  ", "dim"), f". {world.folder}/environment", "\n",
        ("       ", "dim"), "lets pipeline-access diagnose, doctor and requests see this world\n",
        ("Logs   ", "dim"), str(world.folder), "\n",
        ("End    ", "dim"), "Ctrl-C",
    )  # fmt: skip
    console.print(Panel(lines, title="pipeline-access · local world", expand=False))
    while True:
        for process in world.processes:
            if not process.running:
                console.print(Text(f"{process.name} ended:\n{process.tail()}", style="red"))
                return 1
        time.sleep(0.5)


def _once(world: LocalWorld, names: Sequence[str], json_wanted: bool) -> int:
    console = Console()
    threads: list[Thread] = []
    for thread in ask_all(world.workspace, world.world, names):
        threads.append(thread)
        if not json_wanted:
            console.print(transcript(thread, world.workspace))
    if json_wanted:
        click.echo(json.dumps([as_json(each, world.workspace) for each in threads], indent=2))
    else:
        console.print(summary(threads))
    for rejection in world.workspace.rejections:
        click.echo(f"Slack would refuse: {rejection}", err=True)
    right = all(thread.right for thread in threads) and not world.workspace.rejections
    return 0 if right else 1


def _play(world: LocalWorld, json_wanted: bool) -> int:
    """The incident, act by act; 1 when a thread does not say what happened."""
    console = Console()
    acts: list[incident.Act] = []
    for act in incident.play(world):
        acts.append(act)
        if not json_wanted:
            console.print(transcript_of(act.title, act.said, act.messages, world.workspace))
    if json_wanted:
        click.echo(json.dumps([each.as_json(world.workspace) for each in acts], indent=2))
    for rejection in world.workspace.rejections:
        click.echo(f"Slack would refuse: {rejection}", err=True)
    for each in acts:
        if each.missing:
            click.echo(f"{each.title}: does not say {', '.join(each.missing)}", err=True)
    right = not any(each.missing for each in acts) and not world.workspace.rejections
    if not json_wanted and right:
        console.print(Text(f"All {len(acts)} acts say what happened.", style="green"))
    return 0 if right else 1


def _refuse_unknown(world: LocalWorld, names: Sequence[str]) -> None:
    known = {pipeline.name for pipeline in world.world.pipelines}
    for name in names:
        if name not in known:
            there = "\n  ".join(sorted(known))
            raise click.UsageError(
                f"No pipeline {name!r} in the local world. There are:\n  {there}"
            )

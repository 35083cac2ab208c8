"""`pipeline-access demo`: the local world, on a page in the browser or as a transcript."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator

import click
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from demo import incident
from demo.aws.cloud import CloudError
from demo.local import LocalWorld
from demo.processes import StartError
from demo.rounds import Thread, ask_all
from demo.transcript import as_json, summary, transcript, transcript_of

INTERRUPTED = 130  # as a shell reports a program that SIGINT ended


@click.command()
@click.argument("names", nargs=-1, metavar="[PIPELINE]...")
@click.option(
    "--once", is_flag=True, help="No browser: ask about every pipeline, print the threads."
)
@click.option("--json", "json_wanted", is_flag=True, help="With --once: JSON instead of text.")
@click.option("--port", default=0, show_default="a free one", help="The page's port.")
@click.option("--latency", default=0.0, help="Milliseconds to add to every AWS call.")
def demo(names: tuple[str, ...], once: bool, json_wanted: bool, port: int, latency: float) -> None:
    """Run the local world: a Slack page, AWS accounts with broken pipelines, bot and worker.

    Nothing leaves this machine, and nothing stays on it. Ctrl-C ends all of it.

    --once incident plays an incident instead: a shared key breaks, a channel is told, it heals.

    With --once the status is 0 when every thread names its true cause, 1 when one does not, and
    2 for a pipeline that does not exist.
    """
    if names and not once:
        raise click.UsageError("Pipelines are named only with --once; on the page, type them.")
    if json_wanted and not once:
        raise click.UsageError("--json goes with --once.")
    progress = Console(stderr=once)
    _stay_on_this_machine()
    try:
        with _ended_by_signals():
            world = LocalWorld(latency_ms=latency, page_port=port, workers=2 if once else 1)
            if names == (incident.NAME,):
                with _entered(world, progress):
                    sys.exit(_play(world, json_wanted))
            _refuse_unknown(world, names)
            with _entered(world, progress):
                sys.exit(_once(world, names, json_wanted) if once else _serve(world, progress))
    except KeyboardInterrupt:
        progress.print("Ended; nothing was left behind.")
        sys.exit(INTERRUPTED if once else 0)
    except (StartError, CloudError) as error:
        progress.print(Text(str(error), style="red"))
        sys.exit(1)


@contextlib.contextmanager
def _entered(world: LocalWorld, console: Console) -> Iterator[None]:
    accounts, pipelines = len(world.world.accounts), len(world.world.pipelines)
    console.print(
        f"Starting {accounts} AWS accounts with {pipelines} pipelines, a Slack workspace, "
        "Valkey, the bot and a worker …",
        highlight=False,
    )
    began = time.monotonic()
    with world:
        console.print(f"Ready after {time.monotonic() - began:.1f} s.", highlight=False)
        yield


def _serve(world: LocalWorld, console: Console) -> int:
    lines = Text.assemble(
        ("Open   ", "dim"), (f"{world.workspace.url}/", "bold underline cyan"), "\n",
        ("Type   ", "dim"), ("/pipeline-access payments-deploy", "bold"), "\n",
        ("       ", "dim"), "and press the button in the thread; act as somebody else, top left\n",
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


def _once(world: LocalWorld, names: tuple[str, ...], json_wanted: bool) -> int:
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


def _refuse_unknown(world: LocalWorld, names: tuple[str, ...]) -> None:
    known = {pipeline.name for pipeline in world.world.pipelines}
    for name in names:
        if name not in known:
            there = "\n  ".join(sorted(known))
            raise click.UsageError(
                f"No pipeline {name!r} in the local world. There are:\n  {there}"
            )


def _stay_on_this_machine() -> None:
    """Forget the person's own AWS settings and proxies, for this process alone."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGINT (also where a shell that put us into the background has it ignored), SIGTERM and,
    unless it is ignored on purpose (nohup), SIGHUP end the world."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    numbers = {signal.SIGINT, signal.SIGTERM}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.add(signal.SIGHUP)
    before = {each: signal.signal(each, interrupt) for each in numbers}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)

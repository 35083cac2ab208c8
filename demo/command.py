"""`pipeline-access demo`: the local world, on a page in the browser or as a transcript."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

import click
from rich.console import Console
from rich.text import Text

from demo.aws.cloud import Cloud, CloudError
from demo.processes import StartError, free_ports

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
        with _ended_by_signals(), _launched(latency) as cloud:
            # The accounts take longest: they load while this loads.
            from demo import show

            if once:
                sys.exit(show.once(cloud, names, json_wanted, progress))
            sys.exit(show.serve(cloud, port, progress))
    except KeyboardInterrupt:
        progress.print("Ended; nothing was left behind.")
        sys.exit(INTERRUPTED if once else 0)
    except (StartError, CloudError) as error:
        progress.print(Text(str(error), style="red"))
        sys.exit(1)


@contextlib.contextmanager
def _launched(latency: float) -> Iterator[Cloud]:
    cloud = Cloud(latency, port=free_ports(1)[0])
    try:
        cloud.launch()
        yield cloud
    finally:
        cloud.stop()


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

"""`pipeline-access`: the command line. Each subcommand is loaded only when it is asked for."""

from __future__ import annotations

import importlib
from importlib.metadata import version

import click

from workers.settings import ConfigurationError

# name -> (module, help line). The module holds a click command under the subcommand's own name.
SUBCOMMANDS = {
    "diagnose": ("workers.commands.diagnose", "Say why a pipeline is denied, and what cures it."),
    "explain": ("workers.commands.explain", "Say in words what an AWS denial message means."),
    "evaluate": ("workers.commands.evaluate", "Decide IAM requests read as JSON lines."),
    "catalogue": ("workers.commands.catalogue", "Print what each action provider needs."),
    "requests": ("workers.commands.requests", "Show the requested fixes."),
    "audit": ("workers.commands.audit", "Print and verify the audit trail of fixes."),
    "doctor": ("workers.commands.doctor", "Check configuration, roles, Redis and Slack."),
    "sweep": ("workers.commands.sweep", "Say which of many pipelines will be denied next."),
    "events": ("workers.commands.events", "Show what came of the failure events."),
    "worker": ("workers.commands.worker", "Work off the queue (the Procfile's worker)."),
    "demo": ("demo.command", "Run the local world: Slack page, AWS accounts, bot, worker."),
}


class LazyGroup(click.Group):
    """Lists every subcommand and imports only the one that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in SUBCOMMANDS:
            return None
        module, _ = SUBCOMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in SUBCOMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("pipeline-access"), prog_name="pipeline-access")
def cli() -> None:
    """Say why an AWS CodePipeline is denied, and prove the smallest change that cures it."""


def main() -> None:
    """The console script. A configuration that cannot be used ends it with status 2."""
    try:
        cli()
    except ConfigurationError as error:
        raise SystemExit(_refuse(str(error))) from None


def _refuse(message: str) -> int:
    click.echo(message, err=True)
    return 2


if __name__ == "__main__":
    main()

"""`pipeline-access doctor`: is everything in place, and if not, what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from workers import settings as configuration
from workers.settings import Places, Settings

if TYPE_CHECKING:
    from workers.aws.health import Check

_MARKS = {
    "ok": ("✓", "green"),
    "advice": ("!", "yellow"),
    "failed": ("✗", "bold red"),
    "skipped": ("–", "dim"),
}
# What Redis does when it is full; every other policy may throw away a queued job or a request.
_KEEPS_EVERYTHING = "noeviction"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")
@click.option(
    "--skip",
    type=click.Choice(["aws", "redis", "slack"]),
    multiple=True,
    help="Leave one of the three out (may be repeated).",
)
def doctor(as_json: bool, skip: tuple[str, ...]) -> None:
    """Check configuration, accounts and their roles, organisation, Redis and Slack.

    Nothing is changed; the roles are assumed, so CloudTrail in the accounts shows it. Ends with
    status 0 when all is well (advice included), 1 when something failed, 2 when the
    configuration cannot be used.
    """
    places = Places()
    settings = configuration.load(places.pipeline_access_config)
    checks = list(_checks(settings, places, frozenset(skip)))
    if as_json:
        click.echo(json.dumps({"schema": 1, "checks": [_plain(each) for each in checks]}, indent=2))
    else:
        _print(checks)
    if any(each.health == "failed" for each in checks):
        raise SystemExit(1)


def _checks(settings: Settings, places: Places, skip: frozenset[str]) -> Iterator[Check]:
    from workers.aws.health import Check, Health, check_accounts
    from workers.aws.sessions import Sessions

    yield _configuration(settings, places.pipeline_access_config)
    if "aws" not in skip:
        yield from check_accounts(Sessions(settings, request_id="doctor"))
    if "redis" not in skip:
        yield from _redis(places)
    if "slack" not in skip:
        yield from _slack(settings, places)
    if skip:
        yield Check(f"{', '.join(sorted(skip))}", Health.SKIPPED, "as you asked")


def _configuration(settings: Settings, file: Path) -> Check:
    from workers.aws.health import Check, Health

    number = len(settings.accounts)
    if not number:
        text = f"{file} names no account. Add one under [[accounts]] with id and alias."
        return Check("configuration", Health.FAILED, text)
    return Check("configuration", Health.OK, f"{file}, accounts: {number}")


def _redis(places: Places) -> Iterator[Check]:
    from redis import Redis, RedisError

    from workers.aws.health import Check, Health

    try:
        client = Redis.from_url(
            places.redis_url.get_secret_value(), socket_connect_timeout=3, socket_timeout=3
        )
        # The URL may hold a password; host and port are what people need to see.
        given = client.connection_pool.connection_kwargs
        where = f"{given.get('host', given.get('path', '?'))}:{given.get('port', '')}".rstrip(":")
        client.ping()
    except (RedisError, ValueError) as error:
        text = f"no answer ({type(error).__name__}). Check REDIS_URL and the server."
        yield Check("Redis", Health.FAILED, text)
        return
    yield Check("Redis", Health.OK, where)
    try:
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "")
        appends = client.config_get("appendonly").get("appendonly", "")
    except RedisError:  # a managed server may not tell
        yield Check("Redis: keeps what it is given", Health.SKIPPED, "the server does not tell")
        return
    if policy != _KEEPS_EVERYTHING:
        text = (
            f"maxmemory-policy is {policy}: a full server may drop jobs and approvals. Set it "
            f"to {_KEEPS_EVERYTHING}."
        )
        yield Check("Redis: keeps what it is given", Health.ADVICE, text)
    if appends != "yes":
        text = (
            "appendonly is no: requests and the audit trail of the last minutes are lost with "
            "the process. Set it to yes."
        )
        yield Check("Redis: survives a restart", Health.ADVICE, text)


def _slack(settings: Settings, places: Places) -> Iterator[Check]:
    from slack_sdk.errors import SlackApiError, SlackClientError

    from workers.aws.health import Check, Health
    from workers.slack.client import for_jobs

    if places.slack_bot_token is None:
        text = (
            "SLACK_BOT_TOKEN is not set. It is the Bot User OAuth Token (xoxb-…) of the app's "
            "page OAuth & Permissions."
        )
        yield Check("Slack: bot token", Health.FAILED, text)
        return
    try:
        answer = for_jobs(places).auth_test()
    except SlackApiError as error:
        why = error.response.get("error", "an error without a name")
        text = f"Slack says {why}. Install the app again and copy its Bot User OAuth Token."
        yield Check("Slack: bot token", Health.FAILED, text)
        return
    except (SlackClientError, OSError) as error:
        yield Check("Slack: bot token", Health.FAILED, f"Slack does not answer: {error}")
        return
    yield Check("Slack: bot token", Health.OK, f"{answer.get('user')} in {answer.get('team')}")
    wanted = settings.slack.workspace
    if wanted and wanted not in (answer.get("team_id"), answer.get("enterprise_id")):
        text = f"the token is of {answer.get('team_id')}, slack.workspace is {wanted}"
        yield Check("Slack: workspace", Health.FAILED, text)
    if places.slack_app_token is None and places.slack_signing_secret is None:
        text = (
            "neither SLACK_APP_TOKEN (Socket Mode) nor SLACK_SIGNING_SECRET (HTTP) is set here; "
            "the bot's own process needs one of them."
        )
        yield Check("Slack: how the bot listens", Health.ADVICE, text)


def _plain(check: Check) -> dict[str, str]:
    return {"what": check.what, "health": str(check.health), "text": check.text}


def _print(checks: list[Check]) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        mark, style = _MARKS[check.health]
        table.add_row(Text(mark, style=style), Text(check.what), Text(check.text))
    Console().print(table)
    failed = sum(check.health == "failed" for check in checks)
    click.echo()
    click.echo(f"{failed} of {len(checks)} checks failed." if failed else "All is in place.")

"""The Bolt app: every listener on one page, one line each."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import structlog
from redis import Redis
from slack_bolt import App
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError

from bot.approvals import Approvals
from bot.commands import Commands
from bot.decisions import Decisions
from bot.dedupe import Dedupe
from bot.desk import Desk
from bot.faults import Faults
from bot.gate import Gate
from bot.home import Home
from bot.incidents import WHY_DENIED, Incidents
from workers.incidents.stopping import EXPORT, STOP
from workers.settings import ConfigurationError, Places, Settings
from workers.slack.answers import CHOOSE, COMMAND
from workers.slack.client import for_listeners
from workers.slack.differences import SHOW_DIFFERENCE
from workers.slack.findings import (
    DOCUMENTATION,
    REQUEST_FIX,
    REQUEST_FIXES,
    RETRY_DENIED,
    SHOW_CHANGE,
    SHOW_DETAILS,
)
from workers.slack.fixes import (
    APPROVE,
    REJECT,
    RETRY_STAGE,
    ROLL_BACK,
    SHOW_REQUESTED,
    WITHDRAW,
)
from workers.slack.modals import FINDINGS, REJECT_VIEW, REQUEST_VIEW
from workers.slack.report import ASK_AGAIN, SHOW_ADVICE

PAUSE_SECONDS = 30.0

log = structlog.get_logger(__name__)


def build_app(settings: Settings, places: Places, redis: Redis) -> App:
    """The app with all its listeners. Raises ConfigurationError when a secret is missing."""
    desk = Desk(settings, redis, for_listeners(places))
    commands, approvals = Commands(desk), Approvals(desk)
    decisions, incidents, home = Decisions(desk), Incidents(desk), Home(desk)

    app = App(
        name="pipeline-access",
        signing_secret=_signing_secret(places),
        client=desk.client,
        authorize=authorizer(desk.client),
        process_before_response=True,
    )
    app.use(Gate(settings.slack, desk.texts))
    app.use(Dedupe(redis))
    app.error(Faults(desk.texts).handle)

    app.command(COMMAND)(commands.typed)
    app.action(re.compile(rf"^{CHOOSE}"))(commands.chosen)
    app.action(ASK_AGAIN)(commands.again)

    app.action(REQUEST_FIX)(approvals.open_request)
    app.action(REQUEST_FIXES)(approvals.open_requests)
    app.action(FINDINGS)(approvals.choose)
    app.view(REQUEST_VIEW)(approvals.requested)
    app.action(SHOW_CHANGE)(approvals.show_change)
    app.action(SHOW_DETAILS)(approvals.show_details)
    app.action(SHOW_ADVICE)(approvals.show_advice)
    app.action(DOCUMENTATION)(just_a_link)

    app.action(APPROVE)(decisions.approve)
    app.action(REJECT)(decisions.ask_why_not)
    app.view(REJECT_VIEW)(decisions.rejected)
    app.action(WITHDRAW)(decisions.withdraw)
    app.action(ROLL_BACK)(decisions.roll_back)
    app.action(SHOW_REQUESTED)(decisions.show_requested)
    app.action(SHOW_DIFFERENCE)(decisions.show_difference)
    app.action(RETRY_STAGE)(decisions.retry_stage)
    app.action(RETRY_DENIED)(decisions.retry_denied)

    app.event("app_mention")(incidents.mentioned)
    app.event("message")(incidents.written)
    app.shortcut(WHY_DENIED)(incidents.shortcut)
    app.action(STOP)(incidents.stop)
    app.action(EXPORT)(incidents.export)
    app.event("app_home_opened")(home.opened)
    return app


def just_a_link(ack: Callable[..., Any]) -> None:
    """Slack tells about buttons that open an address as well."""
    ack()


def authorizer(client: WebClient) -> Callable[..., AuthorizeResult]:
    """Bolt's question under whose token a request is answered: the only one that there is.

    Slack is asked once who the bot is, so that it does not answer itself. While Slack is down,
    requests are still taken: their jobs are queued all the same.
    https://docs.slack.dev/tools/bolt-python/concepts/authorization
    """
    identity = _Identity(client)

    def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        known = identity.known()
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id,
            bot_token=client.token,
            bot_id=known.get("bot_id"),
            bot_user_id=known.get("user_id"),
        )

    return authorize


class _Identity:
    def __init__(self, client: WebClient) -> None:
        self._client = client
        self._known: dict[str, str] = {}
        self._asked = -PAUSE_SECONDS

    def known(self) -> dict[str, str]:
        if not self._known and time.monotonic() - self._asked > PAUSE_SECONDS:
            self._asked = time.monotonic()
            self._known = self._ask()
        return self._known

    def _ask(self) -> dict[str, str]:
        try:
            data = self._client.auth_test().data
        except (SlackClientError, OSError) as error:
            log.warning("Slack does not say who the bot is", error=type(error).__name__)
            return {}
        assert isinstance(data, dict)
        return {name: str(data[name]) for name in ("bot_id", "user_id") if data.get(name)}


def _signing_secret(places: Places) -> str:
    if places.slack_signing_secret is not None:
        return places.slack_signing_secret.get_secret_value()
    if places.slack_app_token is not None:
        return ""  # Socket Mode: requests come over a connection that we opened
    raise ConfigurationError(
        "Neither SLACK_SIGNING_SECRET (HTTP) nor SLACK_APP_TOKEN (Socket Mode) is set. The first "
        "is on the app's page Basic Information, the second is made there under App-Level Tokens."
    )

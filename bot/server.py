"""The bot as a process: HTTP under gunicorn, or Socket Mode when SLACK_APP_TOKEN is set.

    gunicorn --config python:bot.gunicorn 'bot.server:create()'
    python -m bot.server            Socket Mode; health and metrics on PORT all the same

/slack/events takes Slack's requests, /healthz says that the process lives, /readyz that it can
queue, /metrics is for Prometheus.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable
from types import FrameType
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import structlog
from redis import Redis, RedisError
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.wsgi import SlackRequestHandler

from bot import metrics
from bot.app import build_app
from workers import logs
from workers import settings as configuration
from workers.queue import connect
from workers.settings import Places

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/slack/events"
LARGEST_BODY = 1_000_000  # Slack's own requests stay far below

log = structlog.get_logger(__name__)


def create() -> WSGIApplication:
    """The WSGI application, from the environment alone. For gunicorn."""
    places = Places()
    logs.configure(places.log_level)
    settings = configuration.load(places.pipeline_access_config)
    redis = connect(places)
    return Server(build_app(settings, places, redis), redis, settings.jobs.queue)


class Server:
    """Routes requests: Slack's to Bolt, the rest to the answers about the process itself."""

    def __init__(self, app: App | None, redis: Redis, queue: str) -> None:
        self._slack = SlackRequestHandler(app, PATH) if app is not None else None
        self._redis = redis
        self._queue = queue

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        match environ["PATH_INFO"]:
            case "/slack/events" if self._slack is not None:
                return self._events(self._slack, environ, start_response)
            case "/healthz":
                return _plain(start_response, "200 OK", "ok")
            case "/readyz":
                return self._ready(start_response)
            case "/metrics":
                return metrics.exposition(self._redis, self._queue, start_response)
            case _:
                return _plain(start_response, "404 Not Found", "not found")

    def _events(
        self, slack: SlackRequestHandler, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "POST":
            return _plain(start_response, "405 Method Not Allowed", "POST only")
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdigit() or int(length) > LARGEST_BODY:
            return _plain(start_response, "413 Content Too Large", "too large")
        with metrics.REQUEST_SECONDS.time():
            return slack(environ, start_response)

    def _ready(self, start_response: StartResponse) -> Iterable[bytes]:
        try:
            self._redis.ping()
        except RedisError as error:
            log.warning("not ready", error=type(error).__name__)
            return _plain(start_response, "503 Service Unavailable", "Redis does not answer")
        return _plain(start_response, "200 OK", "ready")


def main() -> None:
    """Socket Mode until SIGTERM or SIGINT. https://docs.slack.dev/apis/events-api/using-socket-mode"""
    places = Places()
    logs.configure(places.log_level)
    settings = configuration.load(places.pipeline_access_config)
    if places.slack_app_token is None:
        raise configuration.ConfigurationError(
            "SLACK_APP_TOKEN is not set. It is made on the app's page Basic Information, under "
            "App-Level Tokens, with the scope connections:write. For HTTP start gunicorn instead."
        )
    redis = connect(places)
    app = build_app(settings, places, redis)
    health = make_server(
        "", places.port, Server(None, redis, settings.jobs.queue), handler_class=_Quiet
    )
    threading.Thread(target=health.serve_forever, name="health", daemon=True).start()
    handler: Any = SocketModeHandler(app, places.slack_app_token.get_secret_value())
    handler.connect()
    log.info("connected", mode="socket", port=health.server_port)
    _until_told_to_stop()
    handler.close()
    health.shutdown()


def _until_told_to_stop() -> None:
    stop = threading.Event()

    def told(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()

    signal.signal(signal.SIGTERM, told)
    signal.signal(signal.SIGINT, told)
    stop.wait()


def _plain(start_response: StartResponse, status: str, text: str) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode()]


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Probes every few seconds are no news."""


if __name__ == "__main__":
    main()

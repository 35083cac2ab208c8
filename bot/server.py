"""The bot as a process, under gunicorn, from the environment alone.

    gunicorn --config python:bot.gunicorn 'bot.server:create()'

With SLACK_SIGNING_SECRET it takes Slack's requests over HTTP at /slack/events, with
SLACK_APP_TOKEN over a connection that it opens itself (Socket Mode), with both both ways.
/healthz says that the process lives, /readyz that it can queue, /metrics is for Prometheus.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

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
    """The WSGI application for gunicorn. Raises ConfigurationError."""
    places = Places()
    logs.configure(places.log_level)
    settings = configuration.load(places.pipeline_access_config)
    redis = connect(places)
    app = build_app(settings, places, redis)
    if places.slack_app_token is not None:
        listen(app, places.slack_app_token.get_secret_value())
    # Without the secret nobody can tell whether a request is Slack's: there is no such address.
    over_http = app if places.slack_signing_secret is not None else None
    return Server(over_http, redis, settings.jobs.queue)


def listen(app: App, app_token: str) -> None:
    """Take Slack's requests over a WebSocket, in threads of their own, until the process ends.

    The connection is opened again whenever it breaks; several processes share the requests.
    https://docs.slack.dev/apis/events-api/using-socket-mode
    """
    handler: Any = SocketModeHandler(app, app_token)
    handler.connect()
    atexit.register(handler.close)
    log.info("connected", mode="socket")


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


def _plain(start_response: StartResponse, status: str, text: str) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode()]

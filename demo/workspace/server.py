"""HTTP: the Web API for the app, and the page with its own small API for the browser.

Everything listens on 127.0.0.1 only. The page's API takes JSON from the page's own origin, so that
no other site open in the same browser can act in the workspace.
"""

from __future__ import annotations

import json
import logging
import queue
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler

from demo.workspace import forms, pagestate
from demo.workspace.acts import Acts, NotAllowed
from demo.workspace.answers import Answers, Outcome
from demo.workspace.api import WebApi
from demo.workspace.api.method import Context
from demo.workspace.failure import SlackError
from demo.workspace.state import Json, Message, View

MOST_BYTES = 20 * 1024 * 1024
_HOSTS = ("127.0.0.1", "localhost")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_PAGE = files("demo.workspace") / "page"


class QuietHandler(WSGIRequestHandler):
    """Without a line on the terminal per request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        logging.getLogger(__name__).debug("%s %s", self.requestline, code)


def create_app(context: Context, api: WebApi, acts: Acts, answers: Answers) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    app.register_blueprint(_slack(context, api, answers))
    app.register_blueprint(_page(context, acts))

    @app.errorhandler(NotAllowed)
    def not_allowed(error: NotAllowed) -> tuple[Response, int]:
        return jsonify(error=str(error)), 403

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> tuple[Response, int]:
        return jsonify(error=error.description), error.code or 500

    return app


def _slack(context: Context, api: WebApi, answers: Answers) -> Blueprint:
    """What the app calls."""
    slack = Blueprint("slack", __name__)

    @slack.route("/api/<method>", methods=["GET", "POST"])
    def call(method: str) -> Response:
        values = _arguments()
        header = request.headers.get("Authorization", "")
        token = header.removeprefix("Bearer ") if header else values.get("token")
        answer = api.call(method, values, token)
        response = jsonify(answer.body) if answer.body else Response("upstream failure")
        response.status_code = answer.status
        response.headers.update(answer.headers)
        return response

    @slack.post("/response/<path:ticket>")
    def respond(ticket: str) -> tuple[Response, int]:
        try:
            answers.respond(context.tickets.respond(ticket), _arguments())
        except SlackError as error:
            gone = error.code in ("used_url", "expired_url")
            return jsonify(error.body()), 404 if gone else 400
        return Response("ok"), 200

    @slack.post("/upload/v1/<ticket>")
    def upload(ticket: str) -> tuple[str, int]:
        found = context.state.upload_by_ticket(ticket)
        if found is None:
            return "invalid upload", 404
        multipart = request.mimetype == "multipart/form-data"
        sent = next(iter(request.files.values()), None) if multipart else None
        found.content = request.get_data() if sent is None else sent.read()
        return f"OK - {len(found.content)}", 200

    return slack


def _page(context: Context, acts: Acts) -> Blueprint:
    """What the browser calls."""
    page = Blueprint("page", __name__)
    state = context.state

    @page.before_request
    def own_origin_only() -> None:
        host = request.host.rpartition(":")[0] or request.host
        origin = request.headers.get("Origin")
        if host not in _HOSTS or (origin is not None and origin != f"http://{request.host}"):
            raise NotAllowed("The workspace answers only its own page.")

    @page.errorhandler(KeyError)
    @page.errorhandler(ValueError)
    def incomplete(error: KeyError | ValueError) -> tuple[Response, int]:
        return jsonify(error=f"That request is not complete: {error}"), 400

    @page.get("/")
    @page.get("/archives/<path:_>")
    def index(_: str = "") -> Response:
        return _file("index.html", "text/html")

    @page.get("/page/<path:name>")
    def asset(name: str) -> Response:
        suffix = "." + name.rpartition(".")[2]
        if suffix not in _TYPES or "/" in name or ".." in name:
            return Response(status=404)
        return _file(name, _TYPES[suffix])

    @page.get("/files/<file_id>/<path:_>")
    def file(file_id: str, _: str) -> Response:
        found = state.upload(file_id)
        if found is None or found.content is None:
            return Response(status=404)
        picture = found.mimetype.startswith("image/")
        mimetype = found.mimetype if picture else "text/plain; charset=utf-8"
        response = Response(found.content, mimetype=mimetype)
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'unsafe-inline'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @page.get("/act/people")
    def people() -> Response:
        return jsonify(pagestate.people(context))

    @page.get("/act/state")
    def whole_state() -> Response:
        return jsonify(pagestate.whole(context, _person(context, request.args.get("user", ""))))

    @page.get("/act/changes")
    def changes() -> Response:
        user = _person(context, request.args.get("user", ""))
        stream = Response(_changes(context, user), mimetype="text/event-stream")
        stream.headers["Cache-Control"] = "no-store"
        return stream

    @page.post("/act/<act>")
    def act(act: str) -> Response:
        body = request.get_json()
        user = _person(context, str(body.get("user", "")))
        match act:
            case "command":
                done = acts.command(user, body["channel"], body["command"], body["text"])
                return jsonify(ok=done.ok, error=done.error, ms=done.ms)
            case "message":
                acts.message(user, body["channel"], body["text"], thread_ts=body.get("thread_ts"))
                return jsonify(ok=True)
            case "press":
                return _outcome(_pressed(context, acts, user, body))
            case "submit":
                view = _view(context, body)
                values = forms.entered_values(view.blocks, body["values"])
                return _outcome(acts.submit(user, view, values))
            case "close":
                acts.close(user, _view(context, body), cleared=bool(body.get("cleared")))
                return jsonify(ok=True)
            case "shortcut":
                message = _message(context, user, body)
                return _outcome(acts.shortcut(user, body["callback_id"], message))
            case "home":
                acts.open_home(user, body.get("tab", "home"))
                return jsonify(ok=True)
            case "dismiss":
                acts.dismiss(user, body["ts"])
                return jsonify(ok=True)
            case "suggest":
                shown = _view(context, body) if "view" in body else _message(context, user, body)
                where = (body["block_id"], body["action_id"], body["text"])
                return jsonify(options=acts.suggest(user, shown, *where))
            case _:
                raise NotAllowed(f"There is no act {act}.")

    return page


def _pressed(context: Context, acts: Acts, user: str, body: Json) -> Outcome:
    where = (body["block_id"], body["action_id"], body.get("value"))
    if "view" in body:
        view = _view(context, body)
        values = forms.entered_values(view.blocks, body.get("values", {}))
        return acts.press_in_view(user, view, *where, values)
    return acts.press_in_message(user, _message(context, user, body), *where)


def _changes(context: Context, user: str) -> Iterator[str]:
    """Server-sent events until the browser or the workspace goes away."""
    changes = context.state.listen(user)
    try:
        yield "retry: 1000\n\n"
        while True:
            try:
                change = changes.get(timeout=15)
            except queue.Empty:
                yield ": still here\n\n"  # a write fails once the browser has gone
                continue
            if change is None:
                return
            shown = pagestate.change(context, user, change)
            if shown is not None:
                yield f"data: {json.dumps(shown)}\n\n"
    finally:
        context.state.unlisten(changes)


def _arguments() -> Json:
    if request.is_json:
        body = request.get_json(silent=True)
        return body if isinstance(body, dict) else {}
    return {**request.args.to_dict(), **request.form.to_dict()}


def _person(context: Context, user: str) -> str:
    if user not in context.directory.people:
        raise NotAllowed("Choose whom to act as.")
    return user


def _message(context: Context, user: str, body: Json) -> Message:
    message = context.state.find(body["channel"], body["ts"], user)
    if message is None:
        raise NotAllowed("This message is no longer there.")
    return message


def _view(context: Context, body: Json) -> View:
    view = context.state.view(str(body["view"]))
    if view is None:
        raise NotAllowed("This view is no longer shown.")
    return view


def _outcome(outcome: Outcome) -> Response:
    answer: dict[str, Any] = {"ok": outcome.ok, "error": outcome.error, "ms": outcome.ms}
    return jsonify(**answer, errors=dict(outcome.errors or {}))


def _file(name: str, mimetype: str) -> Response:
    source = _PAGE / name
    if not source.is_file():
        return Response(status=404)
    response = Response(source.read_bytes(), mimetype=mimetype)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-cache"
    return response

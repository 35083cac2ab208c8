"""A small real Bolt app, to prove that the stand-in speaks to apps as Slack does."""

from __future__ import annotations

import threading
from typing import Any

from flask import Flask, Request, request
from slack_bolt import Ack, App, BoltResponse, Respond, Say
from slack_bolt.adapter.flask import SlackRequestHandler
from slack_sdk import WebClient
from werkzeug.serving import make_server

from demo.workspace import Workspace

REASON_MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "reason",
    "title": {"type": "plain_text", "text": "Request a fix"},
    "submit": {"type": "plain_text", "text": "Request"},
    "close": {"type": "plain_text", "text": "Cancel"},
    "private_metadata": "payments-deploy",
    "notify_on_close": True,
    "blocks": [
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "Adds `s3:GetObject` for *deploy-role*."},
        },
        {
            "type": "input",
            "block_id": "why",
            "label": {"type": "plain_text", "text": "Why is this needed?"},
            "element": {
                "type": "plain_text_input",
                "action_id": "text",
                "multiline": True,
                "min_length": 5,
                "max_length": 200,
            },
        },
        {
            "type": "input",
            "block_id": "urgency",
            "optional": True,
            "label": {"type": "plain_text", "text": "Urgency"},
            "element": {
                "type": "radio_buttons",
                "action_id": "level",
                "initial_option": {
                    "text": {"type": "plain_text", "text": "Today"},
                    "value": "today",
                },
                "options": [
                    {"text": {"type": "plain_text", "text": "Today"}, "value": "today"},
                    {"text": {"type": "plain_text", "text": "This week"}, "value": "week"},
                ],
            },
        },
    ],
}


def findings(pipeline: str) -> list[dict[str, Any]]:
    return [
        {"type": "header", "text": {"type": "plain_text", "text": f"{pipeline} is blocked"}},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "*deploy-role* may not `s3:GetObject`."},
        },
        {
            "type": "actions",
            "block_id": "fix",
            "elements": [
                {
                    "type": "button",
                    "action_id": "request_fix",
                    "style": "primary",
                    "text": {"type": "plain_text", "text": "Request a fix"},
                    "value": pipeline,
                },
                {
                    "type": "button",
                    "action_id": "retry",
                    "style": "danger",
                    "text": {"type": "plain_text", "text": "Retry stage"},
                    "value": pipeline,
                    "confirm": {
                        "title": {"type": "plain_text", "text": "Retry the stage?"},
                        "text": {"type": "mrkdwn", "text": "Runs *Deploy* again."},
                        "confirm": {"type": "plain_text", "text": "Retry"},
                        "deny": {"type": "plain_text", "text": "Leave it"},
                        "style": "danger",
                    },
                },
            ],
        },
    ]


class Bot:
    """The Bolt app under a threaded server, with everything it received."""

    def __init__(self, workspace: Workspace, *, signing_secret: str | None = None) -> None:
        self.client = WebClient(workspace.bot_token, base_url=workspace.api_url)
        self.seen: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.statuses: list[int] = []
        self.delay = 0.0
        self.fail_events = 0
        self._stopping = threading.Event()
        self.app = App(
            token=workspace.bot_token,
            signing_secret=signing_secret or workspace.signing_secret,
            client=self.client,
        )
        self._listen()
        handler = SlackRequestHandler(self.app)
        flask = Flask(__name__)

        @flask.post("/slack/events")
        def events() -> Any:
            self._keep(request)
            answer = handler.handle(request)
            self.statuses.append(answer.status_code)
            return answer

        self._server = make_server("127.0.0.1", 0, flask, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def received(self, kind: str) -> list[dict[str, Any]]:
        return [body for body in list(self.seen) if kind in (body.get("type"), body.get("command"))]

    def _keep(self, request: Request) -> None:
        self.headers.append({k.lower(): v for k, v in request.headers.items()})

    def _listen(self) -> None:
        app = self.app

        @app.middleware
        def keep(body: dict[str, Any], next: Any) -> BoltResponse:
            self.seen.append(body.get("event", body))
            if self._stopping.wait(self.delay):
                return BoltResponse(status=503)
            if "event" in body and self.fail_events:
                self.fail_events -= 1
                return BoltResponse(status=500)
            response: BoltResponse = next()
            return response

        @app.command("/pipeline-access")
        def command(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
            name = body["text"]
            if not name:
                ack("Which pipeline? Try `/pipeline-access payments-deploy`.")
                return
            ack(f"Queued *{name}*.")
            channel = body["channel_id"]
            root = client.chat_postMessage(channel=channel, text=f"Diagnosing *{name}*")
            client.chat_postMessage(
                channel=channel,
                thread_ts=root["ts"],
                text=f"{name} is blocked",
                blocks=findings(name),
            )

        @app.action("request_fix")
        def request_fix(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
            ack()
            client.views_open(trigger_id=body["trigger_id"], view=REASON_MODAL)

        @app.action("retry")
        def retry(ack: Ack, body: dict[str, Any], say: Say) -> None:
            ack()
            say(text="Retrying *Deploy*.", thread_ts=body["container"]["thread_ts"])

        @app.view("reason")
        def reason(ack: Ack, body: dict[str, Any], view: dict[str, Any], client: WebClient) -> None:
            why = view["state"]["values"]["why"]["text"]["value"]
            if "because" not in why:
                ack(response_action="errors", errors={"why": "Say because of what."})
                return
            ack()
            client.chat_postMessage(channel=body["user"]["id"], text=f"Requested: {why}")

        @app.view_closed("reason")
        def closed(ack: Ack) -> None:
            ack()

        @app.shortcut("why_denied")
        def why_denied(ack: Ack, body: dict[str, Any], respond: Respond) -> None:
            ack()
            respond(text=f"Looking at “{body['message']['text']}”.", response_type="ephemeral")

        @app.event("app_mention")
        def mention(event: dict[str, Any], say: Say) -> None:
            say(text="Which pipeline?", thread_ts=event.get("thread_ts") or event["ts"])

        @app.event("app_home_opened")
        def home(event: dict[str, Any], client: WebClient) -> None:
            text = {"type": "mrkdwn", "text": f"Hello <@{event['user']}>, nothing waits for you."}
            view = {"type": "home", "blocks": [{"type": "section", "text": text}]}
            client.views_publish(user_id=event["user"], view=view)

        @app.event("message")
        def message() -> None:
            pass

        @app.event("member_joined_channel")
        def joined() -> None:
            pass

"""What becomes visible when the app answers: to a command, a submission, a response URL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from demo.workspace import typed
from demo.workspace.api import chat, views
from demo.workspace.api.method import Arguments, Context
from demo.workspace.failure import SlackError
from demo.workspace.sender import Reply
from demo.workspace.state import SLACKBOT, Json, Message, View
from demo.workspace.tickets import ResponseUrl

_FAILED = '{name} failed with the error "{error}"'
_NO_ANSWER = {
    "operation_timeout": "The app did not respond in time (operation_timeout).",
    "dispatch_failed": "The app could not be reached or failed (dispatch_failed).",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the app answered an act. `status` None and an `error` mean that it did not.

    `errors` are what a submitted modal complains about, by block_id, from Slack or from the app.
    """

    status: int | None
    ms: float
    error: str | None = None
    errors: Mapping[str, str] | None = None
    response_action: str | None = None

    @property
    def ok(self) -> bool:
        return self.error is None and not self.errors


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """How a slash command was answered; `ephemerals` is what its very answer made visible."""

    status: int | None
    ms: float
    error: str | None
    ephemerals: tuple[Message, ...]

    @property
    def ok(self) -> bool:
        return self.error is None


class Answers:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._state = context.state

    def to_command(
        self, answer: ResponseUrl, name: str, text: str, reply: Reply
    ) -> tuple[Message, ...]:
        if not reply.ok:
            words = _FAILED.format(name=name, error=reply.error)
            return (self.slackbot(answer.user, answer.channel, words),)
        body = reply.json() or ({"text": reply.body} if reply.body.strip() else {})
        if not body.get("text") and not body.get("blocks"):
            return ()
        if body.get("response_type") == "in_channel":
            said = typed.message_text(self._context.directory, f"{name} {text}".strip())
            self._state.add(Message(answer.channel, self._state.new_ts(), answer.user, said))
        try:
            shown = self.respond(answer, body)
        except SlackError as error:
            words = _FAILED.format(name=name, error=error.code)
            return (self.slackbot(answer.user, answer.channel, words),)
        return (shown,) if shown is not None and shown.is_ephemeral else ()

    def to_submission(self, user: str, view: View, reply: Reply) -> Outcome:
        body = reply.json()
        action = body.get("response_action")
        try:
            match action:
                case None:
                    stack = self._state.stack(user)
                    self._state.set_stack(user, [shown for shown in stack if shown.id != view.id])
                case "clear":
                    self._state.set_stack(user, [])
                case "errors":
                    return self._errors(view, reply, body.get("errors"))
                case "update":
                    changed = views.checked_view(
                        self._context, "response_action", body.get("view"), "modal"
                    )
                    views.update(self._context, view, changed)
                case "push":
                    pushed = views.checked_view(
                        self._context, "response_action", body.get("view"), "modal"
                    )
                    views.push(self._context, user, pushed)
                case _:
                    raise SlackError("invalid_response_action")
        except SlackError as error:
            return Outcome(reply.status, reply.ms, error.code, response_action=action)
        return Outcome(reply.status, reply.ms, response_action=action)

    def _errors(self, view: View, reply: Reply, errors: Any) -> Outcome:
        inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
        if not isinstance(errors, dict) or not errors or not inputs.issuperset(errors):
            raise self._context.reject(
                "response_action", "invalid_errors", [f"errors name no input: {errors}"], {}
            )
        return Outcome(reply.status, reply.ms, errors=errors, response_action="errors")

    def to_press(self, user: str, reply: Reply) -> Outcome:
        """A press needs no answer but 200; its absence is shown to the one who pressed."""
        if not reply.ok:
            self._state.notify({"kind": "trouble", "text": _NO_ANSWER[str(reply.error)]}, user)
        return Outcome(reply.status, reply.ms, reply.error)

    def respond(self, answer: ResponseUrl, body: Json) -> Message | None:
        """Show what was posted to a response URL: the message, None if it deleted one.

        Raises SlackError where the content breaks a rule.

        https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
        """
        original = None
        if answer.message_ts is not None:
            original = self._state.find(answer.channel, answer.message_ts, answer.user)
        if body.get("delete_original"):
            if original is not None:
                self._state.remove(original)
            return None
        content = chat.checked_content(
            self._context, "response_url", Arguments(body), chat.POST_CHARACTERS
        )
        if body.get("replace_original") and original is not None:
            edited = None if original.is_ephemeral else self._state.new_ts()
            return self._state.replace(original, **content, edited_ts=edited)
        public = body.get("response_type") == "in_channel"
        return chat.post(
            self._context,
            answer.channel,
            content,
            str(body["thread_ts"]) if body.get("thread_ts") else None,
            visible_to=None if public else answer.user,
        )

    def slackbot(self, user: str, channel: str, text: str) -> Message:
        ts = self._state.new_ts()
        return self._state.add(Message(channel, ts, SLACKBOT, text, visible_to=user))

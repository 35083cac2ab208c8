"""The bodies of Slack's requests to the app.

https://docs.slack.dev/reference/interaction-payloads
https://docs.slack.dev/interactivity/implementing-slash-commands
"""

from __future__ import annotations

from demo.workspace.api.method import Context
from demo.workspace.api.views import view_payload
from demo.workspace.state import Json, Message, View
from demo.workspace.tickets import ResponseUrl, Trigger

# Deprecated by Slack in favour of the signature, but still in every payload.
VERIFICATION_TOKEN = "local-workspace-verification-token"


class Payloads:
    def __init__(self, context: Context) -> None:
        self._context = context

    def command(
        self, user: str, channel: str, name: str, text: str, trigger: Trigger, answer: ResponseUrl
    ) -> dict[str, str]:
        directory = self._context.directory
        person, team = directory.people[user], directory.team
        return {
            "token": VERIFICATION_TOKEN,
            "team_id": person.team_id,
            "team_domain": team.domain,
            "channel_id": channel,
            "channel_name": self._channel_name(channel),
            "user_id": user,
            "user_name": person.name,
            "command": name,
            "text": text,
            "api_app_id": directory.app.id,
            "is_enterprise_install": "false",
            "response_url": self.response_url(answer),
            "trigger_id": trigger.id,
        }

    def message_action(
        self, user: str, message: Message, action: Json, trigger: Trigger, answer: ResponseUrl
    ) -> Json:
        """block_actions from a message. Ephemeral messages come without `message`."""
        container: Json = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": message.channel,
            "is_ephemeral": message.is_ephemeral,
        }
        if message.thread_ts is not None:
            container["thread_ts"] = message.thread_ts
        state = self._context.state.choices(user, message.channel, message.ts)
        payload = {
            **self._common("block_actions", user),
            "container": container,
            "trigger_id": trigger.id,
            "channel": self._channel(message.channel),
            "state": {"values": state},
            "response_url": self.response_url(answer),
            "actions": [action],
        }
        if not message.is_ephemeral:
            payload["message"] = self._message(message)
        return payload

    def view_action(
        self, user: str, view: View, action: Json, trigger: Trigger, values: Json
    ) -> Json:
        """block_actions from a modal or App Home."""
        return {
            **self._common("block_actions", user),
            "container": {"type": "view", "view_id": view.id},
            "trigger_id": trigger.id,
            "view": view_payload(self._context, view, values),
            "actions": [action],
        }

    def submission(self, user: str, view: View, trigger: Trigger, values: Json) -> Json:
        return {
            **self._common("view_submission", user),
            "trigger_id": trigger.id,
            "view": view_payload(self._context, view, values),
            "response_urls": [],
        }

    def closed(self, user: str, view: View, cleared: bool) -> Json:
        return {
            **self._common("view_closed", user),
            "view": view_payload(self._context, view),
            "is_cleared": cleared,
        }

    def shortcut(
        self,
        user: str,
        callback_id: str,
        message: Message,
        trigger: Trigger,
        answer: ResponseUrl,
    ) -> Json:
        return {
            **self._common("message_action", user),
            "callback_id": callback_id,
            "action_ts": self._context.state.new_ts(),
            "trigger_id": trigger.id,
            "response_url": self.response_url(answer),
            "message_ts": message.ts,
            "channel": self._channel(message.channel),
            "message": self._message(message),
        }

    def suggestion(
        self, user: str, shown: Message | View, block_id: str, action_id: str, typed: str
    ) -> Json:
        """https://docs.slack.dev/reference/block-kit/block-elements/select-menu-element"""
        payload = {
            **self._common("block_suggestion", user),
            "action_id": action_id,
            "block_id": block_id,
            "value": typed,
        }
        if isinstance(shown, View):
            container: Json = {"type": "view", "view_id": shown.id}
            return {**payload, "container": container, "view": view_payload(self._context, shown)}
        container = {"type": "message", "message_ts": shown.ts, "channel_id": shown.channel}
        return {
            **payload,
            "container": container,
            "channel": self._channel(shown.channel),
            "message": self._message(shown),
        }

    def event(self, event: Json) -> Json:
        """https://docs.slack.dev/apis/events-api#event-type-structure"""
        directory, state = self._context.directory, self._context.state
        sender = directory.people.get(str(event.get("user")))
        team = directory.team.id
        channel = directory.channels.get(str(event.get("channel")))
        return {
            "token": VERIFICATION_TOKEN,
            "team_id": team,
            "context_team_id": team,
            "context_enterprise_id": None,
            "api_app_id": directory.app.id,
            "event": {**event, **({"user_team": sender.team_id} if sender else {})},
            "type": "event_callback",
            "event_id": state.new_id("Ev"),
            "event_time": int(state.clock()),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": team,
                    "user_id": directory.app.user_id,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": channel is not None and channel.is_shared,
            "event_context": state.new_id("4-"),
        }

    def response_url(self, answer: ResponseUrl) -> str:
        return f"{self._context.base_url()}/response/{answer.ticket}"

    def _common(self, kind: str, user: str) -> Json:
        directory = self._context.directory
        person, team = directory.people[user], directory.team
        return {
            "type": kind,
            "user": {
                "id": user,
                "username": person.name,
                "name": person.name,
                "team_id": person.team_id,
            },
            "api_app_id": directory.app.id,
            "token": VERIFICATION_TOKEN,
            "team": {"id": team.id, "domain": team.domain},
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _channel(self, channel: str) -> Json:
        return {"id": channel, "name": self._channel_name(channel)}

    def _channel_name(self, channel: str) -> str:
        known = self._context.directory.channels.get(channel)
        return "directmessage" if known is None else known.name

    def _message(self, message: Message) -> Json:
        directory = self._context.directory
        return message.payload(directory.team.id, directory.app.id)

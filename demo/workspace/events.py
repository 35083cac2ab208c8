"""Events: what the app is told of without having been asked. https://docs.slack.dev/apis/events-api"""

from __future__ import annotations

from demo.workspace.api.method import Context
from demo.workspace.payloads import Payloads
from demo.workspace.sender import Sender
from demo.workspace.state import Json, Message


class Events:
    def __init__(self, context: Context, sender: Sender) -> None:
        self._context = context
        self._state = context.state
        self._sender = sender
        self._payloads = Payloads(context)

    def announce(self, event: Json) -> None:
        """Send an event to the app if it subscribes to it and may see where it happened."""
        directory = self._context.directory
        channel = directory.channels.get(str(event.get("channel")))
        kind = str(event["type"])
        if kind == "message":
            private = channel is not None and channel.is_private
            surface = "im" if channel is None else "groups" if private else "channels"
            kind = f"message.{surface}"
        visible = channel is None or channel.app_is_member
        if kind in directory.app.events and visible:
            self._sender.event(self._payloads.event(event))

    def announce_change(self, message: Message, subtype: str, what: Json) -> None:
        ts = self._state.new_ts()
        self.announce(
            {
                "type": "message",
                "subtype": subtype,
                "hidden": True,
                "channel": message.channel,
                "channel_type": "im" if message.channel.startswith("D") else "channel",
                "ts": ts,
                "event_ts": ts,
                "previous_message": self.plain(message),
                **what,
            }
        )

    def plain(self, message: Message) -> Json:
        return message.payload(self._context.directory.team.id)

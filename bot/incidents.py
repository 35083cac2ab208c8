"""Asking where people already are: a mention in a channel or thread, the shortcut on a message.

The listeners only take the text along; a worker finds out what is meant (`workers.jobs.ask`) and
answers in the thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from slack_bolt import BoltContext
from slack_bolt.context.respond import Respond
from slack_sdk.errors import SlackClientError

from bot.addressing import addressed, is_new, words
from bot.commands import Commands
from bot.desk import Desk
from workers.incidents import stopping
from workers.inquiry import Inquiry, new_id
from workers.queue import ASK, EXPORT_TIMELINE, enqueue
from workers.slack.blocks import Json
from workers.slack.messages import text_of

WHY_DENIED = "why_denied"
# Commands that a mention may give; a pipeline's name is asked about in any words.
SPOKEN = frozenset({"help", "list", "watch", "unwatch", "watching", "incident"})

Ack = Callable[..., Any]

log = structlog.get_logger(__name__)


class Incidents:
    """The listeners of mentions, of direct messages and of the message shortcut."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._commands = Commands(desk)

    def mentioned(self, event: Json, context: BoltContext) -> None:
        """https://docs.slack.dev/reference/events/app_mention

        What a slash command says, a mention says as well, also in threads, where slash commands do
        not work. Everything else is a question.
        """
        bot_user = str(context.bot_user_id or "")
        if not self._is_for_us(event, bot_user):
            return
        thread = str(event.get("thread_ts") or event["ts"])
        said = words(event, bot_user)
        if said.partition(" ")[0].lower() in SPOKEN:
            self._obey(event, said, thread)
            return
        self._ask(event, str(event["channel"]), str(event.get("user") or ""), thread)

    def written(self, event: Json, context: BoltContext) -> None:
        """A direct message to the bot: what begins one there is meant for it, without a mention.

        https://docs.slack.dev/reference/events/message.im
        """
        if event.get("channel_type") != "im":
            return
        thread = event.get("thread_ts")
        if thread not in (None, event["ts"]):  # people may talk below an answer
            self.mentioned(event, context)
            return
        bot_user = str(context.bot_user_id or "")
        if not self._is_new(event):
            return
        text = str(event.get("text") or "")
        said = words(event, bot_user) if f"<@{bot_user}" in text else text.strip()
        if said.partition(" ")[0].lower() in SPOKEN:
            self._obey(event, said.partition("\n")[0], str(event["ts"]))
            return
        self._ask(event, str(event["channel"]), str(event.get("user") or ""), str(event["ts"]))

    def shortcut(self, ack: Ack, body: Json, respond: Respond) -> None:
        """`Why was this denied?` on any message.

        https://docs.slack.dev/interactivity/implementing-shortcuts#messages
        """
        ack()
        message = body["message"]
        thread = str(message.get("thread_ts") or message["ts"])
        self._ask(message, str(body["channel"]["id"]), str(body["user"]["id"]), thread)
        respond(
            text=self._desk.texts("answer.reading_message"),
            replace_original=False,
            response_type="ephemeral",
        )

    def stop(self, ack: Ack, body: Json, action: Json, respond: Respond) -> None:
        """`Stop` while many pipelines are looked at: it ends at the next one."""
        ack()
        look = str(action.get("value", ""))
        stopping.stop(self._desk.redis, look, str(body["user"]["id"]))
        self._whisper(respond, "incident.stopping")

    def export(self, ack: Ack, body: Json, action: Json, respond: Respond) -> None:
        """`Export timeline`: a worker shares it as a file in the thread."""
        ack()
        message = body.get("message") or {}
        enqueue(
            self._desk.queue,
            EXPORT_TIMELINE,
            str(action.get("value", "")),
            str(body["user"]["id"]),
            str(body["channel"]["id"]),
            str(message.get("thread_ts") or message.get("ts") or ""),
            id=f"export-{new_id()}",
            lives=1,
        )
        self._whisper(respond, "incident.exporting")

    def _whisper(self, respond: Respond, key: str) -> None:
        respond(text=self._desk.texts(key), replace_original=False, response_type="ephemeral")

    def _obey(self, event: Mapping[str, Any], said: str, thread: str) -> None:
        """A command, given by a mention: answered to the person alone, in the thread."""
        user, channel = str(event.get("user") or ""), str(event["channel"])
        if not user:
            return
        command = {
            "text": said,
            "user_id": user,
            "channel_id": channel,
            "team_id": event.get("team") or "",
            "thread_ts": thread,
        }
        answer = self._commands.answer(command)
        try:
            self._desk.client.chat_postEphemeral(
                channel=channel,
                user=user,
                thread_ts=str(event["thread_ts"]) if event.get("thread_ts") else None,
                **answer.payload(),
            )
        except (SlackClientError, OSError) as error:
            log.warning("answer not shown", error=type(error).__name__)

    def _is_for_us(self, event: Mapping[str, Any], bot_user: str) -> bool:
        """Not what is only quoted, nor what is not new."""
        return self._is_new(event) and addressed(event, bot_user)

    def _is_new(self, event: Mapping[str, Any]) -> bool:
        """No edits, and no bots unless the configuration names them: no loops."""
        if not is_new(event):
            return False
        bot = event.get("bot_id")
        if bot and bot not in self._desk.settings.slack.answer_bots:
            log.info("not answering a bot", bot=bot)
            return False
        return True

    def _ask(self, message: Mapping[str, Any], channel: str, user: str, thread: str) -> None:
        if not user:
            return
        inquiry = Inquiry(
            id=new_id(),
            name="",
            user=user,
            channel=channel,
            thread=thread,
            visibility="direct" if channel.startswith("D") else "public",
        )
        self._desk.inquiries.reserve(inquiry)
        self._desk.put(ASK, inquiry, inquiry.id, text_of(message))

"""What people do: type, press, fill in, close. Each act is told to the app as Slack tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from demo.workspace import blockkit, forms, typed
from demo.workspace.api import chat, views
from demo.workspace.api.method import Arguments, Context
from demo.workspace.failure import SlackError
from demo.workspace.payloads import Payloads
from demo.workspace.sender import Reply, Sender
from demo.workspace.state import SLACKBOT, Json, Message, View
from demo.workspace.tickets import ResponseUrl


class NotAllowed(Exception):
    """The page would not let this person do that; the words say why."""


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


class Acts:
    def __init__(self, context: Context, sender: Sender) -> None:
        self._context = context
        self._state = context.state
        self._sender = sender
        self._payloads = Payloads(context)

    # -- typing

    def command(
        self, user: str, channel: str, name: str, text: str, *, raw: bool = False
    ) -> CommandOutcome:
        """Type a slash command. `raw` sends the text as it is, without Slack's escaping."""
        self._must_see(user, channel)
        known = {command.name: command for command in self._context.directory.app.commands}
        if name not in known:
            note = self._slackbot(user, channel, _NO_SUCH_COMMAND.format(name=typed.escape(name)))
            return CommandOutcome(None, 0.0, "no_such_command", (note,))
        escaping = known[name].should_escape
        directory = self._context.directory
        sent = text if raw else typed.command_text(directory, text, should_escape=escaping)
        trigger = self._context.tickets.trigger(user)
        answer = self._context.tickets.response(user, channel)
        reply = self._sender.command(
            self._payloads.command(user, channel, name, sent, trigger, answer)
        )
        shown = self._command_answer(answer, name, text, reply)
        return CommandOutcome(reply.status, reply.ms, reply.error, shown)

    def message(
        self,
        user: str,
        channel: str,
        text: str,
        *,
        thread_ts: str | None = None,
        blocks: tuple[Json, ...] = (),
        attachments: tuple[Json, ...] = (),
        raw: bool = False,
    ) -> Message:
        """Say something. Mentions in it reach the app as app_mention where it is a member."""
        self._must_see(user, channel)
        known = self._context.directory.channels.get(channel)
        if known is not None and known.is_archived:
            raise NotAllowed(f"#{known.name} is archived.")
        directory, person = self._context.directory, self._context.directory.people[user]
        sent = text if raw else typed.message_text(directory, text)
        if not blocks and not person.is_bot and text:
            blocks = tuple(chat.identified(self._context, [typed.rich_text(directory, text)]))
        root = None if thread_ts is None else self._state.message(channel, thread_ts)
        if thread_ts is not None and root is None:
            raise NotAllowed("This thread is no longer there.")
        if root is not None and root.thread_ts is None:
            self._state.replace(root, thread_ts=root.ts)
        message = self._state.add(
            Message(
                channel,
                self._state.new_ts(),
                user,
                sent,
                blocks,
                thread_ts=None if root is None else (root.thread_ts or root.ts),
                attachments=attachments,
                bot_id=f"B{user[1:]}" if person.is_bot else None,
                subtype="bot_message" if person.is_bot else None,
            )
        )
        self.announce(chat.message_event(self._context, message))
        if f"<@{directory.app.user_id}>" in sent and known is not None and known.app_is_member:
            mention = chat.message_event(self._context, message)
            mention.pop("channel_type")
            self.announce({**mention, "type": "app_mention"})
        return message

    def edit(self, user: str, message: Message, text: str) -> Message:
        """Change one's own message; the app is told by message_changed."""
        if message.user != user:
            raise NotAllowed("Only the author can edit a message.")
        directory = self._context.directory
        blocks = tuple(chat.identified(self._context, [typed.rich_text(directory, text)]))
        changed = self._state.replace(
            message,
            text=typed.message_text(directory, text),
            blocks=blocks,
            edited_ts=self._state.new_ts(),
        )
        self._announce_change(message, "message_changed", {"message": self._plain(changed)})
        return changed

    def delete(self, user: str, message: Message) -> None:
        """Delete one's own message; the app is told by message_deleted."""
        if message.user != user:
            raise NotAllowed("Only the author can delete a message.")
        self._state.remove(message)
        self._announce_change(message, "message_deleted", {"deleted_ts": message.ts})

    def dismiss(self, user: str, ts: str) -> None:
        """Put an ephemeral message away."""
        for message in self._state.ephemerals(user):
            if message.ts == ts:
                self._state.remove(message)

    # -- pressing and choosing

    def press_in_message(
        self, user: str, message: Message, block_id: str, action_id: str, value: Any = None
    ) -> Outcome:
        """Press a button, or choose in a menu, of a message. `value` is what is chosen."""
        self._must_see(user, message.channel)
        current = self._state.find(message.channel, message.ts, user)
        if current is None:
            raise NotAllowed("This message is no longer there.")
        element = _element(current.blocks, block_id, action_id)
        action = self._action(element, block_id, value)
        if forms.field_of(element) is not None and element["type"] != "overflow":
            chosen = self._state.choices(user, current.channel, current.ts)
            chosen.setdefault(block_id, {})[action_id] = forms.entered_value(element, value)
        trigger = self._context.tickets.trigger(user)
        answer = self._context.tickets.response(
            user, current.channel, message_ts=current.ts, thread_ts=current.thread_ts
        )
        payload = self._payloads.message_action(user, current, action, trigger, answer)
        return self._told(user, self._sender.interaction(payload))

    def press_in_view(
        self,
        user: str,
        view: View,
        block_id: str,
        action_id: str,
        value: Any = None,
        values: Json | None = None,
    ) -> Outcome:
        """Press or choose in a modal or App Home; `values` is what its inputs hold."""
        current = self._shown(user, view)
        element = _element(current.blocks, block_id, action_id)
        action = self._action(element, block_id, value)
        held = forms.initial_values(current.blocks) if values is None else values
        trigger = self._context.tickets.trigger(user, current.id)
        payload = self._payloads.view_action(user, current, action, trigger, held)
        return self._told(user, self._sender.interaction(payload))

    def shortcut(self, user: str, callback_id: str, message: Message) -> Outcome:
        """Use a message shortcut from a message's menu."""
        self._must_see(user, message.channel)
        if callback_id not in {s.callback_id for s in self._context.directory.app.shortcuts}:
            raise NotAllowed(f"The app has no message shortcut {callback_id}.")
        trigger = self._context.tickets.trigger(user)
        answer = self._context.tickets.response(
            user, message.channel, thread_ts=message.thread_ts or message.ts
        )
        payload = self._payloads.shortcut(user, callback_id, message, trigger, answer)
        return self._told(user, self._sender.interaction(payload))

    # -- modals and App Home

    def submit(self, user: str, view: View, values: Json) -> Outcome:
        """Submit a modal with `state.values`. What Slack itself requires is checked first.

        https://docs.slack.dev/surfaces/modals#handle_submissions
        """
        current = self._shown(user, view)
        wrong = forms.complaints(current.blocks, values)
        if wrong:
            return Outcome(None, 0.0, errors=wrong)
        trigger = self._context.tickets.trigger(user, current.id)
        payload = self._payloads.submission(user, current, trigger, values)
        reply = self._sender.interaction(payload)
        if not reply.ok:
            return Outcome(reply.status, reply.ms, reply.error)
        return self._submitted(user, current, reply)

    def close(self, user: str, view: View, *, cleared: bool = False) -> None:
        """Close a modal, or with `cleared` the whole stack."""
        stack = self._state.stack(user)
        current = next((shown for shown in stack if shown.id == view.id), None)
        if current is None:
            return
        cleared = cleared or bool(current.body.get("clear_on_close"))
        gone = stack if cleared else stack[stack.index(current) :]
        self._state.set_stack(user, [shown for shown in stack if shown not in gone])
        for shown in reversed(gone):
            if shown.body.get("notify_on_close"):
                self._sender.interaction(self._payloads.closed(user, shown, cleared))

    def open_home(self, user: str, tab: str = "home") -> View | None:
        """Open App Home; the app is told and may publish a view. The one shown now, if any.

        https://docs.slack.dev/reference/events/app_home_opened
        """
        shown = self._state.home(user)
        event: Json = {
            "type": "app_home_opened",
            "user": user,
            "channel": self._context.directory.im(user),
            "tab": tab,
            "event_ts": self._state.new_ts(),
        }
        if shown is not None and tab == "home":
            event["view"] = views.view_payload(self._context, shown)
        self.announce(event)
        return shown

    def suggest(
        self, user: str, view: View, block_id: str, action_id: str, text: str
    ) -> list[Json]:
        """The options the app offers in an external_select for what has been typed."""
        current = self._shown(user, view)
        payload = self._payloads.suggestion(user, current, block_id, action_id, text)
        answer = self._sender.interaction(payload).json()
        options: list[Json] = list(answer.get("options", []))
        for group in answer.get("option_groups", []):
            options += group["options"]
        return options[:100]

    # -- answers that come by response_url

    def respond(self, answer: ResponseUrl, body: Json) -> None:
        """Show what was posted to a response URL. Raises SlackError.

        https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
        """
        original = None
        if answer.message_ts is not None:
            original = self._state.find(answer.channel, answer.message_ts, answer.user)
        if body.get("delete_original"):
            if original is not None:
                self._state.remove(original)
            return
        content = chat.checked_content(
            self._context, "response_url", Arguments(body), chat.POST_CHARACTERS
        )
        if body.get("replace_original") and original is not None:
            edited = None if original.is_ephemeral else self._state.new_ts()
            self._state.replace(original, **content, edited_ts=edited)
            return
        public = body.get("response_type") == "in_channel"
        chat.post(
            self._context,
            answer.channel,
            content,
            str(body["thread_ts"]) if body.get("thread_ts") else None,
            visible_to=None if public else answer.user,
        )

    # -- events

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

    def _announce_change(self, message: Message, subtype: str, what: Json) -> None:
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
                "previous_message": self._plain(message),
                **what,
            }
        )

    def _plain(self, message: Message) -> Json:
        return message.payload(self._context.directory.team.id)

    # -- answers

    def _command_answer(
        self, answer: ResponseUrl, name: str, text: str, reply: Reply
    ) -> tuple[Message, ...]:
        if not reply.ok:
            words = _FAILED.format(name=name, error=reply.error)
            return (self._slackbot(answer.user, answer.channel, words),)
        body = reply.json() or ({"text": reply.body} if reply.body.strip() else {})
        if not body.get("text") and not body.get("blocks"):
            return ()
        before = {message.ts for message in self._state.ephemerals(answer.user)}
        if body.get("response_type") == "in_channel":
            said = typed.message_text(self._context.directory, f"{name} {text}".strip())
            self._state.add(Message(answer.channel, self._state.new_ts(), answer.user, said))
        try:
            self.respond(answer, body)
        except SlackError as error:
            words = _FAILED.format(name=name, error=error.code)
            return (self._slackbot(answer.user, answer.channel, words),)
        after = self._state.ephemerals(answer.user)
        return tuple(message for message in after if message.ts not in before)

    def _submitted(self, user: str, view: View, reply: Reply) -> Outcome:
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

    def _told(self, user: str, reply: Reply) -> Outcome:
        if not reply.ok:
            self._state.notify({"kind": "trouble", "text": _NO_ANSWER[str(reply.error)]}, user)
        return Outcome(reply.status, reply.ms, reply.error)

    def _slackbot(self, user: str, channel: str, text: str) -> Message:
        ts = self._state.new_ts()
        return self._state.add(Message(channel, ts, SLACKBOT, text, visible_to=user))

    def _action(self, element: Json, block_id: str, value: Any) -> Json:
        """https://docs.slack.dev/reference/interaction-payloads/block_actions-payload"""
        action = {"block_id": block_id, "action_ts": self._state.new_ts()}
        for key in ("type", "action_id", "text", "style", "placeholder", "confirm"):
            if key in element:
                action[key] = element[key]
        if forms.field_of(element) is None:
            if "value" in element:
                action["value"] = element["value"]
            return action
        return {**action, **forms.entered_value(element, value)}

    # -- what may be done

    def _must_see(self, user: str, channel: str) -> None:
        directory = self._context.directory
        if user not in directory.people:
            raise NotAllowed(f"Nobody here has the id {user}.")
        if user in directory.deactivated:
            raise NotAllowed(f"{directory.people[user].shown_name} is deactivated.")
        known = directory.channels.get(channel)
        own = channel == directory.im(user)
        if not own and (known is None or not directory.can_see(user, known)):
            raise NotAllowed(f"{directory.people[user].shown_name} cannot see this channel.")

    def _shown(self, user: str, view: View) -> View:
        current = self._state.view(view.id)
        if current is None or current.user != user:
            raise NotAllowed("This view is no longer shown.")
        return current


def join(context: Context, acts: Acts, user: str, channel_id: str) -> None:
    """Let somebody join a channel; the app is told by member_joined_channel."""
    directory = context.directory
    channel = directory.channels[channel_id]
    members = directory.members(channel)
    if user in members:
        return
    with context.state.locked():
        directory.channels[channel_id] = replace(channel, members=(*members, user))
    acts.announce(
        {
            "type": "member_joined_channel",
            "user": user,
            "channel": channel_id,
            "channel_type": "C",
            "team": directory.team.id,
            "event_ts": context.state.new_ts(),
        }
    )


def _element(blocks: tuple[Json, ...] | list[Json], block_id: str, action_id: str) -> Json:
    for block in blocks:
        if block.get("block_id") == block_id:
            for element in blockkit.elements(block):
                if element.get("action_id") == action_id:
                    return element
    raise NotAllowed("This button is no longer there.")


_FAILED = '{name} failed with the error "{error}"'
_NO_SUCH_COMMAND = (
    "{name} is not a valid command. In Slack, all messages that start with the “/” character are "
    "interpreted as commands."
)
_NO_ANSWER = {
    "operation_timeout": "The app did not respond in time (operation_timeout).",
    "dispatch_failed": "The app could not be reached or failed (dispatch_failed).",
}

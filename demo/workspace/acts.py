"""What people do: type, press, fill in, close. Each act is told to the app as Slack tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from demo.workspace import blockkit, forms, typed
from demo.workspace.answers import Answers, CommandOutcome, Outcome
from demo.workspace.api import chat, views
from demo.workspace.api.method import Context
from demo.workspace.events import Events
from demo.workspace.payloads import Payloads
from demo.workspace.sender import Sender
from demo.workspace.state import Json, Message, View

OwnCommand: TypeAlias = Callable[[str], str]
"""What the local world does when its own command is typed, and what it says then."""


class NotAllowed(Exception):
    """The page would not let this person do that; the words say why."""


class Acts:
    def __init__(self, context: Context, sender: Sender, events: Events, answers: Answers) -> None:
        self._context = context
        self._state = context.state
        self._sender = sender
        self._events = events
        self._answers = answers
        self._payloads = Payloads(context)
        self._own: dict[str, OwnCommand] = {}

    def own(self, name: str, command: OwnCommand) -> None:
        """From now on this slash command is answered here: it is none of the app's."""
        self._own[name] = command

    # -- typing

    def command(
        self, user: str, channel: str, name: str, text: str, *, raw: bool = False
    ) -> CommandOutcome:
        """Type a slash command. `raw` sends the text as it is, without Slack's escaping."""
        self._must_see(user, channel)
        if name in self._own:
            said = self._answers.slackbot(user, channel, typed.escape(self._own[name](text)))
            return CommandOutcome(200, 0.0, None, (said,))
        known = {command.name: command for command in self._context.directory.app.commands}
        if name not in known:
            note = self._answers.slackbot(
                user, channel, _NO_SUCH_COMMAND.format(name=typed.escape(name))
            )
            return CommandOutcome(None, 0.0, "no_such_command", (note,))
        escaping = known[name].should_escape
        directory = self._context.directory
        sent = text if raw else typed.command_text(directory, text, should_escape=escaping)
        trigger = self._context.tickets.trigger(user)
        answer = self._context.tickets.response(user, channel)
        reply = self._sender.command(
            self._payloads.command(user, channel, name, sent, trigger, answer)
        )
        shown = self._answers.to_command(answer, name, text, reply)
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
        self._events.announce(chat.message_event(self._context, message))
        if f"<@{directory.app.user_id}>" in sent and known is not None and known.app_is_member:
            mention = chat.message_event(self._context, message)
            mention.pop("channel_type")
            self._events.announce({**mention, "type": "app_mention"})
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
        self._events.announce_change(
            message, "message_changed", {"message": self._events.plain(changed)}
        )
        return changed

    def delete(self, user: str, message: Message) -> None:
        """Delete one's own message; the app is told by message_deleted."""
        if message.user != user:
            raise NotAllowed("Only the author can delete a message.")
        self._state.remove(message)
        self._events.announce_change(message, "message_deleted", {"deleted_ts": message.ts})

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
        return self._answers.to_press(user, self._sender.interaction(payload))

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
        return self._answers.to_press(user, self._sender.interaction(payload))

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
        return self._answers.to_press(user, self._sender.interaction(payload))

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
        return self._answers.to_submission(user, current, reply)

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
        self._events.announce(event)
        return shown

    def suggest(
        self, user: str, shown: Message | View, block_id: str, action_id: str, text: str
    ) -> list[Json]:
        """The options the app offers in an external_select for what has been typed."""
        if isinstance(shown, View):
            shown = self._shown(user, shown)
        else:
            self._must_see(user, shown.channel)
        payload = self._payloads.suggestion(user, shown, block_id, action_id, text)
        answer = self._sender.interaction(payload).json()
        options: list[Json] = list(answer.get("options", []))
        for group in answer.get("option_groups", []):
            options += group["options"]
        return options[:100]

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


def join(context: Context, events: Events, user: str, channel_id: str) -> None:
    """Let somebody join a channel; the app is told by member_joined_channel."""
    directory = context.directory
    channel = directory.channels[channel_id]
    members = directory.members(channel)
    if user in members:
        return
    with context.state.locked():
        directory.channels[channel_id] = replace(channel, members=(*members, user))
    events.announce(
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

"""reactions.*. https://docs.slack.dev/reference/methods"""

from __future__ import annotations

from demo.workspace.api.conversations import readable
from demo.workspace.api.method import Arguments, Context, method
from demo.workspace.failure import SlackError
from demo.workspace.state import Json, Message


@method("reactions.add", "reactions:write")
def add_reaction(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/reactions.add"""
    message, name, reactions = _reacted(context, arguments)
    user = context.directory.app.user_id
    if user in reactions.get(name, ()):
        raise SlackError("already_reacted")
    reactions[name] = (*reactions.get(name, ()), user)
    context.state.replace(message, reactions=tuple(reactions.items()))
    return {}


@method("reactions.remove", "reactions:write")
def remove_reaction(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/reactions.remove"""
    message, name, reactions = _reacted(context, arguments)
    user = context.directory.app.user_id
    if user not in reactions.get(name, ()):
        raise SlackError("no_reaction")
    reactions[name] = tuple(other for other in reactions[name] if other != user)
    kept = tuple((name, users) for name, users in reactions.items() if users)
    context.state.replace(message, reactions=kept)
    return {}


def _reacted(
    context: Context, arguments: Arguments
) -> tuple[Message, str, dict[str, tuple[str, ...]]]:
    channel = readable(context, arguments.required("channel"))
    message = context.state.message(channel, arguments.required("timestamp"))
    if message is None:
        raise SlackError("message_not_found")
    return message, arguments.required("name").strip(":"), dict(message.reactions)

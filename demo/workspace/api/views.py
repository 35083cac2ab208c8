"""views.*: modals and App Home. https://docs.slack.dev/surfaces/modals"""

from __future__ import annotations

from demo.workspace import blockkit
from demo.workspace.api.chat import identified
from demo.workspace.api.method import Arguments, Context, method
from demo.workspace.failure import SlackError
from demo.workspace.forms import initial_values
from demo.workspace.state import Json, View

STACK_LIMIT = 3


@method("views.open")
def open_view(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/views.open"""
    body = checked_view(context, "views.open", arguments.structure("view"), "modal")
    trigger = context.tickets.exchange(arguments.required("trigger_id"))
    view = new_view(context, trigger.user, body)
    context.state.set_stack(trigger.user, [view])
    return {"view": view_payload(context, view)}


@method("views.push")
def push_view(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/views.push"""
    body = checked_view(context, "views.push", arguments.structure("view"), "modal")
    trigger = context.tickets.exchange(arguments.required("trigger_id"))
    view = push(context, trigger.user, body)
    return {"view": view_payload(context, view)}


@method("views.update")
def update_view(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/views.update"""
    state = context.state
    view_id, external_id = arguments.text("view_id"), arguments.text("external_id")
    old = state.view(view_id) if view_id else state.view_by_external_id(external_id)
    if old is None:
        raise SlackError("not_found")
    if arguments.text("hash") and arguments.text("hash") != old.hash:
        raise SlackError("hash_conflict")
    surface = "home" if old.body["type"] == "home" else "modal"
    body = checked_view(context, "views.update", arguments.structure("view"), surface)
    return {"view": view_payload(context, update(context, old, body))}


@method("views.publish")
def publish_view(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/views.publish"""
    user = arguments.required("user_id")
    if user not in context.directory.people:
        raise SlackError("user_not_found")
    body = checked_view(context, "views.publish", arguments.structure("view"), "home")
    old = context.state.home(user)
    if arguments.text("hash") and old is not None and arguments.text("hash") != old.hash:
        raise SlackError("hash_conflict")
    view = new_view(context, user, body) if old is None else _changed(context, old, body)
    context.state.put_view(view)
    return {"view": view_payload(context, view)}


def checked_view(context: Context, name: str, body: Json | None, surface: str) -> Json:
    """The view as Slack keeps it, or the refusal it gives."""
    if not isinstance(body, dict):
        raise SlackError("invalid_arguments", ["missing required field: view"])
    body = {key: value for key, value in body.items() if value is not None}
    body.pop("state", None)
    found = blockkit.problems(body, "home" if surface == "home" else "modal")
    if found:
        raise context.reject(name, "invalid_arguments", found, body)
    return {**body, "blocks": identified(context, body["blocks"])}


def new_view(context: Context, user: str, body: Json, previous: View | None = None) -> View:
    view_id = context.state.new_id("V")
    return View(
        view_id,
        user,
        body,
        _hash(context),
        root_view_id=view_id if previous is None else previous.root_view_id,
        previous_view_id=None if previous is None else previous.id,
    )


def push(context: Context, user: str, body: Json) -> View:
    """Put a modal on top of the open ones."""
    stack = context.state.stack(user)
    if not stack:
        raise SlackError("not_found")
    if len(stack) >= STACK_LIMIT:
        raise SlackError("push_limit_reached")
    view = new_view(context, user, body, stack[-1])
    context.state.set_stack(user, [*stack, view])
    return view


def update(context: Context, old: View, body: Json) -> View:
    """Replace what a shown view contains."""
    view = _changed(context, old, body)
    context.state.put_view(view)
    return view


def view_payload(context: Context, view: View, values: Json | None = None) -> Json:
    """The view as payloads and answers carry it.

    https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload
    """
    app, team = context.directory.app, context.directory.team
    defaults: Json = {"private_metadata": "", "callback_id": "", "external_id": ""}
    if view.body["type"] == "modal":
        defaults |= {"close": None, "submit": None}
        defaults |= {"clear_on_close": False, "notify_on_close": False}
    return {
        **defaults,
        **view.body,
        "id": view.id,
        "team_id": team.id,
        "app_id": app.id,
        "app_installed_team_id": team.id,
        "bot_id": app.bot_id,
        "hash": view.hash,
        "root_view_id": view.root_view_id,
        "previous_view_id": view.previous_view_id,
        "state": {"values": initial_values(view.blocks) if values is None else values},
    }


def _changed(context: Context, old: View, body: Json) -> View:
    return View(old.id, old.user, body, _hash(context), old.root_view_id, old.previous_view_id)


def _hash(context: Context) -> str:
    return f"{context.state.new_ts()}.{context.state.new_id('h')}"

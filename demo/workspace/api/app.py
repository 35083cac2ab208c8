"""Who the app is and where: auth.test, team.info, bots.info. https://docs.slack.dev/reference/methods"""

from __future__ import annotations

from demo.workspace.api.method import Arguments, Context, method
from demo.workspace.failure import SlackError
from demo.workspace.state import Json


@method("auth.test")
def auth_test(context: Context, _: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/auth.test"""
    app, team = context.directory.app, context.directory.team
    return {
        "url": f"{context.base_url()}/",
        "team": team.name,
        "user": app.name,
        "team_id": team.id,
        "user_id": app.user_id,
        "bot_id": app.bot_id,
        "is_enterprise_install": False,
    }


@method("api.test")
def api_test(_: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/api.test"""
    return {"args": {key: value for key, value in arguments.values.items() if key != "token"}}


@method("team.info", "team:read")
def team_info(context: Context, _: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/team.info"""
    team = context.directory.team
    return {"team": {"id": team.id, "name": team.name, "domain": team.domain, "icon": {}}}


@method("bots.info", "users:read")
def bots_info(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/bots.info"""
    app = context.directory.app
    if arguments.text("bot", app.bot_id) != app.bot_id:
        raise SlackError("bot_not_found")
    bot = {"id": app.bot_id, "app_id": app.id, "user_id": app.user_id, "name": app.name}
    return {"bot": {**bot, "deleted": False, "icons": {}}}

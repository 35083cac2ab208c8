"""users.* and usergroups.*. https://docs.slack.dev/reference/methods"""

from __future__ import annotations

from demo.workspace.api.method import Arguments, Context, method, page
from demo.workspace.failure import SlackError
from demo.workspace.people import Person, UserGroup
from demo.workspace.state import Json


@method("users.info", "users:read")
def user_info(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/users.info"""
    user = arguments.required("user")
    app = context.directory.app
    if user == app.user_id:
        return {"user": _user(context, Person(user, app.name, is_bot=True))}
    if user not in context.directory.people:
        raise SlackError("user_not_found")
    return {"user": _user(context, context.directory.people[user])}


@method("users.list", "users:read")
def user_list(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/users.list"""
    people = [_user(context, person) for person in context.directory.people.values()]
    return page(people, arguments, "members")


@method("users.lookupByEmail", "users:read.email")
def user_by_email(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/users.lookupByEmail"""
    email = arguments.required("email").lower()
    for person in context.directory.people.values():
        if person.email.lower() == email:
            return {"user": _user(context, person)}
    raise SlackError("users_not_found")


@method("usergroups.list", "usergroups:read")
def usergroup_list(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/usergroups.list"""
    groups = [_group(context, group) for group in context.directory.usergroups.values()]
    if not arguments.flag("include_users"):
        groups = [{key: group[key] for key in group if key != "users"} for group in groups]
    return {"usergroups": groups}


@method("usergroups.users.list", "usergroups:read")
def usergroup_users(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/usergroups.users.list"""
    group = context.directory.usergroups.get(arguments.required("usergroup"))
    if group is None:
        raise SlackError("no_such_subteam")
    return {"users": [user for user in group.users if user not in context.directory.deactivated]}


def _user(context: Context, person: Person) -> Json:
    shown = person.shown_name
    return {
        "id": person.id,
        "team_id": person.team_id,
        "name": person.name,
        "real_name": shown,
        "deleted": person.id in context.directory.deactivated,
        "tz": person.tz,
        "is_admin": False,
        "is_owner": False,
        "is_bot": person.is_bot,
        "is_app_user": False,
        "is_restricted": person.is_restricted,
        "is_ultra_restricted": person.is_ultra_restricted,
        "is_stranger": False,
        "profile": {
            "real_name": shown,
            "display_name": person.display_name,
            "title": person.title,
            "email": person.email,
            "team": person.team_id,
        },
    }


def _group(context: Context, group: UserGroup) -> Json:
    users = [user for user in group.users if user not in context.directory.deactivated]
    return {
        "id": group.id,
        "team_id": context.directory.team.id,
        "is_usergroup": True,
        "name": group.name,
        "handle": group.handle,
        "date_delete": 0,
        "users": users,
        "user_count": len(users),
    }

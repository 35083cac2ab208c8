"""Which operations this package calls, and by which IAM actions they are allowed (a data file)."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

_FILE = "operations.toml"
_ROLES = frozenset({"read", "organisation", "fix", "worker"})
# Clients whose name is not the prefix of their IAM actions.
_PREFIXES = {"accessanalyzer": "access-analyzer", "iam-toolbox": "iam"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of one client; the fields are explained in operations.toml."""

    service: str
    name: str
    actions: tuple[str, ...]
    absent: frozenset[str]
    roles: frozenset[str]
    optional: bool
    noun: str


@functools.cache
def operations() -> Mapping[tuple[str, str], Operation]:
    """All operations by client and name. Raises ValueError when the data file is malformed."""
    table = tomllib.loads(resources.files(__package__).joinpath(_FILE).read_text("utf-8"))
    return MappingProxyType(
        {
            (service, name): _operation(service, name, fields)
            for service, names in table.items()
            for name, fields in names.items()
        }
    )


def services() -> tuple[str, ...]:
    """The names of all clients, in the order of the file."""
    return tuple(dict.fromkeys(service for service, _ in operations()))


def _operation(service: str, name: str, fields: dict[str, object]) -> Operation:
    match (
        {"actions": [f"{_PREFIXES.get(service, service)}:{name}"]}
        | {
            "absent": [],
            "roles": ["read"],
            "optional": False,
        }
        | fields
    ):
        case {
            "actions": list(actions),
            "absent": list(absent),
            "roles": list(roles),
            "optional": bool(optional),
            "noun": str(noun),
            **rest,
        } if not rest and roles and _ROLES.issuperset(roles):
            return Operation(
                service, name, tuple(actions), frozenset(absent), frozenset(roles), optional, noun
            )
    raise ValueError(f"{_FILE}: [{service}.{name}]: not a valid entry: {fields}")

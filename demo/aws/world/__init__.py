"""The accounts and pipelines of the local world: data in TOML, and the builder that makes it real.

`load` reads the data; `build` creates all of it through boto3 at a `Cloud`'s endpoint.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from demo.aws.world.build import build
from demo.aws.world.documents import fill
from demo.aws.world.model import Organisation, Pipeline, Resources, World

__all__ = ["World", "build", "load"]

# Resources whose policies are made of templates, which ask for values.
_DOCUMENTED = ("roles", "users", "groups", "policies", "buckets", "keys")


def load() -> World:
    """The whole world. Raises pydantic's ValidationError for a file that says nonsense."""
    here = resources.files("demo.aws.world")
    organisation = Organisation.model_validate(_read(here.joinpath("organisation.toml")))
    values = {account.alias.replace("-", "_"): account.id for account in organisation.accounts}
    files = sorted(
        (each for each in here.joinpath("pipelines").iterdir() if each.name.endswith(".toml")),
        key=lambda each: each.name,
    )
    templates = _read(here.joinpath("templates.toml"))
    shared = _read(here.joinpath("shared.toml"))
    values |= shared["values"]
    return World.model_validate(
        {
            "organisation": organisation,
            "bot": _read(here.joinpath("bot.toml")),
            "shared": Resources.model_validate(_with_values(shared, values)),
            "templates": {name: table["statements"] for name, table in templates.items()},
            "pipelines": [Pipeline.model_validate(_with_values(_read(f), values)) for f in files],
        }
    )


def _with_values(table: dict[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    """A file with its `[values]` put in place of `{name}`, and handed on to its documents."""
    own: dict[str, str] = table.pop("values", {})
    values = {**known, **{name: fill(value, known) for name, value in own.items()}}
    values = {name: fill(value, values) for name, value in values.items()}
    filled: dict[str, Any] = fill(table, values)
    for kind in _DOCUMENTED:
        for resource in filled.get(kind, ()):
            resource["values"] = {**values, **resource.get("values", {})}
    return filled


def _read(file: Traversable) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))

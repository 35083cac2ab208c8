"""The accounts and pipelines of the local world: data in TOML, and the builder that makes it real.

`load` reads the data; `build` creates all of it through boto3 at a `Cloud`'s endpoint.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from demo.aws.world.build import build
from demo.aws.world.model import Organisation, Pipeline, Resources, World

__all__ = ["World", "build", "load"]


def load() -> World:
    """The whole world. Raises pydantic's ValidationError for a file that says nonsense."""
    here = resources.files("demo.aws.world")
    files = sorted(
        (each for each in here.joinpath("pipelines").iterdir() if each.name.endswith(".toml")),
        key=lambda each: each.name,
    )
    templates = _read(here.joinpath("templates.toml"))
    return World.model_validate(
        {
            "organisation": Organisation.model_validate(_read(here.joinpath("organisation.toml"))),
            "bot": _read(here.joinpath("bot.toml")),
            "shared": Resources.model_validate(_read(here.joinpath("shared.toml"))),
            "templates": {name: table["statements"] for name, table in templates.items()},
            "pipelines": [Pipeline.model_validate(_read(each)) for each in files],
        }
    )


def _read(file: Traversable) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))

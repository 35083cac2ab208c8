"""What a step of an action is, and the tables that say which steps there are."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True)
class Where:
    """The action that is rehearsed, its pipeline, and the execution it would belong to."""

    pipeline: Mapping[str, Any]
    account: str
    region: str
    stage: str
    action: Mapping[str, Any]
    execution: str = "0" * 36

    @property
    def pipeline_arn(self) -> str:
        return f"arn:aws:codepipeline:{self.region}:{self.account}:{self.pipeline['name']}"

    @property
    def provider(self) -> str:
        kind = self.action["actionTypeId"]
        return f"{kind['category']}/{kind['provider']}"

    @property
    def action_region(self) -> str:
        return str(self.action.get("region") or self.region)

    @property
    def executing(self) -> str:
        return str(self.action.get("roleArn") or self.pipeline["roleArn"])


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that an action needs, and whether it has it.

    `do` is empty for facts that are no permission. `text` is what CodePipeline says when the
    step is what stops the action, `refusal` AWS's own sentence within or behind it.
    """

    stage: str
    action: str
    principal: str
    do: str
    on: str
    met: bool
    text: str
    code: str
    layer: str = ""
    session: str = ""
    refusal: str = ""


@cache
def needs() -> dict[str, Any]:
    """`needs.toml`: the steps of every kind of action."""
    return tomllib.loads(_data("needs.toml"))


@cache
def errors() -> dict[str, str]:
    """`errors.toml`: what CodePipeline says, by name."""
    return tomllib.loads(_data("errors.toml"))


def _data(name: str) -> str:
    return resources.files("demo.aws").joinpath(name).read_text(encoding="utf-8")

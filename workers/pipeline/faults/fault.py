"""One fault, and what people read of it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict

from workers.pipeline.situation import Situation
from workers.snapshot.model import Pipeline, empty


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `code` names its text; `values` fill the text's placeholders.

    `component` is a value of the report's components (config, connection, kms, bucket, trust).
    """

    code: str
    component: str
    principal: str = ""
    action: str = ""
    resource: str = ""
    stage: str = ""
    pipeline_action: str = ""
    values: Mapping[str, str] = field(default_factory=empty)


class FaultText(BaseModel):
    """What people read of a fault. `severity`: it stops the pipeline, it may, or it says that
    something cannot be known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    severity: Literal["blocks", "may_block", "unknown"]
    headline: str
    explanation: str
    cure: str
    documentation: str


def load_fault_texts() -> Mapping[str, FaultText]:
    """The texts by code. The caller keeps the result."""
    data = resources.files("workers.pipeline.faults").joinpath("texts.toml").read_text("utf-8")
    return MappingProxyType(
        {code: FaultText.model_validate(text) for code, text in tomllib.loads(data).items()}
    )


def of_pipeline(
    pipeline: Pipeline,
    code: str,
    component: str,
    *,
    action: str = "",
    resource: str = "",
    **values: str,
) -> Fault:
    """A fault of the pipeline as a whole."""
    return Fault(
        code,
        component,
        pipeline.role_arn or "",
        action,
        resource,
        values=MappingProxyType(values),
    )


def of_action(
    situation: Situation,
    code: str,
    component: str,
    *,
    principal: str | None = None,
    action: str = "",
    resource: str = "",
    **values: str,
) -> Fault:
    """A fault of one action; the principal is the executing role unless another is named."""
    return Fault(
        code,
        component,
        situation.role_arn if principal is None else principal,
        action,
        resource,
        situation.action.stage,
        situation.action.name,
        MappingProxyType(values),
    )


def named(situations: Iterable[Situation]) -> str:
    """`Stage/Action, Stage/Action` for people."""
    names = [f"{each.action.stage}/{each.action.name}" for each in situations]
    return ", ".join(dict.fromkeys(names))

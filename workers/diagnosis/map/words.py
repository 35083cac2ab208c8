"""The words on the map, and the map in words."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from workers.diagnosis.map.graph import access_map
from workers.diagnosis.map.model import AccessMap, Column, Edge, Mark, Principal, Resource
from workers.diagnosis.map.text import ELLIPSIS, printable
from workers.diagnosis.model import Outcome, Report
from workers.pipeline.requirement import Part
from workers.snapshot.model import Snapshot, unreadable

ALT_LIMIT = 2000
"""Characters of an image block's alt_text: docs.slack.dev/reference/block-kit/blocks/image-block"""


@cache
def words(language: str = "en") -> Mapping[str, Any]:
    """The texts of a language. Raises FileNotFoundError when there is no such file."""
    if not language.isalpha():
        raise FileNotFoundError(f"{language}: no such language")
    return tomllib.loads(
        resources.files(__package__).joinpath(f"{language}.toml").read_text("utf-8")
    )


def alt_text(
    report: Report,
    snapshot: Snapshot | None = None,
    language: str = "en",
    *,
    limit: int = ALT_LIMIT,
) -> str:
    """The map for those who do not see it, at most `limit` characters, in whole sentences.

    Without a snapshot the stages are not told.
    """
    if snapshot is None:
        snapshot = Snapshot(pipeline=unreadable())
    return describe(access_map(report, snapshot), language, limit=limit)


def describe(picture: AccessMap, language: str = "en", *, limit: int = ALT_LIMIT) -> str:
    """An access map in sentences, refused requests before everything else."""
    said = ""
    for sentence in _sentences(picture, words(language)):
        sentence = printable(sentence)
        if len(said) + len(sentence) + 3 > limit:
            return f"{said} {ELLIPSIS}"
        said = f"{said} {sentence}".strip()
    return said


def _sentences(picture: AccessMap, texts: Mapping[str, Any]) -> Iterator[str]:
    alt = texts["alt"]
    yield alt["start"].format(
        pipeline=picture.pipeline[:100],
        account=picture.account,
        region=picture.region,
        outcome=texts["outcome"][picture.outcome],
    )
    principals = {each.id: each for band in picture.bands for each in band.principals}
    resources = {each.id: each for band in picture.bands for each in band.resources}

    def told(mark: Mark) -> Iterator[str]:
        for edge in picture.edges:
            if edge.mark is mark:
                ends = principals.get(edge.principal), resources.get(edge.resource)
                yield _edge(edge, *ends, texts)

    yield from told(Mark.DENIED)
    for resource in resources.values():
        if resource.fault:
            yield alt["fault"].format(
                kind=texts["kind"][resource.kind].capitalize(),
                resource=resource.name,
                owner=_account(resource.account, texts),
                fault=resource.fault,
            )
    if not picture.denied and not any(resource.fault for resource in resources.values()):
        yield alt["unread" if picture.outcome is Outcome.UNKNOWN else "nothing"]
    if picture.columns:
        yield alt["stages"].format(
            stages=", ".join(_stage(column, texts) for column in picture.columns)
        )
    yield from told(Mark.UNKNOWN)
    if picture.allowed:
        yield alt["allowed"].format(allowed=picture.allowed)


def _edge(
    edge: Edge, principal: Principal | None, resource: Resource | None, texts: Mapping[str, Any]
) -> str:
    form = "likely" if edge.likely else "denied" if edge.mark is Mark.DENIED else "unknown"
    kind = resource.kind if resource else "other"
    return str(texts["alt"][form]).format(
        principal=_who(principal, texts) if principal else edge.principal,
        actions=texts["alt"]["and"].join([", ".join(edge.actions[:-1]), edge.actions[-1]])
        if len(edge.actions) > 1
        else "".join(edge.actions),
        kind=(resource.service if resource else "") or texts["kind"][kind],
        resource=resource.name if resource else edge.resource,
        owner=_account(resource.account if resource else "", texts),
    )


def _who(principal: Principal, texts: Mapping[str, Any]) -> str:
    if principal.part == Part.SERVICE:
        return principal.name
    return str(texts["alt"]["who"]).format(
        principal=principal.name, account=_account(principal.account, texts)
    )


def _stage(column: Column, texts: Mapping[str, Any]) -> str:
    for mark, form in ((Mark.DENIED, "stage_denied"), (Mark.UNKNOWN, "stage_unknown")):
        acts = [act.name for act in column.acts if act.mark is mark]
        if acts:
            return str(texts["alt"][form]).format(stage=column.name, actions=", ".join(acts))
    return column.name


def _account(account: str, texts: Mapping[str, Any]) -> str:
    form = "account" if account else "nobody"
    return str(texts["alt"][form]).format(account=account)

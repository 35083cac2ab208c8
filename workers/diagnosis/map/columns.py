"""The pipeline as the map shows it: stages from left to right, with the state of each action."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from workers.diagnosis.map.model import Act, Column, Edge, Mark, worst
from workers.diagnosis.model import Certainty, Report
from workers.policy import Decision
from workers.snapshot.model import Action, Pipeline

MANY_STAGES = 12
MANY_ACTIONS = 6


def columns(
    pipeline: Pipeline, report: Report, edges: Iterable[Edge], tags: Mapping[str, str]
) -> tuple[Column, ...]:
    """Every stage in order; long ones and calm runs of many are shortened, never troubled ones."""
    marks, runs = _marks(report, edges)
    found: list[Column] = []
    for stage in pipeline.stages:
        acts = tuple(
            _act(action, pipeline, marks, runs, tags)
            for action in sorted(stage.actions, key=lambda each: each.run_order)
        )
        found.append(_shortened(Column(stage.name, acts)))
    return tuple(_folded(found))


def _marks(
    report: Report, edges: Iterable[Edge]
) -> tuple[Mapping[tuple[str, str], Mark], Mapping[tuple[str, str], list[str]]]:
    """The worst mark of each action, and the principals that are refused in it."""
    marks: dict[tuple[str, str], Mark] = {}
    runs: dict[tuple[str, str], list[str]] = {}

    def put(place: tuple[str, str], mark: Mark, principal: str) -> None:
        marks[place] = worst(marks.get(place, Mark.NONE), mark)
        if mark.trouble:
            runs.setdefault(place, []).append(principal)

    for check in report.checks:
        requirement = check.requirement
        if check.verdict.decision is Decision.ALLOWED:
            place = (requirement.stage, requirement.pipeline_action)
            put(place, Mark.ALLOWED, requirement.principal)
    for edge in edges:
        for place in edge.where:
            put(place, edge.mark, edge.principal)
    for finding in report.findings:
        if finding.stage and finding.pipeline_action and not finding.checks:
            mark = Mark.UNKNOWN if finding.certainty is Certainty.UNKNOWN else Mark.DENIED
            put((finding.stage, finding.pipeline_action), mark, finding.principal)
    return marks, runs


def _act(
    action: Action,
    pipeline: Pipeline,
    marks: Mapping[tuple[str, str], Mark],
    runs: Mapping[tuple[str, str], list[str]],
    tags: Mapping[str, str],
) -> Act:
    place = (action.stage, action.name)
    principals = runs.get(place, []) or [action.role_arn or pipeline.role_arn or ""]
    named = dict.fromkeys(tags[each] for each in principals if tags.get(each))
    return Act(action.name, marks.get(place, Mark.NONE), tuple(named)[:2])


def _shortened(column: Column) -> Column:
    if len(column.acts) <= MANY_ACTIONS:
        return column
    troubled = [act for act in column.acts if act.mark.trouble]
    kept = (troubled or list(column.acts[: MANY_ACTIONS - 1]))[: 2 * MANY_ACTIONS]
    return Column(column.name, tuple(kept), more=len(column.acts) - len(kept))


def _folded(columns: list[Column]) -> Iterator[Column]:
    """In a long pipeline, stages in a row in which nothing is refused become one column."""
    if len(columns) <= MANY_STAGES:
        yield from columns
        return
    run: list[Column] = []
    for column in [*columns, None]:
        calm = column is not None and not any(act.mark.trouble for act in column.acts)
        if column is not None and calm:
            run.append(column)
            continue
        if len(run) > 2:
            acts = sum(len(each.acts) + each.more for each in run)
            yield Column(f"{run[0].name} … {run[-1].name}", (), acts, folded=len(run) - 1)
        else:
            yield from run
        run = []
        if column is not None:
            yield column

"""Where everything on the map stands: a portrait page, as wide as a phone, text of 12 and more.

From top to bottom: title, the pipeline from left to right in rows, one lane per account with its
principals on the left and its resources on the right, the legend. Every refused or unknown edge
has a row of its own under its principal, so that labels never meet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.diagnosis.map.model import (
    AccessMap,
    Act,
    Band,
    Column,
    Edge,
    Mark,
    Principal,
    Resource,
)
from workers.diagnosis.map.text import lines, width
from workers.pipeline.requirement import Part

WIDTH = 390.0
MARGIN = 12.0
SIZE = 12.0  # of all text but the title
LINE = 16.0
TITLE = 17.0
PAD = 10.0
CHIP = 18.0
MARK = 14.0
GAP = 18.0  # between stages, for the arrow

TRUNK = MARGIN + PAD + CHIP / 2  # the line that goes down from a principal
LABEL = TRUNK + 24
BEND = 214.0  # where rows end and the gutter begins, in which edges go up and down
SLOT = 5.5
SLOTS = 5
NODES = 258.0  # the left side of resources
NODE_WIDTH = WIDTH - MARGIN - PAD - NODES
ACTIONS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Box:
    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class PlacedAct:
    act: Act
    y: float  # of the first line's middle
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlacedColumn:
    column: Column
    box: Box
    title: tuple[str, ...]
    acts: tuple[PlacedAct, ...]
    note: tuple[str, ...]
    note_y: float


@dataclass(frozen=True, slots=True)
class PlacedEdge:
    edge: Edge
    label: tuple[str, ...]  # none for an allowed edge
    start: tuple[float, float]
    slot: float  # where in the gutter it goes up or down
    end: tuple[float, float]


@dataclass(frozen=True, slots=True)
class PlacedPrincipal:
    principal: Principal
    y: float
    title: tuple[str, ...]
    part: tuple[str, ...]
    trunk: float  # the end of the trunk; y when there is no row
    calm: bool  # something is allowed and nothing is refused or unknown


@dataclass(frozen=True, slots=True)
class PlacedResource:
    resource: Resource
    box: Box
    kind: str
    title: tuple[str, ...]
    fault: tuple[str, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class PlacedBand:
    band: Band
    box: Box
    title: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    height: float
    title: tuple[str, ...]
    place: tuple[str, ...]
    counts: tuple[str, ...]
    columns: tuple[PlacedColumn, ...]
    rows: int  # of stages
    bands: tuple[PlacedBand, ...]
    principals: tuple[PlacedPrincipal, ...]
    resources: tuple[PlacedResource, ...]
    edges: tuple[PlacedEdge, ...]
    legend: float
    left_out: tuple[str, ...]


def lay_out(picture: AccessMap, texts: Mapping[str, Any]) -> Layout:
    """Places everything. Pure; `texts` are the words of the language."""
    room = WIDTH - 2 * MARGIN
    title = lines(picture.pipeline or texts["header"]["title"], TITLE, room - 96, 2, bold=True)
    place = texts["header"]["place"].format(account=picture.account, region=picture.region)
    counts = texts["header"]["counts"].format(
        denied=picture.denied, unknown=picture.unknown, allowed=picture.allowed
    )
    checked = picture.denied + picture.unknown + picture.allowed
    place_lines = lines(place, SIZE, room, 2)
    y = MARGIN + len(title) * 22 + (len(place_lines) + bool(checked)) * LINE + 10
    columns, rows, y = _columns(picture.columns, y, texts)
    lanes = _Lanes(picture, texts)
    y = lanes.place(y + (PAD if columns else 0))
    left_out = (
        lines(texts["edge"]["left_out"].format(count=picture.left_out), SIZE, room, 2)
        if picture.left_out
        else []
    )
    legend = y + len(left_out) * LINE + PAD
    return Layout(
        height=legend + 2 * LINE + MARGIN,
        title=tuple(title),
        place=tuple(place_lines),
        counts=tuple(lines(counts, SIZE, room, 1)) if checked else (),
        columns=columns,
        rows=rows,
        bands=tuple(lanes.bands),
        principals=tuple(lanes.principals),
        resources=tuple(lanes.resources),
        edges=tuple(lanes.edges()),
        legend=legend,
        left_out=tuple(left_out),
    )


# --- the pipeline --------------------------------------------------------------------------------


def _columns(
    columns: Sequence[Column], y: float, texts: Mapping[str, Any]
) -> tuple[tuple[PlacedColumn, ...], int, float]:
    """Stages in rows of two, or of three where all names fit; returns where the next thing goes."""
    if not columns:
        return (), 0, y
    per_row = min(len(columns), 3 if _fit(columns, _column_width(3)) else 2)
    box_width = _column_width(per_row)
    placed: list[PlacedColumn] = []
    rows = 0
    for start in range(0, len(columns), per_row):
        row = [
            _column(column, MARGIN + number * (box_width + GAP), y, box_width, texts)
            for number, column in enumerate(columns[start : start + per_row])
        ]
        tallest = max(each.box.height for each in row)
        for each in row:
            box = Box(each.box.x, y, box_width, tallest)
            placed.append(
                PlacedColumn(each.column, box, each.title, each.acts, each.note, each.note_y)
            )
        y += tallest + GAP
        rows += 1
    return tuple(placed), rows, y - GAP


def _column_width(per_row: int) -> float:
    return (WIDTH - 2 * MARGIN - (per_row - 1) * GAP) / per_row


def _fit(columns: Sequence[Column], box_width: float) -> bool:
    if len(columns) < 3:
        return False
    for column in columns:
        if column.folded or column.more:
            return False
        if width(column.name, SIZE, bold=True) > box_width - 2 * 8:
            return False
        if any(width(act.name, SIZE) > _act_room(act, box_width) for act in column.acts):
            return False
    return True


def _act_room(act: Act, box_width: float) -> float:
    return box_width - 2 * 8 - MARK - 5 - len(act.tags) * (CHIP + 3)


def _column(
    column: Column, x: float, y: float, box_width: float, texts: Mapping[str, Any]
) -> PlacedColumn:
    title = lines(column.name, SIZE, box_width - 2 * 8, 2, bold=True)
    at = y + 8 + len(title) * LINE + 4
    acts: list[PlacedAct] = []
    for act in column.acts:
        name = lines(act.name, SIZE, _act_room(act, box_width), 2)
        acts.append(PlacedAct(act, at + LINE / 2, tuple(name)))
        at += max(len(name) * LINE, CHIP) + 3
    note: list[str] = []
    if column.folded:
        note = lines(
            texts["stage"]["folded"].format(stages=column.folded + 1), SIZE, box_width - 16, 2
        )
    elif column.more:
        note = lines(texts["stage"]["more"].format(count=column.more), SIZE, box_width - 16, 2)
    note_y = at + LINE / 2
    at += len(note) * LINE
    return PlacedColumn(
        column, Box(x, y, box_width, at - y + 5), tuple(title), tuple(acts), tuple(note), note_y
    )


# --- the accounts --------------------------------------------------------------------------------


class _Lanes:
    """Places band after band; edges last, when both of their ends have a place."""

    def __init__(self, picture: AccessMap, texts: Mapping[str, Any]) -> None:
        self._picture = picture
        self._texts = texts
        self.bands: list[PlacedBand] = []
        self.principals: list[PlacedPrincipal] = []
        self.resources: list[PlacedResource] = []
        self._rows: list[_Row] = []

    def place(self, y: float) -> float:
        for band in self._picture.bands:
            y = self._band(band, y) + PAD
        return y

    def _band(self, band: Band, y: float) -> float:
        services = band.principals and all(each.part == Part.SERVICE for each in band.principals)
        form = "account" if band.account else "services" if services else "nobody"
        room = BEND - MARGIN - PAD  # not over the gutter, where edges may pass
        title = lines(self._texts["band"][form].format(account=band.account), SIZE, room, 1)
        if band.label:
            title = [*lines(band.label, SIZE, room, 1, bold=True), *title]
        top = y + 8 + len(title) * LINE + 6
        left = top
        for principal in sorted(band.principals, key=lambda each: bool(each.folded)):
            left = self._principal(principal, left) + PAD
        right = self._column_of_resources(band.resources, top)
        bottom = max(left, right, top) + (0 if band.principals or band.resources else LINE)
        self.bands.append(
            PlacedBand(band, Box(MARGIN, y, WIDTH - 2 * MARGIN, bottom - y), tuple(title))
        )
        return bottom

    def _principal(self, principal: Principal, y: float) -> float:
        room = BEND - (MARGIN + PAD + CHIP + 6)
        title = lines(principal.name, SIZE, room, 3, bold=True)
        part = self._texts["part"][principal.part or "other"]
        if principal.folded:
            title = []
            part = self._texts["part"]["folded"].format(part=part, count=principal.folded + 1)
        part_lines = lines(part, SIZE, room, 2)
        head = y
        y += max((len(title) + len(part_lines)) * LINE, CHIP) + 4
        trunk = head
        name = (title or part_lines)[0]
        marks = {edge.mark for edge in self._picture.edges if edge.principal == principal.id}
        name_end = MARGIN + PAD + CHIP + 6 + width(name, SIZE, bold=bool(title)) + 6
        for edge in self._picture.edges:
            if edge.principal != principal.id:
                continue
            if edge.mark.trouble:
                label = self._label(edge)
                y += len(label) * LINE + 5
                trunk = y
                self._rows.append(_Row(edge, label, TRUNK, y))
                y += 9
            elif edge.mark is Mark.ALLOWED:
                self._rows.append(_Row(edge, (), name_end, head + LINE / 2))
        self.principals.append(
            PlacedPrincipal(
                principal, head, tuple(title), tuple(part_lines), trunk, marks == {Mark.ALLOWED}
            )
        )
        return y

    def _label(self, edge: Edge) -> tuple[str, ...]:
        shown = edge.actions[:ACTIONS_SHOWN]
        if len(edge.actions) == ACTIONS_SHOWN + 1:
            shown = edge.actions
        label = [line for action in shown for line in _action(action)]
        if len(edge.actions) > len(shown):
            count = len(edge.actions) - len(shown)
            label.append(self._texts["edge"]["more"].format(count=count))
        if edge.explicit:
            label.append(self._texts["edge"]["explicit"])
        if edge.likely:
            label.append(self._texts["edge"]["likely"])
        return tuple(label)

    def _column_of_resources(self, resources: Sequence[Resource], top: float) -> float:
        """Each as near as can be to the rows that lead to it, never over another."""
        wishes = sorted(
            ((self._wish(resource, top), number) for number, resource in enumerate(resources)),
            key=lambda wish: wish,
        )
        y = top
        for wish, number in wishes:
            resource = resources[number]
            title = lines(resource.name, SIZE, NODE_WIDTH - 16, 3, bold=True)
            fault = lines(resource.fault, SIZE, NODE_WIDTH - 16, 5) if resource.fault else []
            kind = resource.service or self._texts["kind"][resource.kind]
            icon = 18 if resource.kind != "other" else 0
            kind = lines(kind, SIZE, NODE_WIDTH - 16 - icon, 1)[0]
            height = 6 + (1 + len(title) + len(fault)) * LINE + 6
            y = max(y, wish - height / 2)
            marks = [e.mark for e in self._picture.edges if e.resource == resource.id]
            mark = Mark.DENIED if resource.fault or Mark.DENIED in marks else Mark.NONE
            if mark is Mark.NONE and Mark.UNKNOWN in marks:
                mark = Mark.UNKNOWN
            self.resources.append(
                PlacedResource(
                    resource,
                    Box(NODES, y, NODE_WIDTH, height),
                    kind,
                    tuple(title),
                    tuple(fault),
                    mark,
                )
            )
            y += height + PAD
        return y

    def _wish(self, resource: Resource, top: float) -> float:
        ys = [row.y for row in self._rows if row.edge.resource == resource.id and row.label]
        return sum(ys) / len(ys) if ys else top

    def edges(self) -> Iterator[PlacedEdge]:
        """Refused and unknown edges each end at a place of their own, allowed ones together.

        An edge whose row is level with its resource goes straight; the others go up or down in
        a slot of the gutter that no other edge uses there, as long as there are slots.
        """
        gutter = _Gutter()
        for placed in self.resources:
            rows = [row for row in self._rows if row.edge.resource == placed.resource.id]
            ends = _ends(placed.box, rows)
            calm = [row for row in rows if not row.label]
            if calm:
                ys = [row.y for row in calm] + [ends[calm[0]]]
                shared = gutter.slot(min(ys), max(ys))
            for row in rows:
                slot = gutter.slot(*sorted((row.y, ends[row]))) if row.label else shared
                yield PlacedEdge(
                    row.edge, row.label, (row.x, row.y), slot, (placed.box.x, ends[row])
                )


@dataclass(frozen=True, slots=True)
class _Row:
    """Where an edge starts, on the principal's side."""

    edge: Edge
    label: tuple[str, ...]
    x: float
    y: float


class _Gutter:
    """Hands out slots so that edges which go up or down side by side do not lie on each other."""

    def __init__(self) -> None:
        self._taken: list[list[tuple[float, float]]] = [[] for _ in range(SLOTS)]

    def slot(self, top: float, bottom: float) -> float:
        number = next(
            (
                number
                for number, spans in enumerate(self._taken)
                if all(bottom + SLOT < start or end + SLOT < top for start, end in spans)
            ),
            SLOTS - 1,
        )
        self._taken[number].append((top, bottom))
        return BEND + SLOT * (number + 1)


def _ends(box: Box, rows: Sequence[_Row]) -> Mapping[_Row, float]:
    """Heights at which edges reach a resource, in the order of where they come from."""
    entries: list[tuple[_Row, ...]] = [(row,) for row in rows if row.label]
    calm = tuple(row for row in rows if not row.label)
    if calm:
        entries.append(calm)
    entries.sort(key=lambda entry: sum(row.y for row in entry) / len(entry))
    ends: dict[_Row, float] = {}
    for number, entry in enumerate(entries):
        at = box.y + box.height * (number + 1) / (len(entries) + 1)
        level = len(entries) == 1 and box.y + 8 < entry[0].y < box.bottom - 8
        ends |= dict.fromkeys(entry, entry[0].y if level else at)
    return ends


def _action(action: str) -> list[str]:
    """An action on one line, or its service and its name on two."""
    room = BEND - LABEL
    if width(action, SIZE, bold=True) <= room:
        return [action]
    service, colon, name = action.partition(":")
    return [
        *lines(service + colon, SIZE, room, 1, bold=True),
        *lines(name, SIZE, room, 2, bold=True),
    ]

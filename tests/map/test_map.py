"""The map says what the diagnosis says, fits a phone, and never lays text on text."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.map import pictures
from workers.diagnosis.map import access_map, alt_text, draw
from workers.diagnosis.map.graph import MANY_EDGES, resource_id
from workers.diagnosis.map.model import Mark
from workers.diagnosis.map.svg import THEMES
from workers.diagnosis.map.text import lines, width
from workers.diagnosis.model import Certainty, Component, Report
from workers.pipeline.requirement import Part, Strength
from workers.policy import Decision, Verdict
from workers.snapshot.model import Snapshot

SVG = "{http://www.w3.org/2000/svg}"
PICTURES: dict[str, Callable[[], tuple[Report, Snapshot]]] = {
    "small": pictures.small,
    "healthy": pictures.healthy,
    "medium": pictures.medium,
    "large": pictures.large,
    "pending": pictures.pending,
    "unread": pictures.unread,
}


@dataclass(frozen=True)
class Extent:
    text: str
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Extent) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


def texts(root: ET.Element) -> list[Extent]:
    """The extents of all texts: ascent and descent of a sans-serif, measured widths."""
    found = []
    for each in root.iter(f"{SVG}text"):
        said = each.text or ""
        size = float(each.get("font-size", "12"))
        wide = width(said, size, bold=each.get("font-weight") == "700")
        x, y = float(each.get("x", "0")), float(each.get("y", "0"))
        if each.get("text-anchor") == "middle":
            x -= wide / 2
        found.append(Extent(said, x, y - 0.75 * size, x + wide, y + 0.22 * size))
    return found


def edges(root: ET.Element, mark: str) -> list[ET.Element]:
    return [
        each
        for each in root.iter()
        if each.get("class") == "edge" and each.get("data-mark") == mark
    ]


@pytest.fixture(params=PICTURES)
def drawn(request: pytest.FixtureRequest) -> tuple[Report, Snapshot, ET.Element]:
    report, snapshot = PICTURES[request.param]()
    return report, snapshot, ET.fromstring(draw(report, snapshot))


def test_every_refused_request_has_an_edge_that_names_its_action(
    drawn: tuple[Report, Snapshot, ET.Element],
) -> None:
    report, _, root = drawn
    for finding in report.findings:
        for check in finding.checks:
            wanted = check.requirement
            mark = "unknown" if check.verdict.decision is Decision.UNKNOWN else "denied"
            (edge,) = [
                each
                for each in edges(root, mark)
                if each.get("data-principal") == wanted.principal
                and each.get("data-resource") == resource_id(wanted.resource)
            ]
            assert wanted.action in (edge.get("data-actions") or "").split()
            label = "".join(each.text or "" for each in edge.iter(f"{SVG}text"))
            shown = (edge.get("data-actions") or "").split()[:3]
            assert all(action in label for action in shown)


def test_refused_is_dashed_with_a_cross_and_unknown_dotted_not_colour_alone() -> None:
    root = ET.fromstring(draw(*pictures.medium()))
    styles: dict[str, set[tuple[str | None, ...]]] = {}
    for mark in ("denied", "unknown"):
        for edge in edges(root, mark):
            line, *_ = edge.iter(f"{SVG}path")
            styles.setdefault(mark, set()).add(
                (line.get("stroke"), line.get("stroke-dasharray"), line.get("stroke-width"))
            )
            assert list(edge.iter(f"{SVG}circle")), "the sign on the line"
    assert styles["denied"] == {("#d55e00", "7 4", "2.5")}
    assert styles["unknown"] == {("#6b7280", "0.1 5", "2")}
    for edge in edges(root, "allowed"):
        assert (edge.get("stroke"), edge.get("stroke-width")) == ("#0072b2", "1")


def test_no_text_lies_on_another(drawn: tuple[Report, Snapshot, ET.Element]) -> None:
    found = texts(drawn[2])
    met = [
        (one.text, other.text)
        for number, one in enumerate(found)
        for other in found[number + 1 :]
        if one.meets(other)
    ]
    assert met == []


def test_everything_is_on_the_page_and_large_enough_for_a_phone(
    drawn: tuple[Report, Snapshot, ET.Element],
) -> None:
    root = drawn[2]
    _, _, wide, high = (float(number) for number in (root.get("viewBox") or "").split())
    assert wide == 390
    for each in texts(root):
        assert 0 <= each.left < each.right <= wide, each
        assert 0 <= each.top < each.bottom <= high, each
    for text in root.iter(f"{SVG}text"):
        assert float(text.get("font-size", root.get("font-size") or "0")) >= 12
    for box in root.iter(f"{SVG}rect"):
        assert float(box.get("x", "0")) + float(box.get("width", "0")) <= wide


def test_text_stays_inside_its_box(drawn: tuple[Report, Snapshot, ET.Element]) -> None:
    for group in drawn[2].iter(f"{SVG}g"):
        if group.get("class") not in ("stage", "resource"):
            continue
        box = next(iter(group.iter(f"{SVG}rect")))
        left, top = float(box.get("x", "0")), float(box.get("y", "0"))
        right = left + float(box.get("width", "0"))
        bottom = top + float(box.get("height", "0"))
        for each in texts(group):
            assert left <= each.left < each.right <= right, each
            assert top <= each.top < each.bottom <= bottom, each


def test_boxes_of_resources_do_not_overlap(drawn: tuple[Report, Snapshot, ET.Element]) -> None:
    boxes = []
    for group in drawn[2].iter(f"{SVG}g"):
        if group.get("class") == "resource":
            box = next(iter(group.iter(f"{SVG}rect")))
            top = float(box.get("y", "0"))
            boxes.append((top, top + float(box.get("height", "0"))))
    boxes.sort()
    assert all(above[1] <= below[0] for above, below in pairwise(boxes))


def test_the_accounts_are_lanes_with_their_own_principals_and_resources() -> None:
    picture = access_map(*pictures.medium())
    assert [(band.account, band.label) for band in picture.bands] == [
        (pictures.A, "tools"),
        (pictures.B, "payments-staging"),
        (pictures.C, "payments-prod"),
    ]
    staging = picture.bands[1]
    assert [each.name for each in staging.principals] == [
        "CrossAccountDeployRole",
        "cdk-hnb659fds-cfn-exec-role-222222222222-eu-west-1",
    ]
    assert [each.kind for each in picture.bands[0].resources] == ["key", "bucket", "connection"]
    assert picture.bands[0].resources[0].name == "payments-artifacts"  # the key's alias


def test_the_stages_run_from_left_to_right_and_show_where_it_stops() -> None:
    root = ET.fromstring(draw(*pictures.small()))
    stages = [each for each in root.iter(f"{SVG}g") if each.get("class") == "stage"]
    assert [each.get("data-stage") for each in stages] == ["Source", "Build", "Deploy"]
    lefts = [float(next(iter(each.iter(f"{SVG}rect"))).get("x", "0")) for each in stages]
    assert lefts == sorted(lefts)
    assert len(set(lefts)) == 3
    columns = access_map(*pictures.small()).columns
    marks = {act.name: act.mark for column in columns for act in column.acts}
    assert marks == {"GitHub": Mark.ALLOWED, "Compile": Mark.DENIED, "Service": Mark.ALLOWED}


def test_a_long_pipeline_keeps_every_stage_that_is_refused() -> None:
    report, snapshot = pictures.large()
    columns = access_map(report, snapshot).columns
    assert len(columns) < 12
    shown = {
        (column.name, act.name)
        for column in columns
        for act in column.acts
        if act.mark is Mark.DENIED
    }
    assert shown == {(each.stage, each.pipeline_action) for each in report.findings}
    assert sum(column.folded + 1 for column in columns) == 40


def test_nothing_is_called_allowed_that_was_not_checked() -> None:
    report, snapshot = pictures.small()
    picture = access_map(replace(report, checks=()), snapshot)
    assert {edge.mark for edge in picture.edges} == {Mark.DENIED}
    marks = {act.mark for column in picture.columns for act in column.acts}
    assert marks == {Mark.DENIED, Mark.NONE}


def test_what_an_error_message_says_is_drawn_as_refused_and_called_likely() -> None:
    """The evaluator could not decide, the failed execution did: certainty is *likely*."""
    report, snapshot = pictures.small()
    check = replace(report.findings[0].checks[0], verdict=Verdict(Decision.UNKNOWN))
    likely = replace(report.findings[0], certainty=Certainty.LIKELY, checks=(check,))
    told = replace(report, findings=(likely,), checks=(check,))
    (edge,) = edges(ET.fromstring(draw(told, snapshot)), "denied")
    assert [each.text for each in edge.iter(f"{SVG}text")] == ["kms:Decrypt", "likely"]
    assert "Likely refused: PaymentsBuildRole" in alt_text(told, snapshot)


def test_what_nobody_knows_is_drawn_though_no_finding_speaks_of_it() -> None:
    report, snapshot = pictures.healthy()
    unknown = replace(report.checks[0], verdict=Verdict(Decision.UNKNOWN))
    documented = replace(unknown, requirement=replace(
        unknown.requirement, action="s3:GetBucketAcl", strength=Strength.DOCUMENTED
    ))  # fmt: skip
    picture = access_map(replace(report, checks=(unknown, documented)), snapshot)
    (edge,) = [each for each in picture.edges if each.mark is Mark.UNKNOWN]
    assert edge.actions == (unknown.requirement.action,)
    assert picture.unknown == 1


def test_services_of_aws_are_drawn_only_when_they_are_refused() -> None:
    report, snapshot = pictures.small()
    trust = pictures.check(
        "codepipeline.amazonaws.com", "sts:AssumeRole",
        pictures.role(pictures.A, "PaymentsPipelineRole"), Decision.ALLOWED, part=Part.SERVICE,
    )  # fmt: skip
    calm = access_map(replace(report, checks=(*report.checks, trust)), snapshot)
    assert [band.account for band in calm.bands] == [pictures.A]
    refused = replace(trust, verdict=Verdict(Decision.IMPLICIT_DENY))
    fault = pictures.finding(9, Component.TRUST, [refused])
    told = replace(report, findings=(*report.findings, fault))
    svg = draw(told, snapshot)
    assert "AWS services" in svg
    assert "codepipeline.amazonaws." in svg


def test_a_fault_of_a_resource_is_told_on_it() -> None:
    root = ET.fromstring(draw(*pictures.pending()))
    (connection,) = [each for each in root.iter(f"{SVG}g") if each.get("class") == "resource"]
    assert connection.get("data-id") == pictures.CONNECTION
    assert "PENDING" in "".join(each.text or "" for each in connection.iter(f"{SVG}text"))


def test_edges_beyond_the_limit_are_counted() -> None:
    report, snapshot = pictures.small()
    many = [
        pictures.finding(
            number,
            Component.ACTION_ROLE,
            [
                pictures.check(
                    pictures.role(pictures.B, f"Role{number}"),
                    "ecs:UpdateService",
                    f"arn:aws:ecs:eu-west-1:{pictures.B}:service/c/s{number}",
                    Decision.IMPLICIT_DENY,
                )
            ],
        )
        for number in range(MANY_EDGES + 7)
    ]
    picture = access_map(replace(report, findings=tuple(many), checks=()), snapshot)
    assert len(picture.edges) == MANY_EDGES
    assert picture.left_out == 7


@pytest.mark.parametrize("theme", THEMES)
def test_text_is_readable_on_its_ground(theme: str) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1 for text; 1.4.11: 3 to 1 for lines that carry meaning."""
    colours = THEMES[theme]
    for ground in (colours.page, colours.lane, colours.node):
        for text in (colours.text, colours.muted, colours.denied_text):
            assert contrast(text, ground) >= 4.5, (text, ground)
        for line in (colours.denied, colours.unknown, colours.allowed):
            assert contrast(line, ground) >= 3, (line, ground)
    assert contrast(colours.chip_text, colours.chip) >= 4.5


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio of two sRGB colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_picture_has_a_title_and_words_for_those_who_do_not_see_it(
    drawn: tuple[Report, Snapshot, ET.Element],
) -> None:
    report, snapshot, root = drawn
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == f"Access map of pipeline {report.name}"
    assert root.findtext(f"{SVG}desc") == alt_text(report, snapshot)


def test_alt_text_tells_who_may_not_do_what_to_what() -> None:
    said = alt_text(*pictures.small())
    assert said == (
        "Access map of pipeline payments-deploy in account 111111111111, eu-west-1: blocked. "
        "Refused: PaymentsBuildRole in account 111111111111 may not kms:Decrypt and "
        "kms:GenerateDataKey on KMS key payments-artifacts in account 111111111111. "
        "Stages from left to right: Source, Build (refused: Compile), Deploy. "
        "5 requests are allowed."
    )


def test_alt_text_of_what_nobody_could_read_does_not_say_healthy() -> None:
    said = alt_text(*pictures.unread())
    assert "not known" in said
    assert "Nothing is refused" not in said


def test_alt_text_fits_slack_and_keeps_what_is_refused() -> None:
    report, snapshot = pictures.large()
    for each in (alt_text(report, snapshot), alt_text(report)):
        assert len(each) <= 2000
        assert "ecs:UpdateService" in each


def test_the_same_diagnosis_gives_the_same_picture() -> None:
    assert draw(*pictures.medium()) == draw(*pictures.medium())


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80))
@settings(deadline=None, max_examples=60)
def test_any_name_is_only_text(name: str, action: str, resource: str) -> None:
    report, snapshot = pictures.small()
    first = report.findings[0]
    check = pictures.check(first.principal, action, resource, Decision.IMPLICIT_DENY)
    odd = replace(report, name=name, alias=name, findings=(replace(first, checks=(check,)),))
    root = ET.fromstring(draw(odd, snapshot))
    assert not list(root.iter(f"{SVG}script"))
    assert all(each.right <= 390 for each in texts(root))
    assert len(alt_text(odd, snapshot)) <= 2000


@given(st.text(max_size=200), st.integers(min_value=1, max_value=4))
@settings(deadline=None)
def test_lines_fit_the_room_they_are_given(text: str, most: int) -> None:
    found = lines(text, 12, 80, most)
    assert 1 <= len(found) <= most
    assert all(width(line, 12) <= 80 for line in found)


def test_names_break_where_people_read_a_break() -> None:
    assert lines("CrossAccountDeployRole", 12, 90, 3) == ["CrossAccount", "DeployRole"]
    assert lines("payments-artifacts", 12, 70, 3) == ["payments-", "artifacts"]
    assert lines("payments-artifacts-eu-west-1-and-more", 12, 70, 2)[-1].endswith("…")

"""What IAM Access Analyzer says of a change is shown, and where it disagrees nothing is proven."""

from __future__ import annotations

import pytest

from tests.diagnosis.examine import examine, snapshot_of
from tests.diagnosis.test_naming import named, without_others
from workers.diagnosis.documents import added
from workers.diagnosis.model import Fix, FixKind
from workers.diagnosis.report_json import from_json, to_json
from workers.diagnosis.reviews import digest
from workers.snapshot.codec import dump, load


def fix_with(remarks: list[str], opens: list[str] | str | None) -> Fix:
    """The first fix when the analyzer said this of its document; "added" stands for what is new."""
    value = without_others(named())
    first = examine(value).findings[0].fix
    assert first is not None
    (step,) = first.steps
    given = list(added(step.before, step.after)) if opens == "added" else opens
    value["reviews"] = [{"document": digest(step.after), "remarks": remarks, "opens": given}]
    again = examine(value).findings[0].fix
    assert again is not None
    assert again.fingerprint == first.fingerprint
    assert again.kind is FixKind.APPLY
    return again


@pytest.mark.parametrize("opens", [None, "added"])
def test_an_analyzer_that_agrees_is_said_and_changes_nothing(opens: str | None) -> None:
    fix = fix_with([], opens)
    assert fix.remarks == ("IAM Access Analyzer has nothing to object.",)
    assert fix.proven


@pytest.mark.parametrize(
    ("remarks", "opens", "said", "proven"),
    [
        (
            ["SECURITY_WARNING PASS_ROLE_WITH_STAR_IN_RESOURCE: too wide"],
            "added",
            "PASS_ROLE_WITH_STAR_IN_RESOURCE",
            True,
        ),
        (["ERROR INVALID_ACTION: no such action"], "added", "INVALID_ACTION", False),
        ([], ["EnableIamPolicies"], "sees new access in EnableIamPolicies as well", False),
        ([], [], "sees no new access in the change", True),
    ],
)
def test_an_analyzer_that_disagrees_is_never_hidden(
    remarks: list[str], opens: list[str] | str, said: str, proven: bool
) -> None:
    fix = fix_with(remarks, opens)
    assert any(said in each for each in fix.remarks), fix.remarks
    assert fix.proven is proven


def test_a_review_of_another_document_says_nothing_of_this_one() -> None:
    value = without_others(named())
    value["reviews"] = [{"document": "0" * 64, "remarks": ["ERROR X: y"]}]
    fix = examine(value).findings[0].fix
    assert fix is not None
    assert fix.remarks == ()
    assert fix.proven


def test_remarks_and_reviews_survive_their_files() -> None:
    value = without_others(named())
    value["reviews"] = [
        {"document": "0" * 64, "remarks": ["WARNING A: b"], "opens": ["One"]},
        {"document": "1" * 64},
    ]
    snapshot = snapshot_of(value)
    assert load(dump(snapshot)).reviews == snapshot.reviews
    report = examine(value)
    read = from_json(to_json(report))
    assert [each.fix and each.fix.remarks for each in read.findings] == [
        each.fix and each.fix.remarks for each in report.findings
    ]

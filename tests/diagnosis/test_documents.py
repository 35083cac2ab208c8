"""Changing a policy document: what is added, and that the rest stays."""

from __future__ import annotations

import json

import pytest

from workers.diagnosis import documents
from workers.diagnosis.documents import NotJson

ALLOW = {"Sid": "New", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
OLD = """{
    "Version": "2012-10-17",
    "Id": "kept",
    "Statement": {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "*"
    }
}"""


def test_a_statement_is_added_behind_those_that_are_there() -> None:
    changed = json.loads(documents.with_statements(OLD, [ALLOW]))
    assert changed["Id"] == "kept"
    assert [each["Effect"] for each in changed["Statement"]] == ["Deny", "Allow"]


def test_the_indentation_of_the_document_is_kept() -> None:
    assert '\n    "Version"' in documents.with_statements(OLD, [ALLOW])
    assert '\n\t"Version"' in documents.with_statements(OLD.replace("    ", "\t"), [ALLOW])


def test_a_document_on_one_line_is_laid_out_with_two_spaces() -> None:
    assert '\n  "Version"' in documents.with_statements(documents.compact(OLD), [ALLOW])


def test_where_there_is_no_document_a_new_one_is_made() -> None:
    assert json.loads(documents.with_statements(None, [ALLOW])) == {
        "Version": "2012-10-17",
        "Statement": [ALLOW],
    }


def test_a_repeated_key_becomes_one_list() -> None:
    """The published KMS example repeats "AWS" inside Principal; both principals are meant."""
    text = (
        '{"Statement": [{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*",'
        ' "Principal": {"AWS": "arn:aws:iam::111111111111:role/A",'
        ' "AWS": ["arn:aws:iam::222222222222:role/B", "arn:aws:iam::111111111111:role/A"]}}]}'
    )
    principal = json.loads(documents.repaired(text))["Statement"][0]["Principal"]
    assert principal == {
        "AWS": ["arn:aws:iam::111111111111:role/A", "arn:aws:iam::222222222222:role/B"]
    }


@pytest.mark.parametrize("text", ["", "{", '{"a": 1,}', "[" * 100_000], ids=range(4))
def test_a_document_that_is_no_json_is_not_touched(text: str) -> None:
    with pytest.raises(NotJson):
        documents.with_statements(text, [ALLOW])


def test_the_place_where_reading_stopped_is_told() -> None:
    with pytest.raises(NotJson) as stopped:
        documents.repaired('{\n  "Version": "2012-10-17",\n  oops\n}')
    assert (stopped.value.line, stopped.value.column) == (3, 3)


def test_a_difference_shows_content_and_not_layout() -> None:
    after = documents.with_statements(documents.compact(OLD), [ALLOW])
    lines = documents.diff(documents.compact(OLD), after, "policy").splitlines()
    removed = [line for line in lines if line.startswith("-") and not line.startswith("---")]
    assert removed == ['-  "Statement": {', '-    "Effect": "Deny",', '-    "Principal": "*",',
                       '-    "Action": "s3:*",', '-    "Resource": "*"', "-  }"]  # fmt: skip


def test_a_difference_shows_both_of_two_equal_keys() -> None:
    before = '{"Principal": {"AWS": "a", "AWS": "b"}}'
    shown = documents.diff(before, documents.repaired(before), "policy")
    assert '-    "AWS": "a"' in shown
    assert '-    "AWS": "b"' in shown


def test_the_fingerprint_tells_absent_from_empty_and_one_order_from_another() -> None:
    prints = {
        documents.fingerprint(each)
        for each in ([None, "a"], ["", "a"], ["a", None], ["a"], ["a", "a"])
    }
    assert len(prints) == 5
    assert all(len(each) == 64 for each in prints)

"""Any bytes give a document: never an exception, a hang, or time that grows with the square."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.build import KEY, OBJECT, USER, allow, deny, request
from workers.policy import Policies, PolicyKind, enough, evaluate, explain, parse
from workers.policy.lines import answers

EXAMPLES = os.environ.get("POLICY_EXAMPLES")
"""Set to a number for a longer, random run; the usual one is short and always the same."""

fuzz = settings(max_examples=int(EXAMPLES or 100), derandomize=EXAMPLES is None, deadline=None)
kinds = st.sampled_from(tuple(PolicyKind))

WORDS = (
    *("Version", "Statement", "Effect", "Action", "NotAction", "Resource", "NotResource"),
    *("Principal", "NotPrincipal", "Condition", "Sid", "AWS", "Service", "Allow", "Deny"),
    *("2012-10-17", "*", "s3:*", "StringEquals", "ForAllValues:StringLike", "Null"),
    *("NumericLessThan", "DateEquals", "IpAddress", "BinaryEquals", "aws:SourceIp"),
    *("${aws:username}", "${a, 'b'}", "arn:aws:s3:::x/*", "[[x]]", "{{y}}"),
    *("arn:aws:iam::111122223333:role/x", "AROAABCDEFGHIJKLMNOPQ", "\ud800", "nan", "1e999"),
)
scalars = st.one_of(
    st.sampled_from(WORDS),
    st.text(max_size=8),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=4)), inner, max_size=4),
    ),
    max_leaves=20,
)


def exercise(text: Any, kind: PolicyKind) -> None:
    """Everything that is ever asked of a document."""
    document = parse(text, name="fuzz", kind=kind)
    for diagnostic in document.diagnostics:
        assert diagnostic.line >= 1
        assert diagnostic.column >= 1
        assert diagnostic.message
    for statement in document.statements:
        assert statement.line >= 1
    if document.unreadable:
        assert not document.valid
    for held in (
        Policies(identity=(document,)),
        Policies(resource=document),
        Policies(boundaries=(document,), session=(document,), vpce=(document,)),
    ):
        for asked in (request(), request("kms:Decrypt", KEY, USER, unknown=("aws:SourceIp",))):
            verdict = evaluate(asked, held, partial=True)
            assert explain(asked, held, partial=True).verdict == verdict
            enough(asked, held, partial=True)


@fuzz
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)), kinds)
def test_any_bytes_and_any_text(text: bytes | str, kind: PolicyKind) -> None:
    exercise(text, kind)


@fuzz
@given(values, kinds)
def test_any_json(value: Any, kind: PolicyKind) -> None:
    exercise(json.dumps(value), kind)
    if isinstance(value, dict):
        exercise(value, kind)


@fuzz
@given(
    st.dictionaries(st.sampled_from(WORDS[:11]), values, max_size=6),
    st.sampled_from(("Allow", "Deny")),
    kinds,
)
def test_any_statement(raw: dict[str, Any], effect: str, kind: PolicyKind) -> None:
    statement = {"Effect": effect, "Action": "s3:*", "Resource": "*", **raw}
    exercise({"Version": "2012-10-17", "Statement": [statement]}, kind)


VALID = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            allow("s3:GetObject", OBJECT, Sid="A", Principal={"AWS": [USER, "*"]}),
            deny(
                "s3:*",
                Condition={"StringNotLike": {"aws:PrincipalTag/x": ["a*", "${aws:username}"]}},
            ),
        ],
    },
    indent=1,
)


@fuzz
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(VALID)), st.integers(0, 12), st.text('{}[]",:/*#\\ \n$a', max_size=3)
        ),
        min_size=1,
        max_size=4,
    ),
    kinds,
)
def test_a_policy_that_somebody_damaged(
    edits: list[tuple[int, int, str]], kind: PolicyKind
) -> None:
    text = VALID
    for at, length, inserted in edits:
        text = text[:at] + inserted + text[at + length :]
    exercise(text, kind)


@fuzz
@given(st.one_of(st.text(max_size=100), values.map(json.dumps)))
def test_any_line_gives_one_answer(line: str) -> None:
    for answer in answers(line.splitlines()):
        assert isinstance(json.loads(answer.text), dict)


SIZE = 60_000
LONG = {
    "open brackets": "[" * SIZE,
    "open objects": '{"a":' * SIZE,
    "open comment": "/*" * SIZE,
    "comments": "/**/" * SIZE + "{}",
    "line comments": "//\n" * SIZE + "{}",
    "escapes": '{"a": "' + "\\\\" * SIZE,
    "an open string": '{"a": "' + "x" * SIZE,
    "commas": "[" + "," * SIZE,
    "numbers": "[" + "1," * SIZE,
    "digits": '{"a": ' + "9" * SIZE + "}",
    "repeated keys": "{" + '"a": 1,' * SIZE + "}",
    "variables": json.dumps({"Version": "2012-10-17", "Statement": allow("s3:*", "${a" * SIZE)}),
    "spaces in a variable": json.dumps(
        {"Version": "2012-10-17", "Statement": allow("s3:*", "${" + " " * SIZE + "}")}
    ),
    "placeholders": json.dumps({"Statement": allow("s3:*", "<a" * SIZE)}),
    "digits in a condition": json.dumps(
        {"Statement": allow(Condition={"NumericEquals": {"s3:max-keys": "1" * SIZE + "x"}})}
    ),
    "stars": json.dumps({"Statement": allow("s3:" + "*a" * 2_000, "*a" * 2_000)}),
    "actions that do not exist": json.dumps(
        {"Statement": allow([f"ec2:Frobnicate{number}" for number in range(2_000)])}
    ),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", LONG)
def test_long_input_is_read_in_time(name: str) -> None:
    """Quadratic reading of this length takes minutes: the test's own limit would end it."""
    exercise(LONG[name], PolicyKind.IDENTITY)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("shape", ['{"a": 1, "a": 2},', "/**/", "[],", '"x",'])
def test_reading_time_grows_with_the_length_not_its_square(shape: str) -> None:
    """Linear reading takes about a second; were it quadratic, some minutes."""
    document = parse("[" + shape * 200_000 + "1]", name="p", kind=PolicyKind.IDENTITY)
    assert document.diagnostics

"""Wildcards: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.policy.patterns import (
    bound_to_segments,
    compile_arn,
    compile_glob,
    compile_tokens,
    tokens_of,
)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("*", "", True),
        ("*", "anything at all", True),
        ("", "", True),
        ("", "a", False),
        ("s3:Get*", "s3:GetObject", True),
        ("s3:Get*", "s3:PutObject", False),
        ("*Object", "s3:GetObject", True),
        ("s3:*Object", "s3:GetObject", True),
        ("s3:*Object", "s3:GetObjectAcl", False),
        ("s3:*Object*", "s3:GetObjectAcl", True),
        ("?", "a", True),
        ("?", "", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a*?c", "axc", True),
        ("a*?c", "ac", False),
        ("a*b*c", "aXbYc", True),
        ("a*b*c", "acb", False),
        ("ab*ba", "aba", False),
        ("ab*ba", "abba", True),
        ("**a**", "bab", True),
        ("a.c", "abc", False),
        ("line*", "line\nbreak", True),
    ],
)
def test_star_is_any_run_and_question_mark_one_character(
    pattern: str, text: str, matches: bool
) -> None:
    assert compile_glob(pattern)(text) is matches


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
def test_agrees_with_the_plain_definition(pattern: str, text: str) -> None:
    as_regex = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    assert compile_glob(pattern)(text) is (re.fullmatch(as_regex, text, re.DOTALL) is not None)


@given(st.text("a:*?", max_size=8), st.text("a:", max_size=10))
def test_bounded_patterns_agree_with_the_plain_definition(pattern: str, text: str) -> None:
    tokens = bound_to_segments(tokens_of(pattern))
    colons, as_regex = 0, ""
    for index, char in enumerate(pattern):
        last_of_segment = pattern[index + 1 : index + 2] in ("", ":")
        if char == "*":
            following_star = pattern[index + 1 : index + 2] == "*"
            free = colons >= 5 or (last_of_segment and not following_star)
            as_regex += "(?s:.*)" if free else "[^:]*"
        elif char == "?":
            as_regex += "(?s:.)" if colons >= 5 else "[^:]"
        else:
            colons += char == ":"
            as_regex += char
    assert compile_tokens(tokens)(text) is (re.fullmatch(as_regex, text) is not None)


@pytest.mark.parametrize(
    ("pattern", "resource", "matches"),
    [
        # "If the * wildcard is the last character of a resource ARN segment, it can expand to
        # match beyond the colon boundaries."
        ("arn:aws:s3:::*", "arn:aws:s3:::artifacts/build/app.zip", True),
        ("arn:aws:sqs:*:111122223333:jobs", "arn:aws:sqs:us-east-1:111122223333:jobs", True),
        ("arn:aws:logs:us-east-1:*", "arn:aws:logs:us-east-1:111122223333:log-group:a:b", True),
        # Inside a segment it stays there.
        ("arn:aws:sqs:us-*-1:111122223333:jobs", "arn:aws:sqs:us-east-1:111122223333:jobs", True),
        ("arn:aws:sqs:us*1:111122223333:jobs", "arn:aws:sqs:us-east-2:x1:111122223333:jobs", False),
        ("arn:aws:sqs:us-east-?:1:j", "arn:aws:sqs:us-east-1:1:j", True),
        # The resource itself is one segment, colons and all.
        ("arn:aws:logs:eu-west-1:1:group:*:b", "arn:aws:logs:eu-west-1:1:group:x:y:b", True),
        ("arn:aws:iam::1:user/accounting/*", "arn:aws:iam::1:user/accounting/ana", True),
        ("arn:aws:s3:::Artifacts/*", "arn:aws:s3:::artifacts/x", False),
    ],
)
def test_resource_patterns_keep_to_their_segments(
    pattern: str, resource: str, matches: bool
) -> None:
    assert compile_tokens(bound_to_segments(tokens_of(pattern)))(resource) is matches


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [
        (
            "arn:aws:sns:us-east-1:123456789012:news",
            "arn:aws:sns:us-east-1:123456789012:news",
            True,
        ),
        ("arn:aws:sns:*:123456789012:n?ws", "arn:aws:sns:us-east-1:123456789012:news", True),
        # The page's own example of where ArnLike and StringLike differ.
        (
            "arn:aws:someservice:*:111122223333:finance/*",
            "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt",
            False,
        ),
        ("arn:aws:s3:::*", "arn:aws:s3:::a:b", True),
        ("arn:aws:s3:*", "arn:aws:s3:::a", False),
        ("*", "arn:aws:s3:::a", False),
        ("arn:aws:s3:::a", "not an arn", False),
    ],
)
def test_arn_operators_check_six_parts(pattern: str, value: str, matches: bool) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN"""
    assert compile_arn(tokens_of(pattern))(value) is matches


@pytest.mark.timeout(30)
@pytest.mark.parametrize("pattern", ["a*" * 40 + "b", "*a?" * 30 + "b", "us-*x" * 20])
def test_no_pattern_makes_matching_explode(pattern: str) -> None:
    """A backtracking matcher would not end within a lifetime."""
    text = "a" * 5_000
    compile_glob(pattern)(text)
    compile_tokens(bound_to_segments(tokens_of(pattern)))(text)
    compile_arn(tokens_of(f"arn:aws:s3:::{pattern}"))(f"arn:aws:s3:::{text}")

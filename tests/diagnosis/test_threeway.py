"""A fix and what others changed after it, told apart."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from workers.diagnosis.threeway import three_way

ROOT = {"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}}
FIX = {"Sid": "Fix", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::2:role/deploy"}}
OTHER = {"Sid": "Audit", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::3:role/audit"}}


def policy(*statements: object, **more: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more}, indent=2)


def added(diff: str) -> str:
    return "\n".join(line for line in diff.splitlines() if line.startswith("+"))


def removed(diff: str) -> str:
    return "\n".join(line for line in diff.splitlines() if line.startswith("-"))


def test_a_statement_of_somebody_else_is_told_apart_and_kept() -> None:
    sides = three_way(policy(ROOT), policy(ROOT, FIX), policy(ROOT, FIX, OTHER), "key policy")
    assert "Fix" in added(sides.fix)
    assert "Audit" not in sides.fix
    assert "Audit" in added(sides.since)
    assert "Fix" not in added(sides.since)
    assert "Fix" in removed(sides.without)
    assert "Audit" not in removed(sides.without)
    assert added(sides.without).splitlines() == ["+++ key policy (without the fix)"]


def test_a_fix_that_somebody_rewrote_cannot_be_told_apart() -> None:
    wider = FIX | {"Action": "*"}
    sides = three_way(policy(ROOT), policy(ROOT, FIX), policy(ROOT, wider), "key policy")
    assert '"Action": "*"' in added(sides.since)
    assert sides.without == ""


def test_a_statement_that_the_fix_replaced_comes_back() -> None:
    sides = three_way(policy(ROOT), policy(FIX), policy(FIX, OTHER), "key policy")
    assert "Root" in added(sides.without)
    assert "Fix" in removed(sides.without)


def test_a_new_policy_that_was_left_with_nothing_else_goes_away() -> None:
    """Only its members were put in another order: nothing of others is in it."""
    sides = three_way(None, policy(FIX), policy(FIX, Id="by-hand"), "inline")
    assert sides.without.splitlines()[1] == "+++ /dev/null"


def test_a_document_that_was_deleted_has_nothing_to_take_back() -> None:
    sides = three_way(policy(ROOT), policy(ROOT, FIX), None, "bucket policy")
    assert sides.since.splitlines()[1] == "+++ /dev/null"
    assert sides.without == ""


def test_what_is_no_policy_is_compared_as_text() -> None:
    sides = three_way("arn:key/1", "arn:key/2", "arn:key/3", "encryption key")
    assert "+arn:key/3" in sides.since
    assert sides.without == ""


def statements(names: str) -> st.SearchStrategy[list[dict[str, str]]]:
    named = st.fixed_dictionaries({"Sid": st.text(names, min_size=1, max_size=2)})
    return st.lists(named, max_size=4)


def sids(diff: str, sign: str) -> Counter[str]:
    return Counter(
        line[1:].strip() for line in diff.splitlines() if line[:1] == sign and "Sid" in line
    )


@given(before=statements("abc"), fix=statements("def"), other=statements("abcdef"))
def test_nothing_but_the_fix_is_ever_proposed_to_go(
    before: list[dict[str, str]], fix: list[dict[str, str]], other: list[dict[str, str]]
) -> None:
    """And nothing to come: a diff may move lines, so what goes is counted against what comes."""
    live = policy(*before, *fix, *other)
    without = three_way(policy(*before), policy(*before, *fix), live, "policy").without
    gone, come = sids(without, "-"), sids(without, "+")
    assert not come - gone
    assert set(gone - come) <= {f'"Sid": "{each["Sid"]}"' for each in fix}

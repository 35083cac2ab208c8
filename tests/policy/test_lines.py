"""``pipeline-access evaluate``: JSON lines in, JSON lines out."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.policy.build import KEY, OBJECT, OTHER, OWN, ROOT, SESSION, USER, allow, deny
from workers.commands.evaluate import evaluate as command
from workers.policy.cases import NoCase, case_of
from workers.policy.lines import answers, bench


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    """A document as the lines carry it."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def line(**changed: Any) -> str:
    """A line that is allowed, with some members changed."""
    whole = {
        "id": "case-1",
        "request": {
            "principal": USER,
            "action": "s3:GetObject",
            "resource": OBJECT,
            "resource_account": OWN,
            "context": {"aws:SecureTransport": True},
        },
        "identity_policies": [{"name": "reader", "policy": policy(allow("s3:Get*", Sid="Read"))}],
        "resource_policy": None,
        "permission_boundaries": None,
        "session_policy": None,
        "vpce_policies": None,
        "scps": [],
        "rcps": [],
    }
    return json.dumps({**whole, **changed})


def answer(text: str, *, explained: bool = False) -> dict[str, Any]:
    """The one answer to one line."""
    (only,) = answers([text], explained=explained)
    parsed: dict[str, Any] = json.loads(only.text)
    return parsed


def test_the_documented_form_of_an_answer() -> None:
    assert answer(line()) == {
        "id": "case-1",
        "decision": "allowed",
        "blocked_by": [],
        "matched": [
            {"layer": "identity", "policy": "reader", "statement": "Read", "effect": "Allow"}
        ],
        "depends_on": [],
    }


@pytest.mark.parametrize(
    ("changed", "decision", "blocked_by"),
    [
        ({"identity_policies": []}, "implicitDeny", []),
        ({"identity_policies": None}, "implicitDeny", []),
        ({"resource_policy": policy(deny("s3:*", Principal="*"))}, "explicitDeny", ["resource"]),
        (
            {"permission_boundaries": [{"name": "b", "policy": policy(allow("ec2:*"))}]},
            "implicitDeny",
            ["boundary"],
        ),
        ({"permission_boundaries": []}, "allowed", []),
        ({"scps": [{"org_id": "r", "policies": []}]}, "implicitDeny", ["scp"]),
        (
            {"scps": [{"org_id": "r", "policies": [{"name": "f", "policy": policy(allow())}]}]},
            "allowed",
            [],
        ),
        (
            {
                "rcps": [
                    {
                        "org_id": "r",
                        "policies": [{"name": "d", "policy": policy(deny("s3:*", Principal="*"))}],
                    }
                ]
            },
            "explicitDeny",
            ["rcp"],
        ),
        (
            {"vpce_policies": [{"name": "e", "policy": policy(allow("ec2:*", Principal="*"))}]},
            "implicitDeny",
            ["vpce"],
        ),
    ],
)
def test_every_layer_of_the_format(
    changed: dict[str, Any], decision: str, blocked_by: list[str]
) -> None:
    given = answer(line(**changed))
    assert (given["decision"], given["blocked_by"]) == (decision, blocked_by)


def test_a_session_policy_is_a_bare_document_or_a_named_one() -> None:
    request = {
        "principal": SESSION,
        "action": "s3:GetObject",
        "resource": OBJECT,
        "resource_account": OWN,
    }
    silent = policy(allow("ec2:*"))
    for given in (silent, {"name": "inline", "policy": silent}):
        found = answer(line(request=request, session_policy=given))
        assert (found["decision"], found["blocked_by"]) == ("implicitDeny", ["session"])


def test_context_keys_that_are_not_given_are_absent() -> None:
    condition = {"StringEquals": {"aws:ResourceAccount": OWN}}
    policies = [{"name": "p", "policy": policy(allow(Condition=condition))}]
    assert answer(line(identity_policies=policies))["decision"] == "implicitDeny"


def test_but_the_principal_arn_says_some() -> None:
    condition = {"StringEquals": {"aws:PrincipalAccount": OWN, "aws:username": "ana"}}
    policies = [{"name": "p", "policy": policy(allow(Condition=condition))}]
    assert answer(line(identity_policies=policies))["decision"] == "allowed"


def test_context_values_may_be_booleans_numbers_and_lists() -> None:
    condition = {
        "Bool": {"aws:SecureTransport": "true"},
        "NumericLessThan": {"s3:max-keys": "10"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]},
    }
    request = {
        "principal": USER,
        "action": "s3:ListBucket",
        "resource": "arn:aws:s3:::artifacts",
        "resource_account": OWN,
        "context": {
            "aws:SecureTransport": True,
            "s3:max-keys": 5,
            "aws:TagKeys": ["a", "b"],
            "x": None,
        },
    }
    policies = [{"name": "p", "policy": policy(allow(Condition=condition))}]
    assert answer(line(request=request, identity_policies=policies))["decision"] == "allowed"


def test_what_is_unknown_or_unreadable_can_be_said() -> None:
    request = {
        "principal": USER,
        "action": "s3:GetObject",
        "resource": OBJECT,
        "resource_account": OWN,
        "unknown": ["aws:SourceVpce"],
    }
    condition = {"StringEquals": {"aws:SourceVpce": "vpce-1"}}
    policies = [{"name": "p", "policy": policy(allow(Condition=condition))}]
    found = answer(line(request=request, identity_policies=policies))
    assert found["decision"] == "unknown"
    assert found["depends_on"] == [
        {
            "kind": "context",
            "name": "aws:SourceVpce",
            "outcomes": {
                "absent": "implicitDeny",
                "vpce-1": "allowed",
                "any other value": "implicitDeny",
            },
        }
    ]
    unread = [{"name": "p", "unreadable": "AccessDenied"}]
    assert answer(line(identity_policies=unread))["decision"] == "unknown"


def test_policies_may_be_text_with_all_its_faults() -> None:
    text = """{"Version": "2012-10-17", "Statement": [
        /* all */ {"Effect": "Allow", "Action": "*", "Resource": "*"},]}"""
    assert answer(line(identity_policies=[{"name": "p", "policy": text}]))["decision"] == "allowed"


def test_a_key_that_is_repeated_inside_a_line_is_not_lost() -> None:
    whole = line(identity_policies=[{"name": "p", "policy": policy(allow("s3:*"))}])
    twice = whole.replace('"Resource": "*"', '"Resource": "arn:aws:s3:::other", "Resource": "*"')
    assert answer(twice)["decision"] == "unknown"


def test_grants_and_the_management_account() -> None:
    request = {
        "principal": SESSION,
        "action": "kms:Decrypt",
        "resource": KEY,
        "resource_account": OWN,
    }
    grant = {"grantee": SESSION, "operations": ["Decrypt"], "key": KEY, "name": "build"}
    resource = policy(allow("kms:Describe*", Principal={"AWS": ROOT}))
    found = answer(line(request=request, resource_policy=resource, grants=[grant]))
    assert found["decision"] == "allowed"
    assert found["matched"][-1]["layer"] == "grant"
    scps = [{"org_id": "r", "policies": []}]
    assert answer(line(scps=scps, management_account=True))["decision"] == "allowed"


BAD = [
    ("not json", None, "no JSON"),
    ("[1, 2]", None, "no JSON object"),
    ("[" * 100_000, None, "no JSON"),
    ('{"id": 7}', 7, '"request"'),
    (line(request={"action": "s3:GetObject", "resource": "*"}), "case-1", '"request.principal"'),
    (
        line(request={"principal": USER, "action": "GetObject", "resource": "*"}),
        "case-1",
        "service:Name",
    ),
    (line(identity_policies={}), "case-1", '"identity_policies" has to be a list'),
    (line(identity_policies=[{"name": "p"}]), "case-1", '"identity_policies[0]"'),
    (line(identity_policies=[{"name": "p", "policy": 5}]), "case-1", "policy document"),
    (line(resource_policy=[1]), "case-1", '"resource_policy"'),
    (line(scps=[{"org_id": "r"}]), "case-1", '"scps[0]"'),
    (line(grants=[{"grantee": USER}]), "case-1", '"grants"'),
    (
        line(
            grants=[
                {
                    "grantee": USER,
                    "operations": ["Decrypt"],
                    "key": "k",
                    "encryption_context_equals": "Department",
                }
            ]
        ),
        "case-1",
        '"encryption_context_equals" has to be an object of strings',
    ),
    (
        line(request={"principal": USER, "action": "s3:x", "resource": "*", "context": []}),
        "case-1",
        '"request.context"',
    ),
    (
        line(request={"principal": USER, "action": "s3:x", "resource": "*", "context": {"a": {}}}),
        "case-1",
        'context key "a"',
    ),
]


@pytest.mark.parametrize(("text", "id", "why"), BAD)
def test_a_line_that_is_no_case_says_why(text: str, id: Any, why: str) -> None:
    (only,) = answers([text])
    found = json.loads(only.text)
    assert not only.ok
    assert set(found) == {"id", "error"}
    assert found["id"] == id
    assert why in found["error"]
    with pytest.raises(NoCase):
        case_of(text)


def test_answers_come_one_by_one_as_lines_come_in() -> None:
    def endless() -> Any:
        for number in itertools.count():
            yield line(id=number)

    first = list(itertools.islice(answers(endless()), 3))
    assert [json.loads(a.text)["id"] for a in first] == [0, 1, 2]


def test_an_explanation_comes_with_the_answer_when_asked_for() -> None:
    policies = [{"name": "writer", "policy": policy(allow("s3:PutObject", Sid="Write"))}]
    found = answer(line(identity_policies=policies), explained=True)
    identity, resource = found["explanation"]["layers"]
    assert (identity["layer"], identity["stance"]) == ("identity", "silent")
    assert identity["near_misses"][0] == {
        "policy": "writer",
        "statement": "Write",
        "effect": "Allow",
        "line": 4,
        "column": 5,
        "failed": "action",
        "operator": None,
        "key": None,
        "expected": ["s3:PutObject"],
        "actual": ["s3:GetObject"],
        "unknown": False,
        "further_failures": 0,
    }
    assert resource["stance"] == "silent"
    assert found["enough"]["additions"] == [
        {
            "layer": "identity",
            "target": "",
            "statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": OBJECT},
        }
    ]
    assert found["enough"]["after"] == "allowed"
    assert "explanation" not in answer(line())


class TestCommand:
    """Files, exit codes and the benchmark."""

    def run(self, *arguments: str, stdin: str = "") -> tuple[int, list[dict[str, Any]]]:
        result = CliRunner().invoke(command, list(arguments), input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, [json.loads(text) for text in result.stdout.splitlines()]

    def test_answers_good_lines_around_a_bad_one_and_ends_with_2(self) -> None:
        code, found = self.run(stdin=f"{line(id=1)}\nnonsense\n\n{line(id=3)}\n")
        assert code == 2
        assert [entry["id"] for entry in found] == [1, None, 3]
        assert [entry.get("decision") for entry in found] == ["allowed", None, "allowed"]

    def test_ends_with_0_otherwise(self) -> None:
        assert self.run(stdin=line())[0] == 0
        assert self.run(stdin="") == (0, [])

    def test_reads_a_file_whatever_bytes_it_holds(self, tmp_path: Path) -> None:
        file = tmp_path / "cases.jsonl"
        file.write_bytes(line(id="a").encode() + b"\n\xff\xfe\n" + line(id="ö").encode() + b"\n")
        code, found = self.run(str(file))
        assert code == 2
        assert [entry["id"] for entry in found] == ["a", None, "ö"]

    def test_explain_is_a_flag(self) -> None:
        _, (found,) = self.run("--explain", stdin=line())
        assert found["explanation"]["layers"]


def test_the_benchmark_counts_cases_and_rates() -> None:
    ticks = itertools.count(step=0.5)
    rates, faults = bench([line(), "nonsense", line()], lambda: next(ticks), seconds=1.0)
    # Two cases a round; the clock moves half a second a look, so two rounds take a second.
    assert rates == {"cases": 2, "evaluations_per_second": 4, "with_parsing_per_second": 4}
    assert [fault.id for fault in faults] == [None]


def test_the_benchmark_of_nothing() -> None:
    rates, _ = bench([], lambda: 0.0)
    assert rates["cases"] == 0


def test_the_account_of_a_bucket_is_asked_for() -> None:
    request = {
        "principal": USER,
        "action": "s3:GetObject",
        "resource": OBJECT,
        "resource_account": OTHER,
    }
    assert answer(line(request=request))["blocked_by"] == ["resource"]

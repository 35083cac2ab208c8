"""Documents: parsed once, positions, and diagnostics for everything that people write."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import pytest

from tests.policy.build import OWN, ROLE, ROOT, USER, allow, deny, document
from workers.policy import Document, PolicyKind, parse

TEXT = """{
  "Version": "2012-10-17",
  "Statement": [
    {"Sid": "One", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"},
    {
      "Effect": "Deny",
      "Action": ["s3:Put*",
                 "s3:DeleteBucket"],
      "Resource": "*"
    }
  ]
}"""


def codes(text: str | dict[str, Any], kind: PolicyKind = PolicyKind.IDENTITY) -> list[str]:
    """The codes of all diagnostics."""
    return [d.code for d in parse(text, name="p", kind=kind).diagnostics]


def statement(**more: Any) -> dict[str, Any]:
    """An identity policy of one statement with some elements changed."""
    return {"Version": "2012-10-17", "Statement": [{**allow("s3:GetObject"), **more}]}


class TestPositions:
    """Line and column, 1-based."""

    def test_statements_know_where_they_stand(self) -> None:
        parsed = parse(TEXT, name="inline", kind=PolicyKind.IDENTITY)
        assert [(s.label, s.line, s.column) for s in parsed.statements] == [
            ("One", 4, 5),
            ("#2", 5, 5),
        ]
        assert [s.policy for s in parsed.statements] == ["inline", "inline"]

    def test_a_single_statement_that_is_no_list(self) -> None:
        text = '{"Statement":\n  {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
        (only,) = parse(text, name="p", kind=PolicyKind.IDENTITY).statements
        assert (only.line, only.column) == (1, 2)

    def test_values_given_as_objects_are_written_out(self) -> None:
        given = document(allow(), deny())
        assert json.loads(given.text)["Statement"][1]["Effect"] == "Deny"
        assert given.text.splitlines()[given.statements[1].line - 1].strip() == "{"

    def test_diagnostics_point_at_the_value(self) -> None:
        text = TEXT.replace("s3:DeleteBucket", "s3:DeleteBuckets")
        (fault,) = parse(text, name="p", kind=PolicyKind.IDENTITY).diagnostics
        assert (fault.code, fault.line, fault.column) == ("action-unknown", 8, 18)
        assert "s3:DeleteBucket was probably meant" in fault.message


class TestTextAsPeopleWriteIt:
    """What strict JSON does not have."""

    PUBLISHED = """{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "AllowPipeline", // the service role
      "Effect": "Allow",
      "Principal": {
        "AWS": "arn:aws:iam::111122223333:role/pipeline",
        "AWS": "arn:aws:iam::111122223333:role/build"
      },
      "Action": ["kms:Decrypt", "kms:DescribeKey",],
      /* the key
         itself */
      "Resource": "*"
    }
  ]
}"""

    def test_comments_trailing_commas_and_repeated_keys_are_each_located(self) -> None:
        parsed = parse(self.PUBLISHED, name="key", kind=PolicyKind.KEY)
        assert [(d.code, d.line, d.column) for d in parsed.diagnostics] == [
            ("comment", 5, 31),
            ("duplicate-key", 9, 9),
            ("trailing-comma", 11, 50),
            ("comment", 12, 7),
        ]
        assert [s.label for s in parsed.statements] == ["AllowPipeline"]
        assert not parsed.valid

    def test_a_repeated_key_says_what_is_lost_and_where_both_belong(self) -> None:
        parsed = parse(self.PUBLISHED, name="key", kind=PolicyKind.KEY)
        (fault,) = [d for d in parsed.diagnostics if d.code == "duplicate-key"]
        assert '"arn:aws:iam::111122223333:role/build" stays' in fault.message
        assert '"arn:aws:iam::111122223333:role/pipeline" is lost' in fault.message
        assert "all principals in one list" in fault.message

    @pytest.mark.parametrize(
        ("text", "line", "column", "why"),
        [
            ("", 1, 1, "empty"),
            ("   ", 1, 1, "empty"),
            ('{"Statement": [', 1, 15, 'before the "]"'),
            ('{"a": 1\n "b": 2}', 2, 2, '"," or "}"'),
            ("{“Statement”: []}", 1, 2, "straight double quotes"),
            ("{'Statement': []}", 1, 2, "straight double quotes"),
            ('{"a": nope}', 1, 7, "a value"),
            ('{"a": "x}', 1, 7, "not closed"),
            ("[" * 5000, 1, 66, "deeper"),
            ('{"a": 1} {"b": 2}', 1, 10, "more text"),
            ('{"a" 1}', 1, 6, '":"'),
        ],
    )
    def test_what_is_no_json_at_all(self, text: str, line: int, column: int, why: str) -> None:
        parsed = parse(text, name="p", kind=PolicyKind.IDENTITY)
        (fault,) = parsed.diagnostics
        assert (fault.code, fault.line, fault.column) == ("not-json", line, column)
        assert why in fault.message
        assert parsed.unreadable
        assert not parsed.statements

    def test_url_encoded_documents_as_the_iam_api_sends_them(self) -> None:
        """https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html"""
        encoded = quote(json.dumps({"Statement": allow()}))
        parsed = parse(encoded, name="p", kind=PolicyKind.IDENTITY)
        assert [s.effect for s in parsed.statements] == ["Allow"]

    def test_bytes_with_a_byte_order_mark(self) -> None:
        parsed = parse(b"\xef\xbb\xbf" + TEXT.encode(), name="p", kind=PolicyKind.IDENTITY)
        assert len(parsed.statements) == 2


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"Resource": "arn:aws:s3:::[[bucket]]/*"}, "placeholder"),
        ({"Resource": "arn:aws:iam::{{accountId}}:role/x"}, "placeholder"),
        ({"Resource": "arn:aws:s3:::<bucket-name>/*"}, "placeholder"),
        ({"Resource": "arn:aws:sqs:${AWS::Region}:1:x"}, "placeholder"),
        ({"Effect": "allow"}, "effect-value"),
        ({"Effect": None}, "effect-value"),
        ({"Action": "s3:GetObjekt"}, "action-unknown"),
        ({"Action": "s3:Fetch*"}, "action-unknown"),
        ({"Action": "codestar-connections:UseConnections"}, "action-unknown"),
        ({"Action": "codestar-connection:UseConnection"}, "action-service-unknown"),
        ({"Action": "GetObject"}, "action-form"),
        ({"Action": 5}, "element-type"),
        ({"Action": ["s3:GetObject", {}]}, "element-type"),
        ({"Action": []}, "element-missing"),
        ({"Resource": "my-bucket"}, "resource-form"),
        ({"Resource": "arn:aws:s3:::b/*", "NotResource": "*"}, "element-conflict"),
        ({"Resource": "arn:aws:s3:us-east-1:111122223333:b"}, "arn-impossible"),
        ({"Resource": "arn:aws:sqs:us-east-1:12345:jobs"}, "arn-impossible"),
        ({"Resource": "arn:amazon:sqs:us-east-1:111122223333:jobs"}, "arn-impossible"),
        ({"Resource": "arn:aws:sqs:us-east-1:${aws:PrincipalAccount}:jobs"}, "arn-impossible"),
        ({"Principal": "*"}, "principal-not-allowed"),
        ({"Condition": {"StringEqualz": {"aws:SourceIp": "x"}}}, "operator-unknown"),
        ({"Condition": {"NullIfExists": {"aws:SourceIp": "true"}}}, "operator-unknown"),
        ({"Condition": {"ForSomeValue:StringEquals": {"aws:TagKeys": "x"}}}, "operator-unknown"),
        ({"Condition": {"StringEquals": "x"}}, "condition-type"),
        ({"Condition": []}, "condition-type"),
        ({"Condition": {"StringEquals": {}}}, "condition-empty"),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "300.1.1.1"}}}, "operator-value"),
        ({"Condition": {"NumericEquals": {"s3:max-keys": "ten"}}}, "operator-value"),
        ({"Condition": {"DateLessThan": {"aws:CurrentTime": "tomorrow"}}}, "operator-value"),
        ({"Condition": {"Null": {"aws:SourceIp": "yes"}}}, "operator-value"),
        ({"Condition": {"StringEquals": {"aws:PrincipalTag/x": "a*"}}}, "operator-wildcard"),
        (
            {"Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}},
            "quantifier-missing-key",
        ),
        ({"Sid": "with space"}, "sid-characters"),
        ({"Sid": 7}, "element-type"),
        ({"Actions": "s3:GetObject"}, "element-unknown"),
    ],
)
def test_each_fault_of_a_statement_has_its_code(changed: dict[str, Any], code: str) -> None:
    assert code in codes(statement(**changed))


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ([], PolicyKind.IDENTITY, "not-an-object"),
        ({"Version": "2012-10-18", "Statement": [allow()]}, PolicyKind.IDENTITY, "version-unknown"),
        ({"Version": "2012-10-17"}, PolicyKind.IDENTITY, "statement-missing"),
        ({"Statement": ["x"]}, PolicyKind.IDENTITY, "statement-type"),
        ({"Statement": [allow()], "statement": []}, PolicyKind.IDENTITY, "element-unknown"),
        (
            {"Statement": [{"Effect": "Allow", "Resource": "*"}]},
            PolicyKind.IDENTITY,
            "element-missing",
        ),
        (
            {"Statement": [{"Effect": "Allow", "Action": "*"}]},
            PolicyKind.IDENTITY,
            "element-missing",
        ),
        ({"Statement": [{"Action": "*", "Resource": "*"}]}, PolicyKind.IDENTITY, "element-missing"),
        ({"Statement": [allow(Sid="A"), deny(Sid="A")]}, PolicyKind.IDENTITY, "sid-repeated"),
        (
            {"Statement": [allow("s3:*", "arn:aws:s3:::b/${aws:username}")]},
            PolicyKind.IDENTITY,
            "version-without-variables",
        ),
        ({"Statement": [allow()]}, PolicyKind.BUCKET, "principal-missing"),
        ({"Statement": [allow(Principal="ana")]}, PolicyKind.BUCKET, "principal-invalid"),
        ({"Statement": [allow(Principal=[USER])]}, PolicyKind.BUCKET, "element-type"),
        ({"Statement": [allow(Principal={"AWS": "ana"})]}, PolicyKind.BUCKET, "principal-invalid"),
        (
            {"Statement": [allow(Principal={"AWS": "arn:aws:iam::1:root"})]},
            PolicyKind.BUCKET,
            "principal-invalid",
        ),
        (
            {"Statement": [allow(Principal={"AWS": f"arn:aws:iam::{OWN}:role/*"})]},
            PolicyKind.BUCKET,
            "principal-wildcard",
        ),
        (
            {"Statement": [allow(Principal={"AWS": f"arn:aws:iam::{OWN}:group/x"})]},
            PolicyKind.BUCKET,
            "principal-group",
        ),
        (
            {"Statement": [allow(Principal={"User": USER})]},
            PolicyKind.BUCKET,
            "principal-type-unknown",
        ),
        (
            {"Statement": [allow(Principal={"AWS": "AROAABCDEFGHIJKLMNOPQ"})]},
            PolicyKind.BUCKET,
            "principal-deleted",
        ),
        (
            {"Statement": [{**allow(), "NotPrincipal": {"AWS": USER}}]},
            PolicyKind.BUCKET,
            "not-principal-allow",
        ),
        (
            {"Statement": [{**deny(), "NotPrincipal": {"AWS": USER}}]},
            PolicyKind.BUCKET,
            "not-principal-account",
        ),
        (
            {"Statement": [{**deny("sts:AssumeRole"), "NotPrincipal": {"AWS": USER}}]},
            PolicyKind.TRUST,
            "not-principal-trust",
        ),
        ({"Statement": [deny(Principal={"AWS": USER})]}, PolicyKind.RCP, "rcp-principal"),
        ({"Statement": [allow(Principal="*")]}, PolicyKind.RCP, "rcp-allow"),
        ({"Statement": [allow(Principal="*")]}, PolicyKind.SCP, "principal-not-allowed"),
    ],
)
def test_each_fault_of_a_document_has_its_code(text: Any, kind: PolicyKind, code: str) -> None:
    assert code in codes(json.dumps(text), kind)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (TEXT, PolicyKind.IDENTITY),
        (
            json.dumps(
                {"Version": "2012-10-17", "Statement": allow(Principal={"AWS": [ROOT, ROLE]})}
            ),
            PolicyKind.KEY,
        ),
        (
            json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": {
                        "Effect": "Allow",
                        "Action": "sts:AssumeRole",
                        "Principal": {"Service": "codepipeline.amazonaws.com"},
                    },
                }
            ),
            PolicyKind.TRUST,
        ),
        (
            json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": deny(
                        "s3:*", Principal="*", Condition={"Bool": {"aws:SecureTransport": False}}
                    ),
                }
            ),
            PolicyKind.BUCKET,
        ),
        (
            json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": allow(
                        "s3:*", ["arn:aws:s3:::b", "arn:aws:s3:::b/${aws:username}/*"]
                    ),
                }
            ),
            PolicyKind.IDENTITY,
        ),
        (
            json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": allow(
                        "codeconnections:UseConnection",
                        f"arn:aws:codeconnections:us-east-1:{OWN}:connection/x",
                    ),
                }
            ),
            PolicyKind.IDENTITY,
        ),
    ],
)
def test_healthy_documents_have_no_diagnostics(text: str, kind: PolicyKind) -> None:
    parsed = parse(text, name="p", kind=kind)
    assert parsed.diagnostics == ()
    assert parsed.valid


def test_every_text_is_used_and_every_severity_is_known() -> None:
    texts = tomllib.loads(files("workers.policy").joinpath("diagnostics.toml").read_text("utf-8"))
    for code, entry in texts.items():
        assert entry["severity"] in ("error", "warning"), code
        assert entry["text"].endswith((".", ". ")), code


def test_warnings_leave_a_document_valid() -> None:
    parsed = parse(statement(Action="s3:GetObjekt"), name="p", kind=PolicyKind.IDENTITY)
    assert [d.severity for d in parsed.diagnostics] == ["warning"]
    assert parsed.valid


@pytest.mark.parametrize(
    "raw",
    [
        {"Effect": "Allow", "Action": "*"},
        {"Effect": "allow", "Action": "*", "Resource": "*"},
        {"Effect": "Allow", "Resource": "*"},
        "no object",
    ],
)
def test_a_statement_that_aws_would_refuse_has_no_effect(raw: Any) -> None:
    parsed: Document = parse({"Statement": [raw]}, name="p", kind=PolicyKind.IDENTITY)
    assert parsed.statements == ()

"""Three values: what is unknown stays unknown, unless something known settles it."""

from __future__ import annotations

from tests.policy.build import (
    ALLOWED,
    EXPLICIT,
    IMPLICIT,
    OTHER,
    ROLE,
    ROOT,
    UNKNOWN,
    USER,
    allow,
    bucket,
    decision,
    deny,
    document,
    identity,
    request,
    scp,
)
from workers.policy import Dependency, Level, Policies, PolicyKind, Unreadable, evaluate, parse

UNREAD = Unreadable("org policies", "AccessDenied on organizations:DescribePolicy")
MINE = (identity(allow("s3:*")),)
VPCE = {"StringEquals": {"aws:SourceVpce": "vpce-1"}}


class TestUnknownKeys:
    """Keys that the request may or may not carry."""

    def test_a_deny_that_hangs_on_one_is_unknown_and_says_what_each_value_leads_to(self) -> None:
        policies = Policies(identity=(identity(allow(), deny("s3:*", Condition=VPCE)),))
        verdict = evaluate(request(unknown=("aws:SourceVpce",)), policies, partial=True)
        assert verdict.decision is UNKNOWN
        assert verdict.depends_on == (
            Dependency(
                "context",
                "aws:SourceVpce",
                {"absent": ALLOWED, "vpce-1": EXPLICIT, "any other value": ALLOWED},
            ),
        )

    def test_without_partial_the_key_is_absent(self) -> None:
        policies = Policies(identity=(identity(allow(), deny("s3:*", Condition=VPCE)),))
        assert decision(request(unknown=("aws:SourceVpce",)), policies) is ALLOWED

    def test_a_key_that_nobody_asks_for_does_not_matter(self) -> None:
        asked = request(unknown=("aws:SourceVpce", "aws:SourceIp"))
        assert decision(asked, Policies(identity=MINE), partial=True) is ALLOWED

    def test_a_known_deny_settles_it(self) -> None:
        policies = Policies(identity=(identity(allow(Condition=VPCE), deny("s3:Get*")),))
        asked = request(unknown=("aws:SourceVpce",))
        assert decision(asked, policies, partial=True) is EXPLICIT

    def test_another_allow_settles_it(self) -> None:
        policies = Policies(identity=(identity(allow(Condition=VPCE), allow("s3:Get*")),))
        asked = request(unknown=("aws:SourceVpce",))
        assert decision(asked, policies, partial=True) is ALLOWED

    def test_a_failing_condition_beside_it_settles_it(self) -> None:
        condition = {**VPCE, "Bool": {"aws:SecureTransport": "true"}}
        policies = Policies(identity=(identity(allow(Condition=condition)),))
        asked = request(unknown=("aws:SourceVpce",), aws_SecureTransport="false")
        assert decision(asked, policies, partial=True) is IMPLICIT

    def test_a_value_that_is_given_is_known(self) -> None:
        policies = Policies(identity=(identity(allow(Condition=VPCE)),))
        asked = request(unknown=("aws:SourceVpce",), aws_SourceVpce="vpce-1")
        assert decision(asked, policies, partial=True) is ALLOWED

    def test_keys_that_the_arn_says_can_be_declared_unknown(self) -> None:
        condition = {"ArnLike": {"aws:PrincipalArn": ROLE}}
        policies = Policies(identity=(identity(allow(Condition=condition)),))
        asked = request(principal=ROLE, unknown=("aws:PrincipalArn",))
        assert decision(request(principal=ROLE), policies, partial=True) is ALLOWED
        assert decision(asked, policies, partial=True) is UNKNOWN

    def test_only_keys_that_move_the_decision_are_named(self) -> None:
        policies = Policies(
            identity=(
                identity(
                    allow(),
                    deny("s3:*", Condition=VPCE),
                    deny("ec2:*", Condition={"Bool": {"aws:ViaAWSService": "true"}}),
                ),
            )
        )
        asked = request(unknown=("aws:SourceVpce", "aws:ViaAWSService"))
        verdict = evaluate(asked, policies, partial=True)
        assert [d.name for d in verdict.depends_on] == ["aws:SourceVpce"]

    def test_null_is_unknown_too(self) -> None:
        policies = Policies(
            identity=(identity(allow(Condition={"Null": {"aws:SourceVpce": "true"}})),)
        )
        asked = request(unknown=("aws:SourceVpce",))
        assert decision(asked, policies, partial=True) is UNKNOWN


class TestUnreadableDocuments:
    """Policies that exist but nobody could read; unknown in both modes."""

    def test_an_identity_policy(self) -> None:
        policies = Policies(identity=(*MINE, UNREAD))
        verdict = evaluate(request(), policies)
        assert verdict.decision is UNKNOWN  # it may deny
        (dependency,) = verdict.depends_on
        assert (dependency.kind, dependency.name) == ("document", "org policies")
        assert dependency.outcomes == {
            "it allows the request": ALLOWED,
            "it is silent": ALLOWED,
            "it denies the request": EXPLICIT,
        }

    def test_nothing_known_allows_so_it_may(self) -> None:
        assert decision(request(), Policies(identity=(UNREAD,))) is UNKNOWN

    def test_a_request_that_nothing_can_allow_is_denied_whatever_it_says(self) -> None:
        policies = Policies(scps=(Level("root", (UNREAD,)),))
        assert decision(request(), policies) is IMPLICIT

    def test_a_known_deny_settles_it(self) -> None:
        policies = Policies(identity=(identity(allow(), deny("s3:*")), UNREAD))
        assert decision(request(), policies) is EXPLICIT

    def test_a_level_of_the_organisation(self) -> None:
        policies = Policies(identity=MINE, scps=(scp("root", allow()), Level("ou", (UNREAD,))))
        assert decision(request(), policies) is UNKNOWN
        silent = Policies(identity=MINE, scps=(scp("root", allow("ec2:*")), Level("ou", (UNREAD,))))
        assert decision(request(), silent) is IMPLICIT

    def test_a_resource_policy_of_another_account(self) -> None:
        policies = Policies(identity=MINE, resource=UNREAD)
        assert decision(request(account=OTHER), policies) is UNKNOWN
        assert decision(request(account=OTHER), Policies(resource=UNREAD)) is IMPLICIT

    def test_a_resource_policy_of_the_same_account_can_still_deny(self) -> None:
        assert decision(request(), Policies(identity=MINE, resource=UNREAD)) is UNKNOWN

    def test_policies_that_do_not_reach_the_requester_do_not_matter(self) -> None:
        policies = Policies(
            identity=MINE, scps=(Level("root", (UNREAD,)),), management_account=True
        )
        assert decision(request(), policies) is ALLOWED

    def test_a_boundary(self) -> None:
        assert decision(request(), Policies(identity=MINE, boundaries=(UNREAD,))) is UNKNOWN

    def test_two_of_them_are_both_named(self) -> None:
        other = Unreadable("bucket policy", "405")
        policies = Policies(identity=MINE, resource=other, scps=(Level("root", (UNREAD,)),))
        verdict = evaluate(request(account=OTHER), policies)
        assert verdict.decision is UNKNOWN
        assert {d.name for d in verdict.depends_on} == {"bucket policy", "org policies"}


class TestTextThatCannotBeRead:
    """A document whose text is no JSON is as unknown as one that was never fetched."""

    def test_no_json(self) -> None:
        broken = parse('{"Statement": [', name="inline", kind=PolicyKind.IDENTITY)
        assert decision(request(), Policies(identity=(broken,))) is UNKNOWN

    def test_a_key_given_twice_where_both_readings_agree(self) -> None:
        text = """{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*",
            "Action": "s3:*", "Resource": "arn:aws:s3:::other/*", "Resource": "*"}}"""
        policy = parse(text, name="bucket", kind=PolicyKind.BUCKET)
        elsewhere = request(resource="arn:aws:s3:::other/x")
        assert decision(elsewhere, Policies(resource=policy)) is ALLOWED
        assert decision(request(), Policies(resource=policy)) is UNKNOWN

    def test_the_published_key_policy_that_repeats_aws(self) -> None:
        """One of two principals is lost to whoever reads it; which one, we do not guess."""
        text = """{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:*",
            "Resource": "*", "Principal": {"AWS": "%s", "AWS": "%s"}}}"""
        text = text % (USER, ROLE)
        policy = parse(text, name="key", kind=PolicyKind.KEY)
        key = "arn:aws:kms:us-east-1:111122223333:key/1"
        for principal in (USER, ROLE):
            asked = request("kms:Decrypt", key, principal)
            assert decision(asked, Policies(resource=policy)) is UNKNOWN
        stranger = request("kms:Decrypt", key, f"{USER}2")
        assert decision(stranger, Policies(resource=policy)) is IMPLICIT

    def test_a_document_with_two_statement_keys_is_not_guessed_at(self) -> None:
        text = '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}, "Statement": []}'
        policy = parse(text, name="inline", kind=PolicyKind.IDENTITY)
        assert policy.unreadable is not None
        assert decision(request(), Policies(identity=(*MINE, policy))) is UNKNOWN


def test_root_of_a_named_account_stays_known() -> None:
    policies = Policies(identity=MINE, resource=bucket(allow(Principal={"AWS": ROOT})))
    assert decision(request(account=OTHER), policies, partial=True) is ALLOWED
    assert decision(request(), Policies(identity=(document(),)), partial=True) is IMPLICIT

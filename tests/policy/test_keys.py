"""KMS: the key policy has to allow or delegate, and grants count.

https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
https://docs.aws.amazon.com/kms/latest/developerguide/policy-evaluation.html
https://docs.aws.amazon.com/kms/latest/developerguide/grants.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.policy.build import (
    ALLOWED,
    EXPLICIT,
    IMPLICIT,
    KEY,
    OTHER,
    OTHER_KEY,
    OWN,
    ROLE,
    ROOT,
    SESSION,
    UNKNOWN,
    USER,
    allow,
    boundary,
    decision,
    deny,
    identity,
    key,
    request,
)
from workers.policy import Grant, Layer, Policies, Request, Unreadable, evaluate

DEFAULT = key(allow("kms:*", Principal={"AWS": ROOT}, Sid="Enable IAM User Permissions"))
MINE = (identity(allow("kms:Decrypt", KEY)),)


def asked(principal: str = USER, **context: Any) -> Request:
    """Decrypt with the key of our account."""
    return request("kms:Decrypt", KEY, principal, **context)


def test_the_default_key_policy_leaves_it_to_identity_policies() -> None:
    """Example 1 of the troubleshooting page: Alice has no policy that lets her use the key."""
    assert decision(asked(), Policies(resource=DEFAULT)) is IMPLICIT
    assert decision(asked(), Policies(identity=MINE, resource=DEFAULT)) is ALLOWED


def test_without_delegation_identity_policies_do_not_count() -> None:
    """ "Without it, IAM policies that allow access to the key are ineffective" """
    closed = key(allow("kms:*", Principal={"AWS": f"arn:aws:iam::{OWN}:role/admin"}))
    verdict = evaluate(asked(), Policies(identity=MINE, resource=closed))
    assert verdict.decision is IMPLICIT
    assert verdict.blocked_by == (Layer.RESOURCE,)


def test_no_key_policy_no_access() -> None:
    assert decision(asked(), Policies(identity=MINE)) is IMPLICIT
    assert decision(asked(ROOT), Policies()) is IMPLICIT


def test_root_too_needs_the_key_policy() -> None:
    """ "Unless the key policy explicitly allows it … not even the account root user" """
    closed = key(allow("kms:*", Principal={"AWS": USER}))
    assert decision(asked(ROOT), Policies(resource=closed)) is IMPLICIT
    assert decision(asked(ROOT), Policies(resource=DEFAULT)) is ALLOWED


@pytest.mark.parametrize(
    ("named", "principal"), [(USER, USER), (ROLE, SESSION), (SESSION, SESSION)]
)
def test_naming_the_principal_is_enough(named: str, principal: str) -> None:
    policies = Policies(resource=key(allow("kms:Decrypt", Principal={"AWS": named})))
    assert decision(asked(principal), policies) is ALLOWED


def test_a_boundary_limits_a_role_that_the_key_policy_names() -> None:
    policies = Policies(
        resource=key(allow("kms:Decrypt", Principal={"AWS": ROLE})),
        boundaries=(boundary(allow("s3:*")),),
    )
    assert decision(asked(SESSION), policies) is IMPLICIT


def test_delegation_covers_only_the_actions_that_it_names() -> None:
    policies = Policies(
        identity=(identity(allow("kms:*")),),
        resource=key(allow("kms:Describe*", Principal={"AWS": ROOT})),
    )
    assert decision(asked(), policies) is IMPLICIT
    assert decision(request("kms:DescribeKey", KEY), policies) is ALLOWED


def test_actions_without_a_key_need_no_key_policy() -> None:
    policies = Policies(identity=(identity(allow("kms:ListAliases")),))
    assert decision(request("kms:ListAliases", "*"), policies) is ALLOWED


def test_an_alias_is_a_way_to_the_key_but_has_no_policy_of_its_own() -> None:
    """https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html"""
    alias = f"arn:aws:kms:us-east-1:{OWN}:alias/artifacts"
    policies = Policies(identity=(identity(allow("kms:*")),))
    assert decision(request("kms:DeleteAlias", alias), policies) is ALLOWED
    assert decision(request("kms:Decrypt", alias), policies) is IMPLICIT


def test_the_cross_account_example_of_the_page() -> None:
    """Example 2: the key policy names Bob's account, his role's own policy names the key."""
    crypto = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"]
    policy = key(
        allow("kms:*", Principal={"AWS": f"arn:aws:iam::{OTHER}:root"}),
        allow(crypto, Principal={"AWS": ROOT}),
    )
    own = (identity(allow(crypto, OTHER_KEY)),)
    bob = request("kms:Decrypt", OTHER_KEY, SESSION, OTHER)
    assert decision(bob, Policies(identity=own, resource=policy)) is ALLOWED
    assert decision(bob, Policies(resource=policy)) is IMPLICIT
    assert decision(bob, Policies(identity=own)) is IMPLICIT
    schedule = request("kms:ScheduleKeyDeletion", OTHER_KEY, SESSION, OTHER)
    generous = Policies(identity=(identity(allow("kms:*")),), resource=policy)
    assert decision(schedule, generous) is IMPLICIT


def test_the_policy_of_a_key_that_aws_manages() -> None:
    """Everybody in the account, but only through one service."""
    condition = {
        "StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com", "kms:CallerAccount": OWN}
    }
    policies = Policies(
        resource=key(allow("kms:Decrypt", Principal={"AWS": "*"}, Condition=condition))
    )
    through = asked(kms_ViaService="s3.us-east-1.amazonaws.com", kms_CallerAccount=OWN)
    assert decision(through, policies) is ALLOWED
    assert decision(asked(kms_CallerAccount=OWN), policies) is IMPLICIT


class TestGrants:
    """Permissions that stand in no policy."""

    def grant(self, **more: Any) -> Policies:
        grant = Grant(SESSION, frozenset({"Decrypt", "GenerateDataKey"}), KEY, "build", **more)
        return Policies(resource=key(), grants=(grant,))

    def test_a_grant_is_enough(self) -> None:
        verdict = evaluate(asked(SESSION), self.grant())
        assert verdict.decision is ALLOWED
        assert [(m.layer, m.statement) for m in verdict.matched] == [(Layer.GRANT, "build")]

    def test_only_for_the_grantee_the_operations_and_the_key(self) -> None:
        assert decision(asked(USER), self.grant()) is IMPLICIT
        assert decision(request("kms:Encrypt", KEY, SESSION), self.grant()) is IMPLICIT
        other = f"arn:aws:kms:us-east-1:{OWN}:key/2222"
        assert decision(request("kms:Decrypt", other, SESSION), self.grant()) is IMPLICIT

    def test_a_role_as_grantee_stands_for_its_sessions(self) -> None:
        policies = Policies(resource=key(), grants=(Grant(ROLE, frozenset({"Decrypt"}), KEY),))
        assert decision(asked(SESSION), policies) is ALLOWED

    def test_a_deny_still_denies(self) -> None:
        grants = self.grant().grants
        policies = Policies(resource=key(deny("kms:*", Principal="*")), grants=grants)
        assert decision(asked(SESSION), policies) is EXPLICIT

    def test_it_reaches_into_other_accounts(self) -> None:
        """As for service-linked roles, whose own policies say nothing of the key.

        https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
        """
        grant = Grant(SESSION, frozenset({"Decrypt"}), OTHER_KEY)
        policies = Policies(resource=key(), grants=(grant,))
        assert decision(request("kms:Decrypt", OTHER_KEY, SESSION, OTHER), policies) is ALLOWED

    @pytest.mark.parametrize(
        ("context", "result"),
        [
            ({"Department": "Finance", "Classification": "Public"}, True),
            ({"Customer": "12345", "Department": "Finance", "Classification": "Public"}, True),
            ({"Department": "Finance"}, False),
            ({"department": "finance", "classification": "public"}, False),
            ({"department": "Finance", "CLASSIFICATION": "Public"}, True),
            ({"Classification": "Public", "Customer": "12345"}, False),
        ],
    )
    def test_encryption_context_subset_of_the_page(
        self, context: dict[str, str], result: bool
    ) -> None:
        wanted = {"Department": "Finance", "Classification": "Public"}
        policies = self.grant(encryption_context_subset=wanted)
        keys = {f"kms:EncryptionContext:{name}": value for name, value in context.items()}
        got = decision(Request(SESSION, "kms:Decrypt", KEY, OWN, keys), policies)
        assert (got is ALLOWED) is result

    def test_encryption_context_equals_takes_no_more(self) -> None:
        policies = self.grant(encryption_context_equals={"Department": "Finance"})
        exact = {"kms:EncryptionContext:Department": "Finance"}
        assert decision(Request(SESSION, "kms:Decrypt", KEY, OWN, exact), policies) is ALLOWED
        more = {**exact, "kms:EncryptionContext:Customer": "1"}
        assert decision(Request(SESSION, "kms:Decrypt", KEY, OWN, more), policies) is IMPLICIT

    def test_grants_that_nobody_could_list_are_unknown(self) -> None:
        policies = Policies(resource=key(), grants=Unreadable("grants of the key", "denied"))
        verdict = evaluate(asked(SESSION), policies)
        assert verdict.decision is UNKNOWN
        assert [d.name for d in verdict.depends_on] == ["grants of the key"]

    def test_a_constraint_does_not_reach_describe_key(self) -> None:
        """ "The constraint doesn't apply to these operations": DescribeKey and RetireGrant.

        https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html
        """
        operations = frozenset({"Decrypt", "DescribeKey"})
        subset = {"Department": "Finance"}
        grant = Grant(SESSION, operations, KEY, encryption_context_subset=subset)
        policies = Policies(resource=key(), grants=(grant,))
        assert decision(request("kms:DescribeKey", KEY, SESSION), policies) is ALLOWED
        assert decision(asked(SESSION), policies) is IMPLICIT

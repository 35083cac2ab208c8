"""Service control policies and resource control policies.

https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html
https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_evaluation.html
"""

from __future__ import annotations

import pytest

from tests.policy.build import (
    ALLOWED,
    DEPLOYER,
    EXPLICIT,
    IMPLICIT,
    KEY,
    OTHER,
    OWN,
    ROOT,
    SESSION,
    USER,
    allow,
    bucket,
    decision,
    deny,
    document,
    identity,
    key,
    rcp,
    request,
    scp,
    trust,
)
from workers.policy import Layer, Level, Policies, PolicyKind, Request, evaluate

FULL = allow(Sid="FullAWSAccess")
LINKED = f"arn:aws:iam::{OWN}:role/aws-service-role/codestar.amazonaws.com/AWSServiceRoleForX"
LINKED_SESSION = f"arn:aws:sts::{OWN}:assumed-role/AWSServiceRoleForX/x"
MINE = (identity(allow()),)


class TestServiceControlPolicies:
    """What limits the principals of member accounts."""

    def test_every_level_has_to_allow(self) -> None:
        """Figure 1 to 3 of the page: a missing Allow at any level blocks everything below."""
        for missing in range(3):
            levels = tuple(
                scp(name, allow("ec2:*") if at == missing else FULL)
                for at, name in enumerate(("root", "ou", "account"))
            )
            verdict = evaluate(request(), Policies(identity=MINE, scps=levels))
            assert verdict.decision is IMPLICIT
            assert verdict.blocked_by == (Layer.SCP,)
        levels = tuple(scp(name, FULL) for name in ("root", "ou", "account"))
        assert decision(request(), Policies(identity=MINE, scps=levels)) is ALLOWED

    def test_a_level_without_any_policy_allows_nothing(self) -> None:
        levels = (scp("root", FULL), Level("ou", ()))
        assert decision(request(), Policies(identity=MINE, scps=levels)) is IMPLICIT

    def test_several_policies_of_one_level_add_up(self) -> None:
        both = Level("ou", (*scp("a", allow("ec2:*")).policies, *scp("b", allow("s3:*")).policies))
        assert decision(request(), Policies(identity=MINE, scps=(both,))) is ALLOWED

    def test_a_deny_at_any_level_wins(self) -> None:
        levels = (scp("root", FULL, deny("s3:*", Sid="NoStorage")), scp("account", FULL))
        verdict = evaluate(request(), Policies(identity=MINE, scps=levels))
        assert verdict.decision is EXPLICIT
        assert [(m.layer, m.policy, m.statement) for m in verdict.matched] == [
            (Layer.SCP, "scp-root", "NoStorage")
        ]
        assert verdict.blocked_by == (Layer.SCP,)

    def test_they_grant_nothing(self) -> None:
        assert decision(request(), Policies(scps=(scp("root", FULL),))) is IMPLICIT

    def test_no_organisation_no_limit(self) -> None:
        assert decision(request(), Policies(identity=MINE)) is ALLOWED

    def test_they_limit_root_of_a_member_account(self) -> None:
        levels = (scp("root", FULL, deny("s3:*")),)
        assert decision(request(principal=ROOT), Policies(scps=levels)) is EXPLICIT

    @pytest.mark.parametrize("principal", [LINKED, LINKED_SESSION])
    def test_service_linked_roles_are_exempt(self, principal: str) -> None:
        """https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html#not-restricted-by-scp"""
        levels = (scp("root", deny("s3:*")),)
        policies = Policies(identity=MINE, scps=levels)
        assert decision(request(principal=principal), policies) is ALLOWED

    def test_the_management_account_is_exempt(self) -> None:
        levels = (scp("root", deny("s3:*")),)
        policies = Policies(identity=MINE, scps=levels, management_account=True)
        assert decision(request(), policies) is ALLOWED

    def test_they_do_not_reach_service_principals(self) -> None:
        granting = bucket(allow("s3:*", Principal={"Service": "cloudtrail.amazonaws.com"}))
        policies = Policies(resource=granting, scps=(scp("root", deny("s3:*")),))
        assert decision(request(principal="cloudtrail.amazonaws.com"), policies) is ALLOWED

    def test_the_region_guard_that_everybody_has(self) -> None:
        """https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_examples_general.html"""
        guard = {
            "Effect": "Deny",
            "NotAction": ["iam:*", "organizations:*", "sts:*"],
            "Resource": "*",
            "Condition": {
                "StringNotEquals": {"aws:RequestedRegion": ["eu-central-1", "eu-west-1"]},
                "ArnNotLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/Admin*"]},
            },
        }
        policies = Policies(identity=MINE, scps=(scp("root", FULL, guard),))
        assert decision(request(aws_RequestedRegion="us-east-1"), policies) is EXPLICIT
        assert decision(request(aws_RequestedRegion="eu-west-1"), policies) is ALLOWED
        admin = f"arn:aws:sts::{OWN}:assumed-role/AdminRole/x"
        assert (
            decision(request(principal=admin, aws_RequestedRegion="us-east-1"), policies) is ALLOWED
        )
        assert (
            decision(request("iam:GetUser", USER, aws_RequestedRegion="us-east-1"), policies)
            is ALLOWED
        )


PERIMETER = {
    "Sid": "EnforceOrgIdentities",
    "Effect": "Deny",
    "Principal": "*",
    "Action": ["s3:*", "kms:*", "sts:AssumeRole"],
    "Resource": "*",
    "Condition": {
        "StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-aaaa"},
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
    },
}


class TestResourceControlPolicies:
    """What limits whoever comes to the resources of member accounts."""

    def test_the_example_of_the_page(self) -> None:
        """https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_examples.html"""
        everyone = bucket(allow("s3:*", Principal="*"))
        policies = Policies(identity=MINE, resource=everyone, rcps=(rcp("root", PERIMETER),))
        member = request(aws_PrincipalOrgID="o-aaaa")
        stranger = request(account=OTHER, aws_PrincipalOrgID="o-bbbb")
        assert decision(member, policies) is ALLOWED
        verdict = evaluate(stranger, policies)
        assert verdict.decision is EXPLICIT
        assert verdict.blocked_by == (Layer.RCP,)
        assert decision(request(principal="logging.s3.amazonaws.com"), policies) is ALLOWED
        assert decision(request(principal="*"), policies) is EXPLICIT

    def test_an_allow_is_always_there(self) -> None:
        """RCPFullAWSAccess cannot be detached."""
        policies = Policies(identity=MINE, rcps=(Level("root", ()), rcp("ou", PERIMETER)))
        assert decision(request(aws_PrincipalOrgID="o-aaaa"), policies) is ALLOWED

    @pytest.mark.parametrize("action", ["ec2:RunInstances", "sns:Publish", "lambda:InvokeFunction"])
    def test_services_that_take_no_part_are_not_limited(self, action: str) -> None:
        """https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html#rcp-supported-services"""
        everything = {**deny(), "Principal": "*"}
        policies = Policies(identity=MINE, rcps=(rcp("root", everything),))
        assert decision(request(action, "*"), policies) is ALLOWED
        assert decision(request("s3:GetObject"), policies) is EXPLICIT

    def test_service_linked_roles_and_the_management_accounts_resources_are_exempt(self) -> None:
        levels = (rcp("root", {**deny("s3:*"), "Principal": "*"}),)
        assert decision(request(principal=LINKED), Policies(identity=MINE, rcps=levels)) is ALLOWED
        managed = Policies(identity=MINE, rcps=levels, resource_in_management_account=True)
        assert decision(request(), managed) is ALLOWED

    def test_keys_that_aws_manages_and_retiring_grants_are_exempt(self) -> None:
        """https://docs.aws.amazon.com/kms/latest/developerguide/resource-control-policies.html"""
        granting = key(allow("kms:*", Principal={"AWS": USER}))
        policies = Policies(
            identity=MINE,
            resource=granting,
            rcps=(rcp("root", {**deny("kms:*"), "Principal": "*"}),),
        )
        assert decision(request("kms:Decrypt", KEY), policies) is EXPLICIT
        assert decision(request("kms:RetireGrant", KEY), policies) is ALLOWED
        managed = f"arn:aws:kms:us-east-1:{OWN}:alias/aws/s3"
        assert decision(request("kms:DescribeKey", managed), policies) is ALLOWED

    def test_the_trust_of_a_service_linked_role_is_exempt(self) -> None:
        """ "RCPs also do not impact AWS services' ability to assume a service-linked role"

        https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html#actions-not-restricted-by-rcps
        """
        service = "codestar.amazonaws.com"
        policies = Policies(
            resource=trust(allow("sts:AssumeRole", Principal={"Service": service})),
            rcps=(rcp("root", {**deny("sts:*"), "Principal": "*"}),),
        )
        assert decision(request("sts:AssumeRole", LINKED, service), policies) is ALLOWED
        assert decision(request("sts:AssumeRole", DEPLOYER, service), policies) is EXPLICIT

    def test_they_limit_who_may_assume_a_role(self) -> None:
        role = f"arn:aws:iam::{OTHER}:role/deployer"
        policies = Policies(
            identity=MINE,
            resource=trust(allow("sts:AssumeRole", Principal={"AWS": OWN})),
            rcps=(rcp("root", PERIMETER),),
        )
        asked = Request(SESSION, "sts:AssumeRole", role, OTHER, {"aws:PrincipalOrgID": "o-bbbb"})
        assert decision(asked, policies) is EXPLICIT


class TestEndpointPolicies:
    """https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html"""

    def endpoint(self, *statements: dict[str, object]) -> Policies:
        policy = document(*statements, kind=PolicyKind.VPCE, name="endpoint")
        return Policies(identity=MINE, vpce=(policy,))

    def test_the_default_policy_lets_everything_pass(self) -> None:
        assert decision(request(), self.endpoint(allow(Principal="*"))) is ALLOWED

    def test_an_endpoint_for_one_bucket(self) -> None:
        policies = self.endpoint(
            allow("s3:*", ["arn:aws:s3:::artifacts", "arn:aws:s3:::artifacts/*"], Principal="*")
        )
        assert decision(request(), policies) is ALLOWED
        verdict = evaluate(request(resource="arn:aws:s3:::other/x"), policies)
        assert verdict.decision is IMPLICIT
        assert verdict.blocked_by == (Layer.VPCE,)

    def test_a_deny_in_it_denies(self) -> None:
        policies = self.endpoint(allow(Principal="*"), deny("s3:*", Principal="*"))
        assert decision(request(), policies) is EXPLICIT

    def test_it_gives_nothing_by_itself(self) -> None:
        policy = document(allow(Principal="*"), kind=PolicyKind.VPCE)
        assert decision(request(), Policies(vpce=(policy,))) is IMPLICIT

"""Whom and what the policies of an organisation reach.

https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from workers.policy.policies import Policies
from workers.policy.principals import PrincipalType
from workers.policy.requests import Facts


def scps_reach(facts: Facts, policies: Policies) -> bool:
    """SCPs limit users, roles and root of member accounts; no service-linked role, no service."""
    if not policies.scps or policies.management_account:
        return False
    principal = facts.principal
    if principal.type in _OUTSIDE_ACCOUNTS:
        return False
    linked = policies.service_linked
    return not (principal.service_linked if linked is None else linked)


_OUTSIDE_ACCOUNTS = frozenset(
    {
        PrincipalType.SERVICE,
        PrincipalType.ANONYMOUS,
        PrincipalType.FEDERATED,
        PrincipalType.CANONICAL,
    }
)


def rcps_reach(facts: Facts, policies: Policies) -> bool:
    """RCPs limit whoever comes to a member account's resource, in the services that take part."""
    if not policies.rcps or policies.resource_in_management_account:
        return False
    linked = policies.service_linked
    if facts.principal.service_linked if linked is None else linked:
        return False
    supported = rcp_support()
    service = facts.action.partition(":")[0]
    if service not in supported.services or facts.action in supported.exempt_actions:
        return False
    if service == "sts" and ":role/aws-service-role/" in facts.resource:
        # "The service-linked role's trust policy is also not impacted by RCPs."
        return False
    return not (service == "kms" and ":alias/aws/" in facts.resource)


@dataclass(frozen=True, slots=True)
class RcpSupport:
    """What ``rcp.toml`` says."""

    services: frozenset[str]
    exempt_actions: frozenset[str]


@cache
def rcp_support() -> RcpSupport:
    """The services that support RCPs; read once, when an RCP is first met."""
    data = tomllib.loads(files("workers.policy").joinpath("rcp.toml").read_text("utf-8"))
    return RcpSupport(frozenset(data["services"]), frozenset(data["exempt_actions"]))

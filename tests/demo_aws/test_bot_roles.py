"""The lists of `bot.toml` say what the templates of `deploy/aws` say."""

from __future__ import annotations

import json

import pytest

from demo.aws.cloud import Cloud
from demo.aws.world import World


def actions_of(cloud: Cloud, account: str, role: str) -> set[str]:
    """What the deployed role's policies allow, by the live account."""
    iam = cloud.client("iam", account)
    allowed: set[str] = set()
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for statement in document["Statement"]:
            if statement["Effect"] == "Allow":
                action = statement["Action"]
                allowed |= set(action if isinstance(action, list) else [action])
    return allowed


def test_the_lists_are_those_of_the_templates(cloud: Cloud, world: World) -> None:
    bot = world.bot
    assert actions_of(cloud, "222222222222", bot.read_role) == set(bot.reads)
    assert actions_of(cloud, "222222222222", bot.fix_role) == set(bot.fixes)
    assert actions_of(cloud, "999999999999", bot.organisation_role) == set(bot.organisation_reads)


def test_every_readable_account_has_the_roles(cloud: Cloud, world: World) -> None:
    for account in world.accounts:
        names = {r["RoleName"] for r in cloud.client("iam", account.id).list_roles()["Roles"]}
        assert (world.bot.read_role in names) is account.readable


def test_the_stacks_of_the_bot_can_be_seen(cloud: Cloud) -> None:
    stacks = cloud.client("cloudformation", "333333333333").describe_stacks()["Stacks"]
    assert {each["StackName"] for each in stacks} == {
        "pipeline-access-read-role",
        "pipeline-access-fix-role",
    }


@pytest.mark.parametrize("account", ["111111111111", "222222222222"])
def test_the_trust_of_the_read_role_asks_for_the_external_id(
    cloud: Cloud, world: World, account: str
) -> None:
    role = cloud.client("iam", account).get_role(RoleName=world.bot.read_role)["Role"]
    assert world.bot.external_id in json.dumps(role["AssumeRolePolicyDocument"])

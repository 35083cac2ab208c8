"""The bot's own roles: the worker's, and in each readable account one to read and one to fix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped] # moto brings it; its stubs are no dependency

from demo.aws.world.model import Account, Bot, Role, Statement

_TEMPLATE = Path("deploy") / "aws" / "read-role.yaml"
_ORGANISATION_TEMPLATE = Path("deploy") / "aws" / "organisation-role.yaml"


def roles(bot: Bot, account: Account, management: str) -> Iterator[Role]:
    """The roles of one account."""
    if account.id == bot.account:
        yield _worker(bot)
    if not account.readable:
        return
    reads = read_statements(bot)
    if account.id == management:
        reads += _statements_of(_ORGANISATION_TEMPLATE)
    yield _member(bot, account.id, bot.read_role, reads)
    if account.id != management:
        yield _member(bot, account.id, bot.fix_role, [_allow(bot.fixes)])


def read_statements(bot: Bot) -> list[Statement]:
    """What the read role may: what `deploy/aws/read-role.yaml` says, so that a permission missing
    there is missing here; `bot.toml`'s list where the checkout is not at hand."""
    return _statements_of(_TEMPLATE) or [_allow(bot.reads)]


def _statements_of(path: Path) -> list[Statement]:
    """The statements of a template in the checkout; empty where it is not at hand."""
    file = Path(__file__).parents[3] / path
    if not file.is_file():
        return []
    template = yaml.load(file.read_text(encoding="utf-8"), _CloudFormation)
    return [
        statement
        for resource in template["Resources"].values()
        for policy in _policies(resource)
        for statement in _list(policy["Statement"])
    ]


def _policies(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    properties = resource.get("Properties", {})
    if resource["Type"] == "AWS::IAM::Role":
        for policy in properties.get("Policies", ()):
            yield policy["PolicyDocument"]
    if resource["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        yield properties["PolicyDocument"]


def _worker(bot: Bot) -> Role:
    return Role(
        arn=bot.worker,
        trust="ecs-tasks.amazonaws.com",
        policy_name="assume",
        grants=(
            {
                "Sid": "AssumeRolesOfTheBot",
                "Effect": "Allow",
                "Action": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
                "Resource": [
                    f"arn:aws:iam::*:role/{bot.read_role}",
                    f"arn:aws:iam::*:role/{bot.fix_role}",
                ],
            },
            {
                "Sid": "ReceiveFailures",
                "Effect": "Allow",
                "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueUrl"],
                "Resource": f"arn:aws:sqs:*:{bot.account}:pipeline-access-*",
            },
        ),
    )


def _member(bot: Bot, account: str, name: str, statements: list[Statement]) -> Role:
    return Role(
        arn=f"arn:aws:iam::{account}:role/{name}",
        trust_statements=(
            {
                "Effect": "Allow",
                "Principal": {"AWS": bot.worker},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": bot.external_id}},
            },
            {
                "Effect": "Allow",
                "Principal": {"AWS": bot.worker},
                "Action": ["sts:SetSourceIdentity", "sts:TagSession"],
            },
        ),
        policy_name=name,
        grants=tuple(statements),
    )


def _allow(actions: tuple[str, ...]) -> Statement:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


class _CloudFormation(yaml.SafeLoader):  # type: ignore[misc] # untyped base, see above
    """YAML with CloudFormation's short functions (`!Ref`, `!Sub`), which are kept as `*`: the
    template's parameters only narrow names that this world does not have."""


def _wildcard(_loader: yaml.Loader, _suffix: str, _node: yaml.Node) -> str:
    return "*"


_CloudFormation.add_multi_constructor("!", _wildcard)

"""The bot's own roles, deployed as its users deploy them: the templates of `deploy/aws` as
CloudFormation stacks. So a permission that is missing there is missing in the local world.

Where the checkout is not at hand (the world runs from an installed wheel), roles with the same
permissions are made from `bot.toml`; a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from demo.aws.world.model import Account, Bot, Role, Statement, World

TEMPLATES = Path(__file__).parents[3] / "deploy" / "aws"


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack to create: its name, the template's text, the parameters."""

    name: str
    template: str
    parameters: dict[str, str]


def has_templates() -> bool:
    """Whether the templates of the checkout are at hand."""
    return TEMPLATES.is_dir()


def stacks(world: World, account: Account) -> Iterator[Stack]:
    """The stacks of one account."""
    bot = world.bot
    trust = {"WorkerRoleArn": bot.worker, "ExternalId": bot.external_id}
    if account.id == bot.account:
        yield _stack(
            "worker-role",
            RoleName=_name(bot.worker),
            OrganisationId=world.organisation.id,
            QueueArn=bot.queue,
        )
    if not account.readable:
        return
    yield _stack("read-role", **trust, RoleName=bot.read_role)
    if account.id == world.organisation.management:
        yield _stack("organisation-role", **trust, RoleName=bot.organisation_role)
    else:
        yield _stack("fix-role", **trust, RoleName=bot.fix_role)


def queue_statement(bot: Bot) -> Statement:
    """What the worker may do with its queue (moto's CloudFormation knows no AWS::IAM::RolePolicy,
    which is what the template has for it)."""
    return {
        "Effect": "Allow",
        "Action": ["sqs:DeleteMessage", "sqs:ReceiveMessage"],
        "Resource": bot.queue,
    }


def roles(world: World, account: Account) -> Iterator[Role]:
    """The same roles without templates."""
    bot = world.bot
    if account.id == bot.account:
        yield _worker(bot)
    if not account.readable:
        return
    yield _member(bot, account.id, bot.read_role, bot.reads)
    if account.id == world.organisation.management:
        yield _member(bot, account.id, bot.organisation_role, bot.organisation_reads)
    else:
        yield _member(bot, account.id, bot.fix_role, bot.fixes)


def _stack(template: str, **parameters: str) -> Stack:
    text = (TEMPLATES / f"{template}.yaml").read_text(encoding="utf-8")
    return Stack(f"pipeline-access-{template}", text, parameters)


def _worker(bot: Bot) -> Role:
    names = (bot.read_role, bot.organisation_role, bot.fix_role)
    return Role(
        arn=bot.worker,
        trust="ecs-tasks.amazonaws.com",
        policy_name="enter-accounts",
        grants=(
            {
                "Effect": "Allow",
                "Action": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
                "Resource": [f"arn:aws:iam::*:role/{name}" for name in names],
            },
        ),
    )


def _member(bot: Bot, account: str, name: str, actions: tuple[str, ...]) -> Role:
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
        grants=({"Effect": "Allow", "Action": list(actions), "Resource": "*"},),
    )


def _name(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]

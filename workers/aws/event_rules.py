"""EventBridge: the rules that start pipelines, and the policies of event buses.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeRule.html
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeEventBus.html
"""

from __future__ import annotations

from types import MappingProxyType

from workers.aws.arns import parse
from workers.aws.calls import Answer, Chain, Place, then
from workers.aws.documents import Entries, Entry, Home, kept, place
from workers.snapshot.model import PolicyText, Reading, Reference, State, absent, present

_RULE = ("Name", "Arn", "EventPattern", "ScheduleExpression", "State", "EventBusName", "RoleArn")
_TARGET = ("Id", "Arn", "RoleArn")
_BUS = ("Name", "Arn")
_DEFAULT_BUS = "default"


def read_rule(chain: Chain, reference: Reference, home: Home) -> Entries:
    """The rule of an ARN with its targets.

    For the ARN of something that rules have as their target (a pipeline) all those rules are
    read, and the description under that ARN lists theirs as `RuleArns`.
    """
    where, arn = place("events", reference, home), parse(reference.id)
    if arn is not None and arn.service == "events":
        bus, _, name = arn.resource.removeprefix("rule/").rpartition("/")
        rule = _rule(chain, where, name, bus or _DEFAULT_BUS)
        return (Entry("descriptions", reference.id, rule),)
    listed = chain.pages(
        where,
        "ListRuleNamesByTarget",
        "RuleNames",
        subject=reference.id,
        TargetArn=reference.id,
    )
    if listed.state is not State.PRESENT:
        return (Entry("descriptions", reference.id, then(listed, dict)),)
    rules = chain.each(lambda side, name: _rule(side, where, name, _DEFAULT_BUS), listed.require())
    partition = arn.partition if arn else "aws"
    arns = [
        f"arn:{partition}:events:{where.region}:{where.account}:rule/{name}"
        for name in listed.require()
    ]
    return (
        Entry("descriptions", reference.id, present(MappingProxyType({"RuleArns": arns}))),
        *(Entry("descriptions", arn, rule) for arn, rule in zip(arns, rules, strict=True)),
    )


def read_bus(chain: Chain, reference: Reference, home: Home) -> Entries:
    """The event bus of an ARN; its policy is absent when it has none."""
    where, arn = place("events", reference, home), parse(reference.id)
    name = arn.name if arn else reference.id
    answer = chain.read(where, "DescribeEventBus", subject=reference.id, Name=name)
    return (
        Entry("descriptions", reference.id, then(answer, lambda found: kept(found, *_BUS))),
        Entry("policies", reference.id, _bus_policy(answer)),
    )


def _rule(chain: Chain, where: Place, name: str, bus: str) -> Reading[Answer]:
    targets = chain.fork(
        lambda side: side.pages(
            where, "ListTargetsByRule", "Targets", subject=name, Rule=name, EventBusName=bus
        )
    )
    described = chain.read(where, "DescribeRule", subject=name, Name=name, EventBusName=bus)
    listed = targets.join()
    rule = then(described, lambda answer: dict(kept(answer, *_RULE)))
    if rule.state is State.PRESENT and listed.state is State.PRESENT:
        rule.require()["Targets"] = [dict(kept(each, *_TARGET)) for each in listed.require()]
    return then(rule, MappingProxyType)


def _bus_policy(answer: Reading[Answer]) -> Reading[PolicyText]:
    if answer.state is not State.PRESENT:
        return then(answer, str)
    policy = answer.require().get("Policy")
    return present(str(policy)) if policy else absent()

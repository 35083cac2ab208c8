"""Hypothesis strategies: a small world of principals, resources and policies where things meet."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.policy.build import FEDERATED_USER, OTHER, OWN, ROLE, ROOT, SESSION, USER
from workers.policy import Document, Level, Policies, PolicyKind, Request, parse

QUEUE = "arn:aws:sqs:us-east-1:{account}:jobs"
KEY = "arn:aws:kms:us-east-1:{account}:key/1111"
ROLE_OF = "arn:aws:iam::{account}:role/deployer"
OBJECT = "arn:aws:s3:::artifacts/app.zip"
ACTIONS = {
    OBJECT: ("s3:GetObject", "s3:PutObject"),
    QUEUE: ("sqs:SendMessage", "sqs:ReceiveMessage"),
    KEY: ("kms:Decrypt", "kms:Encrypt"),
    ROLE_OF: ("sts:AssumeRole", "sts:TagSession"),
}
ALL_ACTIONS = tuple(action for actions in ACTIONS.values() for action in actions)
ACCOUNTS = (OWN, OTHER)
PRINCIPALS = (USER, ROLE, SESSION, ROOT, FEDERATED_USER, "*", "codepipeline.amazonaws.com")
KEYS = {
    "aws:SourceVpce": ("vpce-1", "vpce-2"),
    "aws:PrincipalTag/team": ("red", "blue"),
    "aws:SecureTransport": ("true", "false"),
}

accounts = st.sampled_from(ACCOUNTS)
principals = st.sampled_from(PRINCIPALS)
action_patterns = st.sampled_from(
    (*ALL_ACTIONS, "s3:*", "sqs:Send*", "kms:*", "sts:*", "*", "S3:GETOBJECT")
)


@st.composite
def resource_patterns(draw: st.DrawFn) -> str:
    """A pattern over the resources of the world."""
    template = draw(st.sampled_from(tuple(ACTIONS)))
    full = template.format(account=draw(accounts))
    ends = ("*", full[:-2] + "*", "arn:aws:sqs:*", "arn:aws:s3:::${aws:PrincipalTag/team}/*")
    return draw(st.sampled_from((full, full, *ends)))


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    """At most two conditions over the keys of the world."""
    element: dict[str, Any] = {}
    for _ in range(draw(st.integers(0, 2))):
        key = draw(st.sampled_from(tuple(KEYS)))
        operator = draw(
            st.sampled_from(
                (
                    "StringEquals",
                    "StringNotEquals",
                    "StringLike",
                    "StringEqualsIfExists",
                    "ForAllValues:StringEquals",
                    "ForAnyValue:StringEquals",
                    "Null",
                )
            )
        )
        values = ("true", "false") if operator == "Null" else (*KEYS[key], "${aws:SourceVpce}")
        element.setdefault(operator, {})[key] = draw(
            st.lists(st.sampled_from(values), min_size=1, max_size=2)
        )
    return element


@st.composite
def principal_elements(draw: st.DrawFn) -> Any:
    """What stands under Principal."""
    names = st.sampled_from((USER, ROLE, SESSION, ROOT, OWN, OTHER, FEDERATED_USER, "*"))
    return draw(
        st.one_of(
            st.just("*"),
            st.just({"Service": "codepipeline.amazonaws.com"}),
            st.lists(names, min_size=1, max_size=2).map(lambda chosen: {"AWS": chosen}),
        )
    )


@st.composite
def statements(
    draw: st.DrawFn, *, named: bool = False, effects: tuple[str, ...] = ("Allow", "Deny")
) -> dict[str, Any]:
    """One statement; ``named`` gives it a Principal."""
    statement: dict[str, Any] = {"Effect": draw(st.sampled_from(effects))}
    action = draw(st.sampled_from(("Action", "Action", "Action", "NotAction")))
    statement[action] = draw(st.lists(action_patterns, min_size=1, max_size=2))
    resource = draw(st.sampled_from(("Resource", "Resource", "Resource", "NotResource")))
    statement[resource] = draw(st.lists(resource_patterns(), min_size=1, max_size=2))
    if condition := draw(conditions()):
        statement["Condition"] = condition
    if named:
        statement["Principal"] = draw(principal_elements())
    return statement


@st.composite
def documents(draw: st.DrawFn, kind: PolicyKind = PolicyKind.IDENTITY) -> Document:
    """A document of up to four statements, more of them allowing than denying."""
    effects = ("Allow", "Allow", "Deny") if kind is not PolicyKind.RCP else ("Deny",)
    made = draw(st.lists(statements(named=kind.names_principals, effects=effects), max_size=4))
    if draw(st.booleans()) and kind not in (PolicyKind.IDENTITY, PolicyKind.RCP):
        everything: dict[str, Any] = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        made.append({**everything, "Principal": "*"} if kind.names_principals else everything)
    return as_document(made, kind)


def as_document(made: list[dict[str, Any]], kind: PolicyKind) -> Document:
    """The document of the statements."""
    text = {"Version": "2012-10-17", "Statement": made}
    return parse(text, name=kind.value, kind=kind)


@st.composite
def levels(draw: st.DrawFn, kind: PolicyKind) -> tuple[Level, ...]:
    """Up to two levels with one policy each."""
    return tuple(
        Level(f"level-{at}", (draw(documents(kind)),)) for at in range(draw(st.integers(0, 2)))
    )


@st.composite
def policies(draw: st.DrawFn) -> Policies:
    """Every layer, often absent."""

    def maybe(kind: PolicyKind) -> tuple[Document, ...] | None:
        return (draw(documents(kind)),) if draw(st.integers(0, 3)) == 0 else None

    return Policies(
        identity=tuple(draw(st.lists(documents(), max_size=2))),
        resource=draw(st.one_of(st.none(), documents(PolicyKind.RESOURCE))),
        boundaries=maybe(PolicyKind.BOUNDARY),
        session=maybe(PolicyKind.SESSION),
        vpce=maybe(PolicyKind.VPCE) or (),
        scps=draw(levels(PolicyKind.SCP)),
        rcps=draw(levels(PolicyKind.RCP)),
    )


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """A request with some of the world's keys."""
    template = draw(st.sampled_from(tuple(ACTIONS)))
    account = draw(accounts)
    context = {
        key: draw(st.sampled_from(values)) for key, values in KEYS.items() if draw(st.booleans())
    }
    return Request(
        principal=draw(principals),
        action=draw(st.sampled_from(ACTIONS[template])),
        resource=template.format(account=account),
        resource_account=account,
        context=context,
    )

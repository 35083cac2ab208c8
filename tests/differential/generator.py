"""Random cases in the format of ``pipeline-access evaluate``, reproducible from a seed.

The world is small, so that things meet: two accounts, a handful of resources and actions, and
conditions over keys that the requests often carry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

OWN, OTHER = "111122223333", "444455556666"

RESOURCES: dict[str, tuple[str, tuple[str, ...]]] = {
    "s3": ("arn:aws:s3:::artifacts/build/app.zip", ("GetObject", "PutObject", "PutObjectAcl")),
    "kms": ("arn:aws:kms:us-east-1:{account}:key/1111", ("Decrypt", "GenerateDataKey", "Encrypt")),
    "sqs": ("arn:aws:sqs:us-east-1:{account}:jobs", ("SendMessage", "ReceiveMessage")),
    "secretsmanager": (
        "arn:aws:secretsmanager:us-east-1:{account}:secret:db-a1",
        ("GetSecretValue", "PutSecretValue"),
    ),
    "dynamodb": ("arn:aws:dynamodb:us-east-1:{account}:table/orders", ("GetItem", "PutItem")),
    "sts": ("arn:aws:iam::{account}:role/deployer", ("AssumeRole", "TagSession")),
    "sns": ("arn:aws:sns:us-east-1:{account}:news", ("Publish",)),
    "lambda": ("arn:aws:lambda:us-east-1:{account}:function:notify", ("InvokeFunction",)),
}

SERVICE = "codepipeline.amazonaws.com"

PRINCIPALS = (
    ("arn:aws:iam::{own}:user/ana", 6),
    ("arn:aws:iam::{own}:role/pipeline", 5),
    ("arn:aws:sts::{own}:assumed-role/pipeline/run-1", 8),
    ("arn:aws:sts::{own}:federated-user/ana", 1),
    ("arn:aws:iam::{own}:root", 1),
    ("arn:aws:iam::{own}:role/aws-service-role/codestar.amazonaws.com/AWSServiceRoleForX", 1),
    (SERVICE, 1),
    ("*", 1),
)
"""Who asks, with how much weight."""

VALUES: dict[str, tuple[str, ...]] = {
    "aws:PrincipalOrgID": ("o-aaaa", "o-bbbb"),
    "aws:SourceVpce": ("vpce-1", "vpce-2"),
    "aws:PrincipalTag/team": ("payments", "search"),
    "aws:ResourceTag/team": ("payments", "search"),
    "aws:SourceIp": ("203.0.113.7", "10.1.2.3"),
    "aws:CurrentTime": ("2026-03-01T10:00:00Z", "2026-09-01T10:00:00Z"),
    "aws:SecureTransport": ("true", "false"),
    "aws:MultiFactorAuthAge": ("60", "7200"),
    "aws:SourceArn": ("arn:aws:sns:us-east-1:111122223333:news", "arn:aws:s3:::artifacts"),
    "aws:TagKeys": ("team", "cost", "stage"),
    "aws:ViaAWSService": ("true", "false"),
}

MULTI = "aws:TagKeys"
COMPARISONS = (
    "Equals",
    "NotEquals",
    "LessThan",
    "LessThanEquals",
    "GreaterThan",
    "GreaterThanEquals",
)

Block = tuple[str, str, list[str]]


class Generator:
    """Makes cases from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.seed = seed

    def cases(self, count: int) -> Iterator[dict[str, Any]]:
        """``count`` cases; ids hold the seed, so that one case can be made again."""
        for number in range(count):
            yield self._case(f"{self.seed}-{number}")

    def _chance(self, share: float) -> bool:
        return self.random.random() < share

    def _case(self, id: str) -> dict[str, Any]:
        pick = self.random.choice
        self.service = pick(list(RESOURCES))
        template, actions = RESOURCES[self.service]
        self.account = OWN if self._chance(0.6) else OTHER
        self.resource = template.format(account=self.account)
        self.action = f"{self.service}:{pick(actions)}"
        names, weights = zip(*PRINCIPALS, strict=True)
        self.principal = self.random.choices(names, weights)[0].format(own=OWN)
        self.has_account = self.principal.startswith("arn:")
        return {
            "id": id,
            "request": {
                "principal": self.principal,
                "action": self.action,
                "resource": self.resource,
                "resource_account": self.account,
                "context": self._context(),
            },
            "identity_policies": self._identity_policies(),
            "resource_policy": self._resource_policy(),
            "permission_boundaries": self._boundary(),
            "session_policy": self._ceiling() if self._has_session(0.2) else None,
            "vpce_policies": self._sometimes("vpce", 0.15, self._endpoint),
            "scps": self._levels("scp", self._ceiling) if self.has_account else [],
            "rcps": self._levels("rcp", self._rcp) if self._chance(0.3) else [],
        }

    def _identity_policies(self) -> list[dict[str, Any]]:
        if not self.has_account or self.principal.endswith(":root"):
            return []
        return self._named("identity", self.random.randint(0, 2), self._identity)

    def _boundary(self) -> list[dict[str, Any]] | None:
        bounded = ":user/" in self.principal or "role/pipeline" in self.principal
        return self._sometimes("boundary", 0.2, self._ceiling) if bounded else None

    def _has_session(self, share: float) -> bool:
        if ":federated-user/" in self.principal:
            return self._chance(0.8)
        return ":assumed-role/" in self.principal and self._chance(share)

    def _context(self) -> dict[str, str | list[str]]:
        context: dict[str, str | list[str]] = {"aws:ResourceAccount": self.account}
        if self.has_account and self._chance(0.9):
            context |= {"aws:PrincipalArn": self.principal_arn(), "aws:PrincipalAccount": OWN}
        if ":user/" in self.principal:
            context["aws:username"] = "ana"
        for key, values in VALUES.items():
            if not self._chance(0.6):
                continue
            if key == MULTI:
                context[key] = self.random.sample(values, self.random.randint(1, len(values)))
            else:
                context[key] = self.random.choice(values)
        return context

    def principal_arn(self) -> str:
        """The value of ``aws:PrincipalArn``: for a session, its role."""
        if ":assumed-role/" in self.principal:
            return f"arn:aws:iam::{OWN}:role/pipeline"
        return str(self.principal)

    def _named(
        self, name: str, count: int, make: Callable[[], dict[str, Any]]
    ) -> list[dict[str, Any]]:
        return [{"name": f"{name}-{at}", "policy": make()} for at in range(count)]

    def _sometimes(
        self, name: str, share: float, make: Callable[[], dict[str, Any]]
    ) -> list[dict[str, Any]] | None:
        return self._named(name, 1, make) if self._chance(share) else None

    def _levels(self, name: str, make: Callable[[], dict[str, Any]]) -> list[dict[str, Any]]:
        if self._chance(0.6):
            return []
        return [
            {
                "org_id": f"{name}-{at}",
                "policies": self._named(f"{name}-{at}", int(self._chance(0.97)), make),
            }
            for at in range(self.random.randint(1, 3))
        ]

    def _policy(self, statements: list[dict[str, Any]], *, dated: bool = False) -> dict[str, Any]:
        for at, statement in enumerate(statements):
            if self._chance(0.7):
                statement["Sid"] = f"S{at}"
        shape: Any = statements[0] if len(statements) == 1 and self._chance(0.2) else statements
        version = {"Version": "2012-10-17"} if dated or self._chance(0.95) else {}
        return {**version, "Statement": shape}

    def _identity(self) -> dict[str, Any]:
        return self._policy([self._statement(0.25) for _ in range(self.random.randint(1, 3))])

    def _ceiling(self) -> dict[str, Any]:
        statements = [self._statement(0.3) for _ in range(self.random.randint(0, 2))]
        if self._chance(0.7) or not statements:
            statements.append({"Effect": "Allow", "Action": "*", "Resource": "*"})
        return self._policy(statements)

    def _rcp(self) -> dict[str, Any]:
        """One's own resource control policies only deny, name everybody, and list actions."""
        statements = []
        for _ in range(self.random.randint(1, 2)):
            statement = {**self._statement(1.0), "Principal": "*"}
            statement.pop("NotAction", None)
            patterns = [self._action_pattern() for _ in range(4)]
            statement["Action"] = [p for p in patterns if p != "*"] or [self.action]
            statements.append(statement)
        return self._policy(statements, dated=True)

    def _endpoint(self) -> dict[str, Any]:
        statements = [
            {**self._statement(0.3), "Principal": "*"} for _ in range(self.random.randint(0, 2))
        ]
        if self._chance(0.7) or not statements:
            everything = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
            statements.append(everything)
        return self._policy(statements)

    def _resource_policy(self) -> dict[str, Any] | None:
        always = self.service in ("kms", "sts")
        if not always and self._chance(0.35):
            return None
        statements = []
        for _ in range(self.random.randint(1, 3)):
            statement = self._statement(0.25)
            if self.service == "sts":
                statement.pop("Resource", None)
                statement.pop("NotResource", None)
            statement |= self._principal_element(str(statement["Effect"]))
            statements.append(statement)
        return self._policy(statements)

    def _principal_element(self, effect: str) -> dict[str, Any]:
        names = [
            "*",
            f"arn:aws:iam::{OWN}:root",
            OWN,
            f"arn:aws:iam::{OWN}:role/pipeline",
            f"arn:aws:iam::{OWN}:user/ana",
            f"arn:aws:sts::{OWN}:assumed-role/pipeline/run-1",
            f"arn:aws:sts::{OWN}:assumed-role/pipeline/run-2",
            f"arn:aws:iam::{OTHER}:root",
            f"arn:aws:iam::{OWN}:role/somebody",
            f"arn:aws:sts::{OWN}:federated-user/ana",
        ]
        if effect == "Deny" and self._chance(0.2):
            listed = [f"arn:aws:iam::{OWN}:root", *self.random.sample(names[3:7], 2)]
            return {"NotPrincipal": {"AWS": listed}}
        chosen = self.random.sample(names, self.random.randint(1, 2))
        if chosen == ["*"] and self._chance(0.5):
            return {"Principal": "*"}
        if self._chance(0.1 if self.has_account else 0.5):
            return {"Principal": {"Service": SERVICE}}
        return {"Principal": {"AWS": chosen if len(chosen) > 1 or self._chance(0.5) else chosen[0]}}

    def _statement(self, deny: float) -> dict[str, Any]:
        statement: dict[str, Any] = {"Effect": "Deny" if self._chance(deny) else "Allow"}
        element = "NotAction" if self._chance(0.1) else "Action"
        statement[element] = self._one_or_more(self._action_pattern)
        element = "NotResource" if self._chance(0.1) else "Resource"
        statement[element] = self._one_or_more(self._resource_pattern)
        if self._chance(0.45):
            statement["Condition"] = self._conditions()
        return statement

    def _one_or_more(self, make: Callable[[], str]) -> str | list[str]:
        if self._chance(0.5):
            return make()
        return [make() for _ in range(self.random.randint(1, 3))]

    def _action_pattern(self) -> str:
        service, name = self.action.split(":")
        return self.random.choice(
            [
                self.action,
                self.action.lower(),
                self.action.upper(),
                f"{service}:*",
                f"{service}:{name[:3]}*",
                f"{service}:*{name[-3:]}",
                f"{service}:{name[:-1]}?",
                f"{service}:{name[:2]}*{name[-2:]}",
                "*",
                "ec2:Describe*",
                f"{service}:Nothing",
                f"{service}:{name}X",
            ]
        )

    def _resource_pattern(self) -> str:
        head, _, tail = self.resource.rpartition(":")
        return self.random.choice(
            [
                self.resource,
                self.resource,
                "*",
                f"{head}:*",
                f"{self.resource[:-2]}*",
                f"{self.resource[:-1]}?",
                f"{head}:{tail[:1]}*{tail[-2:]}",
                f"{head}:other",
                self.resource.upper(),
                f"{head}:{tail}*",
                f"{head}:${{aws:PrincipalTag/team}}*",
                f"{head}:{tail[:2]}${{aws:username, '{tail[2:]}'}}",
            ]
        )

    def _conditions(self) -> dict[str, dict[str, Any]]:
        element: dict[str, dict[str, Any]] = {}
        for _ in range(self.random.randint(1, 2)):
            operator, key, values = self._block()
            shape: Any = values[0] if len(values) == 1 and self._chance(0.6) else values
            element.setdefault(operator, {})[key] = shape
        return element

    def _block(self) -> Block:
        make = self.random.choice(
            [
                *(self._string, self._string, self._arn, self._number, self._date, self._address),
                *(self._bool, self._null, self._set, self._set, self._variable),
            ]
        )
        operator, key, values = make()
        if operator != "Null" and self._chance(0.2):
            operator += "IfExists"
        if self._chance(0.1):
            key = key.upper() if self._chance(0.5) else key.lower()
        return operator, key, values

    def _some(self, key: str) -> list[str]:
        values = VALUES[key]
        return self.random.sample(values, self.random.randint(1, len(values)))

    def _string(self) -> Block:
        key = self.random.choice(
            [
                "aws:PrincipalOrgID",
                "aws:SourceVpce",
                "aws:PrincipalTag/team",
                "aws:ResourceTag/team",
            ]
        )
        values = self._some(key)
        operator = self.random.choice(
            [
                "StringEquals",
                "StringNotEquals",
                "StringEqualsIgnoreCase",
                "StringNotEqualsIgnoreCase",
                "StringLike",
                "StringNotLike",
            ]
        )
        if operator.endswith("Like"):
            values = [
                self.random.choice([v, f"{v[:2]}*", f"*{v[-2:]}", f"?{v[1:]}"]) for v in values
            ]
        if operator.endswith("IgnoreCase"):
            values = [v.upper() for v in values]
        return operator, key, values

    def _arn(self) -> Block:
        key = self.random.choice(["aws:SourceArn", "aws:PrincipalArn"])
        source = key == "aws:SourceArn" or not self.has_account
        known = VALUES["aws:SourceArn"] if source else (self.principal_arn(),)
        value = self.random.choice(known)
        *head, tail = value.split(":", 5)
        patterns = [value, ":".join([*head, "*"]), ":".join(["arn", "aws", "*", "*", "*", tail])]
        patterns += [":".join([*head, f"{tail[:2]}*"]), f"arn:aws:iam::{OTHER}:role/*"]
        operator = self.random.choice(["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"])
        return operator, key, [self.random.choice(patterns)]

    def _number(self) -> Block:
        operator = self.random.choice([f"Numeric{comparison}" for comparison in COMPARISONS])
        return operator, "aws:MultiFactorAuthAge", [self.random.choice(["60", "3600", "7200"])]

    def _date(self) -> Block:
        operator = self.random.choice([f"Date{comparison}" for comparison in COMPARISONS])
        dates = ["2026-03-01T10:00:00Z", "2026-06-01T00:00:00Z", "2027-01-01T00:00:00Z"]
        return operator, "aws:CurrentTime", [self.random.choice(dates)]

    def _address(self) -> Block:
        networks = ["203.0.113.0/24", "10.0.0.0/8", "203.0.113.7", "192.0.2.0/24"]
        operator = self.random.choice(["IpAddress", "NotIpAddress"])
        return operator, "aws:SourceIp", self.random.sample(networks, 2)

    def _bool(self) -> Block:
        key = self.random.choice(["aws:SecureTransport", "aws:ViaAWSService"])
        return "Bool", key, [self.random.choice(["true", "false"])]

    def _null(self) -> Block:
        key = self.random.choice(list(VALUES))
        return "Null", key, [self.random.choice(["true", "false"])]

    def _set(self) -> Block:
        quantifier = self.random.choice(["ForAllValues", "ForAnyValue"])
        operator = self.random.choice(["StringEquals", "StringNotEquals", "StringLike"])
        return f"{quantifier}:{operator}", MULTI, self._some(MULTI)

    def _variable(self) -> Block:
        operator = self.random.choice(["StringEquals", "StringNotEquals", "StringLike"])
        value = self.random.choice(
            ["${aws:PrincipalTag/team}", "${aws:PrincipalTag/team, 'search'}", "pay${$}", "p${*}"]
        )
        return operator, "aws:ResourceTag/team", [value]

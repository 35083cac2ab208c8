"""Who asks, and whom a Principal element names.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import Any


class PrincipalType(StrEnum):
    """The kinds of principal that behave differently in evaluation."""

    ROOT = "root"
    USER = "user"
    ROLE = "role"
    SESSION = "session"
    FEDERATED_USER = "federatedUser"
    FEDERATED = "federated"
    SERVICE = "service"
    CANONICAL = "canonicalUser"
    ANONYMOUS = "anonymous"


class Grade(IntEnum):
    """How closely a Principal element names somebody; decides which implicit denies still limit.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
    """

    NONE = 0
    ACCOUNT = 1
    """The account is named: authority is delegated, an identity-based policy still has to allow."""
    ENTITY = 2
    """The role of a session (or the user of a federated session) is named: boundary and session
    policy still limit."""
    DIRECT = 3
    """The requester itself, or everybody, is named: no implicit deny elsewhere limits."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A requester, read from its ARN; nothing is known that the ARN does not say."""

    text: str
    type: PrincipalType
    account: str | None
    partition: str
    name: str
    session: str | None = None
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False)
    """The context keys that follow from the ARN, lower case."""

    @property
    def is_iam_entity(self) -> bool:
        """A user or role (or a session of one): what a permissions boundary can be attached to."""
        return self.type in _ENTITIES

    @property
    def service_linked(self) -> bool:
        """A service-linked role, by its reserved path or the name that a session ARN shows.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/using-service-linked-roles.html
        """
        if self.type is PrincipalType.ROLE:
            return ":role/aws-service-role/" in self.text
        return self.type is PrincipalType.SESSION and self.name.startswith("AWSServiceRoleFor")


_ENTITIES = frozenset(
    {
        PrincipalType.USER,
        PrincipalType.ROLE,
        PrincipalType.SESSION,
        PrincipalType.FEDERATED_USER,
    }
)
_SERVICE = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:amazonaws\.com(?:\.cn)?|amazon\.com)")
_ACCOUNT = re.compile(r"\d{12}")
_CANONICAL = re.compile(r"[0-9a-f]{64}")
_UNIQUE_ID = re.compile(
    r"(?:AIDA|AROA|AGPA|AIPA|ANPA|ANVA|ASCA|APKA|ABIA|ACCA|ASIA|AKIA)[A-Z0-9]{12,28}"
)


@lru_cache(maxsize=4096)
def principal_of(text: str) -> Principal:
    """Read a principal: an ARN, an account id, a service principal, ``*`` or ``anonymous``."""
    if text in ("*", "anonymous", ""):
        return Principal(
            text, PrincipalType.ANONYMOUS, None, "aws", "", None, dict(_ANONYMOUS_KEYS)
        )
    if _ACCOUNT.fullmatch(text):
        return _root(text, text, "aws")
    if text.startswith("arn:"):
        return _from_arn(text)
    if _CANONICAL.fullmatch(text):
        return Principal(text, PrincipalType.CANONICAL, None, "aws", text)
    if _SERVICE.fullmatch(text.lower()) and text.lower() not in _WEB_PROVIDERS:
        keys: dict[str, tuple[str, ...]] = {
            "aws:principalisawsservice": ("true",),
            "aws:principalservicename": (text,),
        }
        return Principal(text, PrincipalType.SERVICE, None, "aws", text.lower(), None, keys)
    return Principal(text, PrincipalType.FEDERATED, None, "aws", text)


_ANONYMOUS_KEYS = {"aws:principaltype": ("Anonymous",)}
_WEB_PROVIDERS = frozenset({"cognito-identity.amazonaws.com", "www.amazon.com"})


def _from_arn(text: str) -> Principal:
    parts = text.split(":", 5)
    if len(parts) < 6:
        return Principal(text, PrincipalType.FEDERATED, None, "aws", text)
    _, partition, service, _, account, resource = parts
    kind, _, rest = resource.partition("/")
    if service == "iam" and resource == "root":
        return _root(text, account, partition)
    if service == "iam" and kind == "user":
        name = rest.rpartition("/")[2]
        keys = _signed(text, account, "User") | {"aws:username": (name,)}
        return Principal(text, PrincipalType.USER, account, partition, name, None, keys)
    if service == "iam" and kind == "role":
        name = rest.rpartition("/")[2]
        keys = _signed(text, account, "AssumedRole")
        return Principal(text, PrincipalType.ROLE, account, partition, name, None, keys)
    if service == "sts" and kind == "assumed-role":
        name, _, session = rest.partition("/")
        role = f"arn:{partition}:iam::{account}:role/{name}"
        keys = _signed(role, account, "AssumedRole")
        return Principal(text, PrincipalType.SESSION, account, partition, name, session, keys)
    if service == "sts" and kind == "federated-user":
        keys = _signed(text, account, "FederatedUser")
        return Principal(text, PrincipalType.FEDERATED_USER, account, partition, rest, None, keys)
    return Principal(text, PrincipalType.FEDERATED, account or None, partition, text)


def _root(text: str, account: str, partition: str) -> Principal:
    keys = _signed(f"arn:{partition}:iam::{account}:root", account, "Account")
    return Principal(text, PrincipalType.ROOT, account, partition, account, None, keys)


def _signed(arn: str, account: str, kind: str) -> dict[str, tuple[str, ...]]:
    """Keys of every request signed by a principal of an account.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    return {
        "aws:principalarn": (arn,),
        "aws:principalaccount": (account,),
        "aws:principaltype": (kind,),
        "aws:principalisawsservice": ("false",),
    }


@dataclass(frozen=True, slots=True)
class PrincipalSet:
    """A Principal or NotPrincipal element, indexed for lookup."""

    everyone: bool = False
    arns: frozenset[str] = frozenset()
    """User and federated-session ARNs, and session ARNs, compared as a whole."""
    roles: frozenset[tuple[str, str]] = frozenset()
    """(account, role name): names are unique in an account whatever their path."""
    role_arns: frozenset[str] = frozenset()
    users: frozenset[tuple[str, str]] = frozenset()
    accounts: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    every_service: bool = False
    federated: frozenset[str] = frozenset()
    every_federation: bool = False
    canonical: frozenset[str] = frozenset()
    unique_ids: tuple[str, ...] = ()
    """Ids that AWS shows in place of the ARN of a deleted user or role; they match nobody."""

    def grade(self, principal: Principal) -> Grade:
        """How closely this element names ``principal``."""
        if self.everyone:
            return Grade.DIRECT
        kind = principal.type
        if kind is PrincipalType.SERVICE:
            named = self.every_service or principal.name in self.services
            return Grade.DIRECT if named else Grade.NONE
        if kind is PrincipalType.ANONYMOUS:
            return Grade.NONE
        if kind is PrincipalType.FEDERATED:
            named = self.every_federation or principal.text in self.federated
            return Grade.DIRECT if named else Grade.NONE
        if kind is PrincipalType.CANONICAL:
            return Grade.DIRECT if principal.text in self.canonical else Grade.NONE
        return self._grade_of_account_principal(principal, kind)

    def _grade_of_account_principal(self, principal: Principal, kind: PrincipalType) -> Grade:
        account = principal.account
        if kind is PrincipalType.ROOT:
            return Grade.DIRECT if account in self.accounts else Grade.NONE
        if principal.text in self.arns:
            return Grade.DIRECT
        if kind is PrincipalType.ROLE and principal.text in self.role_arns:
            return Grade.ENTITY
        if account is not None:
            key = (account, principal.name)
            if kind is PrincipalType.SESSION and key in self.roles:
                return Grade.ENTITY
            if kind is PrincipalType.FEDERATED_USER and key in self.users:
                return Grade.ENTITY
            if account in self.accounts:
                return Grade.ACCOUNT
        return Grade.NONE

    def excepts(self, principal: Principal) -> bool:
        """Whether a NotPrincipal element leaves ``principal`` out.

        The requester itself must be listed: naming the account excepts the root user, not its
        users, and naming a role does not except its sessions.
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
        """
        grade = self.grade(principal)
        if principal.type is PrincipalType.ROLE:
            return grade >= Grade.ENTITY
        return grade is Grade.DIRECT

    def names_a_session_of(self, principal: Principal) -> bool:
        """Whether sessions of this role are named, which a role ARN alone cannot settle."""
        if principal.type is not PrincipalType.ROLE:
            return False
        start = f"arn:{principal.partition}:sts::{principal.account}:assumed-role/{principal.name}/"
        return any(arn.startswith(start) for arn in self.arns)


def principal_set(element: Any) -> PrincipalSet:
    """Index a Principal element; anything that is no principal is left to the diagnostics."""
    if element == "*":
        return PrincipalSet(everyone=True)
    if not isinstance(element, dict):
        return PrincipalSet()
    aws = _AwsPrincipals()
    for value in _strings(element.get("AWS")):
        aws.add(value)
    services = [value.lower() for value in _strings(element.get("Service"))]
    federated = list(_strings(element.get("Federated")))
    return PrincipalSet(
        everyone=aws.everyone,
        arns=frozenset(aws.arns),
        roles=frozenset(aws.roles),
        role_arns=frozenset(aws.role_arns),
        users=frozenset(aws.users),
        accounts=frozenset(aws.accounts),
        services=frozenset(services),
        every_service="*" in services,
        federated=frozenset(federated),
        every_federation="*" in federated,
        canonical=frozenset(_strings(element.get("CanonicalUser"))),
        unique_ids=tuple(aws.unique_ids),
    )


def is_unique_id(text: str) -> bool:
    """Whether the text is a unique identifier of IAM (``AROA…``, ``AIDA…``).

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
    """
    return _UNIQUE_ID.fullmatch(text) is not None


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return tuple(item for item in value if isinstance(item, str))
    return ()


class _AwsPrincipals:
    """Sorts the entries of ``"AWS"``."""

    def __init__(self) -> None:
        self.everyone = False
        self.arns: list[str] = []
        self.roles: list[tuple[str, str]] = []
        self.role_arns: list[str] = []
        self.users: list[tuple[str, str]] = []
        self.accounts: list[str] = []
        self.unique_ids: list[str] = []

    def add(self, value: str) -> None:
        if value == "*":
            self.everyone = True
        elif is_unique_id(value):
            self.unique_ids.append(value)
        elif not ("*" in value or "?" in value):
            self._add_named(principal_of(value))

    def _add_named(self, principal: Principal) -> None:
        if principal.type is PrincipalType.ROOT and principal.account:
            self.accounts.append(principal.account)
        elif principal.type is PrincipalType.ROLE and principal.account:
            self.role_arns.append(principal.text)
            self.roles.append((principal.account, principal.name))
        else:
            self.arns.append(principal.text)
            if principal.type is PrincipalType.USER and principal.account:
                self.users.append((principal.account, principal.name))

"""A denial as it stands in a message: frozen, with nothing that the message did not say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

Layer: TypeAlias = Literal[
    "identity", "resource", "boundary", "session", "scp", "rcp", "vpce", "trust"
]
Effect: TypeAlias = Literal["explicitDeny", "implicitDeny"]

_ASSUMED_ROLE = re.compile(
    r"arn:(?P<partition>[\w-]+):sts::(?P<account>\d{12}|\*+):assumed-role/(?P<name>[^/\s]+)"
)
_ROLE = re.compile(r"arn:[\w-]+:iam::(?:\d{12}|\*+):role/\S+")


@dataclass(frozen=True, slots=True)
class Denial:
    """One refusal, as the message tells it. An empty string or None means: not said.

    `kind` is the id of the catalogue's entry. `text` is the part of the (cleaned) message that
    was understood.
    """

    kind: str
    text: str
    principal: str = ""  # as written: a session's ARN, a user's, root, a service's name
    action: str = ""  # as written, with the service's prefix where AWS gives it
    resource: str = ""
    layer: Layer | None = None
    effect: Effect | None = None
    policy_arn: str = ""
    authorization_id: str = ""
    authorization_url: str = ""
    encoded_message: str = ""
    bucket: str = ""
    key: str = ""  # the object's key in the bucket
    connection: str = ""
    repository: str = ""
    function: str = ""
    service: str = ""  # the AWS service that the message names, in its own words
    provider: str = ""  # the source or action provider that reports it
    operation: str = ""  # the API operation that an SDK or service was calling
    points_at: tuple[str, ...] = ()  # where to look, likeliest first (values of Component)
    not_access: bool = False  # recognised, and no question of access at all
    transitive: bool = False  # denied by an SCP behind a VPC endpoint
    truncated: bool = False  # the text ends in the middle of the message

    @property
    def role(self) -> str:
        """The role's ARN for a role or a session of one, else an empty string.

        A session's ARN does not carry the role's path (IAM/reference_identifiers.html), so for
        a session this is the ARN without it: compare with `same_role`, not with `==`.
        """
        if session := _ASSUMED_ROLE.match(self.principal):
            return "arn:{partition}:iam::{account}:role/{name}".format(**session.groupdict())
        return self.principal if _ROLE.fullmatch(self.principal) else ""

    def same_role(self, arn: str) -> bool:
        """Whether `arn`, a role's with or without path, is the role of this denial."""
        mine = self.role
        if not mine or not _ROLE.fullmatch(arn):
            return False
        if mine == arn:
            return True
        from_session = ":assumed-role/" in self.principal
        return from_session and _pathless(mine) == _pathless(arn)

    @property
    def account(self) -> str:
        """The principal's account, when its ARN says so."""
        parts = self.principal.split(":")
        return parts[4] if len(parts) > 5 and parts[4].isdigit() else ""


def _pathless(role: str) -> str:
    head, _, path = role.partition(":role/")
    return f"{head}:role/{path.rsplit('/', 1)[-1]}"

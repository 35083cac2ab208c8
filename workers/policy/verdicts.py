"""What an evaluation says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workers.policy.layers import Decision, Effect, Layer
from workers.policy.policies import Grant
from workers.policy.statements import Statement


@dataclass(frozen=True, slots=True)
class Match:
    """A statement (or grant) that had a say in the decision."""

    layer: Layer
    cause: Statement | Grant

    @property
    def policy(self) -> str:
        """Name of the policy; for a grant the key's ARN."""
        return self.cause.policy if isinstance(self.cause, Statement) else self.cause.key

    @property
    def statement(self) -> str:
        """The Sid or ``#2``; for a grant its name."""
        if isinstance(self.cause, Statement):
            return self.cause.label
        return self.cause.name or self.cause.grantee

    @property
    def effect(self) -> Effect:
        """Allow or Deny; grants only allow."""
        return self.cause.effect if isinstance(self.cause, Statement) else Effect.ALLOW

    @property
    def line(self) -> int:
        """1-based line in the document's text; 0 for a grant."""
        return self.cause.line if isinstance(self.cause, Statement) else 0

    @property
    def column(self) -> int:
        """1-based column in the document's text; 0 for a grant."""
        return self.cause.column if isinstance(self.cause, Statement) else 0


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something unknown that the decision hangs on.

    ``kind`` is ``context`` (a key), ``document`` (an unreadable policy) or ``account`` (that of
    the resource). ``outcomes`` says what each value would lead to, everything else unknown
    staying so.
    """

    kind: str
    name: str
    outcomes: Mapping[str, Decision]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision, and what decided it.

    ``blocked_by`` are the layers that stop a request which a policy grants. ``matched`` are the
    Deny statements of an explicit deny, otherwise the Allow statements that matched.
    ``depends_on`` is filled for *unknown* only.
    """

    decision: Decision
    blocked_by: tuple[Layer, ...] = ()
    matched: tuple[Match, ...] = ()
    depends_on: tuple[Dependency, ...] = ()

"""A requested fix as it is written down: everything that the decision is about, and nothing else.

It never changes after it was written. What happens to it is its state and the audit trail.
"""

from __future__ import annotations

import hashlib
import json

from pydantic import BaseModel, ConfigDict

from workers.diagnosis.model import Step, Target, TargetKind
from workers.ledger.states import State
from workers.settings import People, Settings


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Entitled(_Value):
    """Who may decide over changes in one account, and how many of them it takes."""

    account: str
    groups: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    approvals: int = 1

    @staticmethod
    def now(account: str, settings: Settings) -> Entitled:
        """As it is configured at this moment; nobody for an account that is not."""
        known = settings.account(account)
        if known is None:
            return Entitled(account=account)
        people = known.approvers or People()
        return Entitled(
            account=account,
            groups=people.groups,
            users=people.users,
            approvals=known.approvals or 1,
        )


class Document(_Value):
    """One document to change: from exactly this to exactly that. None before = there is none."""

    kind: str
    id: str
    account: str
    region: str = ""
    name: str = ""
    path: str = ""
    before: str | None
    after: str
    diff: str

    @staticmethod
    def of(step: Step) -> Document:
        target = step.target
        return Document(
            kind=target.kind,
            id=target.id,
            account=target.account,
            region=target.region,
            name=target.name,
            path=target.path,
            before=step.before,
            after=step.after,
            diff=step.diff,
        )

    @property
    def step(self) -> Step:
        kind = TargetKind(self.kind)
        target = Target(kind, self.id, self.account, self.region, self.name, self.path)
        return Step(target, self.before, self.after, self.diff)

    @property
    def key(self) -> str:
        """The same for two requests that would change the same document."""
        return hashlib.sha256(
            "|".join((self.kind, self.account, self.region, self.id, self.name)).encode()
        ).hexdigest()[:24]


class Cured(_Value):
    """A finding that the fix is to cure."""

    finding: str
    headline: str


class FixRequest(_Value):
    id: str
    inquiry: str
    cures: tuple[Cured, ...]
    pipeline: str
    account: str
    region: str
    pipeline_arn: str
    access: str
    documents: tuple[Document, ...]
    fingerprint: str
    proven: bool = False
    requester: str
    team: str = ""
    channel: str
    reason: str
    ticket: str = ""
    requested_at: float
    expires_at: float
    entitled: tuple[Entitled, ...]
    stage: str = ""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The documents as steps to make, in order."""
        return tuple(each.step for each in self.documents)

    @property
    def accounts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(document.account for document in self.documents))

    @property
    def needed(self) -> int:
        """Distinct people who must approve."""
        return max((each.approvals for each in self.entitled), default=1)

    @property
    def digest(self) -> str:
        """SHA-256 over the whole request: the audit trail binds every decision to it."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


class Entry(_Value):
    """A request with where it stands."""

    request: FixRequest
    state: State
    revision: int = 0
    approvals: tuple[str, ...] = ()
    reason: str = ""  # of the rejection or failure

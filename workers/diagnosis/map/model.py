"""What the map shows, before anything has a place: stages, principals, resources, edges."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from workers.diagnosis.model import Outcome


class Mark(StrEnum):
    """How an edge or an action stands. NONE: nothing was checked."""

    DENIED = "denied"
    UNKNOWN = "unknown"
    ALLOWED = "allowed"
    NONE = "none"

    @property
    def trouble(self) -> bool:
        return self in (Mark.DENIED, Mark.UNKNOWN)


def worst(*marks: Mark) -> Mark:
    """The mark that a reader has to see first."""
    return min(marks, key=tuple(Mark).index, default=Mark.NONE)


@dataclass(frozen=True, slots=True)
class Act:
    """An action of the pipeline in its stage. `tags` are those of the principals it runs under."""

    name: str
    mark: Mark
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A stage, or several in a row in which nothing is refused."""

    name: str
    acts: tuple[Act, ...]
    more: int = 0  # acts that are not listed, none of them refused
    folded: int = 0  # stages that this column stands for, beyond one


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody in the pipeline, with the letter by which the stages refer to it."""

    id: str
    tag: str
    name: str
    part: str
    account: str
    folded: int = 0  # principals that this one stands for, beyond one


@dataclass(frozen=True, slots=True)
class Resource:
    id: str
    kind: str  # bucket | key | connection | role | other
    name: str
    account: str
    service: str = ""  # of the kind `other`
    fault: str = ""  # a fault of its own, in words: a connection that is pending


@dataclass(frozen=True, slots=True)
class Edge:
    """All requests of one principal to one resource that stand alike."""

    principal: str
    resource: str
    mark: Mark
    actions: tuple[str, ...] = ()
    explicit: bool = False
    likely: bool = False  # refused as far as an error message or another sign tells
    where: tuple[tuple[str, str], ...] = ()  # stages and actions that need it


@dataclass(frozen=True, slots=True)
class Band:
    """An account with what is in it. An empty account is one that nobody knows."""

    account: str
    label: str
    principals: tuple[Principal, ...]
    resources: tuple[Resource, ...]


@dataclass(frozen=True, slots=True)
class AccessMap:
    pipeline: str
    account: str
    region: str
    outcome: Outcome
    denied: int
    unknown: int
    allowed: int
    columns: tuple[Column, ...]
    bands: tuple[Band, ...]
    edges: tuple[Edge, ...]
    left_out: int = 0  # edges beyond MANY_EDGES

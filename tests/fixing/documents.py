"""Documents in files instead of in AWS: what a change reads and writes, and how it may go wrong."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

from workers.aws.changes import Applied, CannotChange, Problem, Standing
from workers.aws.mandate import Mandate
from workers.aws.sessions import Sessions
from workers.diagnosis.model import Step


@dataclass
class Documents:
    """The world's documents, one file each, shared by all processes.

    `kill_at` ends the process with SIGKILL at the n-th point of writing (before and after each
    write are two points), once; `refuse` makes AWS refuse the writes of a target.
    """

    folder: Path
    kill_at: int = -1
    refuse: dict[str, Problem] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)  # with what they belonged to
    keep: dict[str, Problem] = field(default_factory=dict)  # refused on the way back

    def file(self, target: str) -> Path:
        return self.folder / target.replace("/", "_").replace(":", "_")

    def put(self, target: str, text: str) -> None:
        self.file(target).write_text(text, encoding="utf-8")

    def get(self, target: str) -> str | None:
        file = self.file(target)
        return file.read_text(encoding="utf-8") if file.exists() else None

    @property
    def log(self) -> list[str]:
        """Every write that was made, in order."""
        file = self.folder / "log"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def mandates(self) -> list[dict[str, str]]:
        file = self.folder / "mandates"
        return [json.loads(line) for line in file.read_text().splitlines()]

    def change(self, sessions: Sessions, step: Step, mandate: Mandate) -> Change:
        with (self.folder / "mandates").open("a") as file:
            line = {"who": mandate.source_identity, **dict(mandate.tags)}
            file.write(json.dumps(line) + "\n")
        return Change(self, step)

    def write(self, target: str, text: str | None, what: str) -> None:
        self.point()
        if text is None:
            self.file(target).unlink()
        else:
            self.put(target, text)
        with (self.folder / "log").open("a") as file:
            file.write(f"{what} {target}\n")
        self.point()

    def point(self) -> None:
        counter = self.folder / "points"
        passed = len(counter.read_text()) if counter.exists() else 0
        with counter.open("a") as file:
            file.write("x")
        if passed == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


class Change:
    """Stands where `workers.aws.changes.Change` stands."""

    def __init__(self, documents: Documents, step: Step) -> None:
        self._documents = documents
        self.step = step

    @property
    def _target(self) -> str:
        return self.step.target.id

    def read(self) -> str | None:
        if self._target in self._documents.gone:
            raise CannotChange(Problem.GONE, f"{self._target} does not exist any more.")
        return self._documents.get(self._target)

    def standing(self, applied: Applied | None = None) -> Standing:
        live = self.read()
        if live == self.step.after or (applied and live == applied.document):
            return Standing.AFTER
        return Standing.BEFORE if live == self.step.before else Standing.OTHER

    def apply(self) -> Applied:
        if problem := self._documents.refuse.get(self._target):
            raise CannotChange(problem, f"AWS refuses {self._target}: {problem}.")
        if self.standing() is not Standing.BEFORE:
            raise CannotChange(Problem.STALE, f"{self._target} changed.")
        self._documents.write(self._target, self.step.after, "write")
        return Applied("aws-request", self.step.after)

    def undo(self, applied: Applied) -> Applied:
        if problem := self._documents.keep.get(self._target):
            raise CannotChange(problem, f"AWS does not give {self._target} back: {problem}.")
        if self._documents.get(self._target) != applied.document:
            raise CannotChange(Problem.STALE, f"{self._target} was changed since.")
        self._documents.write(self._target, self.step.before, "undo")
        return Applied("aws-request", self.step.before)

"""The independent evaluator as a program: installed for the run, spoken to through pipes."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class NoPeer(Exception):
    """The program cannot be had here; the message says why."""


@contextmanager
def installed() -> Iterator[Path]:
    """A temporary folder with the pinned package, gone afterwards.

    Raises ``NoPeer`` where node or npm is missing or the installation fails.
    """
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise NoPeer(f"{tool} is not installed")
    with tempfile.TemporaryDirectory(prefix="differential-") as name:
        folder = Path(name)
        for file in ("package.json", "package-lock.json", "peer.mjs"):
            shutil.copy(HERE / file, folder)
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NoPeer(f"npm ci failed: {done.stderr.strip()[-400:]}")
        yield folder


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """What the program says of a case.

    ``decision`` is None where it refuses the case, with the reason in ``error``. ``ignored`` are
    the context keys that it left out of the request.
    """

    decision: str | None
    ignored: tuple[str, ...] = ()
    error: str = ""


def decisions(folder: Path, cases: Sequence[dict[str, Any]]) -> dict[Any, PeerAnswer]:
    """The program's answers by the id of the case."""
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    answers = map(json.loads, _run(folder, lines).splitlines())
    return {
        answer["id"]: PeerAnswer(
            answer.get("decision"), tuple(answer.get("ignored", ())), answer.get("error", "")
        )
        for answer in answers
    }


def rate(folder: Path, lines: str, seconds: float) -> float:
    """How many of the cases the program evaluates a second."""
    return float(json.loads(_run(folder, lines, "--bench", str(seconds)))["evaluations_per_second"])


def _run(folder: Path, lines: str, *arguments: str) -> str:
    done = subprocess.run(
        ["node", "peer.mjs", *arguments],
        cwd=folder,
        input=lines,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NoPeer(f"the program ended with {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stdout

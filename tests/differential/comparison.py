"""Both evaluators on the same cases, and what becomes of each disagreement."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.differential.peer import PeerAnswer, decisions
from tests.differential.settlements import rewritings
from workers.policy.cases import case_of

Case = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A case on which the two differ and no settlement makes them agree."""

    case: Case
    ours: str
    theirs: str


@dataclass(slots=True)
class Comparison:
    """What a run found."""

    compared: int = 0
    agreed: Counter[str] = field(default_factory=Counter)
    settled: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    open: list[Disagreement] = field(default_factory=list)


def compare(folder: Path, cases: Sequence[Case]) -> Comparison:
    """Ask both about every case; settle disagreements with rewritten cases, asked in one go."""
    result = Comparison()
    answers = decisions(folder, cases)
    disputed = []
    for case in cases:
        answer = answers[case["id"]]
        if answer.decision is None:
            result.refused[answer.error[:120]] += 1
            continue
        result.compared += 1
        ours = _ours(case, answer)
        if ours == answer.decision:
            result.agreed[ours] += 1
        else:
            disputed.append(Disagreement(case, ours, answer.decision))
    _settle(folder, disputed, result)
    return result


def _ours(case: Case, answer: PeerAnswer) -> str:
    """Our decision on the question as the peer understood it: without the keys that it left out."""
    context = case["request"]["context"]
    kept = {key: value for key, value in context.items() if key not in answer.ignored}
    request = {**case["request"], "context": kept}
    return case_of(json.dumps({**case, "request": request})).verdict().decision.value


def _settle(folder: Path, disputed: list[Disagreement], result: Comparison) -> None:
    attempts: list[tuple[int, str, Case]] = []
    for at, dispute in enumerate(disputed):
        for name, changed in rewritings(dispute.case):
            attempts.append((at, name, {**changed, "id": len(attempts)}))
    answers = decisions(folder, [case for _, _, case in attempts]) if attempts else {}
    settled: dict[int, str] = {}
    for at, name, case in attempts:
        answer = answers[case["id"]]
        # Our own decision may not move: the rewriting says the same in other words.
        agree = answer.decision == _ours(case, answer) == disputed[at].ours
        if agree:
            settled.setdefault(at, name)
    result.settled.update(settled.values())
    result.open += [dispute for at, dispute in enumerate(disputed) if at not in settled]

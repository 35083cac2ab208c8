"""Evaluation over JSON lines: the format of ``pipeline-access evaluate``, without files or clocks.

``docs/evaluation.md`` describes both sides of the format.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from workers.policy.cases import Case, NoCase, case_of
from workers.policy.evaluation import evaluate
from workers.policy.explanation import explain
from workers.policy.layers import Decision
from workers.policy.remedy import enough
from workers.policy.rendering import explanation_json, remedy_json, verdict_json


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of output; ``ok`` is false where the input line was no case."""

    text: str
    ok: bool


def answers(lines: Iterable[str], *, explained: bool = False) -> Iterator[Answer]:
    """Answer line by line, in order; blank lines are passed over."""
    for line in lines:
        if line.strip():
            yield _answer(line, explained)


def bench(
    lines: Iterable[str], clock: Callable[[], float], seconds: float = 5.0
) -> tuple[dict[str, float], list[NoCase]]:
    """How many cases a second, with and without reading them; and the lines that were none.

    ``clock`` gives seconds. Cases are evaluated round after round until ``seconds`` are over; the
    reading is timed over whole rounds too.
    """
    texts = [line for line in lines if line.strip()]
    cases: list[Case] = []
    faults: list[NoCase] = []
    good: list[str] = []
    for text in texts:
        try:
            cases.append(case_of(text))
            good.append(text)
        except NoCase as fault:
            faults.append(fault)
    if not cases:
        return {"cases": 0, "evaluations_per_second": 0, "with_parsing_per_second": 0}, faults
    evaluating = _rate(lambda: _evaluate_all(cases), len(cases), clock, seconds)
    reading = _rate(lambda: _read_and_evaluate(good), len(cases), clock, min(seconds, 2.0))
    rates: dict[str, float] = {
        "cases": len(cases),
        "evaluations_per_second": round(evaluating),
        "with_parsing_per_second": round(reading),
    }
    return rates, faults


def _evaluate_all(cases: list[Case]) -> None:
    for case in cases:
        evaluate(case.request, case.policies, partial=case.partial)


def _read_and_evaluate(lines: list[str]) -> None:
    for line in lines:
        case_of(line).verdict()


def _rate(work: Callable[[], None], size: int, clock: Callable[[], float], limit: float) -> float:
    rounds, start = 0, clock()
    while True:
        work()
        rounds += 1
        passed = clock() - start
        if passed >= limit:
            return size * rounds / passed


def _answer(line: str, explained: bool) -> Answer:
    try:
        case = case_of(line)
    except NoCase as error:
        return Answer(_json({"id": error.id, "error": error.why}), ok=False)
    if not explained:
        return Answer(_json({"id": case.id, **verdict_json(case.verdict())}), ok=True)
    explanation = explain(case.request, case.policies, partial=case.partial)
    out = {"id": case.id, **verdict_json(explanation.verdict)}
    out["explanation"] = explanation_json(explanation)
    if explanation.verdict.decision in (Decision.IMPLICIT_DENY, Decision.EXPLICIT_DENY):
        out["enough"] = remedy_json(enough(case.request, case.policies, partial=case.partial))
    return Answer(_json(out), ok=True)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))

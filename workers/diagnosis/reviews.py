"""What IAM Access Analyzer says of a proposed change, beside the proof of this evaluator.

It reads the proposed documents (ValidatePolicy) and compares them with what stands there now
(CheckNoNewAccess). Where it says something else than the proof, both are shown, and the change is
no longer called proven:
https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-policy-validation.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-custom-policy-checks.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from workers.diagnosis.documents import added
from workers.diagnosis.model import Fix, Step
from workers.diagnosis.texts import Texts
from workers.snapshot.model import Review, Snapshot


def digest(document: str) -> str:
    """The SHA-256 by which a review names the document that it is about."""
    return hashlib.sha256(document.encode()).hexdigest()


def reviewed(fix: Fix, snapshot: Snapshot, texts: Texts) -> Fix:
    """The fix with the analyzer's remarks; the same fix where it was not asked."""
    known = {review.document: review for review in snapshot.reviews}
    about = [(step, known[digest(step.after)]) for step in fix.steps if digest(step.after) in known]
    if not about:
        return fix
    told = [said for step, review in about for said in _remarks(step, review, texts)]
    objects = any(_objects(step, review) for step, review in about)
    remarks = tuple(dict.fromkeys(told)) or (texts.say("analyzer.agrees"),)
    return replace(fix, remarks=remarks, proven=fix.proven and not objects)


def _remarks(step: Step, review: Review, texts: Texts) -> Iterator[str]:
    for remark in review.remarks:
        yield texts.say("analyzer.remark", remark=remark)
    beyond = _beyond(step, review)
    if beyond:
        yield texts.say("analyzer.opens", statements=texts.listed(beyond))
    elif review.opens == ():
        yield texts.say("analyzer.nothing_new")


def _objects(step: Step, review: Review) -> bool:
    refused = any(remark.startswith("ERROR ") for remark in review.remarks)
    return refused or bool(_beyond(step, review))


def _beyond(step: Step, review: Review) -> list[str]:
    """The statements with new access that the step does not add."""
    return [each for each in review.opens or () if each not in added(step.before, step.after)]

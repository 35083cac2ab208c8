"""Second opinions on a diagnosis: IAM's simulator on the denials, Access Analyzer on the changes.

None of them is needed. What they say goes into the snapshot, and the diagnosis made again from
that is the whole truth: it shows them whether they agree or not.
"""

from __future__ import annotations

from dataclasses import replace

from workers.aws import analyzer, opinions
from workers.aws.calls import Calls, Chain
from workers.diagnosis.model import Report
from workers.snapshot.model import Snapshot


def heard(report: Report, snapshot: Snapshot, calls: Calls, region: str) -> Snapshot:
    """The snapshot with what others say of the report; the same where nobody says anything."""
    chain = Chain(calls)
    steps = [step for each in report.findings if each.fix for step in each.fix.steps]
    reviews = chain.fork(lambda side: analyzer.review(side, steps, region))
    denied = [check for each in report.findings for check in each.checks]
    said = opinions.ask(chain, opinions.questions(denied), region)
    return replace(snapshot, opinions=said, reviews=reviews.join())

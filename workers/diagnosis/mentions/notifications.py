"""Clues in notifications that are text: Amazon Q in chat applications, and its like."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workers.diagnosis.denials.clean import clean
from workers.diagnosis.mentions.clues import REGION, Clue, take, without_markup

_TITLE = re.compile(
    r"CodePipeline Notification \| (?P<region>"
    + REGION
    + r") \| (?:Account: ?)?(?P<account>\d{12})"
)
_LABELS = {
    "pipeline": "pipeline",
    "pipeline name": "pipeline",
    "execution id": "execution",
    "execution": "execution",
    "pipeline execution id": "execution",
    "stage": "stage",
    "failed stage": "stage",
    "stage name": "stage",
    "action": "action",
    "failed action": "action",
    "action name": "action",
    "account": "account",
    "account id": "account",
    "region": "region",
}
_LABELLED = re.compile(r"^(?P<label>[A-Za-z ]{2,24}+)(?:[:=] ?(?P<value>\S{1,200}+).{0,80})?$")
_STATE = re.compile(
    r"(?:pipeline|stage|action) (?:execution )?(?:FAILED|STARTED|SUCCEEDED|STOPPED|ABANDONED)"
)


def notifications(text: str) -> Iterator[Clue]:
    """Amazon Q in chat applications and others: a title, then labels with their values.

    The value stands behind the label or on the next line. Labels count only when there is a
    title or at least two of them, so that a sentence is no notification.
    """
    plain = without_markup(text).replace("*", "").replace("`", "").replace("_ID", " ID")
    found: dict[str, str] = {}
    if title := _TITLE.search(clean(plain)):
        found |= title.groupdict()
    labels = 0
    waiting = ""
    for line in plain.splitlines()[:2000]:
        line = line.strip().lstrip("•-> ").strip()
        if waiting and line:
            labels += take(found, waiting, line)
            waiting = ""
            continue
        labelled = _LABELLED.match(line)
        if labelled is None:
            continue
        field = _LABELS.get(labelled["label"].strip().lower(), "")
        if field and labelled["value"]:
            labels += take(found, field, labelled["value"])
        else:
            waiting = field
    if found and (title or labels >= 2 or (labels and _STATE.search(plain))):
        yield Clue("notification", **found)

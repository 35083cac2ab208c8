"""Reports as messages: valid Block Kit, within Slack's limits, whatever AWS or people wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo.workspace import blockkit
from tests.slack import reports
from workers.diagnosis.model import (
    Certainty,
    Component,
    Evidence,
    Finding,
    Fix,
    FixKind,
    Outcome,
    Report,
    Section,
    Step,
    Target,
    TargetKind,
    UnreadDocument,
)
from workers.settings import Account, Settings
from workers.slack import findings, markup, modals, report
from workers.slack.blocks import Message
from workers.slack.texts import load

TEXTS = load()
SETTINGS = Settings(accounts=(Account(id="111111111111", alias="prod"),))


def shown(message: Message) -> str:
    return json.dumps(message.payload(), ensure_ascii=False)


def check(message: Message) -> None:
    payload = message.payload()
    assert blockkit.problems(payload, "message") == []
    assert not blockkit.is_too_long(payload["blocks"])


def check_view(view: dict[str, Any]) -> None:
    assert blockkit.problems(view, "modal") == []


def messages(each: Report) -> Iterator[Message]:
    yield report.root(each, "U0DEV", TEXTS)
    for reply in report.replies(each, "0123456789abcdef", TEXTS):
        yield reply.message


@pytest.mark.parametrize(
    "each", [reports.BLOCKED, reports.CLEAR, reports.UNKNOWN], ids=lambda each: str(each.outcome)
)
def test_every_outcome_is_valid_block_kit(each: Report) -> None:
    for message in messages(each):
        check(message)


# --- what a passer-by reads -----------------------------------------------------------------------


def line(each: Report) -> str:
    return report.root(each, "U0DEV", TEXTS).text


def test_the_root_line_says_the_outcome() -> None:
    assert line(reports.BLOCKED) == (
        "⛔ *payments-deploy* is denied: payments-build may not decrypt with the artifact key"
    )
    assert line(reports.CLEAR) == "✅ *website* is clear: all 23 checks are allowed."
    assert line(reports.UNKNOWN).startswith("❔ *ledger* – not known: account 222222222222")


def test_what_was_denied_and_is_allowed_by_now_asks_for_a_retry_only() -> None:
    gone = replace(
        reports.DENIED_KEY,
        certainty=Certainty.LIKELY,
        fix=Fix(FixKind.RETRY, instructions="Wait half a minute and retry the stage."),
    )
    text = line(replace(reports.CLEAR, findings=(gone,)))
    assert text == ("🔁 *website* can go on: payments-build may not decrypt with the artifact key")
    reply = shown(findings.finding(gone, 1, 1, "i", TEXTS))
    assert "🔁" in reply
    assert "⛔" not in reply
    assert "*Could not*" in reply
    assert findings.REQUEST_FIX not in reply


def test_a_section_without_anything_to_check_has_a_mark_of_its_own() -> None:
    sections = (
        Section("service_role", Outcome.CLEAR, "12 of 12 checks allowed"),
        Section("user", Outcome.CLEAR, "no person was named", applies=False),
    )
    text = shown(report.checked(replace(reports.CLEAR, sections=sections), "i", TEXTS))
    assert "✅ *Service role*" in text
    assert "➖ *User permissions*" in text


def test_the_statement_that_comes_nearest_is_told_in_one_sentence() -> None:
    nearest = Evidence(
        "resource",
        reports.KEY,
        "UseOfTheKey",
        "Allow",
        3,
        reports.STATEMENT,
        name="the key policy of artifacts (1234abcd…)",
        note="it names role payments-service, not role payments-build",
    )
    text = shown(
        findings.finding(replace(reports.DENIED_KEY, evidence=(nearest,)), 1, 1, "i", TEXTS)
    )
    assert (
        "Statement `UseOfTheKey` of the key policy of artifacts (1234abcd…) comes nearest, but it "
        "names role payments-service, not role payments-build (line 3):"
    ) in text
    assert text.count("comes nearest") == 1


def test_statements_to_hand_over_are_shown_as_code() -> None:
    fix = Fix(FixKind.INSTRUCTIONS, instructions='Give this to the owner.\n{\n  "Sid": "A"\n}')
    message = findings.finding(replace(reports.DENIED_KEY, fix=fix), 1, 1, "i", TEXTS)
    code = [each for each in message.blocks if each["type"] == "rich_text"]
    assert any("Sid" in str(each) for each in code)
    words = [each for each in message.blocks if "Give this to the owner." in str(each)]
    assert all("Sid" not in str(each) for each in words)


def test_what_is_not_proven_is_not_called_denied() -> None:
    likely = replace(reports.DENIED_KEY, certainty=Certainty.LIKELY)
    unsure = replace(reports.DENIED_KEY, certainty=Certainty.UNKNOWN)
    assert "is likely denied" in line(replace(reports.BLOCKED, findings=(likely,)))
    assert "may be denied" in line(replace(reports.BLOCKED, findings=(unsure,)))
    assert "is denied" not in line(replace(reports.BLOCKED, findings=(unsure,)))


def test_unknown_names_what_could_not_be_read() -> None:
    text = shown(report.checked(reports.UNKNOWN, "i", TEXTS))
    assert "sts:AssumeRole on pipeline-access-read to the worker" in text


def test_a_finding_says_who_what_on_which_and_the_cure() -> None:
    text = shown(findings.finding(reports.DENIED_KEY, 1, 2, "i", TEXTS))
    for part in (reports.BUILD_ROLE, "kms:Decrypt", reports.KEY, "UseOfTheKey", "Compile"):
        assert part in text
    assert "payments-build will be able to decrypt" in text
    assert "PipelineAccessDecrypt" in text
    assert "Proven" in text
    assert "i:kms-decrypt" in text


def test_only_a_change_that_is_ours_can_be_requested() -> None:
    def offers(each: Finding) -> bool:
        return findings.REQUEST_FIX in shown(findings.finding(each, 1, 1, "i", TEXTS))

    assert offers(reports.DENIED_KEY)
    assert not offers(reports.DENIED_BY_SCP)
    (step,) = reports.FIX.steps
    owned = replace(reports.FIX, steps=(replace(step, owned_by="CloudFormation stack payments"),))
    assert not offers(replace(reports.DENIED_KEY, fix=owned))
    assert not offers(replace(reports.DENIED_KEY, fix=None))


def test_a_requested_fix_is_marked_and_offered_again_once_settled() -> None:
    waiting = findings.Requested("U0DEV", "requested")
    text = shown(findings.finding(reports.DENIED_KEY, 1, 1, "i", TEXTS, waiting))
    assert "Fix requested by <@U0DEV>" in text
    assert findings.REQUEST_FIX not in text
    settled = findings.Requested("U0DEV", "rejected", settled=True)
    text = shown(findings.finding(reports.DENIED_KEY, 1, 1, "i", TEXTS, settled))
    assert "rejected" in text
    assert findings.REQUEST_FIX in text


# --- hostile and enormous values ------------------------------------------------------------------

HOSTILE = ("<!channel>", "<@U0DEV>", "&", '"\\', "`*_~", "\x00", "\n", "a b ")
# Short texts and enormous ones, drawn as a piece and how often it is repeated.
words = st.builds(
    lambda piece, times: piece * times,
    st.text(max_size=6) | st.sampled_from(HOSTILE),
    st.sampled_from([1, 1, 1, 3, 2_000]),
)
targets = st.builds(
    Target, kind=st.sampled_from(TargetKind), id=words, account=st.just("111111111111")
)
steps = st.builds(Step, target=targets, before=words, after=words, diff=words, owned_by=words)
fixes = st.builds(
    Fix,
    kind=st.sampled_from(FixKind),
    access=words,
    steps=st.lists(steps, max_size=4).map(tuple),
    instructions=words,
    proven=st.booleans(),
    opens=st.lists(words, max_size=3).map(tuple),
    snippets=st.lists(st.tuples(st.just("Terraform"), words), max_size=2).map(tuple),
)
evidence = st.builds(
    Evidence,
    layer=st.sampled_from(["identity", "scp", "message", "<x>"]),
    policy=words,
    statement=words,
    effect=st.sampled_from(["Allow", "Deny", "implicitDeny", ""]),
    line=st.none() | st.integers(1, 9_999),
    text=words,
)
any_findings = st.builds(
    Finding,
    id=st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True),
    component=st.sampled_from(Component),
    certainty=st.sampled_from(Certainty),
    headline=words,
    explanation=words,
    principal=words,
    action=words,
    resource=words,
    decision=words,
    stage=words,
    pipeline_action=words,
    actions=st.lists(words, max_size=30).map(tuple),
    evidence=st.lists(evidence, max_size=4).map(tuple),
    fix=st.none() | fixes,
    documentation=st.sampled_from(["", "https://docs.aws.amazon.com/x", "javascript:x"]),
    stopped=words,
)
sections = st.builds(Section, component=words, outcome=st.sampled_from(Outcome), summary=words)
unread = st.builds(UnreadDocument, what=words, why=words, would_change=words, grant=words)
anything = st.builds(
    Report,
    name=words,
    account=words,
    region=words,
    arn=words,
    outcome=st.sampled_from(Outcome),
    findings=st.lists(any_findings, max_size=3).map(tuple),
    advice=st.lists(any_findings, max_size=2).map(tuple),
    sections=st.lists(sections, max_size=20).map(tuple),
    unreadable=st.lists(unread, max_size=12).map(tuple),
    alias=words,
)
slow = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@slow
@given(anything)
def test_any_report_keeps_slacks_limits(each: Report) -> None:
    for message in messages(each):
        check(message)


@slow
@given(any_findings.filter(lambda each: each.fix is not None), st.integers(0, 15))
def test_any_finding_fits_into_its_modals(each: Finding, others: int) -> None:
    check_view(modals.change(each, "payments", SETTINGS, TEXTS))
    check_view(modals.details(each, "payments", TEXTS))
    assert each.fix is not None
    offered = tuple(replace(each, id=f"f{number}") for number in range(others))
    people = (markup.group("S0CLOUD"),)
    for fix in (each.fix, markup.escape("they contradict each other", 100)):
        view = modals.request_fix(fix, "i:f:0", offered, {"f0", "f7"}, people, SETTINGS, TEXTS)
        check_view(view)


@slow
@given(anything)
def test_nobody_is_pinged_by_what_stands_in_a_document(each: Report) -> None:
    for message in messages(each):
        # rich_text_preformatted takes its text as it is: nothing in it is mark-up.
        parts = [
            element["text"]["text"]
            for element in message.payload()["blocks"]
            if element["type"] == "section"
        ]
        for text in (message.text, *parts):
            assert "<!" not in text
            assert text.count("<@") == text.count("<@U0DEV>") == 0


def test_many_findings_are_named_in_the_last_reply() -> None:
    many = tuple(replace(reports.DENIED_KEY, id=f"f{number}") for number in range(20))
    replies = report.replies(replace(reports.BLOCKED, findings=many), "i", TEXTS)
    assert len(replies) == report.MOST_FINDINGS + 1
    assert "8 more" in shown(replies[-1].message)


def test_a_long_change_is_cut_in_the_thread_and_whole_in_the_modal() -> None:
    diff = "\n".join(f"+  line {number}" for number in range(500))
    (step,) = reports.FIX.steps
    long = replace(reports.DENIED_KEY, fix=replace(reports.FIX, steps=(replace(step, diff=diff),)))
    text = shown(findings.finding(long, 1, 1, "i", TEXTS))
    assert "480 more lines under _Show whole change_" in text
    assert "line 499" in json.dumps(modals.change(long, "x", SETTINGS, TEXTS))

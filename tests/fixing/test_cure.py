"""From the request to the cure and back, in the thread, on a real queue with forking workers."""

from __future__ import annotations

import json
from contextlib import nullcontext

import pytest
from redis import Redis

from demo.workspace import Message
from tests.fixing.conftest import TARGETS, ask, only, shown
from tests.fixing.documents import Documents
from tests.jobs.house import APPROVER, CONFIGURATION, DEPLOYS, DEV, OTHER, PLATFORM, House
from tests.jobs.stage import Stage
from workers.aws.changes import Problem
from workers.aws.history import Change
from workers.fixing import authors
from workers.incidents.causes import Cause
from workers.ledger import Ledger, State
from workers.snapshot.model import present

SECOND = "U0APPROVER2"


def press(house: House, user: str, action: str) -> None:
    outcome = house.workspace.press(user, shown(house), action)
    assert outcome.ok, outcome
    house.work(rounds=2)


def buttons(house: House) -> str:
    return json.dumps(shown(house).blocks)


def written(documents: Documents) -> list[bool]:
    return [documents.get(target) == f"after {target}" for target in TARGETS]


def test_an_approved_fix_is_applied_and_verified(
    house: House, requested: Message, documents: Documents, ledger: Ledger
) -> None:
    assert "Approve this fix?" in buttons(house)
    assert "prod 111111111111" in buttons(house)
    press(house, APPROVER, "approve_fix")
    assert written(documents) == [True, True, True]
    assert only(ledger).state is State.VERIFIED
    assert shown(house).text.startswith("✅ *Cured*")
    assert "is clear" in house.thread()[0].text
    assert ledger.verify() is None
    events = [each.content["event"] for each in ledger.trail()]
    assert events == ["requested", "approve", "start", "finish", "find_cured"]
    assert house.workspace.rejections == []


def test_cloudtrail_is_given_the_peoples_names(
    house: House, requested: Message, documents: Documents
) -> None:
    press(house, APPROVER, "approve_fix")
    (mandate, *_) = documents.mandates
    assert mandate["who"] == "arjun-U0APPROVER"
    assert mandate["pipeline-access-requester"] == "dana-U0DEV"


def test_nobody_approves_what_they_asked_for(
    valkey: str, house: House, documents: Documents, ledger: Ledger
) -> None:
    ask(house, APPROVER)
    house.work()
    press(house, APPROVER, "approve_fix")
    assert "somebody else has to decide" in house.whispered(APPROVER)[-1]
    assert only(ledger).state is State.REQUESTED
    assert documents.log == []
    assert ledger.trail()[-1].content["event"] == "refused"
    assert ledger.trail()[-1].content["why"] == "self"


def test_who_is_not_entitled_is_told_who_is(
    house: House, requested: Message, ledger: Ledger
) -> None:
    press(house, OTHER, "approve_fix")
    assert "<!subteam^S0CLOUD> may" in house.whispered(OTHER)[-1]
    assert only(ledger).state is State.REQUESTED


def test_membership_is_asked_at_the_click(
    house: House, requested: Message, ledger: Ledger, documents: Documents
) -> None:
    house.workspace.open_home  # noqa: B018 - nothing was remembered of the group by others
    house.workspace.set_usergroup("S0CLOUD", [SECOND])
    press(house, APPROVER, "approve_fix")
    assert only(ledger).state is State.REQUESTED
    house.workspace.set_usergroup("S0CLOUD", [APPROVER])
    press(house, APPROVER, "approve_fix")
    assert written(documents) == [True, True, True]


def test_a_deactivated_approver_counts_for_nothing(
    house: House, requested: Message, ledger: Ledger
) -> None:
    assert house.workspace.press(APPROVER, shown(house), "approve_fix").ok
    house.workspace.deactivate(APPROVER)
    house.work()
    assert only(ledger).state is State.REQUESTED


def test_two_clicks_apply_once(
    house: House, requested: Message, documents: Documents, ledger: Ledger
) -> None:
    message = shown(house)
    for user in (APPROVER, APPROVER, SECOND):
        house.workspace.press(user, message, "approve_fix")
    house.work(rounds=2)
    assert documents.log == [f"write {target}" for target in TARGETS]
    assert only(ledger).state is State.VERIFIED
    assert any("Too late" in text for text in house.whispered(SECOND))


def test_a_rejection_says_why(house: House, requested: Message, ledger: Ledger) -> None:
    house.workspace.press(APPROVER, shown(house), "reject_fix")
    view = house.workspace.modal(APPROVER)
    assert view is not None
    assert not house.workspace.submit(APPROVER, view, {"reason": "  "}).ok
    assert house.workspace.submit(APPROVER, view, {"reason": "use the <!here> shared key"}).ok
    house.work(rounds=2)
    assert only(ledger).state is State.REJECTED
    text = json.dumps(shown(house).blocks, ensure_ascii=False)
    assert "use the &lt;!here&gt; shared key" in text
    assert "approve_fix" not in text
    # It may be asked for again.
    assert "request_fix" in json.dumps(house.thread()[1].blocks)


def test_only_the_requester_withdraws(house: House, requested: Message, ledger: Ledger) -> None:
    press(house, OTHER, "withdraw_fix")
    assert only(ledger).state is State.REQUESTED
    press(house, DEV, "withdraw_fix")
    assert only(ledger).state is State.WITHDRAWN


def test_a_document_that_changed_by_a_byte_makes_it_stale(
    house: House, requested: Message, documents: Documents, ledger: Ledger
) -> None:
    documents.put(TARGETS[0], f"before {TARGETS[0]} ")
    press(house, APPROVER, "approve_fix")
    assert only(ledger).state is State.STALE
    assert documents.log == []
    assert "changed" in json.dumps(shown(house).blocks)


def test_nothing_is_written_when_the_last_document_is_another(
    house: House, requested: Message, documents: Documents, ledger: Ledger
) -> None:
    documents.put(TARGETS[2], "somebody else's")
    press(house, APPROVER, "approve_fix")
    assert only(ledger).state is State.STALE
    assert documents.log == []


def test_what_fails_and_cannot_be_put_back_stands_and_says_so(
    house: House, requested: Message, documents: Documents, ledger: Ledger
) -> None:
    documents.refuse[TARGETS[2]] = Problem.REFUSED
    documents.keep[TARGETS[0]] = Problem.REFUSED
    press(house, APPROVER, "approve_fix")
    assert only(ledger).state is State.INCOMPLETE
    assert written(documents) == [True, False, False]
    assert f"This stands: {TARGETS[0]}" in buttons(house)
    assert "roll_back_fix" in buttons(house)


def test_what_fails_in_the_middle_is_undone(
    house: House, requested: Message, documents: Documents, ledger: Ledger
) -> None:
    documents.refuse[TARGETS[2]] = Problem.REFUSED
    press(house, APPROVER, "approve_fix")
    assert only(ledger).state is State.FAILED
    assert written(documents) == [False, False, False]
    assert documents.get(TARGETS[0]) == f"before {TARGETS[0]}"
    text = json.dumps(shown(house).blocks)
    assert "AWS refuses artifacts-bucket" in text
    assert "put back" in text


def test_what_is_not_cured_is_said_and_can_be_rolled_back(
    house: House, requested: Message, documents: Documents, ledger: Ledger, stage: Stage
) -> None:
    stage.act = lambda: None  # the finding stays
    press(house, APPROVER, "approve_fix")
    house.work(rounds=3)
    assert only(ledger).state is State.NOT_CURED
    assert "not cured" in shown(house).text
    press(house, APPROVER, "roll_back_fix")
    assert only(ledger).state is State.ROLLED_BACK
    assert written(documents) == [False, False, False]


def test_what_others_changed_since_is_shown_instead_of_a_roll_back(
    house: House, requested: Message, documents: Documents, ledger: Ledger
) -> None:
    press(house, APPROVER, "approve_fix")
    log = list(documents.log)
    documents.put(TARGETS[1], f"after {TARGETS[1]}\nand what an admin added")
    press(house, OTHER, "roll_back_fix")
    assert only(ledger).state is State.VERIFIED
    press(house, APPROVER, "roll_back_fix")
    assert only(ledger).state is State.DIVERGED
    assert documents.log == log, "nothing is written over"
    assert "roll_back_fix" not in buttons(house)
    assert f"Others changed {TARGETS[1]} since" in buttons(house)
    (told,) = [each for each in house.thread() if "Not rolled back:" in each.text]
    assert "+and what an admin added" in json.dumps(told.blocks)
    house.workspace.press(DEV, told, "show_difference")
    view = house.workspace.modal(DEV)
    assert view is not None
    shown_whole = json.dumps(view.body)
    assert f"-before {TARGETS[1]}" in shown_whole
    assert "+and what an admin added" in shown_whole
    assert f"+after {TARGETS[0]}" not in shown_whole, "only what others changed"
    last = ledger.trail()[-1].content
    assert (last["event"], last["to"]) == ("find_diverged", "diverged")
    assert [each["target"] for each in last["details"]["documents"]] == [TARGETS[1]]
    assert house.workspace.rejections == []


@pytest.mark.parametrize("shown_yet", [True, False])
def test_who_changed_it_since_is_told_where_cloudtrail_shows_it(
    house: House,
    requested: Message,
    documents: Documents,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    shown_yet: bool,
) -> None:
    """Our own write stands in the trail, too; it is not what others changed, and neither is what
    they changed before it."""
    own = f"pipeline-access-{only(ledger).request.id}"

    class Trail:
        def changes(self, cause: Cause, account: str, region: str, *_: float) -> object:
            assert (cause.document, account, region) == (TARGETS[1], "111111111111", "eu-west-1")
            actor = "arn:aws:sts::111111111111:assumed-role/{}/someone".format
            trail = [(400.0, "Admin", "kim"), (300.0, "fix", own), (200.0, "Admin", "lee")]
            return present(
                tuple(
                    Change(who, "PutRolePolicy", at, actor(role), who, account, region)
                    for at, role, who in trail[0 if shown_yet else 1 :]
                )
            )

    monkeypatch.setattr(authors, "open_survey", lambda *_: nullcontext(Trail()))
    press(house, APPROVER, "approve_fix")
    documents.put(TARGETS[1], "changed by somebody")
    press(house, APPROVER, "roll_back_fix")
    (told,) = [each for each in house.thread() if "Not rolled back:" in each.text]
    assert ("`PutRolePolicy` by `kim`" in json.dumps(told.blocks)) is shown_yet
    assert "lee" not in json.dumps(told.blocks)
    assert own not in json.dumps(told.blocks)


def test_a_way_back_that_aws_refuses_can_be_gone_again(
    house: House, requested: Message, documents: Documents, ledger: Ledger
) -> None:
    press(house, APPROVER, "approve_fix")
    documents.keep[TARGETS[1]] = Problem.REFUSED
    press(house, APPROVER, "roll_back_fix")
    assert only(ledger).state is State.INCOMPLETE
    assert written(documents) == [False, True, False]
    assert f"This stands: {TARGETS[1]}: AWS does not give" in buttons(house)
    documents.keep.clear()
    press(house, APPROVER, "roll_back_fix")
    assert only(ledger).state is State.ROLLED_BACK
    assert written(documents) == [False, False, False]
    undone = [line for line in documents.log if line.startswith("undo")]
    assert sorted(undone) == sorted(f"undo {target}" for target in TARGETS), "each once"


def test_a_role_that_was_deleted_meanwhile_ends_it_at_once(
    house: House, requested: Message, documents: Documents, ledger: Ledger
) -> None:
    documents.gone.add(TARGETS[1])
    house.workspace.press(APPROVER, shown(house), "approve_fix")
    house.worker().work(burst=True, max_jobs=2, logging_level="WARNING")
    assert only(ledger).state is State.FAILED
    assert documents.log == [], "seen before the first write"
    assert "does not exist any more" in only(ledger).reason


def test_what_is_gone_needs_no_way_back(
    house: House, requested: Message, documents: Documents, ledger: Ledger
) -> None:
    """A role that was deleted meanwhile took the fix with it."""
    press(house, APPROVER, "approve_fix")
    documents.keep[TARGETS[1]] = Problem.GONE
    press(house, APPROVER, "roll_back_fix")
    assert only(ledger).state is State.ROLLED_BACK


def test_an_expired_request_is_over(
    house: House, requested: Message, ledger: Ledger, redis: Redis, documents: Documents
) -> None:
    entry = only(ledger)
    key = f"pipeline-access:fix:{entry.request.id}"
    late = entry.request.model_copy(update={"expires_at": 1.0})
    redis.hset(key, "request", late.model_dump_json())
    message = shown(house)
    house.workspace.press(APPROVER, message, "approve_fix")
    house.work(rounds=2)
    assert only(ledger).state is State.EXPIRED
    assert documents.log == []
    assert "expired" in shown(house).text


def test_the_history_of_a_pipeline_is_for_the_asker_alone(house: House, requested: Message) -> None:
    press(house, APPROVER, "approve_fix")
    house.command("history payments-deploy", OTHER)
    house.command("history website", OTHER)
    house.work()
    first, second = house.workspace.ephemerals(OTHER)[-2:]
    shown = json.dumps(first.blocks)
    assert "applied and verified" in shown
    assert f"approved by <@{APPROVER}>" in shown
    assert "No fix was asked for `website` yet" in second.text
    assert len(house.roots()) == 1


# --- attempts that must fail ----------------------------------------------------------------------


def test_a_button_pressed_in_another_channel_is_refused(
    house: House, requested: Message, ledger: Ledger
) -> None:
    stray = house.workspace.message(
        OTHER, PLATFORM, "see", blocks=tuple(shown(house).blocks), raw=True
    )
    house.workspace.press(APPROVER, stray, "approve_fix")
    house.work()
    assert only(ledger).state is State.REQUESTED
    assert "belongs to another channel" in house.whispered(APPROVER)[-1]


def test_an_altered_modal_names_another_finding_and_nothing_else(
    house: House, ledger: Ledger
) -> None:
    house.command("payments-deploy in prod")
    house.work()
    house.workspace.press(DEV, house.thread()[1], "request_fix")
    view = house.workspace.modal(DEV)
    assert view is not None
    view.body["private_metadata"] = view.private_metadata[:-1] + "b"  # another fingerprint
    house.workspace.submit(DEV, view, {"reason": "needed"})
    assert ledger.entries() == ()


TWO = CONFIGURATION.replace('alias = "prod"', 'alias = "prod"\napprovals = 2')


@pytest.mark.parametrize("configuration", [TWO])
def test_production_takes_two_people(
    house: House, requested: Message, documents: Documents, ledger: Ledger
) -> None:
    press(house, APPROVER, "approve_fix")
    assert only(ledger).state is State.REQUESTED
    assert "1 of 2 approvals given" in json.dumps(shown(house).blocks)
    press(house, APPROVER, "approve_fix")
    assert "must come from somebody else" in house.whispered(APPROVER)[-1]
    assert documents.log == []
    press(house, SECOND, "approve_fix")
    assert only(ledger).state is State.VERIFIED
    assert only(ledger).approvals == (APPROVER, SECOND)


BREAK_GLASS = (
    CONFIGURATION + "\n[approvals]\nbreak_glass = true\nauditors = { users = ['U0OTHER'] }\n"
)


@pytest.mark.parametrize("configuration", [BREAK_GLASS])
def test_breaking_the_glass_is_told_to_everybody(house: House, ledger: Ledger) -> None:
    ask(house, APPROVER, "production is down")
    house.work()
    press(house, APPROVER, "approve_fix")
    assert only(ledger).state is State.VERIFIED
    assert any("Break-glass" in m.text and f"<@{OTHER}>" in m.text for m in house.thread())
    approval = next(each for each in ledger.trail() if each.content["event"] == "approve")
    assert approval.content["details"]["break_glass"] is True


def test_reminders_grow_rarer_and_end(
    house: House, requested: Message, ledger: Ledger, redis: Redis
) -> None:
    entry = only(ledger)
    key = f"pipeline-access:fix:{entry.request.id}"
    for minutes, told in ((0, 0), (31, 1), (121, 2), (481, 3), (1200, 3)):
        earlier = entry.request.model_copy(
            update={"requested_at": entry.request.requested_at - minutes * 60}
        )
        redis.hset(key, "request", earlier.model_dump_json())
        house.work(rounds=2)
        assert sum("still waiting" in each.text for each in house.thread()) == told
    assert len(house.roots(DEPLOYS)) == 1


# --- deaths -----------------------------------------------------------------------------------


@pytest.mark.parametrize("point", range(6))
def test_a_worker_killed_at_any_write_leaves_one_consistent_outcome(
    house: House, requested: Message, documents: Documents, ledger: Ledger, point: int
) -> None:
    documents.kill_at = point
    house.workspace.press(APPROVER, shown(house), "approve_fix")
    house.work(rounds=4)
    assert documents.log == [f"write {target}" for target in TARGETS]
    assert written(documents) == [True, True, True]
    assert only(ledger).state is State.VERIFIED
    assert sum("Cured" in each.text for each in house.thread()) == 1
    assert ledger.verify() is None


@pytest.mark.parametrize("point", range(8))
def test_a_worker_killed_on_its_way_back_goes_on_back(
    house: House, requested: Message, documents: Documents, ledger: Ledger, point: int
) -> None:
    """The third write is refused: two writes and two undoings, killed before or after any."""
    documents.refuse[TARGETS[2]] = Problem.REFUSED
    documents.kill_at = point
    house.workspace.press(APPROVER, shown(house), "approve_fix")
    house.work(rounds=4)
    assert documents.log == [
        f"write {TARGETS[0]}",
        f"write {TARGETS[1]}",
        f"undo {TARGETS[1]}",
        f"undo {TARGETS[0]}",
    ]
    assert only(ledger).state is State.FAILED
    assert sum("Fix failed" in each.text for each in house.thread()) == 1
    assert ledger.verify() is None

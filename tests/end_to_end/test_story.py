"""From the command to the cure, in a real browser, by the people of the workspace."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from playwright.sync_api import Locator, Page, expect

from demo.local import LocalWorld
from tests.end_to_end.browser import WorkspacePage
from tests.end_to_end.people import Story

ANSWER = 60_000  # milliseconds
KEY = "4f1c2a60-8d3b-4e57-9a61-0c5d7e2b9f10"
ROLE = "arn:aws:iam::222222222222:role/PaymentsDeploy"


def test_a_denied_pipeline_is_asked_about_requested_approved_and_cured(
    world: LocalWorld, story: Story, page: Page
) -> None:
    # A developer asks; only she sees that it is queued, everybody sees the outcome.
    here = WorkspacePage(page, world.workspace.url, as_person="Developer")
    here.open_channel("payments-deploys")
    here.type("/pipeline-access payments-deploy")
    expect(here.message("Queued")).to_contain_text("Only visible to you")
    root = _root(page, story)
    expect(root).to_contain_text("PaymentsDeploy may not kms:Decrypt", timeout=ANSWER)
    expect(root).to_contain_text("KMS key payments-artifacts (4f1c2a60…)")

    # The thread says who, what, on which, where and why, and shows the change.
    thread = here.open_thread(root)
    expect(thread.get_by_role("button", name="Diagnose again")).to_be_visible(timeout=ANSWER)
    first = thread.locator(".message").nth(1)
    for words in ("Cause 1 of 2", ROLE, "kms:Decrypt", KEY, "PrepareChanges", "EnableIamPolicies"):
        expect(first).to_contain_text(words)
    expect(first).to_contain_text("Proven: evaluated again with the change in place")

    # She asks for it: the modal shows the diff and wants to know why.
    first.get_by_role("button", name="Request this fix").click()
    expect(here.modal).to_contain_text('+        "AWS": "' + ROLE)
    expect(here.modal).to_contain_text("@platform-team")
    submit = here.modal.get_by_role("button", name="Request", exact=True)
    submit.click()
    expect(here.modal).to_contain_text("Please complete this required field.")
    here.modal.get_by_label("Why is this access needed?").fill("Friday's release waits for it")
    submit.click()
    expect(here.modal).to_have_count(0)
    request = thread.locator(".message", has_text="Friday's release waits for it")
    expect(request).to_contain_text("@platform-team", timeout=ANSWER)
    expect(root).to_contain_text("1 fix requested")

    # She may not approve it herself, and is told so.
    request.get_by_role("button", name="Approve").click()
    _confirm(here, page)
    expect(page.get_by_text("somebody else has to decide")).to_be_visible(timeout=ANSWER)
    assert _added(world) == []

    # An approver does; the worker applies just that and says that it is cured.
    here.act_as("Platform engineer")
    here.open_channel("payments-deploys")
    thread = here.open_thread(root)
    request = thread.locator(".message", has_text="Friday's release waits for it")
    request.get_by_role("button", name="Approve").click()
    _confirm(here, page)
    expect(thread).to_contain_text("Cured", timeout=ANSWER)
    (statement,) = _added(world)
    assert statement["Principal"] == {"AWS": ROLE}
    assert sorted(statement["Action"]) == ["kms:Decrypt", "kms:GenerateDataKey"]

    # It can be put back, and all of it is on record.
    request.get_by_role("button", name="Roll back").click()
    _confirm(here, page)
    expect(request).to_contain_text("Fix rolled back", timeout=ANSWER)
    assert _added(world) == []
    kept = json.loads(run(world, "requests", "--json").stdout)
    assert [(each["pipeline"], each["state"]) for each in kept] == [
        ("payments-deploy", "rolled_back")
    ]
    assert run(world, "audit", "--verify").returncode == 0


def _root(page: Page, story: Story) -> Locator:
    """The message that begins the thread of this story, and of no earlier one."""
    message = story.world.workspace.wait_for(lambda: story.roots("*payments-deploy*"), 60)[0]
    return page.locator(f'.main .message[data-ts="{message.ts}"]')


def run(world: LocalWorld, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`pipeline-access …` with the environment of the bot."""
    return subprocess.run(
        [sys.executable, "-m", "workers.cli", *arguments],
        env=world.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _confirm(here: WorkspacePage, page: Page) -> None:
    page.locator("dialog.confirm").wait_for()
    here.confirm(True)


def _added(world: LocalWorld) -> list[dict[str, Any]]:
    """The statements of the live key policy that the product has added."""
    kms = world.cloud.client("kms", "111111111111")
    policy = json.loads(kms.get_key_policy(KeyId=KEY, PolicyName="default")["Policy"])
    return [each for each in policy["Statement"] if each.get("Sid", "").startswith("Pipeline")]

"""An incident to play: by hand on the page with `/world`, or act by act in a transcript.

Somebody tidies up the policy of a key that three services share; their runs fail, a channel that
watches them is told, asks what happened, and is told again when they are well.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from demo import cast
from demo.aws import incident as script
from demo.aws.cloud import Cloud
from demo.workspace import Message, Workspace
from demo.workspace.people import Command

if TYPE_CHECKING:
    from demo.local import LocalWorld

NAME = "incident"
COMMAND = "/pipeline-access"
WORLD = Command("/world", "Play with the local AWS accounts", "break-key | run | heal-key")
SECONDS = 90.0
_TAG = "tag:team=storefront"
_HELP = (
    "Three services share one KMS key: {names}. In #incidents first `{command} watch {tag}`, then\n"
    "`/world break-key`: somebody tidies up the key's policy, and the services run\n"
    "`/world run`: they run once more\n"
    "`/world heal-key`: the old policy is put back, and the services run\n"
    "Between them ask `{command} incident`."
)


def on_the_page(world: LocalWorld) -> None:
    """Let the incident be played by hand: `/world` in any channel."""

    def break_key() -> None:
        script.break_shared_key(world.cloud)
        script.run_pipelines(world.cloud)

    def heal_key() -> None:
        script.heal_shared_key(world.cloud, world.world)
        script.run_pipelines(world.cloud)

    acts: dict[str, tuple[Callable[[], object], str]] = {
        "break-key": (
            break_key,
            "{actor} has tidied up the policy of {key}, and the three services run. "
            "Watch #incidents.",
        ),
        "run": (lambda: script.run_pipelines(world.cloud), "The three services run."),
        "heal-key": (
            heal_key,
            "The policy of {key} is what it was, and the three services run. Watch #incidents.",
        ),
    }

    def answer(text: str) -> str:
        chosen = acts.get(text.strip().lower())
        if chosen is None:
            names = ", ".join(script.PIPELINES)
            return _HELP.format(names=names, command=COMMAND, tag=_TAG)
        act, said = chosen
        threading.Thread(target=act, name="incident", daemon=True).start()
        return said.format(actor=script.ACTOR, key=script.KEY)

    world.workspace.add_command(WORLD, answer)
    _remember_the_old_policy(world.cloud)


def _remember_the_old_policy(cloud: Cloud) -> None:
    """CloudTrail has who wrote the policy that is in force, as it would in an account in use."""
    client = cloud.client("kms", script.ACCOUNT, script.REGION)
    key = client.describe_key(KeyId=script.KEY)["KeyMetadata"]["Arn"]
    policy = client.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    cloud.post(
        "trail",
        {
            "service": "kms",
            "operation": "PutKeyPolicy",
            "actor": f"arn:aws:sts::{script.ACCOUNT}:assumed-role/PlatformAdmin/robin.meyer",
            "account": script.ACCOUNT,
            "region": script.REGION,
            "params": {"keyId": key, "policyName": "default", "policy": policy},
            "resources": [key],
            "ago": 9 * 24 * 60,
        },
    )


@dataclass(frozen=True, slots=True)
class Act:
    """What was done, and the thread that came of it; `missing` are words that it should have."""

    title: str
    said: str
    messages: tuple[Message, ...] = ()
    missing: tuple[str, ...] = ()

    def as_json(self, workspace: Workspace) -> dict[str, Any]:
        return {
            "act": self.title,
            "said": self.said,
            "messages": [workspace.plain(each) for each in self.messages],
            "missing": list(self.missing),
        }


def play(world: LocalWorld) -> Iterator[Act]:
    """The incident from the watch to the recovery. Ends early when a thread does not come."""
    workspace, cloud = world.workspace, world.cloud
    yield _type(workspace, "A channel watches three services", f"watch {_TAG}")
    _wait(workspace, lambda: _note(workspace, "lets this channel watch"))

    script.break_shared_key(cloud)
    script.run_pipelines(cloud)
    alert = _wait(workspace, lambda: _alert(workspace, "3 pipelines are denied"))
    yield _act(
        "Somebody tidies up the key's policy; the services run, and the channel is told",
        f"{script.ACTOR}: PutKeyPolicy {script.KEY}",
        alert,
        ("KMS key", "kms:GenerateDataKey", "3 failures", *script.PIPELINES),
    )
    if not alert:
        return

    script.run_pipelines(cloud)
    joined = _wait(workspace, lambda: _alert(workspace, "6 failures so far"))
    yield _act("They run once more: the thread counts", "", joined, ("6 failures so far",))

    asked = _type(workspace, "What happened?", f"incident since 1h {_TAG}")
    yield asked
    found = _wait(workspace, lambda: _alert(workspace, "all of one cause"), picture=True)
    yield _act(
        "The investigation",
        "",
        found,
        ("PutKeyPolicy", script.ACTOR, "3 pipelines failed of access", "Take back what"),
    )

    script.heal_shared_key(cloud, world.world)
    script.run_pipelines(cloud)
    over = _wait(workspace, lambda: _alert(workspace, "healthy again after"))
    yield _act(
        "The policy is put back, and the services run",
        "",
        over,
        ("healthy again, ", *script.PIPELINES),
    )


def _type(workspace: Workspace, title: str, text: str) -> Act:
    outcome = workspace.command(cast.DEVELOPER.id, cast.INCIDENTS.id, COMMAND, text)
    answers = " / ".join(workspace.plain(each) for each in outcome.ephemerals)
    missing = () if outcome.ok else (f"an answer to {text}",)
    return Act(title, f"{COMMAND} {text}\n{answers}", missing=missing)


def _act(title: str, said: str, messages: tuple[Message, ...], wanted: tuple[str, ...], /) -> Act:
    text = "\n".join(str(each.blocks) for each in messages)
    missing = tuple(word for word in wanted if word not in text)
    return Act(title, said, messages, missing or (() if messages else ("an answer",)))


def _wait(
    workspace: Workspace, look: Callable[[], tuple[Message, ...] | None], *, picture: bool = False
) -> tuple[Message, ...]:
    def ready() -> tuple[Message, ...] | None:
        found = look()
        if found and picture and not any(each.files for each in found):
            return None
        return found

    try:
        found = workspace.wait_for(ready, SECONDS)
    except TimeoutError:
        return look() or ()
    time.sleep(0.5 if not picture else 2.0)  # replies that are on their way
    return look() or found


def _alert(workspace: Workspace, words: str) -> tuple[Message, ...] | None:
    """The newest thread of the channel that has those words in it."""
    for root in reversed(workspace.history(cast.INCIDENTS.id)):
        thread = workspace.thread(cast.INCIDENTS.id, root.ts)
        if len(thread) > 1 and any(words in str(each.blocks) for each in thread):
            return tuple(thread)
    return None


def _note(workspace: Workspace, words: str) -> tuple[Message, ...] | None:
    found = [each for each in workspace.history(cast.INCIDENTS.id) if words in each.text]
    return tuple(found) or None

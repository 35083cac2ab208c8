"""One round through the local world without a browser: ask about every pipeline, read the threads.

What the threads say is held against the causes that were built into the world, which the product
never sees: a thread that stays silent, or names another cause, is a failure of the round.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from demo import cast
from demo.aws.world.model import Pipeline, World
from demo.workspace import Workspace
from demo.workspace.state import Message

COMMAND = "/pipeline-access"
FINISHED = "ask_again"  # the button of the message that ends every answer
ANSWER_SECONDS = 90.0
# The first character of a root line says how it ended.
OUTCOMES = {"✅": "clear", "⛔": "blocked", "❔": "unknown", "🔁": "clear"}


@dataclass(frozen=True, slots=True)
class Thread:
    """What was asked and what came of it. `missing` are words of the true cause that no message
    of the thread has; empty together with a right `outcome` means that the cause was named."""

    pipeline: Pipeline
    asked: str
    acknowledged: str
    outcome: str
    messages: tuple[Message, ...]
    missing: tuple[str, ...]
    seconds: float

    @property
    def right(self) -> bool:
        return self.outcome == _expected(self.pipeline) and not self.missing


def ask_all(workspace: Workspace, world: World, names: Sequence[str] = ()) -> Iterator[Thread]:
    """Send the command for every pipeline (or those named), then yield the threads as they end."""
    chosen = [each for each in world.pipelines if not names or each.name in names]
    asked = [(each, *_ask(workspace, world, each)) for each in chosen]
    for pipeline, text, acknowledged, began in asked:
        messages = _finished(workspace, pipeline, began)
        outcome, missing = judge(pipeline, [workspace.plain(each) for each in messages])
        yield Thread(
            pipeline=pipeline,
            asked=f"{COMMAND} {text}",
            acknowledged=acknowledged,
            outcome=outcome,
            messages=tuple(messages),
            missing=missing,
            seconds=time.time() - began,
        )


def judge(pipeline: Pipeline, said: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The outcome that a thread tells, and the words of the true cause that it does not.

    `said` are its messages as text, the root message first. The cause (who, what, which document)
    has to stand in the root message or in the finding that comes first; where a retry is all it
    takes, the root message has to say so.
    """
    outcome = OUTCOMES.get(said[0][:1], "") if said else "silent"
    missing = []
    if pipeline.outcome == "retry" and "retry" not in "".join(said[:1]).lower():
        missing.append("retry")
    if pipeline.truth is not None:
        truth, first = pipeline.truth, "\n".join(said[:2])
        words = (_last(truth.principal), truth.action, _last(truth.policy))
        missing += [word for word in words if word not in first]
    return outcome, tuple(missing)


def _ask(workspace: Workspace, world: World, pipeline: Pipeline) -> tuple[str, str, float]:
    alias = next(each.alias for each in world.accounts if each.id == pipeline.account)
    text = f"{pipeline.name} in {alias} {pipeline.region}"
    if pipeline.asker:
        text += f" as {pipeline.asker}"
    began = time.time()
    outcome = workspace.command(cast.DEVELOPER.id, cast.DEPLOYS.id, COMMAND, text)
    return text, " / ".join(workspace.plain(each) for each in outcome.ephemerals), began


def _finished(workspace: Workspace, pipeline: Pipeline, began: float) -> list[Message]:
    """The thread's messages once its last one is there; what there is when the time is up."""

    def thread() -> list[Message] | None:
        for root in reversed(workspace.history(cast.DEPLOYS.id)):
            if float(root.ts) < began - 1 or f"*{pipeline.name}*" not in root.text:
                continue
            if pipeline.account not in str(root.blocks) or pipeline.region not in str(root.blocks):
                continue
            messages = workspace.thread(cast.DEPLOYS.id, root.ts)
            ended = any(FINISHED in str(each.blocks) for each in messages)
            return messages if ended and root.text[:1] in OUTCOMES else None
        return None

    try:
        return workspace.wait_for(thread, ANSWER_SECONDS)
    except TimeoutError:
        return []


def _expected(pipeline: Pipeline) -> str:
    """Access that was denied and is there by now leaves a clear pipeline, and a word to retry."""
    return "clear" if pipeline.outcome == "retry" else pipeline.outcome


def _last(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]

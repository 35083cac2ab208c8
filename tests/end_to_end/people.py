"""The local world in the words of the people who use it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

from demo import cast
from demo.local import LocalWorld
from demo.rounds import COMMAND, FINISHED, OUTCOMES
from demo.workspace import Message

SECONDS = 90.0  # more than any machine needs


@dataclass
class Story:
    """One test's view of the world: only what happened since it began."""

    world: LocalWorld
    began: float = field(default_factory=time.time)

    def type(self, text: str, user: str = cast.DEVELOPER.id, channel: str = cast.DEPLOYS.id) -> str:
        """Type the command with that text; what only the person sees at once."""
        outcome = self.world.workspace.command(user, channel, COMMAND, text)
        assert outcome.error is None, outcome
        return "\n".join(self.plain(message) for message in outcome.ephemerals)

    def roots(self, name: str = "", channel: str = cast.DEPLOYS.id) -> list[Message]:
        """The threads that began in the channel, about the pipeline of that name."""
        return [
            message
            for message in self.world.workspace.history(channel)
            if float(message.ts) >= self.began - 0.001 and name in message.text
        ]

    def thread(
        self, name: str, channel: str = cast.DEPLOYS.id, seconds: float = SECONDS
    ) -> list[str]:
        """The messages of the only thread about a pipeline, once its answer is complete."""

        def complete() -> list[str] | None:
            for root in self.roots(f"*{name}*", channel):
                messages = self.world.workspace.thread(channel, root.ts)
                ended = any(FINISHED in str(each.blocks) for each in messages)
                if ended and root.text[:1] in OUTCOMES:
                    return [self.plain(each) for each in messages]
            return None

        said = self.world.workspace.wait_for(complete, seconds, f"No answer about {name}.")
        assert len(self.roots(f"*{name}*", channel)) == 1, "one answer, once"
        return said

    def whisper(self, words: str, user: str = cast.DEVELOPER.id, seconds: float = SECONDS) -> str:
        """What only that person sees, as soon as it has these words."""

        def told() -> str | None:
            for message in reversed(self.world.workspace.ephemerals(user)):
                text = self.plain(message)
                if float(message.ts) >= self.began - 0.001 and words in text:
                    return text
            return None

        return self.world.workspace.wait_for(told, seconds, f"Nobody told {user} {words!r}.")

    def plain(self, message: Message) -> str:
        """The words of a message, without marks of emphasis."""
        return re.sub(r"[`*]", "", self.world.workspace.plain(message))

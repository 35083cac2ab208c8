"""ARNs taken apart."""

from __future__ import annotations

from typing import NamedTuple

_PARTS = 6


class Arn(NamedTuple):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @property
    def name(self) -> str:
        """What stands after the last slash of the resource: the name without type and path."""
        return self.resource.rpartition("/")[2]


def parse(text: str) -> Arn | None:
    """The parts of an ARN; None for a text that is none."""
    parts = text.split(":", _PARTS - 1)
    if len(parts) != _PARTS or parts[0] != "arn" or not parts[5]:
        return None
    return Arn(*parts[1:])

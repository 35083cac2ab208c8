"""CloudFormation stacks: state, role and tags, not their parameters and outputs.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
"""

from __future__ import annotations

from workers.aws.arns import parse
from workers.aws.calls import Answer, Chain
from workers.aws.documents import Entries, Entry, Home, kept, place
from workers.snapshot.model import Reading, Reference, State, absent, present

_KEPT = ("StackName", "StackId", "StackStatus", "StackStatusReason", "RoleARN", "Tags")


def read(chain: Chain, reference: Reference, home: Home) -> Entries:
    """The stack of an id or of an ARN without its random part (…:stack/name/*); absent when
    there is none, as before the first deployment."""
    where, arn = place("cloudformation", reference, home), parse(reference.id)
    name = reference.id
    if arn is not None and arn.resource.endswith(("/*", "/")):
        name = arn.resource.split("/")[1]
    answer = chain.read(where, "DescribeStacks", subject=reference.id, StackName=name)
    return (Entry("descriptions", reference.id, _stack(answer)),)


def _stack(answer: Reading[Answer]) -> Reading[Answer]:
    if answer.state is not State.PRESENT:
        return answer
    stacks = answer.require().get("Stacks", ())
    return present(kept(stacks[0], *_KEPT)) if stacks else absent()

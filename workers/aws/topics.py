"""SNS topics: policy and key.

https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html
"""

from __future__ import annotations

from workers.aws.calls import Answer, Chain, then
from workers.aws.documents import Entries, Entry, Home, kept, place
from workers.snapshot.model import PolicyText, Reading, Reference, State, absent, present


def read(chain: Chain, reference: Reference, home: Home) -> Entries:
    """The topic of an ARN; absent when there is none."""
    where, id = place("sns", reference, home), reference.id
    answer = chain.read(where, "GetTopicAttributes", subject=id, TopicArn=id)
    described = then(
        answer, lambda found: kept(found["Attributes"], "TopicArn", "Owner", "KmsMasterKeyId")
    )
    return Entry("descriptions", id, described), Entry("policies", id, _policy(answer))


def _policy(answer: Reading[Answer]) -> Reading[PolicyText]:
    if answer.state is not State.PRESENT:
        return then(answer, str)
    policy = answer.require()["Attributes"].get("Policy")
    return present(str(policy)) if policy else absent()

"""Lambda functions: their execution role and their resource-based policy, not their environment.

https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
"""

from __future__ import annotations

from workers.aws.calls import Chain, then
from workers.aws.documents import Entries, Entry, Home, kept, place
from workers.snapshot.model import Reference

_KEPT = ("FunctionName", "FunctionArn", "Role", "KMSKeyArn", "State", "LastUpdateStatus")


def read(chain: Chain, reference: Reference, home: Home) -> Entries:
    """The configuration and the policy of the function of an ARN; absent when there is none."""
    where, id = place("lambda", reference, home), reference.id
    policy = chain.fork(lambda side: side.read(where, "GetPolicy", subject=id, FunctionName=id))
    described = chain.read(where, "GetFunctionConfiguration", subject=id, FunctionName=id)
    return (
        Entry("descriptions", id, then(described, lambda answer: kept(answer, *_KEPT))),
        Entry("policies", id, then(policy.join(), lambda answer: str(answer["Policy"]))),
    )

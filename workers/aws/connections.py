"""Connections to source-control systems.

Old ARNs (codestar-connections) and new ones (codeconnections) have a client each with the same
operations: https://docs.aws.amazon.com/dtconsole/latest/userguide/rename.html
"""

from __future__ import annotations

from workers.aws.arns import parse
from workers.aws.calls import Answer, Chain, then
from workers.aws.documents import Entries, Entry, Home, place
from workers.snapshot.model import Connection, Reference, State, absent, present

_OLD, _NEW = "codestar-connections", "codeconnections"


def read(chain: Chain, reference: Reference, home: Home) -> Entries:
    """The connection of an ARN, asked for in its own account or, when that is not configured,
    in the pipeline's (a connection may be shared)."""
    arn = parse(reference.id)
    where = place(_OLD if arn and arn.service == _OLD else _NEW, reference, home)
    if not chain.calls.sessions.configured(where.account):
        where = where._replace(account=home.account)
    answer = chain.read(where, "GetConnection", subject=reference.id, ConnectionArn=reference.id)
    if answer.state is State.UNREADABLE:
        # The connection is known to be meant; what is unknown is its status.
        unread = Connection(reference.id, then(answer, lambda _: ""))
        return (Entry("connections", reference.id, present(unread)),)
    if answer.state is State.ABSENT:
        return (Entry("connections", reference.id, absent()),)
    return (Entry("connections", reference.id, then(answer, _connection)),)


def _connection(answer: Answer) -> Connection:
    found = answer["Connection"]
    return Connection(
        arn=found["ConnectionArn"],
        status=present(str(found["ConnectionStatus"])),
        provider=found.get("ProviderType", ""),
        name=found.get("ConnectionName", ""),
        host_arn=found.get("HostArn", ""),
    )

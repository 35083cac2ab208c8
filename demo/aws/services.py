"""Everything behind the endpoint, put together once per server."""

from __future__ import annotations

from dataclasses import dataclass

from demo.aws.authorization import Authorization
from demo.aws.connections import Connections
from demo.aws.events import Events
from demo.aws.identity import Identities
from demo.aws.live import Live
from demo.aws.projects import Projects
from demo.aws.refusals import Refusals
from demo.aws.rehearsal import Rehearsal
from demo.aws.runs import Runs
from demo.aws.trail import Trail
from demo.aws.verdicts import Verdicts


@dataclass(frozen=True, slots=True)
class Services:
    """What the gateway and the simulated operations share."""

    live: Live
    identities: Identities
    authorization: Authorization
    refusals: Refusals
    trail: Trail
    connections: Connections
    projects: Projects
    rehearsal: Rehearsal
    runs: Runs
    events: Events

    @classmethod
    def create(cls, action_seconds: float) -> Services:
        """A world with nothing in it."""
        live = Live()
        verdicts = Verdicts(live)
        connections, projects, trail = Connections(), Projects(), Trail()
        rehearsal = Rehearsal(live, verdicts, connections, projects)
        events = Events(trail, live)
        return cls(
            live=live,
            identities=Identities(),
            authorization=Authorization(live, verdicts),
            refusals=Refusals(live, verdicts),
            trail=trail,
            connections=connections,
            projects=projects,
            rehearsal=rehearsal,
            runs=Runs(rehearsal, action_seconds, listener=events.execution_ended),
            events=events,
        )

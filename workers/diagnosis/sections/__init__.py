"""Every component of a pipeline's access with its state: the table at the end of a report."""

from __future__ import annotations

from workers.diagnosis.model import Section
from workers.diagnosis.sections import accounts, principals, resources
from workers.diagnosis.sections.view import View

__all__ = ["View", "sections"]


def sections(view: View) -> tuple[Section, ...]:
    """The sections, in the order in which people look for a cause."""
    return (
        principals.user(view),
        principals.service_role(view),
        principals.action_roles(view),
        principals.build_roles(view),
        resources.buckets(view),
        resources.keys(view),
        resources.connections(view),
        resources.trust(view),
        accounts.organisation(view),
        accounts.boundaries(view),
        accounts.network(view),
        accounts.configuration(view),
    )

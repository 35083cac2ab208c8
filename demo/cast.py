"""Who is in the local workspace: people to act as, channels, and the group that approves."""

from __future__ import annotations

from demo.workspace.people import Channel, Person, UserGroup

DEVELOPER = Person("U0DEVELOPER", "developer", "Developer", title="deploys payments")
APPROVER = Person("U0APPROVER", "approver", "Platform engineer", title="approves changes")
SECOND_APPROVER = Person("U0APPROVER2", "approver2", "Platform lead", title="approves changes")
AUDITOR = Person("U0AUDITOR", "auditor", "Security auditor", title="reads the audit trail")
OUTSIDER = Person("U0OUTSIDER", "outsider", "Outsider", title="guest", is_restricted=True)

PEOPLE = (DEVELOPER, APPROVER, SECOND_APPROVER, AUDITOR, OUTSIDER)

DEPLOYS = Channel("C0DEPLOYS", "payments-deploys", topic="Deployments of the payments team")
PLATFORM = Channel("C0PLATFORM", "platform", topic="Platform team")
INCIDENTS = Channel("C0INCIDENTS", "incidents", topic="What is on fire")
OUTSIDE = Channel(
    "C0OUTSIDE",
    "partners",
    topic="With guests",
    members=tuple(person.id for person in PEOPLE),
)

CHANNELS = (DEPLOYS, PLATFORM, INCIDENTS, OUTSIDE)

PLATFORM_TEAM = UserGroup(
    "S0PLATFORM", "platform-team", "Platform team", users=(APPROVER.id, SECOND_APPROVER.id)
)
SECURITY_TEAM = UserGroup("S0SECURITY", "security-team", "Security team", users=(AUDITOR.id,))

USERGROUPS = (PLATFORM_TEAM, SECURITY_TEAM)

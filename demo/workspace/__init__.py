"""A stand-in for Slack on this machine: Web API, signed requests, limits, and a page to use it.

workspace = Workspace(people=…, channels=…, signing_secret=…, bot_token=…)
workspace.start()                      # -> the page; workspace.api_url is for SLACK_API_URL
workspace.connect("http://127.0.0.1:3000")
workspace.command("U0DEV", "#payments-deploys", "/pipeline-access", "payments-deploy")
"""

from demo.workspace.acts import NotAllowed
from demo.workspace.answers import CommandOutcome, Outcome
from demo.workspace.api import Call
from demo.workspace.people import App, Channel, Command, Person, Shortcut, Team, UserGroup
from demo.workspace.sender import Delivery, sign
from demo.workspace.state import Message, View
from demo.workspace.workspace import Workspace

__all__ = [
    "App",
    "Call",
    "Channel",
    "Command",
    "CommandOutcome",
    "Delivery",
    "Message",
    "NotAllowed",
    "Outcome",
    "Person",
    "Shortcut",
    "Team",
    "UserGroup",
    "View",
    "Workspace",
    "sign",
]

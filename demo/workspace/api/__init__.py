"""Slack's Web API, as far as a chat app needs it. https://docs.slack.dev/reference/methods"""

from demo.workspace.api.dispatch import Call, WebApi

__all__ = ["Call", "WebApi"]

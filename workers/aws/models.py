"""botocore's service models, loaded once per process and shared by every session.

A fresh session reads all models again (hundreds of milliseconds, tens of megabytes); one that
shares the loader, which holds them and the table of endpoints, costs almost nothing. A forking
worker calls `preload` in its parent, so that the children find the models in memory that they
share with it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.credentials import Credentials
from botocore.handlers import BUILTIN_HANDLERS, REGISTER_FIRST, REGISTER_LAST
from botocore.hooks import HierarchicalEmitter

from workers.aws.model_files import ModelFiles, called
from workers.aws.operations import services

# So large, and so seldom needed, that the child that needs it loads it.
_RARE = frozenset({"ec2"})
_FALLBACK_REGION = "us-east-1"
# What botocore itself may call to find the worker's own credentials.
_CREDENTIALS = ("sso", "sso-oidc", "signin")
_REGISTER: Mapping[Any, Callable[[HierarchicalEmitter, str, Any], None]] = {
    None: HierarchicalEmitter.register,
    REGISTER_FIRST: HierarchicalEmitter.register_first,
    REGISTER_LAST: HierarchicalEmitter.register_last,
}


class Session(botocore.session.Session):
    """A session that makes clients for many principals: each gets the credentials that are
    handed in, which may refresh themselves. (Making a session costs more than making a client.)

    Every client copies its session's handlers. Here these are the built-in ones that can have
    work in the services that are called, under names that need no translating.
    """

    def __init__(self) -> None:
        events = copy(_events())
        super().__init__(event_hooks=events, include_builtin_handlers=False)
        self.register_component("event_emitter", events)
        self._handed_in: Credentials | None = None

    def get_credentials(self) -> Any:
        """Called by `create_client`. The worker's own where none are handed in."""
        return self._handed_in or super().get_credentials()

    def client_for(self, credentials: Credentials, service: str, **options: Any) -> Any:
        """A client under these credentials. One caller at a time."""
        self._handed_in = credentials
        try:
            return self.create_client(service, **options)
        finally:
            self._handed_in = None


@dataclass(frozen=True, slots=True)
class Models:
    """The loader that sessions share. It holds models and endpoints, never credentials."""

    loader: Any

    @property
    def base(self) -> botocore.session.Session:
        """A new session of the worker's own credentials, as the environment has them now."""
        session = botocore.session.get_session()
        session.register_component("data_loader", self.loader)
        return session

    def session(self) -> Session:
        """A new session. Not thread-safe, as botocore's are not."""
        session = Session()
        session.register_component("data_loader", self.loader)
        return session

    def home_region(self, base: botocore.session.Session | None = None) -> str | None:
        """The region of the environment or the AWS configuration file, if one is set."""
        configured = (base or self.base).get_config_variable("region")
        return str(configured) if configured else os.environ.get("AWS_REGION")


@functools.cache
def models() -> Models:
    """The shared components of this process."""
    loader = botocore.session.get_session().get_component("data_loader")
    loader.file_loader = ModelFiles()
    return Models(loader)


def preload() -> None:
    """Load the models of every service that is read, without credentials or network.

    For the parent of forking workers; it leaves no client, thread or connection behind.
    """
    session, nobody = models().session(), Credentials("none", "none")
    for service in services():
        if service not in _RARE:
            session.client_for(nobody, service, region_name=_FALLBACK_REGION)


@functools.cache
def _events() -> HierarchicalEmitter:
    """The handlers of every session, to be copied: to register one is to look into its code."""
    events = HierarchicalEmitter()
    for event, handler, *order in BUILTIN_HANDLERS:
        if _happens(event):
            _REGISTER[order[0] if order else None](events, event, handler)
    return events


def _happens(event: str) -> bool:
    """Whether an event, named `<what>[.<service>[.<operation>]]`, can occur in a session here."""
    what, service, operation, *_ = *event.split("."), "", ""
    if what == "docs":
        return False
    if not service or service in _CREDENTIALS:
        return True
    return service in called() and (operation in ("", "*") or operation in called()[service])

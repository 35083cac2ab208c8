"""Names that AWS makes up (account and key ids), chosen by the world instead, so that policies
can be written down with the ARNs they will have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import moto.iam.models
import moto.kms.models
import moto.organizations.utils

_chosen: ContextVar[str | None] = ContextVar("chosen", default=None)


def install() -> None:
    """Let moto ask for a chosen id first. Once per server process."""
    modules: tuple[tuple[Any, str], ...] = (
        (moto.kms.models, "generate_key_id"),
        (moto.organizations.utils, "make_random_account_id"),
        (moto.organizations.utils, "make_random_org_id"),
        (moto.organizations.utils, "make_random_policy_id"),
        (moto.iam.models, "random_role_id"),
    )
    for module, name in modules:
        setattr(module, name, _choosing(getattr(module, name)))


@contextmanager
def chosen(identifier: str | None) -> Iterator[None]:
    """Within this block the next thing that moto creates gets this id."""
    token = _chosen.set(identifier)
    try:
        yield
    finally:
        _chosen.reset(token)


def _choosing(generate: Callable[..., str]) -> Callable[..., str]:
    def identifier(*args: Any, **kwargs: Any) -> str:
        return _chosen.get() or generate(*args, **kwargs)

    return identifier

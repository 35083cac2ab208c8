"""The one way to read each kind of document."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from workers.aws import buckets, keys, roles
from workers.aws.documents import Reader
from workers.snapshot.model import Kind

READERS: Mapping[Kind, Reader] = MappingProxyType(
    {
        Kind.ROLE: roles.read,
        Kind.BUCKET: buckets.read,
        Kind.KEY: keys.read,
    }
)

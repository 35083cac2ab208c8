"""CodeConnections, simulated: moto has neither codeconnections nor codestar-connections.

Besides what the API tells, a connection here has the repositories that the app's installation
in the source-control system may see; no AWS call tells those, and that is the point.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from demo.aws.wire import AwsError, Call


@dataclass(slots=True)
class Connection:
    arn: str
    name: str
    provider: str
    status: str
    account: str
    region: str
    host: str | None = None
    repositories: frozenset[str] = frozenset()
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Connections:
    """All connections of all accounts. Thread-safe for what the gateway does with it."""

    _connections: dict[str, Connection] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def put(self, wanted: Mapping[str, Any]) -> Connection:
        """Create or replace a connection from its description in the world."""
        arn = str(wanted["arn"])
        _, _, _, region, account, _ = arn.split(":", 5)
        connection = Connection(
            arn=arn,
            name=str(wanted["name"]),
            provider=str(wanted.get("provider", "GitHub")),
            status=str(wanted.get("status", "AVAILABLE")),
            account=account,
            region=region,
            host=wanted.get("host"),
            repositories=frozenset(wanted.get("repositories", ())),
            tags=dict(wanted.get("tags", {})),
        )
        with self._lock:
            self._connections[arn] = connection
        return connection

    def find(self, arn: str) -> Connection | None:
        """By ARN; codestar-connections and codeconnections ARNs of one id are two names."""
        with self._lock:
            return self._connections.get(arn)

    def get_connection(self, call: Call, account: str) -> dict[str, Any]:
        """https://docs.aws.amazon.com/codeconnections/latest/APIReference/API_GetConnection.html"""
        connection = self.find(str(call.params["ConnectionArn"]))
        if connection is None or (connection.account, connection.region) != (account, call.region):
            raise _missing(call, "Connection not found")
        return {"Connection": _summary(connection)}

    def list_connections(self, call: Call, account: str) -> dict[str, Any]:
        wanted = call.params.get("ProviderTypeFilter")
        with self._lock:
            found = list(self._connections.values())
        return {
            "Connections": [
                _summary(each)
                for each in found
                if (each.account, each.region) == (account, call.region)
                and wanted in (None, each.provider)
            ]
        }

    def list_tags(self, call: Call, account: str) -> dict[str, Any]:
        connection = self.find(str(call.params["ResourceArn"]))
        if connection is None or connection.account != account:
            raise _missing(call, "Resource not found")
        return {"Tags": [{"Key": key, "Value": value} for key, value in connection.tags.items()]}

    def get_host(self, call: Call, _account: str) -> dict[str, Any]:
        """This world has no self-managed hosts."""
        raise _missing(call, "Host not found")

    def list_hosts(self, _call: Call, _account: str) -> dict[str, Any]:
        return {"Hosts": []}


def _summary(connection: Connection) -> dict[str, Any]:
    summary = {
        "ConnectionName": connection.name,
        "ConnectionArn": connection.arn,
        "ProviderType": connection.provider,
        "OwnerAccountId": connection.account,
        "ConnectionStatus": connection.status,
    }
    return summary | ({"HostArn": connection.host} if connection.host else {})


def _missing(_call: Call, message: str) -> AwsError:
    return AwsError("ResourceNotFoundException", message)

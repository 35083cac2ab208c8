"""Sessions in the accounts: the read roles that the worker assumes, and the clients under them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from threading import Lock
from typing import Any

import botocore
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.handlers import json_decode_policies

from workers.aws import reasons
from workers.aws.models import Models, models
from workers.aws.once import Once
from workers.settings import Settings

USER_AGENT = "pipeline-access"
_FALLBACK_REGION = "us-east-1"
_SESSION_NAME_LIMIT = 64


class CannotAssume(Exception):
    """No session in an account; the text says why and what to do about it."""


@dataclass(frozen=True, slots=True)
class AssumedRole:
    """A role and how it is assumed. The last three are for changes alone."""

    account: str
    role_arn: str
    external_id: str | None
    session_policy: str | None = None
    source_identity: str | None = None
    tags: tuple[tuple[str, str], ...] = ()


class Sessions:
    """The sessions of one job. Thread-safe.

    Roles are assumed once, with the account's external id and a session name that carries the
    request's id (so that CloudTrail in the account says for whose question it was read), and
    again shortly before they expire. `client` makes one client per service, account and region.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        request_id: str = "",
        attempts: int = 8,
        connect_seconds: float = 5,
        read_seconds: float = 20,
        shared: Models | None = None,
    ) -> None:
        self.settings = settings
        self.attempts = attempts
        self._models = shared or models()
        self._session = self._models.session()
        self._session_name = session_name(request_id)
        self._config = Config(
            retries={"mode": "adaptive", "total_max_attempts": attempts},
            connect_timeout=connect_seconds,
            read_timeout=read_seconds,
            # A finished text: botocore would put its own together anew for every call.
            user_agent=f"{USER_AGENT} Botocore/{botocore.__version__}",
            max_pool_connections=settings.jobs.threads,
        )
        self._once_only = self._config.merge(Config(retries={"total_max_attempts": 1}))
        self._assumed = Once()
        self._clients: dict[tuple[str, AssumedRole, str, bool], BaseClient] = {}
        self._own: BaseClient | None = None
        self._lock = Lock()

    # --- where -----------------------------------------------------------------------------

    @property
    def home_region(self) -> str:
        """Where the worker itself lives; its STS endpoint makes the sessions."""
        configured = self._models.home_region(self._session)
        if configured:
            return configured
        for account in self.settings.complete():
            if account.regions:
                return account.regions[0]
        return _FALLBACK_REGION

    def partition(self, region: str) -> str:
        """aws, aws-cn, aws-us-gov …: the partition that a region belongs to."""
        return str(self._session.get_partition_for_region(region))

    def regions(self, account: str) -> tuple[str, ...]:
        """The regions in which an account's pipelines are looked for."""
        known = self.settings.account(account)
        return known.regions if known and known.regions else (self.home_region,)

    def configured(self, account: str) -> bool:
        return self.settings.account(account) is not None

    def read_role(self, account: str, *, organisation: bool = False) -> AssumedRole:
        """The role for an account. Raises CannotAssume when the account is not configured."""
        entry = self.settings.account(account)
        org = self.settings.organisation
        if organisation and org is not None and org.account == account:
            name = org.read_role or (entry and entry.read_role) or self.settings.defaults.read_role
            external_id = (
                org.external_id
                or (entry and entry.external_id)
                or self.settings.defaults.external_id
            )
            return AssumedRole(account, self._role_arn(account, name), external_id)
        if entry is None or entry.read_role is None:
            raise CannotAssume(reasons.text("not_configured", account=account))
        return AssumedRole(account, self._role_arn(account, entry.read_role), entry.external_id)

    def fix_role(self, account: str) -> AssumedRole:
        """The role for changes in an account. Raises CannotAssume when it is not configured."""
        entry = self.settings.account(account)
        if entry is None or entry.fix_role is None:
            raise CannotAssume(reasons.text("not_configured", account=account))
        return AssumedRole(account, self._role_arn(account, entry.fix_role), entry.external_id)

    # --- sessions and clients ----------------------------------------------------------------

    def assume(self, role: AssumedRole) -> bool:
        """Make sure that there is a session under this role.

        Returns whether AWS was asked for one now. Raises CannotAssume, again and without asking
        again, when it was refused.
        """
        asked = False

        def make() -> RefreshableCredentials:
            nonlocal asked
            asked = True
            return self._assume(role)

        self._assumed.get(role, make)
        return asked

    def client(self, service: str, role: AssumedRole, region: str, *, patient: bool = True) -> Any:
        """The client of a service in a region under a role that `assume` took.

        One that is not patient does not try again: for what is useful but not needed.

        IAM's policy documents come back as the text that AWS sent (URL-encoded), not decoded:
        decoding would drop duplicate keys and fail on texts that are no JSON.
        """
        key = (service, role, region, patient)
        # Asked for without the lock: who needs a client that there is need not wait for others.
        return self._clients.get(key) or self._make(key)

    def _make(self, key: tuple[str, AssumedRole, str, bool]) -> BaseClient:
        service, role, region, patient = key
        credentials = self._assumed.get(role, lambda: self._assume(role))
        with self._lock:
            client = self._clients.get(key)
            if client is None:
                config = self._config if patient else self._once_only
                client = self._session.client_for(
                    credentials, service, region_name=region, config=config
                )
                if service == "iam":
                    client.meta.events.unregister("after-call.iam", json_decode_policies)
                self._clients[key] = client
        return client

    def worker(self) -> str:
        """The ARN of the worker's own principal, for messages; a phrase when nobody can say."""

        def ask() -> str:
            try:
                return str(self._sts().get_caller_identity()["Arn"])
            except (BotoCoreError, ClientError):
                return "the worker's principal"

        return self._assumed.get("worker", ask)

    # --- assuming ------------------------------------------------------------------------------

    def _role_arn(self, account: str, role: str) -> str:
        entry = self.settings.account(account)
        region = entry.regions[0] if entry and entry.regions else self.home_region
        return f"arn:{self.partition(region)}:iam::{account}:role/{role.lstrip('/')}"

    def _assume(self, role: AssumedRole) -> RefreshableCredentials:
        def fetch() -> dict[str, str]:
            answer = self._sts().assume_role(
                RoleArn=role.role_arn, RoleSessionName=self._session_name, **_given(role)
            )["Credentials"]
            return {
                "access_key": answer["AccessKeyId"],
                "secret_key": answer["SecretAccessKey"],
                "token": answer["SessionToken"],
                "expiry_time": answer["Expiration"].isoformat(),
            }

        try:
            return RefreshableCredentials.create_from_metadata(
                metadata=fetch(), refresh_using=fetch, method="sts-assume-role"
            )
        except NoCredentialsError:
            raise CannotAssume(reasons.text("no_credentials")) from None
        except ClientError as error:
            raise CannotAssume(self._refusal(role, error)) from None
        except BotoCoreError as error:
            raise CannotAssume(
                reasons.text(
                    "assume_failed", role=role.role_arn, code=type(error).__name__, detail=error
                )
            ) from None

    def _refusal(self, role: AssumedRole, error: ClientError) -> str:
        code = error.response.get("Error", {}).get("Code", "")
        if code != "AccessDenied":
            detail = error.response.get("Error", {}).get("Message", "")
            return reasons.text("assume_failed", role=role.role_arn, code=code, detail=detail)
        return reasons.text(
            "cannot_assume",
            template="fix-role" if role.source_identity else "read-role",
            worker=self.worker(),
            role=role.role_arn,
            account=role.account,
            code=code,
            said=reasons.said(error),
            external_id=" with the configured external id" if role.external_id else "",
        )

    def _sts(self) -> Any:
        """STS under the worker's own credentials, at the regional endpoint of its home region.

        Sessions of a regional endpoint are valid in every region, those of the global one are
        not: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_enable-regions.html
        """
        with self._lock:
            if self._own is None:
                self._own = self._session.create_client(
                    "sts", region_name=self.home_region, config=self._config
                )
        return self._own


def _given(role: AssumedRole) -> dict[str, Any]:
    given: dict[str, Any] = {
        "ExternalId": role.external_id,
        "Policy": role.session_policy,
        "SourceIdentity": role.source_identity,
        "Tags": [{"Key": key, "Value": value} for key, value in role.tags],
    }
    return {name: value for name, value in given.items() if value}


def session_name(request_id: str) -> str:
    """A RoleSessionName (2 to 64 of [A-Za-z0-9_=,.@-]) that carries the request's id.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    """
    name = f"{USER_AGENT}-{request_id}" if request_id else USER_AGENT
    return re.sub(r"[^\w+=,.@-]", "-", name, flags=re.ASCII)[:_SESSION_NAME_LIMIT]

"""What happens when an action of a pipeline runs, by the documents in force at this moment.

Nothing is deployed or built. The steps of `needs.toml` are put to IAM's rules one after the
other, and the first that is refused is what CodePipeline would have failed with: so a simulated
execution succeeds after a fix only if the fix really allows what was denied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from demo.aws.authorization import denied_message
from demo.aws.connections import Connections
from demo.aws.live import Document, Live
from demo.aws.projects import Projects
from demo.aws.steps import Step, Where, errors, needs
from demo.aws.verdicts import Asked, Verdict, Verdicts

_PASSED_TO = {
    "CloudFormation": "cloudformation.amazonaws.com",
    "ECS": "ecs-tasks.amazonaws.com",
}
_STEPS = ("read", "write", "replicate")


@dataclass(slots=True)
class Rehearsal:
    """Rehearses actions.

    `failing_builds` are projects (ARNs) whose own code is broken; `extra` holds, by ARN of the
    pipeline, lines beyond those of the table, each with its `stage` and `action`.
    """

    live: Live
    verdicts: Verdicts
    connections: Connections
    projects: Projects
    failing_builds: set[str] = field(default_factory=set)
    extra: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def steps(self, where: Where) -> Iterator[Step]:
        """Every step of one action in order, each decided on its own."""
        table = needs()
        kind = table.get(where.provider, {})
        lines = [*table["before"]["needs"], *kind.get("needs", ()), *self._extra(where)]
        if where.action_region != where.region:
            lines.insert(0, {"step": "replicate", "principal": "service"})
        values = self._values(where)
        for line in lines:
            yield from self._line(where, line, values, str(kind.get("code", "JobFailed")))

    def first_refusal(self, where: Where) -> Step | None:
        """The step that stops the action, or None if it runs through."""
        return next((step for step in self.steps(where) if not step.met), None)

    def _extra(self, where: Where) -> Iterator[dict[str, str]]:
        for line in self.extra.get(where.pipeline_arn, ()):
            if (line["stage"], line["action"]) == (where.stage, where.action["name"]):
                yield line

    # --- one line of the table ------------------------------------------------------------------

    def _line(
        self, where: Where, line: Mapping[str, Any], values: Mapping[str, str], code: str
    ) -> Iterator[Step]:
        when = line.get("when")
        if when and not (values.get(when) or values.get("ActionMode") == when):
            return
        if line.get("step") in _STEPS:
            yield from self._artifacts(where, line, values, code)
            return
        principal = self._principal(str(line.get("principal", "executing")), where, values)
        on = str(line["on"]).format_map(_Gaps(values))
        if "check" in line:
            met = self._fact(line, where, values, principal, on)
            yield self._step(where, line, values, code, principal, "", on, met, Verdict(""))
            return
        do = [line["do"]] if isinstance(line["do"], str) else list(line["do"])
        verdicts = [self._decide(where, values, principal, each, on) for each in do]
        best = next((n for n, verdict in enumerate(verdicts) if verdict.allowed), 0)
        yield self._step(
            where,
            line,
            values,
            code,
            principal,
            do[best],
            on,
            verdicts[best].allowed,
            verdicts[best],
        )

    def _artifacts(
        self, where: Where, line: Mapping[str, Any], values: Mapping[str, str], code: str
    ) -> Iterator[Step]:
        step = str(line["step"])
        side = "outputArtifacts" if step == "write" else "inputArtifacts"
        for artifact in where.action.get(side) or ():
            own = {**values, **self._artifact(where, str(artifact["name"]), line, values)}
            for each in needs()[step]["needs"]:
                merged = {**each, "principal": line["principal"]}
                if "error" in line and each["error"] != "key-state":
                    merged["error"] = line["error"]
                yield from self._line(where, merged, own, code)

    def _artifact(
        self, where: Where, name: str, line: Mapping[str, Any], values: Mapping[str, str]
    ) -> dict[str, str]:
        object_key = f"{where.pipeline['name'][:20]}/{name[:10]}/{values['execution'][:7]}"
        found = {
            "artifact": f"arn:aws:s3:::{values['bucket']}/{object_key}",
            "artifact_name": name,
            "object": f"{values['bucket']}/{object_key}",
        }
        if line["step"] == "write" and line["principal"] == "build":
            # CodeBuild encrypts its output with the project's key, not with the store's.
            found["key"] = self._key(values.get("project_key"), where)
        return found

    # --- facts and verdicts ---------------------------------------------------------------------

    def _decide(
        self, where: Where, values: Mapping[str, str], principal: str, do: str, on: str
    ) -> Verdict:
        if self.live.role(principal) is None:
            return Verdict("implicitDeny")
        service = do.split(":", 1)[0]
        owner = self._owner(on, principal)
        context = {
            "aws:SecureTransport": "true",
            "aws:RequestedRegion": where.action_region,
            "aws:PrincipalIsAWSService": "false",
        }
        if do == "s3:PutObject":
            context["s3:x-amz-server-side-encryption"] = "aws:kms"
            if values.get("key"):
                context["s3:x-amz-server-side-encryption-aws-kms-key-id"] = values["key"]
        if service == "kms":
            # https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
            context["kms:ViaService"] = f"s3.{on.split(':')[3]}.amazonaws.com"
            context["kms:CallerAccount"] = principal.split(":")[4]
            context["kms:EncryptionContext:aws:s3:arn"] = values.get("artifact", "")
        if do == "iam:PassRole":
            provider = where.provider.split("/")[1]
            context["iam:PassedToService"] = _PASSED_TO.get(provider, "")
        endpoints: tuple[Document, ...] = ()
        if principal == values.get("build_role") and values.get("vpc") and service in ("s3", "kms"):
            endpoints = tuple(
                self.live.vpc_endpoints(
                    principal.split(":")[4], where.action_region, values["vpc"], service
                )
            )
            if endpoints:
                context["aws:SourceVpce"] = endpoints[0].name
                context["aws:SourceVpc"] = values["vpc"]
        return self.verdicts.decide(
            Asked(
                identity=principal,
                action=do,
                resource=on,
                owner=owner,
                context=context,
                endpoints=endpoints,
            )
        )

    def _fact(
        self,
        line: Mapping[str, Any],
        where: Where,
        values: Mapping[str, str],
        principal: str,
        on: str,
    ) -> bool:
        match line["check"]:
            case "connection":
                connection = self.connections.find(on)
                return connection is not None and connection.status == "AVAILABLE"
            case "repository":
                connection = self.connections.find(on)
                repository = values.get("FullRepositoryId", "")
                return connection is not None and repository in connection.repositories
            case "key_state":
                key = self.live.key(on)
                return key is None or key.key_state == "Enabled"
            case "ownership":
                return self._readable(on, str(line["writer"]), principal)
            case "pass_role_account":
                return on.split(":")[4] == where.executing.split(":")[4]
            case "code":
                return values.get("project_arn", "") not in self.failing_builds
        raise ValueError(f"needs.toml asks for the check {line['check']!r}, which nobody knows")

    def _readable(self, on: str, writer: str, principal: str) -> bool:
        """Whether an object that the role `writer` uploads can be read by others.

        It stays its writer's where Object Ownership is ObjectWriter, unless the writer may hand
        it over (https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html).
        """
        bucket, owner = self.live.bucket(_bucket(on)), self.live.bucket_owner(_bucket(on))
        account = writer.split(":")[4]
        if bucket is None or account in (owner, principal.split(":")[4]):
            return True
        if self.live.ownership(bucket) != "ObjectWriter":
            return True
        hands_over = Asked(writer, "s3:PutObjectAcl", on, owner or account)
        return self.verdicts.decide(hands_over).allowed

    def _owner(self, on: str, principal: str) -> str:
        parts = on.split(":")
        if on.startswith("arn:aws:s3:::"):
            return self.live.bucket_owner(_bucket(on)) or principal.split(":")[4]
        return parts[4] if len(parts) > 4 and parts[4] else principal.split(":")[4]

    # --- values of the placeholders -------------------------------------------------------------

    def _values(self, where: Where) -> dict[str, str]:
        configuration = {k: str(v) for k, v in (where.action.get("configuration") or {}).items()}
        account = where.executing.split(":")[4]
        home, store = (
            _store(where.pipeline, where.region),
            _store(where.pipeline, where.action_region),
        )
        values = {
            **configuration,
            "account": account,
            "region": where.action_region,
            "action_role": str(where.action.get("roleArn") or ""),
            "bucket": str(store.get("location", "")),
            "key": self._key((store.get("encryptionKey") or {}).get("id"), where),
            "cfn_role": configuration.get("RoleArn", ""),
            "execution": where.execution,
            "home_bucket": str(home.get("location", "")),
            "home_region": where.region,
        }
        if where.provider == "Source/CodeStarSourceConnection":
            artifact = (where.action.get("outputArtifacts") or [{"name": "Source"}])[0]["name"]
            values["output"] = (
                f"arn:aws:s3:::{values['bucket']}/{where.pipeline['name'][:20]}/{artifact[:10]}/"
                f"{values['execution'][:7]}"
            )
        if where.provider.endswith("/CodeBuild"):
            values |= self.projects.values(
                account, where.action_region, configuration.get("ProjectName", "")
            )
        if where.provider == "Deploy/ECS":
            values |= self.live.task_roles(account, where.action_region, configuration)
        return values

    def _key(self, configured: str | None, where: Where) -> str:
        """The ARN of a configured key; empty for the AWS managed key, which S3 uses by itself."""
        if not configured or configured.endswith("alias/aws/s3"):
            return ""
        key = self.live.key(configured, where.account, where.action_region)
        return str(key.arn) if key is not None else configured

    def _principal(self, who: str, where: Where, values: Mapping[str, str]) -> str:
        match who:
            case "service":
                return str(where.pipeline["roleArn"])
            case "build":
                return values.get("build_role", "")
            case "executing":
                return where.executing
        return who

    # --- the text -------------------------------------------------------------------------------

    def _step(
        self,
        where: Where,
        line: Mapping[str, Any],
        values: Mapping[str, str],
        code: str,
        principal: str,
        do: str,
        on: str,
        met: bool,
        verdict: Verdict,
    ) -> Step:
        session = _session(principal)
        key = self.live.key(values.get("key", "")) if values.get("key") else None
        refusal = denied_message(session, do, on, verdict) if do and not met else ""
        text = (
            ""
            if met
            else errors()[str(line["error"])].format_map(
                _Gaps(
                    {
                        **values,
                        **({"bucket": _bucket(on)} if do.startswith("s3:") else {}),
                        "principal": principal,
                        "resource": on,
                        "denied": refusal,
                        "service": _service_name(do),
                        "key_state": _state_words(getattr(key, "key_state", "")),
                        "request": str(uuid4()),
                        "host": uuid4().hex,
                    }
                )
            )
        )
        return Step(
            stage=where.stage,
            action=str(where.action["name"]),
            principal=principal,
            do=do,
            on=on,
            met=met,
            text=text,
            code=code,
            layer=verdict.layer,
            session=session,
            refusal=refusal,
        )


class _Gaps(dict[str, str]):
    """Leaves a placeholder that has no value standing, for a reader to see."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def _store(pipeline: Mapping[str, Any], region: str) -> Mapping[str, Any]:
    stores: Mapping[str, Any] = pipeline.get("artifactStores") or {}
    found: Mapping[str, Any] = stores.get(region) or pipeline.get("artifactStore") or {}
    return found


def _bucket(on: str) -> str:
    return on.removeprefix("arn:aws:s3:::").split("/", 1)[0]


def _session(principal: str) -> str:
    parts = principal.split(":")
    if len(parts) < 6 or not parts[5].startswith("role/"):
        return principal
    return f"arn:aws:sts::{parts[4]}:assumed-role/{parts[5].rsplit('/', 1)[-1]}/1764000000000"


def _state_words(state: str) -> str:
    return {"Disabled": "disabled", "PendingDeletion": "pending deletion"}.get(state, state)


def _service_name(do: str) -> str:
    service = do.split(":", 1)[0]
    return {
        "cloudformation": "AmazonCloudFormation",
        "ecs": "AmazonECS",
        "iam": "AmazonIdentityManagement",
        "lambda": "AWSLambda",
        "sns": "AmazonSNS",
    }.get(service, f"AWS{service.title()}")

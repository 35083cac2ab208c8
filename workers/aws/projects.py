"""CodeBuild projects, without the values of their environment variables.

https://docs.aws.amazon.com/codebuild/latest/APIReference/API_BatchGetProjects.html
"""

from __future__ import annotations

from collections.abc import Iterator

from workers.aws.arns import Arn, parse
from workers.aws.calls import Answer, Chain, then
from workers.aws.documents import Entries, Entry, Home, place, tags
from workers.snapshot.model import Project, Reading, Reference, State, absent, present

_SECRET_PARTS = 7  # arn:aws:secretsmanager:region:account:secret:name


def read(chain: Chain, reference: Reference, home: Home) -> Entries:
    """The project of an ARN; absent when there is none."""
    where = place("codebuild", reference, home)
    answer = chain.read(where, "BatchGetProjects", subject=reference.id, names=[reference.id])
    return (Entry("projects", reference.id, _project(answer)),)


def _project(answer: Reading[Answer]) -> Reading[Project]:
    if answer.state is not State.PRESENT:
        return then(answer, _described)
    projects = answer.require().get("projects", ())
    return present(_described(projects[0])) if projects else absent()


def _described(project: Answer) -> Project:
    source, environment = project.get("source", {}), project.get("environment", {})
    auth = source.get("auth", {})
    logs = project.get("logsConfig", {}).get("cloudWatchLogs", {})
    copies = project.get("logsConfig", {}).get("s3Logs", {})
    return Project(
        arn=project["arn"],
        name=project["name"],
        service_role=project.get("serviceRole"),
        encryption_key=project.get("encryptionKey"),
        vpc_id=project.get("vpcConfig", {}).get("vpcId") or None,
        subnets=tuple(project.get("vpcConfig", {}).get("subnets", ())),
        security_groups=tuple(project.get("vpcConfig", {}).get("securityGroupIds", ())),
        image=environment.get("image", ""),
        pulls_image=environment.get("imagePullCredentialsType") == "SERVICE_ROLE",
        source_type=source.get("type", "CODEPIPELINE"),
        source_auth=auth.get("resource") or auth.get("type", ""),
        log_group=logs.get("groupName"),
        cloudwatch_logs=logs.get("status") != "DISABLED",
        s3_logs=_location(copies) if copies.get("status") == "ENABLED" else None,
        secrets=tuple(dict.fromkeys(_secrets(project))),
        tags=present(tags(project.get("tags"))),
    )


def _location(logs: Answer) -> str | None:
    """Bucket and prefix, which CodeBuild takes as a path or as an ARN.

    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_S3LogsConfig.html
    """
    return str(logs.get("location", "")).rpartition(":::")[2].rstrip("/") or None


def _secrets(project: Answer) -> Iterator[str]:
    """The secrets and parameters that a build reads before it starts, as ARNs.

    https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.env.secrets-manager
    """
    home = parse(project["arn"])
    environment = project.get("environment", {})
    for variable in environment.get("environmentVariables", ()):
        kind, value = variable.get("type", "PLAINTEXT"), variable.get("value", "")
        if kind == "SECRETS_MANAGER":
            yield _secret(value, home)
        elif kind == "PARAMETER_STORE":
            yield _parameter(value, home)
    credential = environment.get("registryCredential", {}).get("credential")
    if credential:
        yield _secret(credential, home)


def _secret(value: str, home: Arn | None) -> str:
    """A secret's ARN without the JSON key and version that may follow it.

    The ARN ends in six random characters that the name does not tell; they are written as six
    question marks, as in policies:
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples.html
    """
    if value.startswith("arn:"):
        return ":".join(value.split(":")[:_SECRET_PARTS])
    name = value.partition(":")[0]
    if home is None:
        return name
    return f"arn:{home.partition}:secretsmanager:{home.region}:{home.account}:secret:{name}-??????"


def _parameter(value: str, home: Arn | None) -> str:
    if value.startswith("arn:") or home is None:
        return value
    name = value.lstrip("/")
    return f"arn:{home.partition}:ssm:{home.region}:{home.account}:parameter/{name}"

"""Repositories: of images (ECR) with their policy, of code (CodeCommit) with their key.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetRepositoryPolicy.html
https://docs.aws.amazon.com/codecommit/latest/APIReference/API_GetRepository.html
"""

from __future__ import annotations

from workers.aws.arns import parse
from workers.aws.calls import Chain, then
from workers.aws.documents import Entries, Entry, Home, kept, place
from workers.snapshot.model import Reference, State, absent

_IMAGES = ("repositoryArn", "repositoryName", "registryId", "encryptionConfiguration")
_CODE = ("Arn", "repositoryName", "accountId", "defaultBranch", "kmsKeyId")


def read(chain: Chain, reference: Reference, home: Home) -> Entries:
    """The repository of an ARN of either service; absent when there is none."""
    arn = parse(reference.id)
    if arn is not None and arn.service == "codecommit":
        return _code(chain, reference, home)
    return _images(chain, reference, home)


def _code(chain: Chain, reference: Reference, home: Home) -> Entries:
    where, id = place("codecommit", reference, home), reference.id
    arn = parse(id)
    name = arn.resource if arn else id
    answer = chain.read(where, "GetRepository", subject=id, repositoryName=name)
    described = then(answer, lambda found: kept(found["repositoryMetadata"], *_CODE))
    # CodeCommit has no resource-based policies.
    return Entry("descriptions", id, described), Entry("policies", id, absent())


def _images(chain: Chain, reference: Reference, home: Home) -> Entries:
    where, id = place("ecr", reference, home), reference.id
    arn = parse(id)
    name = (arn.resource if arn else id).removeprefix("repository/")
    registry = {"registryId": arn.account} if arn and arn.account else {}
    policy = chain.fork(
        lambda side: side.read(
            where, "GetRepositoryPolicy", subject=id, repositoryName=name, **registry
        )
    )
    answer = chain.read(
        where, "DescribeRepositories", subject=id, repositoryNames=[name], **registry
    )
    described = (
        then(answer, lambda found: kept(found["repositories"][0], *_IMAGES))
        if answer.state is not State.PRESENT or answer.require()["repositories"]
        else absent()
    )
    return (
        Entry("descriptions", id, described),
        Entry("policies", id, then(policy.join(), lambda found: str(found["policyText"]))),
    )

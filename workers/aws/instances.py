"""EC2: the instances that are deployed to, their profiles, and the endpoints of a VPC.

https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_GetDeploymentGroup.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpoints.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from workers.aws.arns import parse
from workers.aws.calls import Answer, Chain, Place, then
from workers.aws.documents import Entries, Entry, Home, kept, place, plain
from workers.snapshot.model import Reading, Reference, State

_GROUP = (
    "applicationName",
    "deploymentGroupName",
    "deploymentConfigName",
    "serviceRoleArn",
    "computePlatform",
    "ecsServices",
    "ec2TagFilters",
    "ec2TagSet",
)
_ENDPOINT = (
    "VpcEndpointId",
    "VpcEndpointType",
    "VpcId",
    "ServiceName",
    "State",
    "PolicyDocument",
    "PrivateDnsEnabled",
)
INSTANCE_PROFILES = "InstanceProfileArns"
"""The key under which a description lists the profiles of the instances that it means; missing
when the instances could not be listed."""
_BY_TAG = "instance/tag:"


def read_deployment_group(chain: Chain, reference: Reference, home: Home) -> Entries:
    """The deployment group of an ARN (…:deploymentgroup:application/group), with the instance
    profiles of the instances that it means."""
    where, arn = place("codedeploy", reference, home), parse(reference.id)
    path = (arn.resource if arn else reference.id).removeprefix("deploymentgroup:")
    application, _, group = path.partition("/")
    answer = chain.read(
        where,
        "GetDeploymentGroup",
        subject=reference.id,
        applicationName=application,
        deploymentGroupName=group,
    )
    if answer.state is not State.PRESENT:
        return (Entry("descriptions", reference.id, answer),)
    found = answer.require()["deploymentGroupInfo"]
    description = dict(kept(found, *_GROUP))
    profiles = _profiles(chain, where._replace(service="ec2"), found)
    if profiles.state is State.PRESENT:
        description[INSTANCE_PROFILES] = profiles.require()
    reading = then(answer, lambda _: MappingProxyType(description))
    return (Entry("descriptions", reference.id, reading),)


def read_instances(chain: Chain, reference: Reference, home: Home) -> Entries:
    """The profiles of the instances of a tag: …:instance/tag:key=value, or …/tag:key for any value.

    The EC2 deploy action finds its targets like that:
    https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-EC2Deploy.html
    """
    where, arn = place("ec2", reference, home), parse(reference.id)
    tag = (arn.resource if arn else reference.id).removeprefix(_BY_TAG)
    key, equals, value = tag.partition("=")
    wanted = {"Key": key, "Value": value} if equals else {"Key": key, "Type": "KEY_ONLY"}
    profiles = _profiles(chain, where, {"ec2TagFilters": [wanted]})
    found = then(profiles, lambda arns: MappingProxyType({INSTANCE_PROFILES: arns}))
    return (Entry("descriptions", reference.id, found),)


def read_instance_profile(chain: Chain, reference: Reference, home: Home) -> Entries:
    """The profile of an ARN and the ARNs of its roles (it has one at most)."""
    where, arn = place("iam", reference, home), parse(reference.id)
    answer = chain.read(
        where,
        "GetInstanceProfile",
        subject=reference.id,
        InstanceProfileName=arn.name if arn else reference.id,
    )
    return (Entry("descriptions", reference.id, then(answer, _profile)),)


def read_endpoints(chain: Chain, reference: Reference, home: Home) -> Entries:
    """All endpoints of the VPC of an id, under `VpcEndpoints`, with their policies."""
    where = place("ec2", reference, home)
    listed = chain.pages(
        where,
        "DescribeVpcEndpoints",
        "VpcEndpoints",
        subject=reference.id,
        Filters=[{"Name": "vpc-id", "Values": [reference.id]}],
    )
    found = then(
        listed,
        lambda items: MappingProxyType(
            {"VpcEndpoints": [dict(kept(item, *_ENDPOINT)) for item in items]}
        ),
    )
    return (Entry("descriptions", reference.id, found),)


def _profile(answer: Answer) -> Answer:
    found = answer["InstanceProfile"]
    return MappingProxyType(
        {"Arn": found["Arn"], "Roles": [plain(role["Arn"]) for role in found["Roles"]]}
    )


def _profiles(chain: Chain, where: Place, group: Answer) -> Reading[list[str]]:
    """The profiles of the instances that the group's tags or Auto Scaling groups mean."""
    tag_groups = [group["ec2TagFilters"]] if group.get("ec2TagFilters") else []
    tag_groups += group.get("ec2TagSet", {}).get("ec2TagSetList", [])
    scaling = [each["name"] for each in group.get("autoScalingGroups", ())]
    found: list[str] = []
    searches = [_tag_filter(one) for one in tag_groups[0]] if tag_groups else []
    if scaling:
        searches.append([{"Name": "tag:aws:autoscaling:groupName", "Values": scaling}])
    answers = chain.each(
        lambda side, filters: side.pages(
            where, "DescribeInstances", "Reservations", Filters=filters
        ),
        searches,
    )
    for answer in answers:
        if answer.state is not State.PRESENT:
            return Reading(answer.state, None, answer.why)
        found += _profile_arns(answer.require(), tag_groups, scaling)
    return Reading(State.PRESENT, sorted(set(found)))


def _profile_arns(
    reservations: tuple[Any, ...], tag_groups: list[Any], scaling: list[str]
) -> Iterator[str]:
    for reservation in reservations:
        for instance in reservation["Instances"]:
            tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", ())}
            meant = tags.get("aws:autoscaling:groupName") in scaling or all(
                any(_carries(tags, one) for one in group) for group in tag_groups
            )
            profile = instance.get("IamInstanceProfile", {}).get("Arn")
            if meant and profile:
                yield profile


def _tag_filter(tag: Mapping[str, str]) -> list[dict[str, Any]]:
    match tag.get("Type"):
        case "KEY_ONLY":
            return [{"Name": "tag-key", "Values": [tag["Key"]]}]
        case "VALUE_ONLY":
            return [{"Name": "tag-value", "Values": [tag["Value"]]}]
        case _:
            return [{"Name": f"tag:{tag['Key']}", "Values": [tag.get("Value", "")]}]


def _carries(tags: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    match wanted.get("Type"):
        case "KEY_ONLY":
            return wanted["Key"] in tags
        case "VALUE_ONLY":
            return wanted["Value"] in tags.values()
        case _:
            return tags.get(wanted["Key"]) == wanted.get("Value", "")

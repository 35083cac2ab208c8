"""A denial is told so that a person knows who, what, which layer, and whose move it is."""

from __future__ import annotations

import pytest

from workers.diagnosis.denials import parse_denial
from workers.diagnosis.denials.catalogue import Entry, catalogue
from workers.diagnosis.denials.decoded import with_decoded
from workers.diagnosis.denials.words import Explanation, explain_denial, who

A = "111111111111"
USER = "User: arn:aws:iam::777788889999:user/JohnDoe is not authorized to perform: "


def told(text: str) -> Explanation:
    (denial,) = parse_denial(text)
    return explain_denial(denial)


def test_an_scp_is_not_ours_to_change_and_may_be_implicit() -> None:
    """IAM/troubleshoot_access-denied.html: SCP texts always say explicit deny."""
    said = told(
        f"{USER}codecommit:ListRepositories with an explicit deny in a service control policy"
    )
    assert said.headline == (
        "The user JohnDoe in account 777788889999 was refused codecommit:ListRepositories."
    )
    assert said.refused_by == "service control policy · explicit deny"
    assert "only the organisation's administrators can change it" in said.means[0]
    assert any("merely does not allow" in caveat for caveat in said.caveats)


def test_an_identity_policy_is_looked_for_at_the_principal() -> None:
    said = told(
        "User: arn:aws:sts::111111111111:assumed-role/Deploy/s is not authorized to perform: "
        "s3:GetObject on resource: arn:aws:s3:::b/k because no identity-based policy allows the "
        "s3:GetObject action"
    )
    assert said.headline == (
        "The role Deploy in account 111111111111 was refused s3:GetObject on arn:aws:s3:::b/k."
    )
    assert said.means[0].startswith("No identity-based policy of the role Deploy")
    assert said.look_at[0].startswith("The policies attached to the role Deploy")
    assert any("one type of policy" in caveat for caveat in said.caveats)


def test_kms_does_not_say_whether_the_key_is_there() -> None:
    said = told(
        f"{USER}kms:Decrypt on this resource because the resource does not exist in this Region, "
        "no resource-based policies allow access, or a resource-based policy explicitly denies "
        "access"
    )
    assert "resource-based policy" in said.refused_by
    assert "deny" not in said.refused_by
    assert any("another region, deleted" in caveat for caveat in said.caveats)


def test_a_denial_behind_an_endpoint_points_at_the_organisation() -> None:
    said = told(
        f"{USER}SNS:Publish on resource: arn:aws:sns:us-east-1:444455556666:t with an explicit "
        "deny in a VPC endpoint policy transitively through a service control policy"
    )
    assert said.refused_by.startswith("service control policy")
    assert any("comes from a service control policy" in caveat for caveat in said.caveats)


def test_the_denying_policy_is_named() -> None:
    arn = (
        "arn:aws:organizations::987654321098:policy/o-qv5af4abcd/service_control_policy/p-2kgnabcd"
    )
    said = told(f"{USER}iam:ListRoles with an explicit deny in a service control policy: {arn}")
    assert said.refused_by.endswith(arn)


def test_what_is_no_access_fault_says_so() -> None:
    said = told("Exception while trying to read the task definition artifact file from: App")
    assert said.headline == "This is no question of access."
    assert said.refused_by == ""


def test_an_encoded_reason_comes_with_the_way_to_decode_it() -> None:
    said = told(f"{USER}ec2:RunInstances. Encoded authorization failure message: {'Ab9_-' * 8}")
    assert "aws sts decode-authorization-message" in said.decode[0]
    assert "account 777788889999" in said.decode[0]


@pytest.mark.parametrize(
    "entry", [e for e in catalogue().entries if e.examples], ids=lambda e: e.id
)
def test_every_kind_has_whole_sentences_and_no_holes(entry: Entry) -> None:
    for example in entry.examples:
        for denial in parse_denial(example.text):
            said = explain_denial(denial)
            for text in (said.headline, *said.means, *said.look_at, *said.caveats, *said.decode):
                assert text[0].isupper(), text
                assert text.endswith((".", ")", ".)")), text
                assert "{" not in text
                assert "None" not in text
            assert said.means or said.decode or denial.kind == "encoded_only"


@pytest.mark.parametrize(
    ("principal", "words"),
    [
        (f"arn:aws:sts::{A}:assumed-role/Deploy/s", "The role Deploy in account 111111111111"),
        ("arn:aws:iam::111111111111:role/a/b/Deploy", "The role Deploy in account 111111111111"),
        ("arn:aws:iam::111111111111:user/team/ann", "The user ann in account 111111111111"),
        (f"arn:aws:sts::{A}:federated-user/bob", f"The federated user bob in account {A}"),
        ("arn:aws:iam::111111111111:root", "The root user of account 111111111111"),
        ("codepipeline.amazonaws.com", "The service codepipeline.amazonaws.com"),
        ("anonymous", "An anonymous caller (the request carried no credentials)"),
        ("", "The caller"),
    ],
)
def test_principals_are_called_as_people_call_them(principal: str, words: str) -> None:
    assert who(principal) == words


def test_a_language_without_words_is_refused() -> None:
    (denial,) = parse_denial("Access Denied")
    with pytest.raises(FileNotFoundError):
        explain_denial(denial, "xx")
    with pytest.raises(FileNotFoundError):
        explain_denial(denial, "../en")


DECODED = """{"allowed":false,"explicitDeny":true,"matchedStatements":{"items":[]},"failures":
{"items":[]},"context":{"principal":{"id":"AIDACKCEVSQ6C2EXAMPLE","name":"Bob","arn":
"arn:aws:iam::123456789012:user/Bob"},"action":"ec2:StopInstances","resource":
"arn:aws:ec2:us-east-1:123456789012:instance/i-dd01c9bd","conditions":{"items":[]}}}"""


def test_a_decoded_message_fills_what_the_text_left_open() -> None:
    """The example of STS/API_DecodeAuthorizationMessage.html."""
    (denial,) = parse_denial("Encoded authorization failure message: Q92aQ6EXAMPLEabcdefghij-K_l")
    filled = with_decoded(denial, DECODED)
    assert filled.principal == "arn:aws:iam::123456789012:user/Bob"
    assert filled.action == "ec2:StopInstances"
    assert filled.resource == "arn:aws:ec2:us-east-1:123456789012:instance/i-dd01c9bd"
    assert filled.effect == "explicitDeny"


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"context": 3}', "[" * 5000])
def test_what_is_no_decoded_message_changes_nothing(text: str) -> None:
    (denial,) = parse_denial("Encoded authorization failure message: Q92aQ6EXAMPLEabcdefghij-K_l")
    assert with_decoded(denial, text) == denial

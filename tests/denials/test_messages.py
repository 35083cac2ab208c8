"""The same refusal reaches people in many coats: SDKs, consoles, JSON, Slack, Terraform."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.diagnosis.denials import Denial, parse_denial
from workers.diagnosis.denials.catalogue import catalogue

A = "111111111111"
SESSION = "arn:aws:sts::111111111111:assumed-role/BuildRole/AWSCodeBuild-1"
CORE = (
    f"User: {SESSION} is not authorized to perform: kms:Decrypt on resource: "
    "arn:aws:kms:eu-west-1:222222222222:key/1 because no resource-based policy allows the "
    "kms:Decrypt action"
)


def one(text: str) -> Denial:
    denials = parse_denial(text)
    assert len(denials) == 1, denials
    return denials[0]


COATS = {
    "bare": CORE,
    "python, CLI": "An error occurred (AccessDeniedException) when calling the Decrypt operation: "
    f"{CORE}",
    "java 1": f"com.amazonaws.services.kms.model.AWSKMSException: {CORE} (Service: AWSKMS; "
    "Status Code: 400; Error Code: AccessDeniedException; Request ID: EXAMPLE; Proxy: null)",
    "java 2": f"software.amazon.awssdk.services.kms.model.KmsException: {CORE} (Service: Kms, "
    "Status Code: 400, Request ID: EXAMPLE) (SDK Attempt Count: 1)",
    "go": "operation error KMS: Decrypt, https response error StatusCode: 400, RequestID: EXAMPLE, "
    f"api error AccessDeniedException: {CORE}",
    "javascript": f"AccessDeniedException: {CORE}\n    at throwDefaultError (/app/x.js:388:20)",
    "terraform": "│ Error: reading KMS Key: operation error KMS: Decrypt, https response error\n│ "
    + CORE.replace("perform: ", "perform:\n│ ").replace("resource: ", "resource:\n│ "),
    "cloudformation": f'Resource handler returned message: "{CORE} (Service: Kms, Status Code: '
    '400, Request ID: EXAMPLE)" (RequestToken: 1, HandlerErrorCode: AccessDenied)',
    "cloudtrail": json.dumps({"errorCode": "AccessDenied", "errorMessage": CORE, "requestID": "1"}),
    "notification": json.dumps({"Message": json.dumps({"detail": {"errorMessage": CORE}})}),
    "slack quote": "&gt; " + CORE.replace(" on resource", "\n&gt; on resource"),
    "slack code": f"```{CORE}```",
    "line breaks": CORE.replace(" ", "\r\n\t"),
    "html": f"<p>{CORE}</p>",
    "sentence": f"Why do we get “{CORE}” since noon?",
}


@pytest.mark.parametrize("coat", COATS)
def test_the_message_is_the_same_in_every_coat(coat: str) -> None:
    denial = one(COATS[coat])
    assert denial.kind == "not_authorized"
    assert denial.principal == SESSION
    assert denial.role == "arn:aws:iam::111111111111:role/BuildRole"
    assert denial.account == "111111111111"
    assert denial.action == "kms:Decrypt"
    assert denial.resource == "arn:aws:kms:eu-west-1:222222222222:key/1"
    assert (denial.layer, denial.effect) == ("resource", "implicitDeny")
    assert denial.points_at == ("kms",)


@pytest.mark.parametrize(
    ("text", "operation", "action"),
    [
        (
            "An error occurred (AccessDenied) when calling the HeadObject operation: Access Denied",
            "HeadObject",
            "s3:GetObject",  # AmazonS3/API_HeadObject.html: needs s3:GetObject
        ),
        (
            "An error occurred (AccessDenied) when calling the ListObjectsV2 operation: "
            "Access Denied",
            "ListObjectsV2",
            "s3:ListBucket",  # AmazonS3/API_ListObjectsV2.html
        ),
        (
            "operation error S3: PutObject, https response error StatusCode: 403, RequestID: 1, "
            "HostID: xyz=, api error AccessDenied: Access Denied",
            "PutObject",
            "s3:PutObject",
        ),
        ("AccessDenied: Access Denied\n\tstatus code: 403, request id: 1, host id: x=", "", ""),
        ("AccessDenied: Access Denied\n    at throwDefaultError (/app/x.js:388:20)", "", ""),
        ("<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>", "", ""),
        ("Access Denied", "", ""),
    ],
)
def test_s3_that_names_no_layer(text: str, operation: str, action: str) -> None:
    denial = one(text)
    assert denial.kind == "s3_access_denied"
    assert (denial.operation, denial.action) == (operation, action)
    assert (denial.layer, denial.effect) == (None, None)


def test_an_object_key_with_spaces_is_whole() -> None:
    """S3 puts the resource in quotes: AmazonS3/troubleshoot-403-errors.html."""
    denial = one(
        f'User: {SESSION} is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::'
        'bucket-a/My Folder/file name.txt" because no identity-based policy allows the '
        "s3:GetObject action"
    )
    assert (denial.bucket, denial.key) == ("bucket-a", "My Folder/file name.txt")
    assert denial.layer == "identity"


def test_block_public_access_is_no_policy_layer() -> None:
    """AmazonS3/troubleshoot-403-errors.html, Block Public Access."""
    denial = one(
        f"User: {SESSION} is not authorized to perform: s3:PutBucketPolicy on resource: "
        '"arn:aws:s3:::bucket-a" because public policies are prevented by the BlockPublicPolicy '
        "setting in S3 Block Public Access"
    )
    assert denial.layer is None
    assert denial.points_at == ("bucket",)


@pytest.mark.parametrize(
    ("principal", "role"),
    [
        (f"arn:aws:iam::{A}:role/service-role/Pipe", f"arn:aws:iam::{A}:role/service-role/Pipe"),
        (f"arn:aws-cn:sts::{A}:assumed-role/Pipe/s", f"arn:aws-cn:iam::{A}:role/Pipe"),
        (f"arn:aws-us-gov:sts::{A}:assumed-role/Pipe", f"arn:aws-us-gov:iam::{A}:role/Pipe"),
        (f"arn:aws:sts::{A}:assumed-role/lab/user=ann@x.example", f"arn:aws:iam::{A}:role/lab"),
        ("arn:aws:sts::111111111111:federated-user/bob", ""),
        ("arn:aws:iam::111111111111:user/team/ann", ""),
        ("arn:aws:iam::111111111111:root", ""),
        ("codepipeline.amazonaws.com", ""),
        ("anonymous", ""),
    ],
)
def test_every_kind_of_principal(principal: str, role: str) -> None:
    """The forms of IAM/reference_identifiers.html."""
    denial = one(f"User: {principal} is not authorized to perform: s3:ListBucket")
    assert denial.principal == principal
    assert denial.role == role


def test_a_session_is_its_role_whatever_the_path() -> None:
    session = one(f"User: {SESSION} is not authorized to perform: s3:ListBucket")
    assert session.same_role("arn:aws:iam::111111111111:role/service-role/BuildRole")
    assert session.same_role("arn:aws:iam::111111111111:role/BuildRole")
    assert not session.same_role("arn:aws:iam::222222222222:role/BuildRole")
    assert not session.same_role("arn:aws:iam::111111111111:role/Build")
    role = one(
        "User: arn:aws:iam::111111111111:role/a/R is not authorized to perform: s3:ListBucket"
    )
    assert role.same_role("arn:aws:iam::111111111111:role/a/R")
    assert not role.same_role("arn:aws:iam::111111111111:role/b/R")


@pytest.mark.parametrize("resource", ["*", "(no resource)", "arn:aws:s3:::b"])
def test_the_layer_is_read_after_every_form_of_resource(resource: str) -> None:
    denial = one(
        f"User: {SESSION} is not authorized to perform: ecr:GetAuthorizationToken on resource: "
        f"{resource} because no identity-based policy allows the ecr:GetAuthorizationToken action"
    )
    assert denial.resource == ("" if resource == "(no resource)" else resource)
    assert denial.layer == "identity"


def test_policy_arns_of_an_rcp_and_an_implicit_scp() -> None:
    rcp = one(
        f"User: {SESSION} is not authorized to perform: s3:PutObject on resource: "
        '"arn:aws:s3:::b/k" with an explicit deny in a resource control policy: '
        "arn:aws:organizations::999999999999:policy/o-abc/resource_control_policy/p-123."
    )
    assert rcp.layer == "rcp"
    assert rcp.policy_arn.endswith("/resource_control_policy/p-123")
    scp = one(
        f"User: {SESSION} is not authorized to perform: ssm:GetParameter because no service "
        "control policy allows the ssm:GetParameter action"
    )
    assert (scp.layer, scp.effect) == ("scp", "implicitDeny")


def test_an_authorization_id() -> None:
    """IAM/troubleshoot_access-denied-authorization-id.html."""
    denial = one(
        "User: arn:aws:iam::111111111111:user/ann is not authorized to perform: iam:CreateRole on "
        "resource: arn:aws:iam::111111111111:role/x because no identity-based policy allows the "
        "iam:CreateRole action. Go to https://us-east-1.console.aws.amazon.com/iam/home#/"
        "authorization-details/0abc9 for complete details, or call the "
        "GetRequestAuthorizationDetails API with the following authorization id: 0abc9"
    )
    assert denial.authorization_id == "0abc9"
    assert denial.authorization_url.endswith("#/authorization-details/0abc9")


def test_several_denials_keep_their_order_and_are_told_once() -> None:
    other = CORE.replace("kms:Decrypt", "kms:GenerateDataKey")
    denials = parse_denial(f"{CORE}\n{other}\n{CORE}\nCross-account pass role is not allowed.")
    assert [(denial.kind, denial.action) for denial in denials] == [
        ("not_authorized", "kms:Decrypt"),
        ("not_authorized", "kms:GenerateDataKey"),
        ("cross_account_pass_role", "iam:PassRole"),
    ]


def test_a_wrapper_gives_its_kind_and_the_inner_message_its_fields() -> None:
    denial = one(
        "The provided role does not have permissions to perform this action. Underlying error: "
        + CORE
    )
    assert denial.kind == "underlying_error"
    assert (denial.action, denial.layer) == ("kms:Decrypt", "resource")


@pytest.mark.parametrize("cut", range(len(SESSION) + 6, len(CORE)))
def test_a_message_cut_anywhere_never_says_more_than_it_says(cut: int) -> None:
    for denial in parse_denial(CORE[:cut] + "…"):
        assert SESSION.startswith(denial.principal)
        assert denial.resource in CORE
        assert denial.layer in (None, "resource")
        assert denial.action == "" or "kms:Decrypt".startswith(denial.action)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "nothing here",
        "deploys are failing since noon",
        "please make sure the user is authorized",
        "arn:aws:iam::111111111111:role/R",
        "\x00\ud800\udfff",
    ],
)
def test_what_is_no_denial_gives_none(text: str) -> None:
    assert parse_denial(text) == ()


PIECES = st.sampled_from(
    [example.text for entry in catalogue().entries for example in entry.examples]
    + ["User: ", "arn:aws:iam::1:role/", " is not authorized to perform: "]
    + ['\\"', "&lt;", "<http://", "…"]
)  # fmt: skip


@given(st.lists(st.one_of(PIECES, st.text()), max_size=30).map("".join))
@settings(deadline=None)
def test_any_text_is_read_without_an_error(text: str) -> None:
    for denial in parse_denial(text):
        assert denial.kind
        assert denial.text


@given(st.text(max_size=200), st.text(max_size=200))
@settings(deadline=None, max_examples=50)
def test_text_around_the_message_does_not_hide_it(before: str, after: str) -> None:
    denials = parse_denial(f"{before}\n\n{CORE}\n\n{after}")
    assert "kms:Decrypt" in {denial.action for denial in denials}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("start", ["", *(entry.id for entry in catalogue().entries)])
def test_the_time_is_linear_in_the_length(start: str) -> None:
    """100 kB of the beginning of any message, over and over; quadratic reading would time out."""
    text = catalogue().entry(start).regex.pattern if start else "x"
    examples = [e.text for e in catalogue().entry(start).examples] if start else []
    for seed in [text[:40], *(example[:length] for example in examples for length in (20, 45, 90))]:
        parse_denial((seed * (100_000 // len(seed) + 1))[:100_000])

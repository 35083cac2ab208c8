"""Explanations: what matched, what nearly did, and which layer stands in the way."""

from __future__ import annotations

from tests.policy.build import (
    ALLOWED,
    EXPLICIT,
    IMPLICIT,
    KEY,
    OTHER,
    ROLE,
    ROOT,
    SESSION,
    USER,
    allow,
    boundary,
    bucket,
    deny,
    identity,
    key,
    rcp,
    request,
    scp,
)
from workers.policy import (
    Element,
    Explanation,
    Failure,
    Grant,
    Layer,
    LayerExplanation,
    Level,
    Policies,
    Stance,
    Unreadable,
    explain,
)


def layer(explanation: Explanation, name: Layer) -> LayerExplanation:
    """The one entry of a layer."""
    (found,) = [entry for entry in explanation.layers if entry.layer is name]
    return found


def near(explanation: Explanation, name: Layer = Layer.IDENTITY) -> list[tuple[str, Failure]]:
    """Label and first failure of each near miss of a layer."""
    return [(miss.cause.label, miss.failure) for miss in layer(explanation, name).near_misses]


class TestNearMisses:
    """The first element that did not match, with what was expected and what was there."""

    def test_action(self) -> None:
        policies = Policies(identity=(identity(allow("s3:PutObject", Sid="Write")),))
        assert near(explain(request(), policies)) == [
            ("Write", Failure(Element.ACTION, ("s3:PutObject",), ("s3:GetObject",)))
        ]

    def test_resource(self) -> None:
        policies = Policies(identity=(identity(allow("s3:GetObject", "arn:aws:s3:::other/*")),))
        (miss,) = near(explain(request(), policies))
        assert miss == (
            "#1",
            Failure(
                Element.RESOURCE,
                ("arn:aws:s3:::other/*",),
                ("arn:aws:s3:::artifacts/build/app.zip",),
            ),
        )

    def test_principal(self) -> None:
        policies = Policies(resource=bucket(allow("s3:GetObject", Principal={"AWS": [ROLE, ROOT]})))
        stranger = request(principal=f"arn:aws:iam::{OTHER}:user/bob")
        ((_, failure),) = near(explain(stranger, policies), Layer.RESOURCE)
        assert failure.element is Element.PRINCIPAL
        assert failure.expected == (ROLE, ROOT)
        assert failure.actual == (f"arn:aws:iam::{OTHER}:user/bob",)

    def test_condition_with_operator_expected_and_actual(self) -> None:
        condition = {"StringEquals": {"aws:ResourceAccount": [OTHER]}}
        policies = Policies(identity=(identity(allow("s3:*", Condition=condition)),))
        ((_, failure),) = near(explain(request(aws_ResourceAccount="111122223333"), policies))
        assert failure == Failure(
            Element.CONDITION,
            (OTHER,),
            ("111122223333",),
            "StringEquals",
            "aws:ResourceAccount",
        )

    def test_a_key_that_is_missing_has_no_actual_value(self) -> None:
        condition = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
        policies = Policies(identity=(identity(allow(Condition=condition)),))
        ((_, failure),) = near(explain(request(), policies))
        assert failure.actual == ()

    def test_the_nearest_comes_first_and_strangers_are_left_out(self) -> None:
        policy = identity(
            allow(
                "s3:GetObject", "arn:aws:s3:::x", Sid="Two", Condition={"Bool": {"aws:x": "true"}}
            ),
            allow("ec2:*", Sid="Stranger"),
            allow("s3:GetObject", "arn:aws:s3:::x", Sid="One"),
        )
        found = near(explain(request(), Policies(identity=(policy,))))
        assert [label for label, _ in found] == ["One", "Two"]

    def test_an_unknown_key_is_said_to_be_unknown(self) -> None:
        policies = Policies(
            identity=(identity(allow(Condition={"StringEquals": {"aws:SourceVpce": "v"}})),)
        )
        asked = request(unknown=("aws:SourceVpce",))
        explanation = explain(asked, policies, partial=True)
        ((_, failure),) = near(explanation)
        assert failure.unknown
        assert layer(explanation, Layer.IDENTITY).stance is Stance.UNKNOWN


def test_each_layer_says_what_it_does() -> None:
    policies = Policies(
        identity=(identity(allow("s3:*", Sid="Mine")),),
        resource=bucket(deny("s3:Put*", Principal="*", Sid="ReadOnly")),
        boundaries=(boundary(allow("ec2:*")),),
        scps=(scp("root", allow()), scp("account", deny("s3:GetObject", Sid="NoReads"))),
        rcps=(rcp("root", {**deny("s3:Delete*"), "Principal": "*"}),),
    )
    explanation = explain(request(), policies)
    assert explanation.verdict.decision is EXPLICIT
    said = {(entry.layer, entry.target): entry.stance for entry in explanation.layers}
    assert said == {
        (Layer.IDENTITY, ""): Stance.ALLOWS,
        (Layer.RESOURCE, ""): Stance.SILENT,
        (Layer.BOUNDARY, ""): Stance.SILENT,
        (Layer.SCP, "root"): Stance.ALLOWS,
        (Layer.SCP, "account"): Stance.DENIES,
        (Layer.RCP, "root"): Stance.SILENT,
    }
    denying = [entry for entry in explanation.layers if entry.stance is Stance.DENIES]
    assert [m.statement for entry in denying for m in entry.matched] == ["NoReads"]
    assert explanation.verdict.blocked_by == (Layer.BOUNDARY, Layer.SCP)


def test_layers_that_do_not_reach_are_exempt() -> None:
    linked = "arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX"
    policies = Policies(identity=(identity(allow()),), scps=(scp("root", deny()),))
    explanation = explain(request(principal=linked), policies)
    assert explanation.verdict.decision is ALLOWED
    assert layer(explanation, Layer.SCP).stance is Stance.EXEMPT


def test_documents_that_nobody_read_are_listed_with_their_reason() -> None:
    unread = Unreadable("bucket policy", "AccessDenied")
    explanation = explain(request(account=OTHER), Policies(resource=unread))
    entry = layer(explanation, Layer.RESOURCE)
    assert entry.stance is Stance.UNKNOWN
    assert entry.unread == (("bucket policy", "AccessDenied"),)


def test_grants_are_a_layer_of_their_own() -> None:
    grant = Grant(SESSION, frozenset({"Decrypt"}), KEY, "build")
    policies = Policies(resource=key(), grants=(grant,))
    explanation = explain(request("kms:Decrypt", KEY, SESSION), policies)
    entry = layer(explanation, Layer.GRANT)
    assert (entry.stance, [m.statement for m in entry.matched]) == (Stance.ALLOWS, ["build"])
    other = explain(request("kms:Decrypt", KEY, USER), policies)
    assert layer(other, Layer.GRANT).stance is Stance.SILENT


def test_the_explanation_of_an_empty_world() -> None:
    explanation = explain(request(), Policies(scps=(Level("root", ()),)))
    assert explanation.verdict.decision is IMPLICIT
    assert [(e.layer, e.stance) for e in explanation.layers] == [
        (Layer.IDENTITY, Stance.SILENT),
        (Layer.RESOURCE, Stance.SILENT),
        (Layer.SCP, Stance.SILENT),
    ]

"""Whatever a snapshot holds, the file gives it back: `load(dump(s)) == s`."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from workers.snapshot.codec import dump, load
from workers.snapshot.model import (
    Action,
    ActionType,
    Bucket,
    Connection,
    Key,
    KeyGrant,
    Membership,
    NamedPolicy,
    Pipeline,
    PolicyLevel,
    Project,
    PublicAccessBlock,
    Reading,
    Role,
    Rule,
    Run,
    Snapshot,
    Stage,
    Store,
    TrailEvent,
    User,
    absent,
    present,
    unreadable,
)

# Names as AWS allows them in IAM, CodePipeline and S3.
names = st.from_regex(r"[A-Za-z][A-Za-z0-9+=,.@_-]{0,12}", fullmatch=True)
texts = st.text(max_size=20)
role_arns = names.map(lambda name: f"arn:aws:iam::111111111111:role/{name}")
accounts = st.from_regex(r"[0-9]{12}", fullmatch=True)
regions = st.sampled_from(["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"])
documents = st.one_of(
    texts,
    st.just('{\n  "Version": "2012-10-17",\n  "Statement": []\n}'),
    st.just('{"Statement": [{"Principal": {"AWS": "1", "AWS": "2"}}]}'),
    st.just('{"Statement": 1e400}'),
    st.just('{"document": {}}'),
    st.just("[]"),
)


def readings(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Reading[Any]]:
    reasons = st.text(min_size=1, max_size=20)
    return st.one_of(
        values.map(present), st.just(absent()), st.just(unreadable()), reasons.map(unreadable)
    )


def tuples(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, max_size=3).map(tuple)


tags = readings(st.dictionaries(names, texts, max_size=2))
string_maps = st.dictionaries(names, texts, max_size=2)
policy_arns = names.map(lambda name: f"arn:aws:iam::aws:policy/{name}")
policies = st.builds(NamedPolicy, names, readings(documents), st.none() | policy_arns)
types = st.builds(ActionType, names, names, names, st.just("1"))
actions = st.builds(
    Action,
    stage=st.just("stage"),
    name=names,
    type=types,
    configuration=string_maps,
    role_arn=st.none() | role_arns,
    region=st.none() | regions,
    inputs=tuples(names),
    outputs=tuples(names),
    run_order=st.integers(1, 99),
    namespace=st.none() | names,
    commands=tuples(texts),
    environment=tuples(string_maps),
)
rules = st.builds(
    Rule,
    stage=st.just("stage"),
    when=st.just("onSuccess"),
    name=names,
    type=types,
    configuration=string_maps,
    role_arn=st.none() | role_arns,
    region=st.none() | regions,
    inputs=tuples(names),
    commands=tuples(texts),
)
pipelines = st.builds(
    Pipeline,
    name=names,
    account=accounts,
    region=st.just("us-east-1"),
    role_arn=st.none() | role_arns,
    type=st.sampled_from(["V1", "V2"]),
    stores=st.lists(
        st.builds(Store, regions, names, st.none() | names),
        max_size=3,
        unique_by=lambda s: s.region,
    ).map(tuple),
    stages=tuples(st.builds(Stage, st.just("stage"), tuples(actions), tuples(rules))),
    triggers=tuples(st.dictionaries(names, string_maps, max_size=2)),
    variables=tuples(string_maps),
    tags=tags,
    version=st.none() | st.integers(1, 999),
)
levels = readings(tuples(st.builds(PolicyLevel, names, readings(tuples(policies)))))


def by_id(ids: st.SearchStrategy[str], build: Any) -> st.SearchStrategy[dict[str, Reading[Any]]]:
    """A map whose values know their own key, as those of a snapshot do."""

    def values(keys: list[str]) -> st.SearchStrategy[dict[str, Reading[Any]]]:
        return st.fixed_dictionaries({key: readings(build(key)) for key in keys})

    return st.lists(ids, max_size=2, unique=True).flatmap(values)


def roles(arn: str) -> st.SearchStrategy[Role]:
    several = readings(tuples(policies))
    return st.builds(
        Role, st.just(arn), readings(documents), several, readings(policies), tags, texts, texts
    )


def users(arn: str) -> st.SearchStrategy[User]:
    return st.builds(
        User, st.just(arn), readings(tuples(policies)), readings(policies), tags, texts
    )


def buckets(name: str) -> st.SearchStrategy[Bucket]:
    blocks = st.builds(PublicAccessBlock, *(st.booleans() for _ in range(4)))
    return st.builds(
        Bucket,
        st.just(name),
        accounts,
        regions,
        readings(documents),
        readings(texts),
        readings(names),
        readings(st.booleans()),
        readings(blocks),
        readings(texts),
        tags,
    )


def keys(arn: str) -> st.SearchStrategy[Key]:
    grants = st.builds(KeyGrant, names, names, tuples(names), texts, string_maps, string_maps)
    return st.builds(
        Key,
        st.just(arn) | names,
        st.just("111111111111"),
        st.just("us-east-1"),
        readings(documents),
        readings(texts),
        readings(texts),
        readings(tuples(grants)),
        readings(tuples(names)),
        tags,
    )


def projects(arn: str) -> st.SearchStrategy[Project]:
    return st.builds(
        Project,
        st.just(arn),
        names,
        st.none() | names,
        st.none() | names,
        st.none() | names,
        tuples(names),
        names,
        texts,
        st.none() | names,
        st.booleans(),
        st.none() | names,
        tuples(names),
        tags,
        tuples(names),
        texts,
        st.booleans(),
    )


def memberships(account: str) -> st.SearchStrategy[Membership]:
    return st.builds(Membership, st.just(account), texts, st.booleans(), levels, levels)


def connections(arn: str) -> st.SearchStrategy[Connection]:
    return st.builds(Connection, st.just(arn), readings(texts), texts, texts, texts)


snapshots = st.builds(
    Snapshot,
    pipeline=readings(pipelines),
    taken_at=texts,
    runs=readings(
        tuples(
            st.builds(
                Run, names, names, names, texts, texts, texts, texts, st.none() | names,
                st.none() | regions, string_maps, texts,
            )
        )
    ),
    errors=tuples(texts),
    caller=st.none() | names,
    roles=by_id(names, roles),
    users=by_id(names, users),
    buckets=by_id(names, buckets),
    keys=by_id(
        names.map(lambda name: f"arn:aws:kms:us-east-1:111111111111:key/{name}"), keys
    ),
    connections=by_id(names, connections),
    projects=by_id(names, projects),
    memberships=by_id(accounts, memberships),
    descriptions=by_id(names, lambda _: st.dictionaries(names, texts, max_size=2)),
    policies=by_id(names, lambda _: documents),
    events=readings(
        tuples(
            st.builds(
                TrailEvent, texts, names, texts, texts, texts, texts, texts, texts, texts,
                string_maps, tuples(names),
            )
        )
    ),
    decoded=string_maps,
    aliases=string_maps,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(snapshots)
def test_what_is_written_is_read_back(snapshot: Snapshot) -> None:
    written = dump(snapshot)
    assert load(written) == snapshot
    assert dump(load(written)) == written

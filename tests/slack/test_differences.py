"""What others changed since, within Slack's limits whatever they wrote."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ledger.test_states import REQUEST
from tests.slack.test_report import SETTINGS, TEXTS, check, check_view
from workers.ledger.journal import Author, Made
from workers.slack import differences

texts = st.one_of(
    st.text(max_size=300),
    st.integers(0, 600).map(lambda lines: "\n".join(f'  "line {each}",' for each in range(lines))),
)
documents = st.builds(
    REQUEST.documents[0].model_copy,
    update=st.fixed_dictionaries(
        {"before": st.none() | texts, "after": texts, "name": st.text(max_size=80)}
    ),
)
authors = st.none() | st.builds(
    Author, event=st.text(max_size=100), who=st.text(max_size=300), at=st.floats(0, 4e9)
)
changed = st.builds(
    Made,
    intended=st.just(True),
    written=st.just(True),
    diverged=st.booleans(),
    live=st.none() | texts,
    author=authors,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(documents, changed), min_size=1, max_size=6))
def test_any_difference_keeps_slacks_limits(pairs: list[tuple[object, Made]]) -> None:
    request = REQUEST.model_copy(update={"documents": tuple(each for each, _ in pairs)})
    known = [each for _, each in pairs]
    check(differences.posted(request, known, SETTINGS, TEXTS))
    check_view(differences.modal(request, known, SETTINGS, TEXTS))


def test_what_is_too_long_for_a_modal_says_where_the_rest_is() -> None:
    long = "\n".join(f'"statement {number}": "{"x" * 60}",' for number in range(8_000))
    known = [Made(intended=True, written=True, diverged=True, live=long)]
    view = differences.modal(REQUEST, known, SETTINGS, TEXTS)
    check_view(view)
    assert "`pipeline-access requests --json` prints it whole" in json.dumps(view)

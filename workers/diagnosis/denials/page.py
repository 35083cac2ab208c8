"""`docs/errors.md`, the catalogue for people: `python -m workers.diagnosis.denials.page` prints it.

Printed from the catalogue, so that what the page says is what the program reads.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from workers.diagnosis.denials.catalogue import Entry, catalogue
from workers.diagnosis.denials.words import words

_HEAD = """\
# What AWS says when it refuses

The messages that `pipeline-access` recognises, wherever they come from: the console, an SDK, a
build log, CloudTrail, Slack. This page is printed from the catalogue
(`workers/diagnosis/denials/catalogue.toml`) by `python -m workers.diagnosis.denials.page`.

    pipeline-access explain 'User: arn:aws:iam::777788889999:user/JohnDoe is not authorized …'
    pipeline-access explain -            # reads standard input
    pipeline-access explain --json …     # for a program
    pipeline-access explain --decode …   # decodes encoded messages, under your own credentials

Exit code 0: something was recognised. 2: nothing was.

What a message never proves:

- AWS names **one** type of policy even when several refuse. After that one is cured another may
  show; a diagnosis of the pipeline shows all of them at once.
- For a service control policy AWS may write "explicit deny" though the policy merely does not
  allow the action.
- To callers outside the bucket owner's account and organisation Amazon S3 gives no reason.
- AWS KMS uses one text for a key policy that does not allow, one that denies, and a key that is
  not there.
- CloudTrail's list of events and some consoles cut messages short; the event itself has it all.

## The layers

IAM's own message ends with the type of policy that refused and how: `because no … policy allows
the … action` is an implicit deny (nothing allows it), `with an explicit deny in …` is a statement
with `"Effect": "Deny"`. Newer messages add the policy's ARN or an authorization id.

| in the message | layer | who can change it |
|---|---|---|
"""
_OWNERS = {
    "identity": "whoever owns the role or user",
    "resource": "whoever owns the bucket, key or other resource",
    "boundary": "whoever sets boundaries in the account",
    "session": "the code that assumes the role",
    "scp": "the organisation's administrators only",
    "rcp": "the administrators of the resource's organisation only",
    "vpce": "whoever owns the VPC",
    "trust": "whoever owns the role that is to be assumed",
}
_FOOT = """\
## Adding a message

Copy an entry of `workers/diagnosis/denials/catalogue.toml`: an id, a regular expression whose
groups carry the names of the fields, one sentence of meaning, the components to look at, the
documentation page, and an example with the fields that must be read from it. The example is the
test. Then print this page again. Keep the expression linear: begin with a literal, bound every
repetition; `tests/denials` feeds it 100 kB of its own beginnings.
"""


def page() -> str:
    """The page as Markdown."""
    return "".join(_parts())


def _parts() -> Iterator[str]:
    known = catalogue()
    yield _HEAD
    for layer in known.layers:
        names = ", ".join(f"`{name}`" for name in layer.names[:1])
        yield f"| {names} | [{layer.id}]({layer.documentation}) | {_OWNERS[layer.id]} |\n"
    yield "\n## The messages\n\n"
    yield "*Seen* marks wording that AWS documents nowhere and that was met in public reports.\n\n"
    for entry in known.entries:
        if entry.role != "context":
            yield from _entry(entry)
    yield _FOOT


def _entry(entry: Entry) -> Iterator[str]:
    seen = " *Seen.*" if entry.observed else ""
    yield f"### {entry.id.replace('_', ' ')}\n\n"
    yield f"    {entry.examples[0].text}\n\n"
    yield f"{entry.meaning}{seen}\n\n"
    components = words("en")["component"]
    for component in entry.points_at:
        yield f"- {components[component]}\n"
    if entry.points_at:
        yield "\n"
    yield f"[AWS documentation]({entry.documentation}) · `kind: {entry.id}`\n\n"


if __name__ == "__main__":
    sys.stdout.write(page())

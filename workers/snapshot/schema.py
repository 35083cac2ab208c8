"""The JSON Schema of a snapshot file. `python -m workers.snapshot.schema` prints it."""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from workers.snapshot.wire import SnapshotFile

NAME = "snapshot.schema.json"


def schema_text() -> str:
    """The schema as committed beside this module under `NAME`."""
    schema: dict[str, Any] = {"$schema": GenerateJsonSchema.schema_dialect}
    schema |= SnapshotFile.model_json_schema(by_alias=True, mode="validation")
    return json.dumps(_any_of(schema), indent=2, ensure_ascii=False) + "\n"


def _any_of(schema: Any) -> Any:
    """pydantic writes a tagged union as oneOf, but an object that is unreadable fits both arms."""
    if isinstance(schema, dict):
        return {("anyOf" if k == "oneOf" else k): _any_of(v) for k, v in schema.items()}
    return [_any_of(member) for member in schema] if isinstance(schema, list) else schema


if __name__ == "__main__":
    sys.stdout.write(schema_text())

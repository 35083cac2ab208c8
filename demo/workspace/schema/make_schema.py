"""Make blockkit.schema.json out of npm's @slack/types and limits.toml.

    python -m demo.workspace.schema.make_schema            writes ../blockkit.schema.json
    python -m demo.workspace.schema.make_schema --check    fails if it would change

Needs Node 20 and npm; everything they fetch goes into a temporary folder, in the versions pinned
beside this script. Nobody who runs or tests the product needs either: the result is committed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

HERE = Path(__file__).parent
RESULT = HERE.parent / "blockkit.schema.json"
_TYPES_PAGE = "https://docs.slack.dev/tools/node-slack-sdk/reference/types/"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make the strict JSON Schema of Block Kit.")
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    options = parser.parse_args(arguments)
    text = render(strict(declared(), read_limits()))
    if options.check:
        fresh = RESULT.read_text(encoding="utf-8") == text
        sys.stderr.write("up to date\n" if fresh else f"{RESULT.name} is out of date\n")
        return 0 if fresh else 1
    RESULT.write_text(text, encoding="utf-8")
    return 0


def declared() -> Schema:
    """The schema of the TypeScript declarations alone, as ts-json-schema-generator makes it."""
    npm, npx = shutil.which("npm"), shutil.which("npx")
    if npm is None or npx is None:
        raise SystemExit("make_schema needs Node 20 with npm: neither was found on PATH.")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json", "roots.ts"):
            shutil.copy(HERE / name, folder)
        quiet = ["--no-fund", "--no-audit", "--ignore-scripts", "--silent"]
        subprocess.run([npm, "ci", *quiet], cwd=folder, check=True)
        generate = ["ts-json-schema-generator", "--no-type-check"]
        made = subprocess.run(
            [npx, *generate, "--path", "roots.ts", "--type", "Payloads"],
            cwd=folder,
            check=True,
            capture_output=True,
        )
    schema: Schema = json.loads(made.stdout)
    return schema


def read_limits() -> list[dict[str, Any]]:
    with (HERE / "limits.toml").open("rb") as file:
        limits: list[dict[str, Any]] = tomllib.load(file)["limits"]
    return limits


def strict(schema: Schema, limits: list[dict[str, Any]]) -> Schema:
    """Add the documented limits, and choose between alternatives by their `type`.

    Without the second, a validator can only say that a block matches none of twenty
    alternatives; with it, it names the field that is wrong.
    """
    definitions = {name: _bare(body) for name, body in schema["definitions"].items()}
    for body in list(definitions.values()):
        _discriminate(body, definitions)
    for limit in limits:
        for name in _targets(limit, definitions):
            _constrain(definitions[name], limit)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"Made by make_schema.py from @slack/types ({_TYPES_PAGE}) and limits.toml.",
        "$ref": "#/definitions/Payloads",
        "definitions": dict(sorted(definitions.items())),
    }


def render(schema: Schema) -> str:
    return json.dumps(schema, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _bare(node: Any) -> Any:
    """Without descriptions: the documentation has them, and fresher."""
    if isinstance(node, list):
        return [_bare(item) for item in node]
    if isinstance(node, dict):
        named = {"properties", "definitions"}
        return {
            key: {name: _bare(body) for name, body in value.items()}
            if key in named
            else _bare(value)
            for key, value in node.items()
            if key != "description" or not isinstance(value, str)
        }
    return node


def _discriminate(node: Any, definitions: Schema) -> None:
    if isinstance(node, list):
        for item in node:
            _discriminate(item, definitions)
    elif isinstance(node, dict):
        for value in node.values():
            _discriminate(value, definitions)
        cases = _cases(node, definitions) if "anyOf" in node else None
        if cases is not None and len(cases) > 1:
            del node["anyOf"]
            node["type"] = "object"
            node["required"] = ["type"]
            node["properties"] = {"type": {"enum": sorted(cases)}}
            node["allOf"] = [
                {"if": {"properties": {"type": {"const": const}}}, "then": body}
                for const, body in sorted(cases.items())
            ]


def _cases(node: Schema, definitions: Schema) -> dict[str, Schema] | None:
    """The alternatives of a union by their `type`, or None where `type` does not tell them."""
    cases: dict[str, Schema] = {}
    for option in node["anyOf"]:
        body = definitions[option["$ref"].rsplit("/", 1)[1]] if "$ref" in option else option
        const = body.get("properties", {}).get("type", {}).get("const")
        if const is not None:
            found: dict[str, Schema] | None = {const: option}
        elif "allOf" in body and "type" in body.get("properties", {}):
            found = {
                case["if"]["properties"]["type"]["const"]: case["then"] for case in body["allOf"]
            }
        elif "anyOf" in body:
            found = _cases(body, definitions)
            if found is not None and len(found) == 1:  # one type in several shapes
                found = {next(iter(found)): option}
        else:
            found = None
        if found is None:
            return None
        for const, case in found.items():
            cases[const] = case
    return cases


def _targets(limit: dict[str, Any], definitions: Schema) -> list[str]:
    if limit["on"] != "*":
        if limit["on"] not in definitions:
            raise SystemExit(f"limits.toml: @slack/types declares no {limit['on']}.")
        return [limit["on"]]
    field = limit["at"].split(".")[0]
    return [
        name
        for name, body in definitions.items()
        if any(field in shape.get("properties", {}) for shape in [body, *body.get("anyOf", [])])
    ]


def _constrain(body: Schema, limit: dict[str, Any]) -> None:
    keywords = {key: value for key, value in limit.items() if key not in ("on", "at", "page")}
    node: Schema = keywords
    for step in reversed(limit["at"].split(".") if limit["at"] else []):
        name, _, items = step.partition("[]")
        for _ in range(step.count("[]")):
            node = {"items": node}
        node = {"properties": {name: node}}
        assert not items.strip("[]"), f"limits.toml: cannot read the step {step!r}"
    body.setdefault("allOf", []).append(node)


if __name__ == "__main__":
    sys.exit(main())

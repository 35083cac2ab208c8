"""What is wrong with a document, in words that say what to do.

The texts are data: ``diagnostics.toml``.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault. *error*: AWS refuses the document; *warning*: it does not do what it seems to."""

    code: str
    message: str
    line: int
    column: int
    severity: Severity


@cache
def texts() -> dict[str, dict[str, Any]]:
    """Severity and text of every code; read once, when the first diagnostic is made."""
    return tomllib.loads(
        files("workers.policy").joinpath("diagnostics.toml").read_text(encoding="utf-8")
    )


def diagnostic(code: str, line: int, column: int, **values: str) -> Diagnostic:
    """Fill in the text of ``code``."""
    entry = texts()[code]
    message = str(entry["text"]).format(**values)
    return Diagnostic(code, message, line, column, entry["severity"])

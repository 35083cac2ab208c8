"""The page for people shows a snapshot that works, and names every part of the format."""

from __future__ import annotations

import re
from pathlib import Path

from workers.diagnosis import diagnose
from workers.pipeline.catalogue import load_catalogue
from workers.snapshot.codec import load
from workers.snapshot.wire import SnapshotFile

PAGE = (Path(__file__).parents[2] / "docs" / "snapshot.md").read_text("utf-8")


def example() -> str:
    block = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    return block[1]


def test_the_example_is_about_ten_lines() -> None:
    assert len(example().splitlines()) <= 11


def test_the_example_is_diagnosed() -> None:
    """A role that may only use S3 cannot start the build: that is what failed."""
    report = diagnose(load(example()), catalogue=load_catalogue())
    assert report.outcome == "blocked"
    first = report.findings[0]
    assert first.component == "service_role"
    assert first.principal == "arn:aws:iam::111111111111:role/PipelineRole"
    assert first.action == "codebuild:StartBuild"


def test_every_part_of_the_format_is_on_the_page() -> None:
    missing = [name for name in SnapshotFile.model_fields if f"`{name}`" not in PAGE]
    assert missing == []

"""`requirements/setup.py`, which `make demo` and `make test` begin with."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

SETUP = Path(__file__).resolve().parents[2] / "requirements" / "setup.py"


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script in a checkout of its own, with a pip that only notes what it is asked for."""
    spec = importlib.util.spec_from_file_location("checkout_setup", SETUP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "pyproject.toml").write_text("[project]", encoding="utf-8")
    for kind in ("demo", "dev"):
        (tmp_path / "requirements" / f"{kind}.txt").write_text(f"{kind}==1", encoding="utf-8")
    asked: list[str] = []
    vars(module).update(ROOT=tmp_path, VENV=tmp_path / ".venv", asked=asked)
    monkeypatch.setattr(module, "_pip", lambda *words: asked.append(" ".join(words)))
    monkeypatch.setattr(module.venv, "create", _create)
    return module


def _create(folder: Path, **_: object) -> None:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()


def test_it_installs_pinned_and_hashed_once(setup: ModuleType) -> None:
    setup.main("demo")
    requirements, project = setup.asked
    assert requirements.startswith("install --require-hashes -r ")
    assert requirements.endswith("demo.txt")
    assert "--no-deps" in project
    setup.main("demo")
    assert len(setup.asked) == 2, "nothing the second time"


def test_what_is_set_up_for_development_runs_the_demo_too(setup: ModuleType) -> None:
    setup.main("dev")
    setup.main("demo")
    assert len(setup.asked) == 2
    setup.VENV.joinpath("dev.stamp").unlink()
    setup.main("demo")
    assert len(setup.asked) == 4


@pytest.mark.parametrize("changed", ["pyproject.toml", "requirements/demo.txt"])
def test_it_installs_again_when_something_changed(setup: ModuleType, changed: str) -> None:
    setup.main("demo")
    (setup.ROOT / changed).write_text("another", encoding="utf-8")
    setup.main("demo")
    assert len(setup.asked) == 4


def test_a_moved_checkout_counts_as_changed(setup: ModuleType) -> None:
    setup.main("demo")
    there = setup.ROOT.rename(setup.ROOT.with_name("moved"))
    vars(setup).update(ROOT=there, VENV=there / ".venv")
    setup.main("demo")
    assert len(setup.asked) == 4


def test_a_failed_installation_is_tried_again(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: str) -> None:
        raise SystemExit("pip failed")

    with monkeypatch.context() as patch:
        patch.setattr(setup, "_pip", fail)
        with pytest.raises(SystemExit):
            setup.main("demo")
    setup.main("demo")
    assert len(setup.asked) == 2


def test_a_python_without_ensurepip_is_told_what_is_missing(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(folder: Path, **_: object) -> None:
        folder.mkdir()
        raise subprocess.CalledProcessError(1, "ensurepip")

    monkeypatch.setattr(setup.venv, "create", create)
    with pytest.raises(SystemExit, match="python3-venv"):
        setup.main("demo")
    assert not setup.VENV.exists(), "nothing half made is left"


def test_an_old_python_is_refused(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    old = SimpleNamespace(version_info=(3, 10, 4), version="3.10.4", exit=sys.exit)
    monkeypatch.setattr(setup, "sys", old)
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer"):
        setup.main("demo")

"""Create or refresh the checkout's virtual environment: `python setup.py demo|dev`.

Installs the pinned, hashed requirements of that name and this project in editable mode into
`.venv`, and does nothing at all when that has been done before and neither the requirements nor
the project's metadata changed since. Runs on the standard library alone.
"""

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
# A checkout set up for development can also run the demo.
SATISFIED_BY = {"demo": ("demo", "dev"), "dev": ("dev",)}


def main(kind: str) -> None:
    if sys.version_info < (3, 11):
        sys.exit(f"pipeline-access needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    if any(
        _stamp(each).is_file() and _stamp(each).read_text() == _digest(each)
        for each in SATISFIED_BY[kind]
    ):
        return
    print(f"Setting up .venv ({kind}), once …", flush=True)
    if not (VENV / "bin" / "python").exists():
        _create()
    _pip("install", "--require-hashes", "-r", str(ROOT / "requirements" / f"{kind}.txt"))
    _pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    _stamp(kind).write_text(_digest(kind))


def _create() -> None:
    try:
        venv.create(VENV, with_pip=True)
    except subprocess.CalledProcessError:
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit(
            f"{sys.executable} cannot put pip into a virtual environment: its module ensurepip is "
            "missing. On Debian and Ubuntu it is in the package python3-venv."
        )


def _pip(*arguments: str) -> None:
    command = [
        str(VENV / "bin" / "python"),
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        *arguments,
    ]
    if subprocess.run(command, check=False).returncode:
        sys.exit("Set-up failed; pip's message is above. `make clean` starts afresh.")


def _stamp(kind: str) -> Path:
    return VENV / f"{kind}.stamp"


def _digest(kind: str) -> str:
    """A venv holds absolute paths, so a moved checkout counts as changed."""
    parts = [
        str(ROOT).encode(),
        sys.version.encode(),
        (ROOT / "pyproject.toml").read_bytes(),
        (ROOT / "requirements" / f"{kind}.txt").read_bytes(),
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


if __name__ == "__main__":
    main(sys.argv[1])

"""`python -m bench [name …]`: run the benchmarks, each in a process of its own, one table each."""

import subprocess
import sys
from pathlib import Path

# In the order in which a reader wants them; a helper module is not a benchmark.
BENCHMARKS = ("policy", "acknowledge", "reading", "diagnosis", "memory", "map", "events", "sweep")


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"No benchmark {unknown[0]!r}. There are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    root = Path(__file__).resolve().parent.parent
    failed = 0
    for name in names or BENCHMARKS:
        failed |= subprocess.run(
            [sys.executable, "-m", f"bench.{name}"], cwd=root, check=False
        ).returncode
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

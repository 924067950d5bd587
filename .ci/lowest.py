"""Prints the lowest versions that pyproject.toml admits, as constraints for pip: what `make test-lowest` installs.

    python .ci/lowest.py EXTRA ... > constraints.txt

Of torch, which is large, `constraints.txt` has the one version that is tested: its lower bound is not.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BOUND = re.compile(r"([A-Za-z0-9_.-]+)>=([0-9][0-9.]*)")
PINNED = ("torch",)


def main(extras: list[str]) -> None:
    """Print a line for each requirement of the project and of some of its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *(one for extra in extras for one in project["optional-dependencies"][extra])]
    exact = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line)
    for requirement in needed:
        bound = BOUND.fullmatch(requirement)
        if bound:
            name, lowest = bound.groups()
            sys.stdout.write(f"{name}=={exact[name] if name in PINNED else lowest}\n")


main(sys.argv[1:])

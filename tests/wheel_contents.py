"""List the wheel of a folder and check that it holds every file of the three packages: `make wheel-demo`."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("augment", "classifiers", "benchmarks")


def expected() -> set[str]:
    """Return the files that belong into the wheel: all of the packages but what Python itself puts beside them."""
    return {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def contents(wheel: Path) -> set[str]:
    """Return the files of a wheel, without its metadata."""
    with zipfile.ZipFile(wheel) as packed:
        return {name for name in packed.namelist() if ".dist-info/" not in name}


def main(folder: str) -> None:
    """Print the files of the one wheel in a folder, or say what is wrong with it."""
    (wheel,) = Path(folder).glob("*.whl")
    there, wanted = contents(wheel), expected()
    if missing := sorted(wanted - there):
        sys.exit(f"{wheel}: lacks {', '.join(missing)}")
    if more := sorted(there - wanted):
        sys.exit(f"{wheel}: holds {', '.join(more)}, which is not in the packages")
    others = sorted(name for name in there if not name.endswith(".py"))
    sys.stdout.write(f"{wheel.name}: {len(there)} files, as in the packages. Beside the code:\n  ")
    sys.stdout.write("\n  ".join(others) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])

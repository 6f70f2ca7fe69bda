"""The faces of packages and wings: every name is there, is loaded late, and is that of no module beside it."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("augment", "classifiers", "benchmarks")
FACES = sorted(path.parent for package in PACKAGES for path in (ROOT / package).rglob("__init__.pyi"))
FOLDERS = sorted(path.parent for package in PACKAGES for path in (ROOT / package).rglob("__init__.py"))


def dotted(folder: Path) -> str:
    return ".".join(folder.relative_to(ROOT).parts)


def names(face: Path) -> list[str]:
    tree = ast.parse((face / "__init__.pyi").read_text())
    return [alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]


def test_every_name_that_a_face_hands_on_is_there():
    assert len(FACES) > 15
    packages = {face: importlib.import_module(dotted(face)) for face in FACES}
    promised = {face: sorted(package.__all__) for face, package in packages.items()}
    assert promised == {face: sorted(names(face)) for face in FACES}
    handed = {f"{dotted(face)}.{name}": getattr(packages[face], name, None) for face in FACES for name in names(face)}
    assert [name for name, value in handed.items() if value is None or isinstance(value, type(sys))] == []


def test_no_module_shares_its_name_with_what_a_face_hands_on():
    """Once such a module is imported, the package would give the module and not the function."""
    for face in FACES:
        modules = {path.stem for path in face.glob("*.py")} | {path.parent.name for path in face.glob("*/__init__.py")}
        assert not modules & set(names(face)), dotted(face)


def test_every_folder_says_what_it_is_for():
    docstrings = {dotted(path): ast.get_docstring(ast.parse((path / "__init__.py").read_text())) for path in FOLDERS}
    assert [name for name, text in docstrings.items() if len((text or "").split()) < 6] == []


def test_importing_every_face_loads_nothing_heavy():
    code = (
        f"import importlib, sys\nfor name in {[dotted(folder) for folder in FOLDERS]!r}:\n"
        "    importlib.import_module(name)\n"
        "print(*sorted({'torch', 'transformers', 'datasets', 'sklearn', 'pandas', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []

"""What is published: the wheel's files, the metadata, and the files that say it once more."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml
from wheel_contents import PACKAGES, contents, expected

from augment._version import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = out.glob("*.whl")
    return path


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(wheel):
    assert contents(wheel) == expected()


def test_the_wheel_is_typed_and_names_its_pythons_its_address_and_its_licence(wheel):
    with ZipFile(wheel) as packed:
        (name,) = (name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(packed.read(name).decode())
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "Apache-2.0"
    kinds = metadata.get_all("Classifier")
    assert "Typing :: Typed" in kinds
    assert [kind for kind in kinds if "Python :: 3." in kind] == [
        f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13, 14)
    ]
    assert all("https://github.com/counterpoise-nlp/counterpoise" in url for url in metadata.get_all("Project-URL"))


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_says_that_it_is_typed(package):
    assert (ROOT / package / "py.typed").is_file()


def test_every_workflow_and_form_can_be_read_and_pins_its_actions():
    files = [*(ROOT / ".github").rglob("*.yml")]
    assert {path.name for path in files} >= {"test.yml", "docs.yml", "release.yml", "bug.yml", "feature.yml"}
    for path in files:
        text = path.read_text(encoding="utf-8")
        yaml.safe_load(text)
        assert all(re.search(r"@(release/)?v\d+$", action) for action in re.findall(r"uses: (\S+)", text)), path


def test_the_tests_run_on_every_python_that_the_metadata_names():
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))
    pythons = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert [f"Programming Language :: Python :: {python}" for python in pythons] == [
        kind for kind in PROJECT["classifiers"] if "Python :: 3." in kind
    ]


def test_the_citation_names_the_version_and_the_repository():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == __version__
    assert citation["repository-code"] == PROJECT["urls"]["Homepage"]

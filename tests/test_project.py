"""What stands around the package: environment.yml, constraints, the Makefile, the top level."""

import importlib.metadata
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

TOP = Path(__file__).parent.parent
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
REQUIREMENTS = sum(PROJECT["optional-dependencies"].values(), PROJECT["dependencies"])


def constraints() -> dict[str, str]:
    lines = (TOP / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {name.lower().replace("_", "-"): version for name, version in pairs}


def test_conda_brings_python_and_pip_brings_the_rest():
    environment = yaml.safe_load((TOP / "environment.yml").read_text())
    assert environment["name"] == "sslcourse"
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    *from_conda, last = environment["dependencies"]
    assert last == {"pip": ["-c constraints.txt", "-e ."]}
    names = [entry.split("=")[0] for entry in from_conda]
    assert names == ["python", "pip"], "mixing conda's torch with pip's torchvision breaks both"
    python = from_conda[0].split("=")[1]
    assert SpecifierSet(PROJECT["requires-python"]).contains(f"{python}.0")


@pytest.mark.parametrize("text", REQUIREMENTS)
def test_every_requirement_has_a_tested_version_inside_its_range(text):
    requirement = Requirement(text)
    version = constraints()[requirement.name.lower().replace("_", "-")]
    assert requirement.specifier.contains(version)


def test_torch_and_torchvision_are_a_pair():
    versions = constraints()
    asked = Requirement(f"torch{SpecifierSet('==' + versions['torch'])}")
    wanted = importlib.metadata.requires("torchvision")
    pins = [Requirement(text) for text in wanted if Requirement(text).name == "torch"]
    assert pins[0].specifier.contains(next(iter(asked.specifier)).version)


def test_nothing_else_at_the_top():
    listed = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    names = {line.split("/")[0] for line in listed.stdout.splitlines()}
    allowed = {"notebooks", "sslcourse", "exercises", "solutions", "tests", "environment.yml"}
    allowed |= {"README.md", "LICENSE", "pyproject.toml", "constraints.txt", "Makefile"}
    assert names <= allowed | {".ci", ".gitignore"}


def test_ci_runs_make_test():
    assert "make test" in (TOP / ".ci/run").read_text().splitlines()


def test_make_names_what_is_missing():
    """A Python that is too old gets a sentence, before anything is installed."""
    done = subprocess.run(
        ["make", "-n", "lab", "test", "bench"], cwd=TOP, capture_output=True, text=True, check=True
    )
    assert "jupyter lab" in done.stdout
    assert "notebooks/00_start_here.ipynb" in done.stdout
    assert "--nbval --nbval-current-env" in done.stdout
    assert "tests/benchmarks/bench.py" in done.stdout

"""Would the tests notice? Each famous mistake is put into a copy of the package by hand.

A mutant is one edit of one file. The named tests run on the copy and must fail.
"""

import shutil
from pathlib import Path

import mutants_methods
import mutants_parts
import pytest
from mutant_run import exit_code

import sslcourse

PACKAGE = Path(sslcourse.__file__).parent
TESTS = Path(__file__).parent

MUTANTS = mutants_methods.MUTANTS | mutants_parts.MUTANTS


def run_on_copy(folder: Path, file: str, right: str, wrong: str, tests: str) -> int:
    """Pytest's exit code for some tests on a copy of the package with one edit."""
    copy = folder / "sslcourse"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    source = (copy / file).read_text()
    assert source.count(right) == 1, "the mutant no longer fits the code: adapt it"
    (copy / file).write_text(source.replace(right, wrong))
    return exit_code(folder, [str(TESTS / test) for test in tests.split()])


@pytest.mark.parametrize("name", MUTANTS)
def test_suite_catches(name, tmp_path):
    assert run_on_copy(tmp_path, *MUTANTS[name]) == 1  # 1: tests ran, and some failed


def test_suite_passes_a_harmless_edit(tmp_path):
    """The control: not the copying itself makes the tests fail."""
    edit = ("methods/simclr.py", "z @ z.T / temperature", "(z @ z.T) / temperature")
    assert run_on_copy(tmp_path, *edit, "test_simclr.py test_features.py") == 0

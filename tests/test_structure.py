"""The rooms of the package: who may import whom, how large a file grows, what a docstring says."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import sslcourse

ROOT = Path(sslcourse.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
# what each room may import of ours; files at the top are tools that any room may use, or commands
ROOMS = {
    "networks": {"networks"},
    "data": {"data", "console", "hardware"},
    "methods": {"methods", "networks", "data.augment"},
    "evaluate": {"evaluate", "data", "console", "hardware"},
    "train": {"train", "evaluate", "data", "hardware", "networks.processes"},
    "console": set(),
    "hardware": set(),
}


def imports(path: Path) -> set[str]:
    """Full names of the modules that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downwards(path):
    names = {name for name in imports(path) if name.startswith("sslcourse.")}
    allowed = ROOMS.get(room(path))
    if allowed is not None:
        for name in names:
            inner = name.removeprefix("sslcourse.")
            assert any(f"{inner}.".startswith(f"{a}.") for a in allowed), f"{path} imports {name}"
    if room(path) not in ("teach", "__main__"):  # the command line stands above every room
        assert not any(name.startswith("sslcourse.teach") for name in names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_teach_shows_and_nobody_unpickles(path):
    roots = {name.split(".")[0] for name in imports(path)}
    # check-setup asks whether widgets work, without showing one
    if room(path) not in ("teach", "check_setup"):
        assert not roots & {"matplotlib", "ipywidgets"}
    assert not roots & {"pickle", "dill", "joblib"}
    source = path.read_text()
    assert source.count("torch.load(") == source.count("weights_only=True")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path):
    lines = path.read_text().splitlines()
    assert len(lines) <= 250
    assert max(map(len, lines), default=0) <= 100
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.FunctionDef):
            docstring = ast.get_docstring(node) or ""
            length = node.end_lineno - node.lineno + 1 - len(docstring.splitlines())
            assert length <= 50, f"{node.name} has {length} lines"


@pytest.mark.parametrize("name", ["methods", "networks", "data", "train", "evaluate"])
def test_public_names_are_documented(name):
    module = importlib.import_module(f"sslcourse.{name}")
    assert module.__doc__
    for public in module.__all__:
        assert getattr(module, public).__doc__, public


def test_import_is_light():
    """Nothing heavy comes with the package itself; each room brings what it needs."""
    code = "import sys, torch; before = set(sys.modules); import sslcourse; "
    code += "print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['sslcourse']"


def test_rooms_do_without_torchvision_and_matplotlib_until_needed():
    code = "import sys, sslcourse.data, sslcourse.methods, sslcourse.train, sslcourse.evaluate; "
    code += "print({'torchvision', 'matplotlib', 'IPython', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

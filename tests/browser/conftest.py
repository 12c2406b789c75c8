"""One JupyterLab and one browser for all browser tests of a process.

They come first, since they take longest.
"""

from pathlib import Path

import pytest
from lab import QUIET, Lab, Notebook, find_chromium

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What shares the tests out between processes keeps a file together, of lessons each one."""
    items.sort(key=lambda item: item.path.parent != HERE)
    for item in items:
        lesson = item.callspec.id if item.path.name == "test_lessons.py" else ""
        item.add_marker(pytest.mark.xdist_group(f"{item.path.stem}-{lesson}"))


@pytest.fixture(scope="session")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    chromium = find_chromium()
    if not (sync_playwright and chromium):
        pytest.skip("the browser tests need Chromium or Chrome, and the package playwright")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"))
    yield lab
    lab.stop()


@pytest.fixture(scope="module")
def show(browser, lab):
    """Shows a notebook in a page of its own: `show(path)`."""
    shown = []

    def show_one(path: Path, *, kernel: bool = True) -> Notebook:
        shown.append(Notebook(browser, lab, path))
        shown[-1].open(kernel=kernel)
        return shown[-1]

    yield show_one
    for notebook in shown:
        notebook.close()

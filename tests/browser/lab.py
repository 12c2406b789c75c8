"""A JupyterLab of the tests' own on loopback, and Chromium with one of its notebooks open.

Nothing of the user's leaks in, nothing leaves the machine: configuration, data, settings and the
learner's progress lie in a fresh folder, and the kernels run under `tests/offline`.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

OFFLINE = Path(__file__).parent.parent / "offline"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--disable-quic",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-pings",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
SETTINGS = {  # without these a fresh Lab asks whether to fetch news, and looks for a newer one
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False}
}
# ipywidgets' own part of Lab fails in a notebook without a kernel (version 8.1), to no harm
WIDGETS = "@jupyter-widgets/jupyterlab-manager"
CELL_SECONDS = 600  # for all cells of a lesson; a lesson's own limit is 150
STEP_SECONDS = 60  # for anything else that a learner waits for


def find_chromium() -> str | None:
    """A Chromium or Chrome: SSLCOURSE_CHROMIUM, else by name, else where a Mac keeps it."""
    chosen = os.environ.get("SSLCOURSE_CHROMIUM")
    found = [chosen] if chosen else [*map(shutil.which, NAMES), MAC]
    return next((path for path in found if path and os.access(path, os.X_OK)), None)


class Lab:
    """A running JupyterLab.

    Attributes:
        root: the folder that it shows; notebooks are copied into it.
        progress: where its kernels keep the learner's progress.
    """

    def __init__(self, folder: Path, settings: dict[str, dict] | None = None) -> None:
        self.folder, self.root = folder, folder / "root"
        self.progress = folder / "progress.json"
        self.root.mkdir()
        for name, values in {**SETTINGS, **(settings or {})}.items():
            path = folder / "settings" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self.log = (folder / "lab.log").open("w")
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
        command += ["--ServerApp.port_retries=0", "--IdentityProvider.token="]
        command += [f"--ServerApp.root_dir={self.root}", "--LabApp.expose_app_in_browser=True"]
        self.server = subprocess.Popen(
            command, env=self.environment(), stdout=self.log, stderr=subprocess.STDOUT
        )
        try:
            self.wait_until_up()
        except BaseException:
            self.stop()
            raise

    def environment(self) -> dict[str, str]:
        """Fresh folders for all that Jupyter and IPython keep, no network, progress in a file."""
        own = {
            "JUPYTER_CONFIG_DIR": self.folder / "config",
            "JUPYTER_DATA_DIR": self.folder / "data",
            "JUPYTER_RUNTIME_DIR": self.folder / "runtime",
            "JUPYTERLAB_SETTINGS_DIR": self.folder / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": self.folder / "workspaces",
            "IPYTHONDIR": self.folder / "ipython",
            "PYTHONPATH": OFFLINE,
            "SSLCOURSE_PROGRESS": self.progress,
        }
        return {**os.environ, **{name: str(path) for name, path in own.items()}}

    def wait_until_up(self) -> None:
        for _ in range(4 * STEP_SECONDS):
            try:
                urllib.request.urlopen(f"{self.address}/api/status", timeout=5).close()
                return
            except OSError:
                if self.server.poll() is not None:
                    break
                time.sleep(0.25)
        raise RuntimeError(f"JupyterLab did not start:\n{(self.folder / 'lab.log').read_text()}")

    def stop(self) -> None:
        """End the server, and with it its kernels."""
        self.server.terminate()
        try:
            self.server.wait(30)
        except subprocess.TimeoutExpired:
            self.server.kill()
        self.log.close()


class Notebook:
    """A notebook in a browser's page.

    Attributes:
        page: Playwright's page.
        complaints: page errors, and requests that would leave the machine.
    """

    def __init__(self, browser, lab: Lab, path: Path) -> None:
        self.lab, self.path = lab, path.relative_to(lab.root)
        self.page = browser.new_page(viewport={"width": 1280, "height": 1400})
        self.page.set_default_timeout(STEP_SECONDS * 1000)
        self.complaints: list[str] = []
        self.kernelless = False
        self.page.on("pageerror", self.note_error)
        self.page.on("request", lambda request: self.check_address(request.url))
        self.page.on("websocket", lambda channel: self.check_address(channel.url))

    def note_error(self, error) -> None:
        if not (self.kernelless and WIDGETS in (error.stack or "")):
            self.complaints.append(f"page error: {error}")

    def check_address(self, url: str) -> None:
        host = urlsplit(url).netloc  # none in data: and blob:
        if host and host != urlsplit(self.lab.address).netloc:
            self.complaints.append(f"request to {url}")

    def open(self, *, kernel: bool = True) -> None:
        """Show the notebook; with a kernel, wait until that is ready."""
        self.kernelless = not kernel
        self.page.goto(f"{self.lab.address}/lab?reset", wait_until="domcontentloaded")
        self.page.wait_for_function("() => window.jupyterapp?.shell.currentWidget")
        options = {"path": str(self.path)}
        if not kernel:
            options["kernelPreference"] = {"shouldStart": False, "shouldReuse": False}
        self.command("docmanager:open", options)
        self.page.wait_for_function(
            "() => { const cells = jupyterapp.shell.currentWidget?.content?.widgets?.length;"
            "return cells && cells === document.querySelectorAll('.jp-Notebook .jp-Cell').length }"
        )
        if kernel:  # Lab's own indicator says idle too early
            self.page.wait_for_function(
                "() => { const session = jupyterapp.shell.currentWidget?.sessionContext;"
                "return session?.isReady && session.session?.kernel?.status === 'idle' }"
            )

    def command(self, name: str, options: dict | None = None, seconds: int = STEP_SECONDS) -> None:
        """Run one of Lab's commands and wait for its end."""
        self.page.evaluate(  # a promise that is returned here would be waited for without a limit
            "([name, options]) => { window.ended = null;"
            "jupyterapp.commands.execute(name, options ?? {}).then("
            "() => { window.ended = 'well' }, error => { window.ended = String(error) }) }",
            [name, options],
        )
        self.page.wait_for_function("() => window.ended", timeout=seconds * 1000)
        assert self.page.evaluate("window.ended") == "well", self.page.evaluate("window.ended")

    def run(self, first: int = 0, last: int | None = None, *, wait: bool = True) -> None:
        """Run the cells from `first` to `last`, both included, as Shift+Enter would."""
        self.page.evaluate(
            "([first, last]) => { const notebook = jupyterapp.shell.currentWidget.content;"
            "notebook.deselectAll(); notebook.activeCellIndex = first;"
            "notebook.extendContiguousSelectionTo(last ?? notebook.widgets.length - 1) }",
            [first, last],
        )
        if wait:
            self.command("notebook:run-cell", seconds=CELL_SECONDS)
        else:
            self.page.evaluate("() => { jupyterapp.commands.execute('notebook:run-cell') }")

    def cell(self, index: int):
        """The `index`-th cell, as a locator."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def content(self) -> dict:
        """The notebook as it would be saved now."""
        return self.page.evaluate("jupyterapp.shell.currentWidget.content.model.toJSON()")

    def pictures(self) -> int:
        """How many pictures are shown, each of them loaded."""
        return self.page.locator(".jp-RenderedImage img").evaluate_all(
            "images => images.filter(image => image.complete && image.naturalWidth > 1).length"
        )

    def until(self, true: Callable[[], bool], what: str, seconds: float = STEP_SECONDS) -> None:
        """Wait until something is true."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"waited {seconds} s: {what}"
            self.page.wait_for_timeout(50)

    def save(self) -> None:
        self.command("docmanager:save")

    def shut_down(self) -> None:
        """End all kernels and leave Lab, as at the end of a day."""
        self.page.evaluate("window.jupyterapp?.serviceManager.sessions.shutdownAll()")
        self.page.goto("about:blank")

    def close(self) -> None:
        self.shut_down()
        self.page.close()

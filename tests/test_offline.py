"""The notebooks' tests run without a network: what `offline/sitecustomize.py` refuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

OFFLINE = Path(__file__).parent / "offline"
OUTSIDE = "192.0.2.1"  # reserved for documentation (RFC 5737): nobody answers there


def run(code: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", "import asyncio, os, socket, urllib.request as web\n" + code],
        env={**os.environ, "PYTHONPATH": str(OFFLINE)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("host", "code"),
    [
        (OUTSIDE, f"socket.create_connection(('{OUTSIDE}', 80))"),
        (OUTSIDE, f"socket.socket().connect(('{OUTSIDE}', 80))"),
        (OUTSIDE, f"socket.socket().connect_ex(('{OUTSIDE}', 80))"),
        (OUTSIDE, f"socket.socket(type=socket.SOCK_DGRAM).sendto(b'?', ('{OUTSIDE}', 53))"),
        (OUTSIDE, f"socket.socket(type=socket.SOCK_DGRAM).sendto(b'?', 0, ('{OUTSIDE}', 53))"),
        ("2001:db8::1", "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 80, 0, 0))"),
        (OUTSIDE, f"asyncio.run(asyncio.open_connection('{OUTSIDE}', 80))"),
        ("example.org", "socket.getaddrinfo('example.org', 80)"),
        ("example.org", "socket.gethostbyname('example.org')"),
        ("example.org", "web.urlopen('https://example.org/data.tar')"),
        ("example.org", "import sys, subprocess; subprocess.run([sys.executable, '-c', "
         "'import socket; socket.create_connection((\"example.org\", 80))'], check=True)"),
    ],
)  # fmt: skip
def test_the_outside_is_refused_without_waiting(host, code):
    code = f"import time; started = time.time()\ntry:\n    {code}\n"
    code += "finally:\n    print(time.time() - started)"
    done = run(code)
    assert f"{host} is not on this machine, and the tests run without a network" in done.stderr
    assert float(done.stdout) < 5, "a process of its own may take a while to start"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1"])
def test_loopback_works(host):
    code = f"""
wide = ':' in '{host}'
family, bound = (socket.AF_INET6, '::') if wide else (socket.AF_INET, '127.0.0.1')
try:
    server = socket.create_server((bound, 0), family=family, dualstack_ipv6=wide)
except OSError:
    print('no IPv6 here')
else:
    socket.create_connection(('{host}', server.getsockname()[1])).close()
    print('connected')
"""
    done = run(code)
    assert done.stdout.strip() in ("connected", "no IPv6 here"), done.stderr
    assert ":" in host or "connected" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="unix sockets are tested elsewhere")
def test_unix_sockets_work(tmp_path):
    code = f"""
os.chdir({str(tmp_path)!r})  # a socket's path must be short
server = socket.socket(socket.AF_UNIX)
server.bind('door')
server.listen()
socket.socket(socket.AF_UNIX).connect('door')
print('connected')
"""
    assert run(code).stdout.strip() == "connected"


def test_it_is_found_before_any_other():
    """So a kernel that is started from such a Python is without a network too."""
    done = run("import sitecustomize; print(sitecustomize.__file__)")
    assert done.stdout.strip() == str(OFFLINE / "sitecustomize.py")

"""A training that is killed at random moments ends as if nothing had happened, bit for bit.

The short version of `tests/benchmarks/kills.py`, which takes all seven trainings and many kills.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from photographs import write_photographs

SCRIPT = Path(__file__).parent / "benchmarks" / "kills.py"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_kills_leave_no_trace(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path / "cache"))
    write_photographs(tmp_path / "photographs", 48, 8)
    # MoCo has most to remember beside weights: a queue, a pointer, a copy that follows
    settings = {"--kills": "3", "--steps": "12", "--batch-size": "16", "--methods": "moco"}
    arguments = [text for pair in settings.items() for text in pair]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments, "--data", str(tmp_path / "photographs")],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(
        r"^3 kills in (\d) trainings, (\d) of which end as undisturbed$", done.stdout, re.M
    )
    assert found and found[1] == found[2]
    assert len(re.findall(r"killed after .* s, step \d+ is saved", done.stdout)) == 3

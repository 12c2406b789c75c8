"""Where the course keeps what it has read or downloaded, and how a file is written whole."""

import errno
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path


def cache_folder() -> Path:
    """`SSLCOURSE_CACHE` where it is set, otherwise `.cache/sslcourse` in the home folder."""
    chosen = os.environ.get("SSLCOURSE_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "sslcourse"


def remove_remains(path: Path) -> None:
    """Delete what a killed process left half-written beside `path` more than a minute ago."""
    for left in path.parent.glob(f".{path.name}-*.part"):
        if time.time() - left.stat().st_mtime > 60:
            left.unlink(missing_ok=True)


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Call `write` with a path beside `path`, then move the finished file into place.

    Whatever goes wrong (a full disk, an interrupt), `path` holds either its old content or the
    whole new one, and the half-written file is removed.

    Raises:
        OSError: naming the file and the reason, when it could not be written.
        ConnectionError: of `write`, as it is: then what was to be written never came.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_remains(path)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".part")
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        with open(temporary, "r+b") as written:  # Windows syncs only what may be written
            os.fsync(written.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except ConnectionError:
        raise
    # torch and safetensors report a full disk as errors of their own kinds
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        advice = "Free some disk space" if full else "Look at its folder"
        raise OSError(
            f"could not write {path}: {reason.splitlines()[0]}. {advice} or choose "
            "another folder; what stood there before is untouched."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)

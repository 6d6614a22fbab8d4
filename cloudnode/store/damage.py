"""What is known to be wrong with a database, kept beside it, so that a restart does not forget it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_LIMIT = 64 * 1024


def _file(path: str) -> Path:
    return Path(f"{path}.damage")


def read_damage(path: str) -> tuple[str, ...]:
    """The findings of an audit of the database at ``path`` that none has cleared since; empty if there are none."""
    try:
        with _file(path).open("rb") as file:
            text = file.read(_LIMIT).decode("utf-8", "replace")
    except FileNotFoundError:
        return ()
    return tuple(line for line in text.splitlines() if line) or ("an earlier audit found damage",)


def write_damage(path: str, findings: tuple[str, ...]) -> None:
    """Keep findings, or forget the old ones if there are none now.

    A disk that takes no more leaves the findings unkept: they are still told by whoever calls this.
    """
    if not findings:
        with contextlib.suppress(OSError):
            _file(path).unlink(missing_ok=True)
        return
    text = "\n".join(finding.replace("\n", " ") for finding in findings) + "\n"
    temporary = f"{_file(path)}.new"
    with contextlib.suppress(OSError):
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, _file(path))

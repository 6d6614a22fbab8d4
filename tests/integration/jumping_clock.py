"""A node whose clock is set while it runs: a real one otherwise.

``python jumping_clock.py FILE OPTION...``, where FILE holds the seconds that the time of day is ahead of the machine's,
looked at ten times a second, and the options are those of ``twistd cloudnode``. What goes by a monotonic clock is as it
was, as on a machine whose clock is set.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path


def jump_with(file: Path) -> None:
    """Have ``time.time`` and ``time.time_ns`` go by the file from now on; to be called before anything imports them."""
    now, now_ns = time.time, time.time_ns
    ahead, looked_at = 0.0, -1.0

    def look() -> float:
        nonlocal ahead, looked_at
        if time.monotonic() > looked_at + 0.1:
            looked_at = time.monotonic()
            ahead = float(file.read_text() or ahead)
        return ahead

    time.time = lambda: now() + look()
    time.time_ns = lambda: now_ns() + int(look() * 1e9)


if __name__ == "__main__":
    place, *options = sys.argv[1:]
    jump_with(Path(place))
    from twisted.scripts import twistd

    sys.argv = ["twistd", "-n", "--pidfile=", "cloudnode", *options]
    twistd.run()

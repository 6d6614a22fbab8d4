"""``python -m cloudnode.page [FILE]`` writes the page in one file, made from this checkout (cloudnode-page.html)."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from cloudnode.page.files import SINGLE_PAGE, load_files


def main() -> None:
    """Write it, and tell its SHA-256."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else SINGLE_PAGE)
    body = load_files()[f"/{SINGLE_PAGE}"].body
    path.write_bytes(body)
    print(f"{hashlib.sha256(body).hexdigest()}  {path}")


if __name__ == "__main__":
    main()

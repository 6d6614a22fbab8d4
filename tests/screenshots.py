"""``make screenshots``: the pictures of the page that the README shows, of a real network of seven nodes and a liar.

With the MovieLens data at hand (``CLOUDNODE_MOVIELENS``) the films are real ones.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.integration.chromium import Watched, find_chromium, open_chromium, open_page
from tests.integration.conftest import ROOT, NodeProcess
from tests.integration.film_network import NODES, FilmNetwork, open_film_network
from tests.integration.test_honesty import start_liar
from tests.integration.test_peers import node_id

IMAGES = ROOT / "docs" / "images"
WIDE = {"width": 1280, "height": 940}
PHONE = {"width": 390, "height": 844}
SETTLED = 4_000
"""Milliseconds until links and latencies of all nodes are on the page."""


def main() -> None:
    """Start the network, make the pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as home,
        open_film_network(Path(home)) as network,
        open_chromium(find_chromium()) as browser,
    ):
        light(browser, network)
        phone(browser, network)
        dark(browser, network, Path(home))


def light(browser: Any, network: FilmNetwork) -> None:
    """All agree."""
    with open_page(browser, network.nodes[0].http_url, viewport=WIDE, color_scheme="light") as watched:
        watched.expect_text("#verdict .title", f"All {NODES} nodes hold the same data.")
        save(watched, "page-light")


def phone(browser: Any, network: FilmNetwork) -> None:
    """A film, proven, with the reader's rating."""
    options = {"viewport": PHONE, "color_scheme": "light", "device_scale_factor": 2}
    with open_page(browser, f"{network.nodes[1].http_url}/#records", **options) as watched:
        watched.page.locator("#results a").first.click()
        watched.expect_text("#record", "proven here")
        watched.page.get_by_role("radio", name="5 stars").check(force=True)
        watched.page.get_by_role("button", name="Rate", exact=True).click()
        watched.expect_text("#rate-outcome", "5 stars final in block")
        watched.page.locator("#record").scroll_into_view_if_needed()
        watched.page.evaluate("() => scrollTo(0, document.querySelector('#record').offsetTop - 110)")
        save(watched, "page-phone")


def dark(browser: Any, network: FilmNetwork, home: Path) -> None:
    """A liar is named."""
    liar = NodeProcess(home / "liar", ["--join", network.nodes[0].ws_url])
    try:
        start_liar(liar, "root")
        options = {"viewport": WIDE, "color_scheme": "dark"}
        with open_page(browser, network.nodes[0].http_url, **options) as watched:
            watched.expect_text(f'#nodes tr[data-node="{node_id(liar)}"]', "lies", 45)
            save(watched, "page-dark")
    finally:
        liar.close()


def save(watched: Watched, name: str) -> None:
    """Write a picture of what is on the screen."""
    watched.page.wait_for_timeout(SETTLED)
    path = IMAGES / f"{name}.png"
    watched.page.screenshot(path=path)
    sys.stdout.write(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()

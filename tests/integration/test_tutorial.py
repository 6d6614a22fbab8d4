"""The tutorial's two programs, with each other, against a real node: the one in Python and the page in Chromium."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.chromium import find_chromium, open_chromium, open_page
from tests.integration.conftest import ROOT, NodeProcess, wait_until

FILMS = ROOT / "examples" / "films"


class Somebody:
    """A user of the program, with a key of their own."""

    def __init__(self, name: str, node: NodeProcess, home: Path) -> None:
        self.environment = {
            "PYTHONPATH": str(ROOT), "PATH": os.defpath, "HOME": str(home), "NODES": node.ws_url,
            "FILMS_KEY": str(home / f"{name}.key"),
        }  # fmt: skip

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start it without waiting."""
        return subprocess.Popen(
            [sys.executable, str(FILMS / "films.py"), *words], env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *words: str, status: int = 0) -> str:
        """Run it; what it printed, or complained about."""
        process = self.start(*words)
        out, err = process.communicate(timeout=120)
        assert process.returncode == status, (words, out, err)
        return err if status else out


@pytest.fixture
def ann(node: NodeProcess, tmp_path: Path) -> Somebody:
    return Somebody("ann", node, tmp_path)


@pytest.fixture
def bob(node: NodeProcess, tmp_path: Path) -> Somebody:
    return Somebody("bob", node, tmp_path)


def test_python(ann: Somebody, bob: Somebody) -> None:
    """A film is added, rated by somebody else and by nobody else's own, listed, and the rating is told."""
    film = ann.run("add", "Ran").strip()
    assert film.endswith("/film/ran")
    watching = bob.start("watch")
    try:
        assert "rating_own" in ann.run("rate", film, "5", status=1)
        assert watching.stdout is not None
        assert watching.stdout.readline().startswith("watching from ")
        bob.run("rate", film, "4")
        told = watching.stdout.readline()
        assert f'"record":"{film}"' in told and told.endswith(" proof\n")
    finally:
        watching.kill()
        watching.communicate()
    listed = bob.run().splitlines()
    assert listed[0] == "  4 stars by 1: {'title': 'Ran'}"
    assert listed[1].endswith("checked: partly")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A web site with the page and the module, and nothing of a node."""
    directory = tmp_path / "site"
    directory.mkdir()
    shutil.copy(FILMS / "films.html", directory)
    shutil.copy(ROOT / "cloudnode" / "page" / "files" / "cloudnode.js", directory)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(directory))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_page(node: NodeProcess, ann: Somebody, site: str) -> None:
    """What is written by the program is seen in the page and rated there, and the other way round; hostile titles are
    text.
    """
    title = "<img src=x onerror=document.title='hurt'>"
    film = ann.run("add", title).strip()
    with (
        open_chromium(find_chromium()) as browser,
        open_page(browser, f"{site}/films.html?node={node.ws_url}", may_fail=("favicon", "404")) as watched,
    ):
        watched.expect_text("li", f"{title}: 0 stars by 0")
        watched.page.get_by_label("Rate 4").click()
        watched.expect_text("li", f"{title}: 4 stars by 1")
        watched.expect_text("[role=status]", "checked: partly")
        watched.page.get_by_label("Title").fill("Ran")
        watched.page.get_by_role("button", name="Add").click()
        watched.expect_text("li", "Ran: 0 stars by 0")
        assert watched.page.locator("li", has_text="Ran").locator("button").count() == 0, "nobody rates their own"
        ratings = node.call("getratings", {"record": film})
        assert (ratings["sum"], ratings["count"]) == (4, 1)
        # What others do is seen without asking.
        account = watched.page.evaluate("localStorage.seed.length")
        assert account == 64
        (ran,) = [each for each in node.call("search", {"text": "ran"})["records"] if each["key"] == "ran"]
        ann.run("rate", f"{ran['account']}/film/ran", "5")
        watched.expect_text("li", "Ran: 5 stars by 1")
        assert watched.page.title() == "Films"
    wait_until(lambda: "5 stars by 1" in ann.run("list"), 60, "the rating in the program")

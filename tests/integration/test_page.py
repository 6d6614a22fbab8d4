"""The page that each node serves, in a real browser, against a network of seven real nodes with films inside."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudnode.formats.keys import SigningKey
from cloudnode.page.files import SINGLE_PAGE, load_files
from tests.integration.callers import SECONDS as CALL_SECONDS
from tests.integration.chromium import (
    Watched,
    find_chromium,
    find_violations,
    open_chromium,
    open_page,
    read_axe,
)
from tests.integration.conftest import NodeProcess, wait_until
from tests.integration.film_network import NODES, FilmNetwork, open_film_network
from tests.integration.test_honesty import start_liar
from tests.integration.test_peers import height, node_id

WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
REFUSED = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_QUIC", "WebSocket connection to", "Failed to load")
"""What a browser itself reports of a node that is gone; nothing of it comes from the page."""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilmNetwork]:
    """The network that all tests here share."""
    find_chromium()
    with open_film_network(tmp_path_factory.mktemp("films")) as network:
        yield network


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The browser that all tests here share; each has a profile of its own."""
    with open_chromium(find_chromium()) as opened:
        yield opened


def agree(watched: Watched, nodes: int = NODES) -> None:
    """Wait until the page says that so many nodes agree."""
    watched.expect_text("#verdict .title", f"All {nodes} nodes hold the same data.")


def number(watched: Watched, selector: str) -> int:
    """A number on the page."""
    return int(watched.page.locator(selector).inner_text().replace(",", ""))


def test_network(films: FilmNetwork, browser: Any) -> None:
    """Height, data hash and sums are those that the nodes hold, verified here; map and table show nodes and links."""
    node = films.nodes[0]
    with open_page(browser, node.http_url, viewport=WIDE) as watched:
        agree(watched)
        watched.expect_text("#verdict", "verified in your browser")
        watched.expect_text("#ratings-sum", f"{films.data.stars:,}")
        page = watched.page
        shown = {name: number(watched, f"#{name}") for name in ("height", "ratings-sum", "ratings-count")}
        root = page.locator("#data-hash").inner_text().replace("\n", "")
        there = films.nodes[3].call("getdatahash")
        assert (shown["ratings-sum"], shown["ratings-count"]) == (there["ratings_sum"], there["ratings_count"])
        assert shown["ratings-sum"] == films.data.stars
        assert root == there["root"] and 0 < shown["height"] <= there["height"]
        keys = {node_id(each) for each in films.nodes}
        rows = page.locator("#nodes tbody tr")
        assert {rows.nth(place).get_attribute("data-node") for place in range(rows.count())} == keys
        assert page.locator("#map .node").count() == NODES
        watched.expect_text("#map-caption", f"{NODES} nodes")
        wait_until_true(watched, lambda: page.locator("#map .tie").count() >= NODES, "the links")
        assert page.locator('#map .node[data-state="good"]').count() == NODES
        assert page.locator("#map path.body").count() == 4, "the validators are drawn otherwise"
        watched.expect_text("#blocks-caption", "each proven here")
        before = number(watched, "#blocks tbody th >> nth=0")
        wait_until_true(watched, lambda: number(watched, "#blocks tbody th >> nth=0") > before, "a block")


def wait_until_true(watched: Watched, condition: Callable[[], bool], what: str, seconds: float = 25.0) -> None:
    """Look again and again, while the page goes on."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} took longer than {seconds:g} s; {watched.errors}")
        watched.page.wait_for_timeout(50)


def find_film(watched: Watched, title: str) -> None:
    """Search for a film and open it, by the keyboard alone."""
    page = watched.page
    page.get_by_role("link", name="Records").click()
    page.get_by_label("Search", exact=True).fill(title)
    page.keyboard.press("Enter")
    link = page.locator("#results a").filter(has_text=title).first
    link.focus()
    page.keyboard.press("Enter")
    watched.expect_text("#record h2", title)
    watched.expect_text("#record", "proven here")


def some_title(network: FilmNetwork, place: int = 0) -> str:
    """The title of one of the best rated films."""
    records = network.nodes[0].call("listrecords", {"collection": "film", "order": "best", "limit": 20})["records"]
    titles = [each["data"]["title"] for each in records if each["data"].get("title")]
    return str(titles[place])


def test_film_rated(films: FilmNetwork, browser: Any) -> None:
    """A film is found and rated with a key made here; the rating is final, proven, and there after a reload."""
    node = films.nodes[4]
    title = some_title(films)
    with open_page(browser, node.http_url, viewport=WIDE) as watched:
        page = watched.page
        find_film(watched, title)
        before = number(watched, "#record-sum")
        page.get_by_role("radio", name="1 star", exact=True).focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        page.get_by_role("button", name="Rate", exact=True).click()
        watched.expect_text("#rate-outcome", "4 stars final in block")
        wait_until_true(watched, lambda: number(watched, "#record-sum") == before + 4, "the new sum")
        _, account, collection, key = page.evaluate("() => location.hash").split("/")
        page.get_by_role("link", name="Key", exact=True).click()
        rater = page.locator("#account").inner_text()
        films.wait_for_all()
        found = films.nodes[1].call("getratings", {"record": f"{account}/{collection}/{key}", "account": rater})
        assert [each["stars"] for each in found["ratings"]] == [4]

        page.go_back()
        page.reload()
        wait_until_true(watched, lambda: page.locator("input[name=stars]:checked").count() == 1, "the kept rating")
        assert page.locator("input[name=stars]:checked").get_attribute("value") == "4"
        page.get_by_role("button", name="Withdraw it").click()
        watched.expect_text("#rate-outcome", "withdrawn in block")
        wait_until_true(watched, lambda: number(watched, "#record-sum") == before, "the old sum")


def test_key(films: FilmNetwork, browser: Any, tmp_path: Path) -> None:
    """A key goes out to a file and comes back; what is no key is refused in words."""
    with open_page(browser, f"{films.nodes[2].http_url}/#key", viewport=WIDE) as watched:
        page = watched.page
        page.on("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Make a key").click()
        account = page.locator("#account").inner_text()
        with page.expect_download() as downloading:
            page.get_by_role("button", name="Export it").click()
        downloading.value.save_as(tmp_path / "key.txt")
        seed = (tmp_path / "key.txt").read_text()
        assert SigningKey(bytes.fromhex(seed.strip())).public.hex() == account
        page.get_by_role("button", name="Forget it").click()
        watched.expect_text("#key-parts", "no key in this browser")
        assert page.evaluate("() => localStorage.getItem('cloudnode.key')") is None
        field = page.get_by_label("The key: 64 hex digits")
        field.fill("nonsense")
        page.get_by_role("button", name="Use it").click()
        watched.expect_text("#key-error", "That is no key")
        field.fill(seed)
        page.get_by_role("button", name="Use it").click()
        watched.expect_text("#account", account)


HOSTILE = (
    "<img src=x onerror=\"globalThis.ran='img'\"><script>globalThis.ran='script'</script>",
    "javascript:globalThis.ran='url'//",
    "\u202e\u0000<svg onload=globalThis.ran='svg'>",
)


def test_hostile_records(films: FilmNetwork, browser: Any) -> None:
    """Titles, keys, references and data that try to be markup, scripts or links are text, and nothing of them runs."""
    author = SigningKey.generate()
    node = films.nodes[5]
    for place, title in enumerate(HOSTILE):
        data = {"title": f"{title} hostile{place}", "url": "javascript:globalThis.ran='data'", title: [title]}
        key = title.replace("/", "|").replace("\0", "") + f"?#%2F{place}"
        put_record(node, author, "trap", key, data)
    films.wait_for_all()
    with open_page(browser, f"{node.http_url}/#records", viewport=WIDE) as watched:
        page = watched.page
        page.get_by_label("Collection").fill("trap")
        page.get_by_role("button", name="Search").click()
        watched.expect_text("#results-caption", "3 records")
        for place in range(3):
            page.locator("#results a").filter(has_text=f"hostile{place}").click()
            watched.expect_text("#record h2", f"hostile{place}")
            watched.expect_text("#record", "proven here")
            page.locator("#record summary").click()
            shown = page.locator("#record").inner_text()
            assert "globalThis.ran" in shown and "javascript:" in shown
            assert "\u202e" not in shown
        assert page.evaluate("() => globalThis.ran ?? null") is None
        assert page.locator("main img, main script, main iframe, main svg[onload]").count() == 0
        links = page.evaluate("() => [...document.querySelectorAll('[href]')].map((each) => each.getAttribute('href'))")
        assert [each for each in links if re.match(r"\s*[a-z]+:", each)] == []
        refused = page.evaluate(
            "() => { try { document.body.insertAdjacentHTML('beforeend', '<b>x</b>'); return 'taken'; }"
            " catch (error) { return error.name; } }"
        )
        assert refused == "TypeError", "trusted types forbid markup from strings"
        watched.errors.clear()  # the policy reports that try


def put_record(node: NodeProcess, key: SigningKey, collection: str, name: str, data: Any) -> None:
    """Write a record and wait until it is final."""
    from cloudnode.formats.operation import Envelope, build_put, sign_operation

    info = node.call("getnodeinfo")
    newest = info["lastblock"]["height"]
    envelope = Envelope(bytes.fromhex(info["network"]), key.public, int(time.time() * 1000), newest, newest + 50)
    body = build_put(envelope, collection, name, data)
    params = {"operation": body.decode(), "signature": sign_operation(key, body).hex(), "wait": "final"}
    assert node.call("submit", params, timeout=CALL_SECONDS)["result"] == "ok"


def test_killed_under_the_page(films: FilmNetwork, browser: Any) -> None:
    """The node that served the page is killed: the page says so, goes on with others, and a rating still succeeds."""
    node = films.nodes[6]
    with open_page(browser, node.http_url, viewport=WIDE, may_fail=REFUSED) as watched:
        page = watched.page
        agree(watched)
        killed = node_id(node)
        node.kill()
        try:
            watched.expect_text(f'#nodes tr[data-node="{killed}"]', "silent")
            watched.expect_text("#verdict .title", "1 does not answer")
            before = number(watched, "#height")
            wait_until_true(watched, lambda: number(watched, "#height") > before, "a later height", 30)
            find_film(watched, some_title(films, 1))
            page.get_by_role("radio", name="5 stars").check(force=True)
            page.get_by_role("button", name="Rate", exact=True).click()
            watched.expect_text("#rate-outcome", "5 stars final in block")
        finally:
            node.start()
        page.get_by_role("link", name="Network").click()
        watched.expect_text("#verdict .title", f"All {NODES} nodes hold the same data.", 60)


def test_behind(films: FilmNetwork, browser: Any, tmp_path: Path) -> None:
    """A node that lost the others is said to be behind, and by how much, not to lie."""
    lost = NodeProcess(tmp_path / "lost", ["--join", films.nodes[2].ws_url])
    alone = NodeProcess(tmp_path / "alone", ["--join", "ws://127.0.0.1:1"])
    copy = tmp_path / "cloudnode-page.html"
    copy.write_bytes(load_files()[f"/{SINGLE_PAGE}"].body)
    try:
        lost.start()
        wait_until(lambda: height(lost) >= height(films.nodes[0]), 20, "its catching up")
        lost.stop()
        # The same data at another address, with nobody that it knows.
        shutil.copytree(lost.datadir, alone.datadir, ignore=shutil.ignore_patterns("peers.json", "stun.json", "lock"))
        alone.start()
        author = SigningKey.generate()
        for place in range(8):
            put_record(films.nodes[0], author, "event", str(place), place)
        assert height(alone) <= height(films.nodes[0]) - 8
        with open_page(browser, copy.as_uri(), viewport=WIDE, may_fail=REFUSED) as watched:
            page = watched.page
            page.get_by_label("Nodes, separated by spaces").fill(f"{films.nodes[0].ws_url} {alone.ws_url}")
            page.get_by_role("button", name="Connect").click()
            watched.expect_text(f'#nodes tr[data-node="{node_id(alone)}"]', "blocks behind")
            watched.expect_text("#verdict .title", f"{NODES} nodes hold the true data; 1 is behind")
    finally:
        alone.close()
        lost.close()


def test_own_copy(films: FilmNetwork, browser: Any, tmp_path: Path) -> None:
    """The page in one file works from the disk: it asks for a node, finds the others, and verifies all the same."""
    with open_page(browser, f"{films.nodes[0].http_url}/#proof", viewport=WIDE) as watched:
        with watched.page.expect_download() as downloading:
            watched.page.get_by_role("link", name="This page in one file").click()
        copy = tmp_path / "cloudnode-page.html"
        downloading.value.save_as(copy)
    with open_page(browser, copy.as_uri(), viewport=WIDE) as watched:
        page = watched.page
        page.get_by_label("Nodes, separated by spaces").fill("nonsense")
        page.get_by_role("button", name="Connect").click()
        watched.expect_text("#seeds-error", "names no node")
        page.get_by_label("Nodes, separated by spaces").fill(films.nodes[0].ws_url)
        page.get_by_label("Network id").fill(films.nodes[0].call("getnodeinfo")["network"])
        page.get_by_role("button", name="Connect").click()
        agree(watched)
        assert "first node's word" not in page.locator("#verdict").inner_text(), "the reader named the network"
        find_film(watched, some_title(films))


@pytest.mark.parametrize(("theme", "viewport"), [("light", WIDE), ("dark", WIDE), ("light", PHONE)])
def test_accessible(films: FilmNetwork, browser: Any, theme: str, viewport: dict[str, int]) -> None:
    """axe-core finds no violation in any view, and nothing is wider than the screen."""
    axe = read_axe()
    options = {"viewport": viewport, "color_scheme": theme, "reduced_motion": "reduce"}
    with open_page(browser, films.nodes[0].http_url, **options) as watched:
        page = watched.page
        agree(watched)
        for view in ("Network", "Records", "Node", "Key", "Proof"):
            page.get_by_role("navigation").get_by_role("link", name=view).click()
            if view == "Records":
                page.locator("#results a").first.click()
                watched.expect_text("#record", "proven here")
            if view == "Node":
                watched.expect_text("#node-parts", "Health and sync")
            assert find_violations(watched, axe) == [], view
            width = page.evaluate("() => document.documentElement.scrollWidth")
            assert width <= viewport["width"], f"{view} is {width} wide"


def test_theme(films: FilmNetwork, browser: Any) -> None:
    """The switch overrules the system, and is remembered."""
    with open_page(browser, films.nodes[0].http_url, viewport=WIDE, color_scheme="light") as watched:
        page = watched.page
        theme = "() => document.documentElement.dataset.theme"
        assert page.evaluate(theme) == "light"
        page.get_by_role("button", name="Dark colours").click()
        assert page.evaluate(theme) == "dark"
        page.reload()
        assert page.evaluate(theme) == "dark"


def test_liar(films: FilmNetwork, browser: Any, tmp_path: Path) -> None:
    """A node that signs another state than the validators is named, and the others get its evidence."""
    liar = NodeProcess(tmp_path / "liar", ["--join", films.nodes[0].ws_url])
    try:
        start_liar(liar, "root")
        wait_until(lambda: height(liar) >= height(films.nodes[0]) - 1, 20, "the liar's catching up")
        with open_page(browser, films.nodes[1].http_url, viewport=WIDE) as watched:
            row = f'#nodes tr[data-node="{node_id(liar)}"]'
            watched.expect_text(row, "lies", 45)
            watched.expect_text("#verdict .title", f"{NODES} nodes hold the true data; 1 lies.", 30)
            assert watched.page.locator("#verdict").get_attribute("data-state") == "bad"
        named = node_id(liar)
        wait_until(
            lambda: any(named in json.dumps(node.call("getevidence")) for node in films.nodes), 20, "the evidence"
        )
    finally:
        liar.close()

"""A small rating app: films that anybody adds and everybody else rates.

    python films.py add TITLE
    python films.py rate FILM STARS
    python films.py list
    python films.py watch

$NODES names some nodes, with spaces between; $FILMS_KEY the file of your key.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cloudnode.client.cloud.blocking import BlockingCloud
from cloudnode.client.errors import ClientError
from cloudnode.formats.keys import SigningKey, dump_key, load_key

NODES = os.environ.get("NODES", "ws://localhost:38082").split()
KEY_FILE = Path(os.environ.get("FILMS_KEY", "films.key"))


def my_key() -> SigningKey:
    """A key is an account; the first time one is made."""
    if not KEY_FILE.exists():
        KEY_FILE.touch(mode=0o600)
        KEY_FILE.write_text(dump_key(SigningKey.generate()))
    return load_key(KEY_FILE.read_text())


def add(cloud: BlockingCloud, title: str) -> None:
    writer = cloud.writer(my_key())
    name = title.lower().replace("/", "-")
    cloud.submit(writer.put("film", name, {"title": title}))
    print(f"{writer.account.hex()}/film/{name}")


def rate(cloud: BlockingCloud, film: str, stars: str) -> None:
    cloud.submit(cloud.writer(my_key()).rate(film, int(stars)))


def list_best(cloud: BlockingCloud) -> None:
    page = cloud.call("listrecords", {"collection": "film", "order": "best", "limit": 20})
    for film in page.result["records"]:
        print(f"{film['ratings_sum']:3} stars by {film['ratings_count']}: {film['data']!r}")
    print(f"at height {page.height}, checked: {page.checked}")


def watch(cloud: BlockingCloud) -> None:
    ratings = cloud.subscribe("ratings", {"collection": "film"})
    print(f"watching from {ratings.cursor} on", flush=True)
    for item in ratings:
        print(bytes(item.raw).decode(), item.checked, flush=True)


COMMANDS = {"add": add, "rate": rate, "list": list_best, "watch": watch}

if __name__ == "__main__":
    name, *words = sys.argv[1:] or ["list"]
    with BlockingCloud.connect(NODES, on_liar=lambda liar: print(f"{liar.url} lied: {liar.reason}")) as cloud:
        try:
            COMMANDS[name](cloud, *words)
        except ClientError as error:
            sys.exit(str(error))

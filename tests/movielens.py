"""Films and ratings of the shape of MovieLens, made up; and the real ones, where they are at hand."""

from __future__ import annotations

import csv
import gzip
import os
import random
from collections.abc import Mapping
from pathlib import Path

import attrs

ROOT = Path(__file__).resolve().parents[1]
SEED = 20

_REAL = (9_066, 100_004, 367_124)


@attrs.frozen
class Data:
    """Two files and what is in them."""

    movies: Path
    ratings: Path
    films: int
    count: int
    stars: int


def make_data(directory: Path, films: int, users: int, count: int) -> Data:
    """Made-up films and ratings; nobody rates a film twice, and some films have no title or year."""
    chance = random.Random(SEED)
    movies, ratings = directory / "movies.csv", directory / "ratings.csv.gz"
    with movies.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["movieId", "title", "year", "genres"])
        for film in range(1, films + 1):
            title = "" if film % 50 == 0 else f'Füm "{film}", The'
            writer.writerow([film, title, "" if film % 40 == 0 else 1900 + film % 100, "Drama|Comedy" * (film % 3 > 0)])
    pairs = chance.sample(range(films * users), count)
    given = [(pair % users + 1, pair // users + 1, chance.randint(1, 5)) for pair in pairs]
    with gzip.open(ratings, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["userId", "movieId", "stars", "timestamp"])
        writer.writerows((*rating, 900_000_000 + number) for number, rating in enumerate(given))
    return Data(movies, ratings, films, count, sum(stars for *_, stars in given))


def real_data(directory: Path) -> Data:
    """The real data set in a directory that has its two files."""
    return Data(directory / "movielens-movies.csv.gz", directory / "movielens-ratings.csv.gz", *_REAL)


def find_real_data(environment: Mapping[str, str] = os.environ) -> Data | None:
    """The real data set, where ``CLOUDNODE_MOVIELENS`` says or beside the checkout; None if it is at neither."""
    named = environment.get("CLOUDNODE_MOVIELENS")
    for directory in ([Path(named)] if named else []) + [ROOT.parent / "shared" / "data"]:
        data = real_data(directory)
        if data.movies.exists() and data.ratings.exists():
            return data
    return None

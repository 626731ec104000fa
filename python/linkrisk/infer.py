"""A first spec for tables that nobody has described yet.

Every guess is written with its confidence and its reason; what is not certain is left out as a
comment, because a wrong kind is worse than a missing one.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from linkrisk.recognise import Guess, recognise
from linkrisk.tables import find_files, readable, scan_files

__all__ = ["TableGuess", "guess_tables", "to_toml"]

# One name a kind, so that the plates of two tables become one attribute.
_ATTRIBUTE = {
    "cn_resident_id": "resident_id",
    "us_ssn": "ssn",
    "travel_document": "document",
    "person_name": "name",
    "birth_date": "born",
    "image_url": "picture",
    "time": "at",
}
_ID = re.compile(r"^(id|uuid|guid|row|rowid|row_id|rec_id|record_id|pk|编号|序号)$", re.IGNORECASE)
_TRUTH = re.compile(r"^(truth|cluster|cluster_id|entity_id|person_id|true_id)$", re.IGNORECASE)
_GIVEN = re.compile(r"given|first_?name|forename|^名$", re.IGNORECASE)
_SURNAME = re.compile(r"surname|last_?name|family_?name|^姓$", re.IGNORECASE)


class TableGuess(NamedTuple):
    """What a table probably holds."""

    name: str
    path: str
    rows: int
    """How many rows were looked at."""
    id: str | None
    truth: str | None
    """A column that looks like the answer; it is never mapped."""
    attributes: dict[str, tuple[tuple[str, ...], Guess]]
    """Attribute name → columns and the guess."""
    left_out: list[Guess]

    def as_dict(self) -> dict[str, Any]:
        """Makes the guess plain, for JSON."""
        return {
            "name": self.name,
            "path": self.path,
            "rows": self.rows,
            "id": self.id,
            "truth": self.truth,
            "attributes": {
                name: {
                    "column": list(columns),
                    "kind": guess.kind,
                    **guess.options,
                    "confidence": round(guess.confidence, 2),
                    "reason": guess.reason,
                }
                for name, (columns, guess) in self.attributes.items()
            },
            "left_out": [
                {
                    "column": g.column,
                    "kind": g.kind,
                    "confidence": round(g.confidence, 2),
                    "reason": g.reason,
                }
                for g in self.left_out
            ],
        }


def guess_tables(paths: Sequence[str], *, rows: int = 10_000) -> list[TableGuess]:
    """Looks at the first `rows` rows of each table and guesses what its columns hold.

    Raises:
        FileNotFoundError: Where there is no such table.
        DataError: Where a table cannot be read.
    """
    names: set[str] = set()
    guesses = []
    for path in paths:
        name = _source_name(path, names)
        names.add(name)
        guesses.append(_guess_table(name, path, rows))
    return guesses


def _source_name(path: str, taken: set[str]) -> str:
    place = Path(path)
    stem = place.name.split(".")[0] if not re.search(r"[*?\[]", place.name) else place.parent.name
    name = re.sub(r"\W+", "_", stem).strip("_") or "table"
    number = 2
    unique = name
    while unique in taken:
        unique, number = f"{name}_{number}", number + 1
    return unique


def _guess_table(name: str, path: str, rows: int) -> TableGuess:
    files = find_files(name, path)
    # One file is enough to look at; whether the others agree is checked when the spec is run.
    frame = scan_files(name, files[:1], [])
    sample = readable(name, files[0], lambda: frame.head(rows).collect())
    identity = next((c for c in sample.columns if _ID.match(c) and _identifies(sample[c])), None)
    truth = next((c for c in sample.columns if c != identity and _TRUTH.match(c)), None)
    guesses = [recognise(sample[c]) for c in sample.columns if c not in (identity, truth)]
    attributes: dict[str, tuple[tuple[str, ...], Guess]] = {}
    left_out: list[Guess] = []
    for columns, guess in _join_names(guesses):
        if not guess.certain or guess.kind is None:
            left_out.append(guess)
            continue
        attribute = _ATTRIBUTE.get(guess.kind, guess.kind)
        if attribute in attributes:
            attribute = _attribute_name(guess.column, attributes)
        attributes[attribute] = (columns, guess)
    return TableGuess(name, path, sample.height, identity, truth, attributes, left_out)


def _identifies(column: pl.Series) -> bool:
    return column.null_count() == 0 and column.n_unique() == column.len() > 0


def _join_names(guesses: list[Guess]) -> list[tuple[tuple[str, ...], Guess]]:
    """Makes one attribute of a given name and a surname in columns of their own."""
    people = [g for g in guesses if g.kind == "person_name" and g.certain]
    given = next((g for g in people if _GIVEN.search(g.column)), None)
    surname = next((g for g in people if _SURNAME.search(g.column)), None)
    joined: list[tuple[tuple[str, ...], Guess]] = []
    for guess in guesses:
        if given is not None and surname is not None and guess in (given, surname):
            if guess is given:
                confidence = min(given.confidence, surname.confidence)
                joined.append(((given.column, surname.column), given._replace(confidence=confidence)))
            continue
        joined.append(((guess.column,), guess))
    return joined


def _attribute_name(column: str, taken: dict[str, Any]) -> str:
    base = re.sub(r"\W+", "_", column).strip("_")
    if not base or not re.match(r"[^\W\d_]", base):
        base = f"column_{base}"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def to_toml(guesses: Sequence[TableGuess], folder: Path | None) -> str:
    """Writes the guesses as a spec file that will lie in `folder` (here, where absent)."""
    lines = [
        "# Written by `linkrisk init`: check every line before you rely on it.",
        "# State both for record-level output (the entity of each record):",
        '# purpose = ""',
        '# controller = ""',
    ]
    for guess in guesses:
        lines += ["", *_source_lines(guess, folder)]
    return "\n".join(lines) + "\n"


def _source_lines(table: TableGuess, folder: Path | None) -> list[str]:
    path = table.path
    if folder is not None and not Path(path).is_absolute():
        path = os.path.relpath(path, folder)
    lines = ["[[sources]]", f"name = {_text(table.name)}", f"path = {_text(path)}"]
    if table.id is not None:
        lines.append(f"id = {_text(table.id)}  # unique in {table.rows:,} rows")
    if table.truth is not None:
        lines.append(f"# truth = {_text(table.truth)}  # if it names the true person; for `evaluate` alone")
    lines.append("[sources.attributes]")
    for name, (columns, guess) in table.attributes.items():
        lines.append(f"{name} = {_entry(columns, guess)}  # {_remark(guess)}")
    if not table.attributes:
        lines.append("# nothing was recognised: name at least one attribute")
    for guess in table.left_out:
        if guess.kind is None:
            lines.append(f"# {_comment(guess.column)}: {guess.reason}")
        else:
            name = _ATTRIBUTE.get(guess.kind, guess.kind)
            lines.append(f"# {name} = {_entry((guess.column,), guess)}  # {_remark(guess)}")
    return lines


def _entry(columns: tuple[str, ...], guess: Guess) -> str:
    column = _text(columns[0]) if len(columns) == 1 else f"[{', '.join(map(_text, columns))}]"
    parts = [f"column = {column}", f"kind = {_text(str(guess.kind))}"]
    parts += [f"{key} = {_text(value)}" for key, value in guess.options.items()]
    return "{ " + ", ".join(parts) + " }"


def _remark(guess: Guess) -> str:
    return f"confidence {guess.confidence:.2f}: {guess.reason}"


def _text(value: str) -> str:
    # A JSON string is a TOML string, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(value: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", " ", value)

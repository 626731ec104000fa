"""Small tables of people who cannot exist, and specs over them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from linkrisk import Attribute, Linkage, Linker, RunOptions, Source, Spec
from linkrisk.errors import LinkriskError

GIVEN = ["Anna", "Boris", "Clara", "David", "Elena", "Felix", "Greta", "Hugo", "Irene", "Jonas"]
FAMILY = ["Archer", "Baker", "Carter", "Dyer", "Fisher", "Glover", "Hunter", "Mason", "Porter", "Tyler"]


def people(persons: int = 200, copies: int = 2) -> pl.DataFrame:
    """Makes `copies` records of each of `persons` people; every fifth second record has a typing error."""
    rows: list[dict[str, Any]] = []
    for person in range(persons):
        given = GIVEN[person % 10] + "aeiou"[person // 10 % 5]
        family = FAMILY[person // 10 % 10] + "xyz"[person // 7 % 3]
        born = f"{1950 + person % 50}{1 + person % 12:02}{1 + person % 28:02}"
        for copy in range(copies):
            typo = copy == 1 and person % 5 == 0
            rows.append(
                {
                    "row_id": f"r{person}-{copy}",
                    "given_name": given,
                    "surname": family[:-1] if typo else family,
                    "dob": born,
                    "mobile": f"+447700900{person % 1000:03}",
                    "truth": f"p{person}",
                }
            )
    return pl.DataFrame(rows)


ATTRIBUTES = {
    "name": Attribute(column=("given_name", "surname"), kind="person_name"),
    "born": Attribute(column="dob", kind="birth_date", format="%Y%m%d"),
    "tel": Attribute(column="mobile", kind="phone"),
}


@pytest.fixture
def table() -> pl.DataFrame:
    return people()


@pytest.fixture
def spec_for() -> Callable[..., Spec]:
    """Makes a spec over one table: `data`, `path`, or anything else a source may state."""

    def make(
        *,
        attributes: dict[str, Attribute] | None = None,
        linkage: Linkage | None = None,
        run: RunOptions | None = None,
        records: bool = False,
        **source: Any,
    ) -> Spec:
        stated: dict[str, Any] = {"purpose": "a test", "controller": "nobody"} if records else {}
        return Spec(
            sources=(Source(name="people", attributes=attributes or ATTRIBUTES, **source),),
            linkage=linkage or Linkage(),
            run=run or RunOptions(threads=2),
            **stated,
        )

    return make


def refusal(spec: Spec, out: Path | None = None) -> LinkriskError:
    """Runs `spec`, which must be refused with a hint, and returns the error."""
    with pytest.raises(LinkriskError) as caught:
        Linker(spec, out).cluster()
    assert caught.value.hint
    return caught.value

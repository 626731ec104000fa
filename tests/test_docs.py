"""The documents say what the code does: their examples run, their tables match the models."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import BaseModel

from linkrisk import Attribute, BlockingRule, Comparison, Linkage, Report, RunOptions, Source, Spec, assess
from linkrisk.backends.local import simulate
from linkrisk.cli import app
from linkrisk.kinds import KINDS, METHODS, TRAITS
from linkrisk.spec import Templates

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """The fenced blocks of a page in a language, each with the line it starts on."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [(text.count("\n", 0, match.start(1)) + 1, match[1]) for match in found]


def pages_with(language: str) -> list[Any]:
    found = [page for page in PAGES if blocks(page, language)]
    assert found, f"no page has a block of {language}"
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in found]


@pytest.mark.parametrize("page", pages_with("python"))
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run one after the other, in a folder with invented people in `people`."""
    simulate("people", 2_000, 1, str(tmp_path / "people"), None, None)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for line, code in blocks(page, "python"):
        exec(compile("\n" * (line - 1) + code, str(page), "exec"), names)


@pytest.mark.parametrize("page", pages_with("toml"))
def test_toml_blocks_are_specs(page: Path) -> None:
    for _, text in blocks(page, "toml"):
        assert Spec.model_validate(tomllib.loads(text)).sources


def test_readme_spec_runs_on_tables_of_its_shape(tmp_path: Path) -> None:
    simulate("people", 2_000, 1, str(tmp_path / "people"), None, None)
    people = pl.read_parquet(tmp_path / "people" / "people" / "*.parquet")
    plate = pl.concat_str(pl.lit("京A"), pl.col("plate").str.slice(2, 5))
    (tmp_path / "registrations").mkdir()
    people.select(
        pl.col("person_id"),
        row_id="record_id",
        full_name=pl.concat_str("given_name", "surname", separator=" ", ignore_nulls=True),
        id_number="resident_id",
        dob=pl.col("birth_date").str.replace_all("-", ""),
        mobile="phone",
        plate=plate,
    ).write_parquet(tmp_path / "registrations" / "first.parquet")
    people.select(
        plate_no=plate,
        lane=pl.concat_str(pl.lit("Lane "), pl.col("record_id") % 5),
        ts=pl.datetime(2022, 8, 1) + pl.duration(minutes=pl.col("record_id")),
    ).write_parquet(tmp_path / "parking.parquet")
    (tmp_path / "spec.toml").write_text(blocks(ROOT / "README.md", "toml")[0][1], encoding="utf-8")
    run = assess(Spec.from_toml(tmp_path / "spec.toml"), tmp_path / "run")
    assert run.summary["links"] > 0
    assert run.summary["records"] == 4_000
    assert {"person", "vehicle"} <= set(
        run.entities().select(pl.col("subject").cast(pl.String)).collect()["subject"]
    )


def test_every_command_named_in_a_page_exists() -> None:
    known = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
    named = set()
    for page in PAGES:
        for _, text in blocks(page, "sh"):
            named |= set(re.findall(r"^linkrisk (\w+)", text, re.MULTILINE))
        named |= set(re.findall(r"`linkrisk (\w+)", page.read_text(encoding="utf-8")))
    assert named == known


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"


def rows(page: Path, heading: str) -> dict[str, list[str]]:
    """The rows of the first table under a heading, by what stands in backticks in the first column."""
    section = page.read_text(encoding="utf-8").split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in section.splitlines() if line.startswith("| `")]
    return {row[0].strip().strip("`"): [cell.strip() for cell in row[1:]] for row in cells}


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("The run", Spec),
        ("`[[sources]]`", Source),
        ("`[sources.attributes]`", Attribute),
        ("`[linkage]`", Linkage),
        ("`[[linkage.blocking]]`", BlockingRule),
        ("`[[linkage.comparisons]]`", Comparison),
        ("`[[linkage.templates]]`", Templates),
        ("`[run]`", RunOptions),
        ("`[report]`", Report),
    ],
)
def test_spec_page_has_every_key_with_its_default(heading: str, model: type[BaseModel]) -> None:
    written = rows(ROOT / "docs" / "spec.md", heading)
    fields = {name: field for name, field in model.model_fields.items() if not field.exclude}
    assert list(written) == list(fields)
    for name, field in fields.items():
        default = written[name][0]
        if field.is_required():
            assert default == "needed", name
        elif isinstance(field.default, BaseModel):
            assert default == "", name
        elif field.default in (None, ()):
            assert default == "none", name
        else:
            plain = isinstance(field.default, (bool, str))
            value = str(field.default).lower() if plain else f"{field.default:,}"
            assert default == f"`{value}`", name


def test_spec_page_has_every_kind_as_the_code_has_it() -> None:
    page = ROOT / "docs" / "spec.md"
    accepted, linked = rows(page, "Kinds"), rows(page, "How kinds are linked")
    assert tuple(accepted) == KINDS
    assert tuple(linked) == KINDS
    for kind, cells in linked.items():
        traits = TRAITS[kind]
        assert tuple(re.findall(r"`(\w+)`", cells[3])) == traits.methods, kind
        assert tuple(re.findall(r"`(\w+)`", cells[4])) == traits.parts, kind
        assert tuple(re.findall(r"`(\w+)`", cells[5])) == traits.options, kind
    methods = rows(page, "Comparison methods")
    assert tuple(methods) == METHODS

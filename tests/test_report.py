from __future__ import annotations

import json
import re
import stat
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest

from linkrisk import risk
from linkrisk.report import build_report, render, write_report
from linkrisk.report.colours import contrast, ink_on, shade
from tests.invented_run import MODALITIES, write_invented_run

VOID = {"meta", "link", "br", "img", "input", "hr"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_invented_run(tmp_path_factory.mktemp("run"), 20_000)


@pytest.fixture(scope="module")
def report(run: Path) -> dict[str, Any]:
    return write_report(run)


@pytest.fixture(scope="module")
def html(run: Path, report: dict[str, Any]) -> str:
    return (run / "report.html").read_text(encoding="utf-8")


class Page(HTMLParser):
    """Every tag and attribute of a page, and whether tags close as they opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def schema() -> dict[str, Any]:
    return json.loads(files("linkrisk.report").joinpath("schema.json").read_text(encoding="utf-8"))


def test_report_follows_its_schema(report):
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(report)


def test_schema_refuses_a_report_with_an_unknown_section(report):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(report | {"extra": 1})


def test_write_report_writes_both_files_for_the_owner_alone(run, report):
    assert json.loads((run / "report.json").read_text(encoding="utf-8")) == report
    for name in ("report.json", "report.html"):
        assert stat.S_IMODE((run / name).stat().st_mode) == 0o600
    assert not list(run.glob(".report*"))


def test_write_report_gives_the_same_bytes_again(run, html):
    write_report(run)
    assert (run / "report.html").read_text(encoding="utf-8") == html


def test_html_is_one_file_that_loads_and_runs_nothing(html):
    page = Page(html)
    assert page.open == []
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "iframe", "img", "image", "object", "embed", "base", "form"}
    for _, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "xlink:href", "srcset", "action"):
                assert (value or "").startswith("#"), (name, value)
    assert not re.search(r"@import|@font-face|url\((?!#)", html)
    assert "http" not in re.sub(r"http-equiv", "", html)


def test_html_ids_are_unique_and_links_lead_somewhere(html):
    page = Page(html)
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        if "href" in attributes:
            assert (attributes["href"] or "")[1:] in ids
        for label in (attributes.get("aria-labelledby") or "").split():
            assert label in ids


def test_html_names_every_drawing_for_screen_readers(html):
    page = Page(html)
    drawings = [a for tag, a in page.tags if tag == "svg"]
    assert len(drawings) == 6
    assert all(a["role"] == "img" and a["aria-labelledby"] for a in drawings)


def test_html_prints_each_definition_from_its_measure(html, report):
    text = " ".join("".join(Page(html).text).split())
    for measure in (
        report["subjects"]["persons"],
        report["singling_out"]["uniqueness"],
        report["linkability"]["reach"],
    ):
        body = measure["definition"].partition("Definition: ")[2].partition("Unit:")[0]
        assert " ".join(body.split()) in text


def test_html_has_its_sections_in_order(html):
    order = [
        "summary",
        "subjects",
        "exposure",
        "linkability",
        "singling-out",
        "related",
        "quality",
        "linkage",
        "limits",
        "glossary",
    ]
    assert [a["id"] for tag, a in Page(html).tags if tag == "section"] == order


def test_html_escapes_what_the_user_wrote(tmp_path):
    run = write_invented_run(tmp_path / "run", 3_000)
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    manifest["spec"]["controller"] = "<script>alert(1)</script>"
    manifest["spec"]["sources"][0]["name"] = "<b>x</b>"
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    attributes = pl.read_parquet(run / "tables" / "attributes.parquet")
    hostile = attributes.with_columns(attribute=pl.lit("<img src=x>") + pl.col("attribute"))
    hostile.write_parquet(run / "tables" / "attributes.parquet")
    write_report(run)
    names = {tag for tag, _ in Page((run / "report.html").read_text(encoding="utf-8")).tags}
    assert not names & {"script", "b", "img"}


def integers(value: Any, path: str = "") -> list[tuple[str, int]]:
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in integers(item, f"{path}.{key}")]
    if isinstance(value, list):
        return [found for item in value for found in integers(item, path)]
    return [(path, value)] if isinstance(value, int) and not isinstance(value, bool) else []


# Whole numbers that count neither persons, records nor pairs.
NO_COUNTS = {"minimum_count", "seed", "bound", "level", "modalities"}


@pytest.mark.parametrize(("records", "minimum"), [(300, 5), (2_000, 11), (20_000, 11), (4_000, 30)])
def test_report_shows_no_count_under_the_minimum(tmp_path, records, minimum):
    report = build_report(write_invented_run(tmp_path, records, minimum=minimum))
    for path, value in integers(report):
        name = path.rpartition(".")[2]
        if name in NO_COUNTS or path in (".singling_out.smallest_class.value", ".records.by_modality.value"):
            continue
        assert value == 0 or value >= minimum, (path, value)


def test_report_of_a_tiny_run_is_still_a_report(tmp_path):
    run = write_invented_run(tmp_path, 40)
    report = write_report(run)
    jsonschema.Draft202012Validator(schema()).validate(report)
    assert "&lt;\u00a011" in (run / "report.html").read_text(encoding="utf-8")


def test_report_of_an_empty_run_is_still_a_report(tmp_path):
    (tmp_path / "manifest.json").write_text(
        json.dumps({"spec": {"sources": []}, "stages": []}), encoding="utf-8"
    )
    report = write_report(tmp_path)
    jsonschema.Draft202012Validator(schema()).validate(report)
    assert report["run"]["record_level_output"] is False


def test_report_profiles_give_back_no_hidden_count(report):
    """The hidden sets of traits are at least two, or none, wherever their total is shown."""
    for unit in ("record", "person", "vehicle"):
        section = report["exposure"][unit]
        hidden = [row for row in section["profiles"] if not isinstance(row["count"], int)]
        if hidden and isinstance(section["total"], int):
            rest = section["total"] - sum(
                r["count"] for r in section["profiles"] if isinstance(r["count"], int)
            )
            assert len(hidden) >= 2
            assert (
                rest >= report["run"]["minimum_count"] or len(hidden) > rest / report["run"]["minimum_count"]
            )


def test_report_hides_hidden_profiles_place_in_the_order(report):
    counts = [isinstance(row["count"], int) for row in report["exposure"]["person"]["profiles"]]
    assert counts == sorted(counts, reverse=True)


def test_report_share_with_small_complement_is_only_bounded(tmp_path):
    run = write_invented_run(tmp_path, 20_000)
    matrix = pl.read_parquet(run / "tables" / "linkability.parquet")
    pair = (pl.col("from_modality") == "face") & (pl.col("to_modality") == "id")
    back = (pl.col("from_modality") == "id") & (pl.col("to_modality") == "face")
    faces = matrix.filter(pair)["persons"][0]
    linked = pl.when(pair | back).then(faces - 3).otherwise("linked").cast(pl.UInt64)
    matrix.with_columns(linked=linked).write_parquet(run / "tables" / "linkability.parquet")
    rows = build_report(run)["linkability"]["pairs"]
    row = next(row for row in rows if (row["from"], row["to"]) == ("face", "id"))
    assert row["linked_share"]["suppressed"] == "complementary"
    assert row["linked_share"]["at_least"] <= (faces - 3) / faces


def test_report_share_is_whole_only_where_nothing_is_left(tmp_path):
    run = write_invented_run(tmp_path, 60_000)
    matrix = pl.read_parquet(run / "tables" / "linkability.parquet")
    pair = pl.concat_list("from_modality", "to_modality").list.sort().list.join("+") == "face+id"
    faces = matrix.filter(pair & (pl.col("from_modality") == "face"))["persons"][0]
    linked = pl.when(pair).then(faces - 12).otherwise("linked").cast(pl.UInt64)
    matrix.with_columns(linked=linked).write_parquet(run / "tables" / "linkability.parquet")
    shares = {(p["from"], p["to"]): p["linked_share"] for p in build_report(run)["linkability"]["pairs"]}
    assert 0.98 < shares["face", "id"] < 1
    assert shares["face", "name"] == 1


def test_summary_numbers_are_published_numbers(report):
    persons = report["subjects"]["persons"]["value"]
    assert report["summary"]["headline"][0]["value"] == f"{round(persons, 3 - len(str(persons))):,}"
    assert report["summary"]["points"][-1]["title"] == "How sure this is"


def test_render_works_from_json_alone(run, html):
    assert render(json.loads((run / "report.json").read_text(encoding="utf-8"))) == html


@pytest.mark.parametrize("share", [i / 100 for i in range(101)])
def test_matrix_text_stands_out_on_every_shade(share):
    assert contrast(shade(share), ink_on(shade(share))) >= 4.5


def test_modalities_are_those_of_the_engine():
    assert risk.MODALITIES == MODALITIES


def test_build_report_refuses_a_folder_without_a_run(tmp_path):
    with pytest.raises(FileNotFoundError):
        build_report(tmp_path)

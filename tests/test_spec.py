from __future__ import annotations

import json
import textwrap

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from linkrisk import Attribute, BlockingRule, Comparison, Linkage, RunOptions, Source, Spec
from linkrisk.errors import Problem, SpecError
from linkrisk.kinds import AT_RANGES, KINDS, METHODS, TRAITS

WHOLE = """
purpose = "notification under Article 33, case 17"
controller = "Example Access Control Ltd"

[[sources]]
name = "registrations"
path = "registrations/*.parquet"
id = "row_id"
truth = "person_id"
[sources.attributes]
name  = { column = ["given_name", "surname"], kind = "person_name" }
id_no = { column = "id_number", kind = "cn_resident_id" }
born  = { column = "dob", kind = "birth_date", format = "%Y%m%d" }
tel   = { column = "mobile", kind = "phone", region = "CN" }
car   = { column = "plate", kind = "plate", scheme = "cn" }

[[sources]]
name = "parking"
path = "/data/parking.parquet"
[sources.attributes]
car  = { column = "plate_no", kind = "plate", scheme = "cn" }
gate = { column = "lane", kind = "place" }
at   = { column = "ts", kind = "time" }

[linkage]
threshold = 0.9
[[linkage.blocking]]
on = ["name.key", "born"]
[[linkage.blocking]]
on = ["id_no.region", "born.year"]
[[linkage.comparisons]]
attribute = "name"
method = "jaro_winkler"
at = [0.92, 0.8]

[run]
memory_limit = "8 GiB"
threads = 2
seed = 7
spill_dir = "spilled"
spill_limit = "200 GB"

[report]
minimum_count = 5
quasi_identifiers = ["born"]
"""


def tree(**changes):
    """A spec with one source, changed at the top level."""
    attributes = {
        "name": {"column": "n", "kind": "person_name"},
        "born": {"column": "b", "kind": "birth_date"},
        "car": {"column": "c", "kind": "plate"},
        "tel": {"column": "t", "kind": "phone"},
        "portrait": {"column": "f", "kind": "face"},
        "years": {"column": "a", "kind": "age"},
    }
    return {"sources": [{"name": "a", "path": "a.csv", "attributes": attributes}], **changes}


def problems_of(value) -> dict[str, Problem]:
    with pytest.raises(SpecError) as caught:
        Spec.model_validate(value)
    return {problem.path: problem for problem in caught.value.problems}


def test_from_toml_whole_spec(tmp_path):
    path = tmp_path / "linkrisk.toml"
    path.write_text(WHOLE, encoding="utf-8")
    spec = Spec.from_toml(path)
    assert spec.sources[0].path == str(tmp_path / "registrations/*.parquet")
    assert spec.sources[1].path == "/data/parking.parquet"
    assert spec.sources[0].attributes["name"].columns == ("given_name", "surname")
    assert spec.run.memory_limit == 8 * 2**30
    assert spec.linkage.blocking[1].on == ("id_no.region", "born.year")
    assert spec.linkage.comparisons[0].at == (0.92, 0.8)
    assert list(spec.sources[0].attributes) == ["name", "id_no", "born", "tel", "car"]


def test_from_toml_resolves_model_path(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(WHOLE.replace("threshold = 0.9", 'model = "old/model.json"'), encoding="utf-8")
    assert Spec.from_toml(path).linkage.model == str(tmp_path / "old/model.json")


def test_from_toml_broken_file(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text("sources = [", encoding="utf-8")
    with pytest.raises(SpecError, match="is not TOML"):
        Spec.from_toml(path)
    path.write_bytes(b'purpose = "\xff"')
    with pytest.raises(SpecError, match="not UTF-8"):
        Spec.from_toml(path)
    with pytest.raises(FileNotFoundError):
        Spec.from_toml(tmp_path / "none.toml")


def test_engine_json_has_the_engines_keys(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(WHOLE, encoding="utf-8")
    written = json.loads(Spec.from_toml(path).to_engine_json())
    assert set(written) == {"purpose", "controller", "sources", "linkage", "run", "report"}
    source = written["sources"][0]
    assert set(source) == {"name", "path", "id", "truth", "duplicate_free", "attributes"}
    assert source["attributes"]["born"] == {
        "column": ["dob"],
        "kind": "birth_date",
        "format": "%Y%m%d",
        "region": None,
        "scheme": None,
        "country": None,
        "reference_date": None,
        "synthetic": False,
        "placeholders": [],
    }
    assert written["run"] == {
        "memory_limit": 2**33,
        "threads": 2,
        "seed": 7,
        "batch_size": 65_536,
        "spill_dir": str(tmp_path / "spilled"),
        "spill_limit": 200 * 10**9,
    }
    assert set(written["linkage"]) == {
        "threshold",
        "blocking",
        "comparisons",
        "templates",
        "max_pairs",
        "max_block_pairs",
        "max_entity_records",
        "model",
    }


def test_engine_json_reads_back(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(WHOLE, encoding="utf-8")
    spec = Spec.from_toml(path)
    assert Spec.model_validate(json.loads(spec.to_engine_json())) == spec


def test_engine_json_leaves_data_out():
    spec = Spec(
        sources=(Source(name="a", data=object(), attributes={"n": Attribute(column="x", kind="text")}),)
    )
    assert "data" not in spec.to_engine_json()
    assert "data" not in repr(spec)


def test_every_problem_is_reported_at_once():
    found = problems_of(
        {
            "sources": [
                {
                    "name": "a",
                    "path": "x.csv",
                    "attributes": {
                        "name": {"colum": "n", "kind": "person_nam"},
                        "9x": {"column": "c", "kind": "phone"},
                        "born": {"column": "b", "kind": "birth_date", "scheme": "cn"},
                    },
                },
                {"name": "a", "attributes": {"born": {"column": "b", "kind": "age"}}},
            ],
            "linkage": {
                "threshold": 1.5,
                "blocking": [{"on": ["nam", "born.yeer"]}, {"on": "x"}],
                "comparisons": [
                    {"attribute": "born", "method": "jaro_winkler", "at": [1.2, 0.8, 0.9]},
                    {"attribute": "bornn", "method": "jaro"},
                ],
            },
            "run": {"memory_limit": "8 Gigs", "thread": 2},
            "report": {"quasi_identifiers": ["bron"], "minimum_count": 4},
            "purpos": "x",
        }
    )
    assert set(found) == {
        "purpos",
        "sources[0].attributes.name.column",
        "sources[0].attributes.name.colum",
        "sources[0].attributes.name.kind",
        "sources[0].attributes.9x",
        "sources[0].attributes.born.scheme",
        "sources[1].name",
        "sources[1]",
        "sources[1].attributes.born.kind",
        "linkage.threshold",
        "linkage.blocking[0].on[0]",
        "linkage.blocking[0].on[1]",
        "linkage.blocking[1].on",
        "linkage.comparisons[0].method",
        "linkage.comparisons[0].at[0]",
        "linkage.comparisons[0].at",
        "linkage.comparisons[1].attribute",
        "linkage.comparisons[1].method",
        "run.memory_limit",
        "run.thread",
        "report.quasi_identifiers[0]",
        "report.minimum_count",
    }
    suggestions = {path: problem.suggestion or "" for path, problem in found.items()}
    assert "`purpose`" in suggestions["purpos"]
    assert "`column`" in suggestions["sources[0].attributes.name.colum"]
    assert "`person_name`" in suggestions["sources[0].attributes.name.kind"]
    assert "`plate`" in suggestions["sources[0].attributes.born.scheme"]
    assert "`name`" in suggestions["linkage.blocking[0].on[0]"]
    assert "`year`" in suggestions["linkage.blocking[0].on[1]"]
    assert "`date`" in suggestions["linkage.comparisons[0].method"]
    assert "`jaro_winkler`" in suggestions["linkage.comparisons[1].method"]
    assert "`born`" in suggestions["linkage.comparisons[1].attribute"]
    assert "`threads`" in suggestions["run.thread"]
    assert "`born`" in suggestions["report.quasi_identifiers[0]"]


@pytest.mark.parametrize("threshold", [-0.1, 1.000001, float("nan"), float("inf"), "high"])
def test_threshold_outside_zero_to_one(threshold):
    assert "linkage.threshold" in problems_of(tree(linkage={"threshold": threshold}))


@pytest.mark.parametrize("threshold", [0, 0.5, 1])
def test_threshold_from_zero_to_one(threshold):
    assert Spec.model_validate(tree(linkage={"threshold": threshold})).linkage.threshold == threshold


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("8 GiB", 2**33),
        ("1.5GiB", 3 * 2**29),
        ("512 mib", 2**29),
        ("2 GB", 2 * 10**9),
        (2**30, 2**30),
        (None, None),
    ],
)
def test_memory_limit_forms(text, number):
    assert RunOptions(memory_limit=text).memory_limit == number


@pytest.mark.parametrize("text", ["", "lots", "8 GiBs", "-1 GiB", "0", 12, True])
def test_memory_limit_refused(text):
    with pytest.raises(SpecError) as caught:
        RunOptions(memory_limit=text)
    assert caught.value.problems[0].path == "memory_limit"


@pytest.mark.parametrize(
    ("entry", "wrong"),
    [
        ("name", False),
        ("name.given", False),
        ("name.prefix4", False),
        ("born.month_day", False),
        ("car.folded", False),
        ("tel.last6", False),
        ("tel.year", True),
        ("name.", True),
        (".given", True),
        ("portrait", True),
        ("", True),
    ],
)
def test_blocking_parts(entry, wrong):
    value = tree(linkage={"blocking": [{"on": [entry]}]})
    if wrong:
        assert "linkage.blocking[0].on[0]" in problems_of(value)
    else:
        assert Spec.model_validate(value).linkage.blocking == (BlockingRule(on=(entry,)),)


def test_blocking_on_nothing_is_refused():
    assert "linkage.blocking[0].on" in problems_of(tree(linkage={"blocking": [{"on": []}]}))


def test_blocking_same_attribute_twice():
    found = problems_of(tree(linkage={"blocking": [{"on": ["name", "name"]}]}))
    assert "already" in found["linkage.blocking[0].on[1]"].message


@pytest.mark.parametrize(
    ("attribute", "method", "at", "where"),
    [
        ("name", "levenshtein", [0], "at[0]"),
        ("name", "levenshtein", [1.5], "at[0]"),
        ("name", "levenshtein", [2, 1], "at"),
        ("name", "jaro_winkler", [1.0], "at[0]"),
        ("name", "jaro_winkler", [0.0], "at[0]"),
        ("name", "jaro_winkler", [0.8, 0.9], "at"),
        ("name", "token_set", [0.5, 0.5], "at"),
        ("years", "numeric_within", [-1], "at[0]"),
        ("born", "date", [1], "at"),
        ("portrait", "exact", [], "attribute"),
        ("tel", "date", [], "method"),
    ],
)
def test_comparison_refused(attribute, method, at, where):
    value = tree(linkage={"comparisons": [{"attribute": attribute, "method": method, "at": at}]})
    assert f"linkage.comparisons[0].{where}" in problems_of(value)


def test_comparison_of_one_attribute_twice():
    twice = [{"attribute": "name", "method": "exact"}] * 2
    assert "linkage.comparisons[1].attribute" in problems_of(tree(linkage={"comparisons": twice}))


def test_every_method_has_an_accepted_form():
    for kind in KINDS:
        for method in TRAITS[kind].methods:
            allowed = AT_RANGES.get(method)
            at = () if allowed is None else (0.5,) if allowed.high <= 1 else (1.0,)
            attribute = Attribute.model_validate({"column": "x", "kind": kind})
            comparison = Comparison.model_validate({"attribute": "x", "method": method, "at": at})
            spec = Spec(
                sources=(Source(name="a", path="a.csv", attributes={"x": attribute}),),
                linkage=Linkage(comparisons=(comparison,)),
            )
            assert spec.linkage.comparisons[0].method == method
    assert {m for t in TRAITS.values() for m in t.methods} == set(METHODS)
    assert set(TRAITS) == set(KINDS)


def test_truth_may_not_be_mapped():
    value = tree()
    value["sources"][0]["truth"] = "n"
    assert "truth" in problems_of(value)["sources[0].attributes.name.column"].message


def test_source_with_path_and_data():
    value = tree()
    value["sources"][0]["data"] = object()
    assert "both" in problems_of(value)["sources[0]"].message


def test_no_sources_no_attributes():
    assert "sources" in problems_of({"sources": []})
    assert "sources" in problems_of({})
    assert "sources[0].attributes" in problems_of({"sources": [{"name": "a", "path": "x", "attributes": {}}]})


@pytest.mark.parametrize("column", [[], "", ["a", "a"], ["a", ""], 3, None])
def test_column_refused(column):
    value = tree()
    value["sources"][0]["attributes"]["name"]["column"] = column
    assert "sources[0].attributes.name.column" in problems_of(value)


def test_models_are_frozen_and_raise_our_error():
    attribute = Attribute(column="x", kind="phone")
    with pytest.raises(ValidationError):
        attribute.kind = "email"
    with pytest.raises(SpecError, match="no kind `fone`") as caught:
        Attribute(column="x", kind="fone")  # type: ignore[arg-type]
    assert caught.value.hint == "did you mean `phone`?"


def test_one_problem_has_no_list():
    with pytest.raises(SpecError) as caught:
        Spec.model_validate(tree(linkage={"threshold": 2}))
    assert str(caught.value) == "`linkage.threshold`: is 2, and must be at most 1.0"
    assert "0.95" in (caught.value.hint or "")


def test_json_schema_accepts_what_the_spec_accepts():
    import tomllib

    schema = Spec.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(tomllib.loads(WHOLE), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(WHOLE.replace("person_name", "person_nam")), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(textwrap.dedent(WHOLE) + "\nextra = 1\n"), schema)
    assert "data" not in schema["$defs"]["Source"]["properties"]
    described = schema["$defs"]["Attribute"]["properties"]
    assert all("description" in described[key] for key in described)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "sources",
                        "name",
                        "attributes",
                        "column",
                        "kind",
                        "linkage",
                        "blocking",
                        "on",
                        "run",
                        "x",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_tree_is_read_or_refused_with_a_spec_error(value):
    try:
        spec = Spec.model_validate(value)
    except SpecError as error:
        assert error.problems  # noqa: PT017 - both outcomes are right
    else:
        assert spec.sources

"""Systems with faces, fingers and irises: what their docs say of people, documents and fraud."""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl
import pytest

import linkrisk

RECORDS = 20_000


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    made = {}

    def of(scenario: str) -> linkrisk.Simulation:
        if scenario not in made:
            out = tmp_path_factory.mktemp(scenario)
            made[scenario] = linkrisk.simulate(scenario, records=RECORDS, templates="int8", out=out)
        return made[scenario]

    return of


def whole(system, name: str) -> pl.DataFrame:
    """A table beside its truth."""
    truth = system.truth[name].collect()
    return system[name].collect().with_columns(truth.select("person_id", "vehicle_id"))


def share(values: pl.Series) -> float:
    """The mean, of a share or of scores."""
    mean = values.cast(pl.Float64).mean()
    assert isinstance(mean, float)
    return mean


def cosine(pairs: pl.DataFrame, left: str, right: str) -> pl.Series:
    """Cosines of two template columns."""

    kind = pairs.schema[left]
    assert isinstance(kind, pl.Array)
    numbers = pl.Array(pl.Float64, kind.size)

    def product(a: str, b: str) -> pl.Expr:
        return (pl.col(a).cast(numbers) * pl.col(b).cast(numbers)).arr.sum()

    scores = product(left, right) / (product(left, left) * product(right, right)).sqrt()
    return pairs.select(scores.alias("cosine")).to_series()


def test_ees_files_and_crossings_share_documents(simulated):
    system = simulated("ees")
    files, crossings = whole(system, "files"), whole(system, "crossings")
    per_person = files.group_by("person_id").len()
    assert per_person.height == system.summary["persons"]
    several = share(per_person["len"] > 1)
    assert 0.10 < several < 0.14
    document = ["document_country", "document_no"]
    shown = crossings.drop_nulls("document_no").join(files, on=document, how="left", suffix="_file")
    known = shown.drop_nulls("person_id_file")
    assert 0.992 < known.height / shown.height < 0.998
    assert (known["person_id"] == known["person_id_file"]).all()
    assert set(files["document_country"]) <= {"UTO"} | {c for c in files["nationality"] if c[0] == "Q"}
    printed = files["right_index"].is_not_null()
    assert not printed.filter(~files["visa_exempt"]).any()
    assert share(printed.filter(files["visa_exempt"])) > 0.8


def test_ees_files_of_a_person_look_alike(simulated):
    files = whole(simulated("ees"), "files").sort("person_id", "opened")
    pairs = files.with_columns(pl.col("face", "right_index", "person_id").shift(-1).name.suffix("_next"))
    same = pairs.filter(pl.col("person_id") == pl.col("person_id_next"))
    other = pairs.filter(pl.col("person_id") != pl.col("person_id_next"))
    assert share(cosine(same, "face", "face_next")) == pytest.approx(0.64, abs=0.02)
    # Neighbours by number are mostly of one household: brothers and sisters among them.
    assert share(cosine(other, "face", "face_next")) < 0.06
    fingers = same.drop_nulls(["right_index", "right_index_next"])
    assert share(cosine(fingers, "right_index", "right_index_next")) == pytest.approx(0.71, abs=0.03)


def test_prum_people_are_known_in_two_states(simulated):
    system = simulated("prum")
    photos = {state: whole(system, f"{state}_photos") for state in ("qm", "qn", "qp")}
    unknown = photos["qm"]["file_no"].is_null()
    assert share(unknown) == pytest.approx(0.30, abs=0.03)
    assert photos["qm"].filter(unknown)["surname"].null_count() == unknown.sum()
    both = photos["qn"]["person_id"].is_in(photos["qm"]["person_id"].implode())
    assert share(both) == pytest.approx(1 / 8, abs=0.04)
    prints = whole(system, "qm_prints")
    fingers = ["right_thumb", "right_index", "left_thumb", "left_index"]
    marks = prints.filter(pl.col("file_no").is_null())
    assert marks.height / prints.height == pytest.approx(0.15, abs=0.02)
    left = pl.sum_horizontal(pl.col(fingers).is_not_null())
    assert marks.select(left.alias("n"))["n"].unique().to_list() == [1]
    by_file = prints.drop_nulls("file_no").join(photos["qm"].drop_nulls("file_no"), on="file_no")
    assert by_file.height > 0
    assert (by_file["person_id"] == by_file["person_id_right"]).all()


def test_border_exchange_protects_templates_across_sides(simulated):
    system = simulated("border_exchange")
    sides = [whole(system, f"{side}_travellers") for side in ("qm", "qn")]
    both = sides[0].join(sides[1], on="person_id", suffix="_there")
    assert both.height / sides[1].height == pytest.approx(1 / 8, abs=0.005)
    assert share(both["document_no"] == both["document_no_there"]) == pytest.approx(0.5, abs=0.06)
    assert share(cosine(both, "face", "face_there")) == pytest.approx(0.63, abs=0.03)
    assert abs(share(cosine(both, "face_protected", "face_protected_there"))) < 0.02
    one = both.with_columns(pl.col("face", "face_protected").shift(-1).name.suffix("_next")).head(-1)
    off = cosine(one, "face", "face_next") - cosine(one, "face_protected", "face_protected_next")
    assert share(off.abs() < 0.01) == 1.0
    hits = system["hits"].collect()
    found = hits.join(sides[0], left_on="qm_number", right_on="number").join(
        sides[1], left_on="qn_number", right_on="number", suffix="_there"
    )
    assert found.height == hits.height
    assert share(found["person_id"] != found["person_id_there"]) == pytest.approx(0.02, abs=0.015)


def test_smile_to_pay_asks_some_terminals_for_the_phone(simulated):
    system = simulated("smile_to_pay")
    enrolments, payments = whole(system, "enrolments"), whole(system, "payments")
    asked = payments.group_by("terminal").agg(pl.col("phone_tail").is_null().n_unique())
    assert share(asked["phone_tail"]) == 1.0
    assert 0.3 < share(payments["phone_tail"].is_not_null()) < 0.5
    assert payments["phone_tail"].drop_nulls().str.contains(r"^\+999\*{5}\d{4}$").all()
    paid = payments.join(enrolments, on="person_id", suffix="_enrolled")
    assert paid.height == payments.height
    assert share(cosine(paid.head(2_000), "face", "face_enrolled")) == pytest.approx(0.52, abs=0.03)


def test_delhi_finds_few_of_those_who_pass(simulated):
    system = simulated("delhi")
    gallery, probes = whole(system, "gallery"), whole(system, "probes")
    sought = probes["person_id"].is_in(gallery["person_id"].implode())
    assert share(sought) == pytest.approx(0.02, abs=0.001)
    persons = pl.concat([gallery["person_id"], probes["person_id"]]).n_unique()
    assert persons == system.summary["persons"]


def test_aadhaar_fraud_is_in_the_templates_and_told_in_the_truth(tmp_path):
    system = linkrisk.simulate("aadhaar", records=60_000, templates="int8", out=tmp_path)
    enrolments = whole(system, "enrolments")
    assert enrolments["number"].n_unique() == enrolments.height
    assert enrolments["number"].str.contains(r"^[01]\d{11}$").all()
    assert system.summary is not None
    assert enrolments["person_id"].n_unique() == system.summary["persons"]
    fraud = system.truth["fraud"].collect()
    # Of 12 000 enrolments three of each thousand, and twenty of the first ten thousand.
    assert fraud.group_by("kind").len().sort("kind")["len"].to_list() == [36, 20]
    ghosts = fraud.filter(pl.col("kind") == 1)["person_id"].unique()
    of_ghosts = enrolments.filter(pl.col("person_id").is_in(ghosts.implode()))
    assert of_ghosts.group_by("person_id").len()["len"].unique().to_list() == [4]
    # One capture of ten fingers stands in twenty enrolments: equal to the byte, and in no other.
    fingers = [c for c in enrolments.columns if c.split("_")[0] in ("right", "left") and "iris" not in c]
    assert len(fingers) == 10
    copied = enrolments.select(pl.struct(fingers).hash().alias("print")).group_by("print").len()
    assert copied.filter(pl.col("len") > 1)["len"].to_list() == [20]
    assert enrolments["right_iris"].n_unique() == enrolments.height


def test_multimodal_numbers_are_read_as_synthetic_alone(simulated):
    system = simulated("multimodal")
    people, traces = whole(system, "people"), whole(system, "traces")
    shown = people["ssn"].drop_nulls()
    whole_numbers = shown.filter(~shown.str.contains("*", literal=True))
    assert share(whole_numbers.str.contains(r"^9\d\d-?[0-4]")) > 0.99
    assert people["person_id"].n_unique() == system.summary["persons"]
    devices = traces.select("device", "person_id").unique()
    assert devices["device"].n_unique() == devices.height == devices["person_id"].n_unique()
    assert people["iris"].drop_nulls().bin.size().unique().to_list() == [512]


SCENARIOS = ["ees", "prum", "border_exchange", "smile_to_pay", "delhi", "aadhaar", "multimodal"]


def checksums(folder: Path) -> dict[str, str]:
    """What every file in a folder hashes to."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_templates_are_the_same_for_any_threads(tmp_path, scenario):
    for threads in (1, 3):
        out = tmp_path / str(threads)
        linkrisk.simulate(scenario, records=3_000, templates="f16", threads=threads, out=out)
    one = checksums(tmp_path / "1")
    assert len(one) > 3
    assert one == checksums(tmp_path / "3")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_spec_maps_columns_that_are_there(simulated, scenario):
    system = simulated(scenario)
    for path in sorted(system.path.glob("*.toml")):
        spec = linkrisk.Spec.from_toml(path)
        assert {source.name for source in spec.sources} <= set(system)
        for source in spec.sources:
            there = set(system[source.name].collect_schema().names())
            assert {c for a in source.attributes.values() for c in a.columns} <= there


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_spec_links_with_templates(tmp_path, scenario):
    system = linkrisk.simulate(scenario, records=2_000, templates="int8", out=tmp_path / "data")
    specs = sorted(system.path.glob("*.toml"))
    assert specs
    for path in specs:
        run = linkrisk.link(linkrisk.Spec.from_toml(path), tmp_path / path.stem)
        assert run.entities().select(pl.len()).collect().item() > 0


def test_a_file_number_joins_photographs_and_prints(tmp_path):
    system = linkrisk.simulate("prum", records=100_000, out=tmp_path / "data")
    run = linkrisk.link(linkrisk.Spec.from_toml(system.path / "linkrisk.toml"), tmp_path / "run")
    entities = run.entities().select(pl.col("source").cast(pl.String), "record", "entity_id").collect()

    def filed(source: str) -> pl.DataFrame:
        files = (
            system[source].select("file_no").collect().with_row_index("record").cast({"record": pl.UInt64})
        )
        return files.drop_nulls().join(entities.filter(source=source), on="record")

    both = filed("qm_photos").join(filed("qm_prints"), on="file_no")
    assert both.height > 10_000
    assert share(both["entity_id"] == both["entity_id_right"]) > 0.95

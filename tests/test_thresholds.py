"""Error rates of templates: against other libraries where they have the figure, else against the truth."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats
from sklearn.metrics import roc_curve

import linkrisk
from linkrisk.errors import AttributeTypeError, DataError, SpecError
from linkrisk.kinds import KindName
from linkrisk.simulation import read_truth_folder
from linkrisk.spec import Templates

KINDS: dict[str, KindName] = {"face": "face", "sex": "sex", "name": "person_name", "card": "account"}


def spec_of(frame: pl.DataFrame, truth: str | None = "person", **templates: Any) -> linkrisk.Spec:
    attributes = {
        name: linkrisk.Attribute(column=name, kind=kind)
        for name, kind in KINDS.items()
        if name in frame.columns
    }
    source = linkrisk.Source(name="people", data=frame, truth=truth, attributes=attributes)
    stated = (Templates(attribute="face", **templates),) if templates else ()
    return linkrisk.Spec(sources=(source,), linkage=linkrisk.Linkage(templates=stated))


def faces(persons: int, each: int, dims: int = 64, seed: int = 1, share: float = 0.6) -> pl.DataFrame:
    """Templates of persons, `each` of one, whose expected cosine is `share`."""
    rng = np.random.default_rng(seed)
    own = np.repeat(rng.normal(size=(persons, dims)), each, axis=0)
    made = np.sqrt(share) * own + np.sqrt(1 - share) * rng.normal(size=own.shape)
    person = np.repeat(np.arange(persons), each)
    return pl.DataFrame(
        {
            "face": pl.Series(made.astype(np.float32), dtype=pl.Array(pl.Float32, dims)),
            "person": [f"p{i}" for i in person],
            "card": [f"card {i:06}" for i in person],
            "sex": ["f" if i % 2 else "m" for i in person],
        }
    )


def unit(frame: pl.DataFrame, column: str = "face") -> np.ndarray:
    numbers = frame[column].to_numpy().astype(np.float32)
    return numbers / np.linalg.norm(numbers, axis=1, keepdims=True)


def row_at(rows: list[dict[str, Any]], similarity: float) -> dict[str, Any]:
    return next(row for row in rows if abs(row["similarity"] - similarity) < 1e-9)


def calibration(
    path: Path, impostor: tuple[Any, Any], genuine: tuple[Any, Any], scale: str = "cosine"
) -> str:
    content = {
        "version": 1,
        "model": "model 7",
        "by": "a laboratory",
        "scale": scale,
        "impostor": {"edges": list(impostor[0]), "counts": list(map(int, impostor[1]))},
        "genuine": {"edges": list(genuine[0]), "counts": list(map(int, genuine[1]))},
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


def test_counted_rates_are_those_of_scikit_learn():
    frame = faces(120, 3)
    found = linkrisk.thresholds(spec_of(frame))
    vectors, person = unit(frame), frame["person"].to_numpy()
    upper = np.triu_indices(len(frame), 1)
    scores, same = (vectors @ vectors.T)[upper], (person[:, None] == person[None])[upper]
    # Falling scores; turned round so that a threshold can be looked up.
    fpr, tpr, cuts = (np.asarray(a)[::-1] for a in roc_curve(same, scores, drop_intermediate=False))
    fnr = 1 - tpr
    assert (found["genuine"], found["compared"]) == (same.sum(), (~same).sum())
    counted = [row for row in found["rows"] if row["fmr_basis"] == "counted"]
    assert len(counted) > 3
    for row in found["rows"]:
        place = np.searchsorted(cuts, row["similarity"] - 1e-6)
        if place == len(cuts):
            continue
        # Similarities are counted in bins of 0.0005.
        assert row["fnmr"] == pytest.approx(fnr[place], abs=2 / same.sum())
        if row in counted:
            assert row["fmr"] == pytest.approx(fpr[place], abs=3 / (~same).sum())
    meeting = fpr[np.argmin(np.abs(fpr - fnr))]
    assert found["equal_error"]["rate"] == pytest.approx(meeting, abs=0.005)


def test_intervals_of_counts_are_those_of_scipy(tmp_path):
    genuine = ([-1.0, 0.2, 0.4, 0.6, 1.0], [0, 7, 93, 900])
    impostor = ([-1.0, 0.0, 0.2, 0.3, 0.4, 1.0], [500_000, 495_000, 4_988, 12, 0])
    path = calibration(tmp_path / "c.json", impostor, genuine)
    found = linkrisk.thresholds(spec_of(faces(50, 2), calibration=path))
    assert found["calibration"] == ["model 7", "a laboratory"]
    for similarity, below in ((0.2, 0), (0.4, 7), (0.6, 100)):
        row = row_at(found["rows"], similarity)
        assert row["fnmr"] == pytest.approx(below / 1_000)
        low = stats.beta.ppf(0.025, below, 1_001 - below) if below else 0.0
        assert row["fnmr_low"] == pytest.approx(low, rel=1e-6)
        assert row["fnmr_high"] == pytest.approx(stats.beta.ppf(0.975, below + 1, 1_000 - below), rel=1e-6)
    for similarity, seen in ((0.3, 12), (0.4, 0)):
        row = row_at(found["rows"], similarity)
        bound = stats.beta.ppf(0.95, seen + 1, 1_000_000 - seen)
        assert row["fmr_at_most"] == pytest.approx(bound, rel=1e-6)
    unseen = row_at(found["rows"], 0.5)
    assert unseen["fmr_basis"] == "unknown"
    assert unseen["fmr_high"] >= unseen["fmr_at_most"]
    assert unseen["fmr_at_most"] == pytest.approx(3e-6, rel=0.01)


@pytest.mark.parametrize(("shape", "seed"), [(-0.2, 1), (-0.05, 2), (0.1, 3)])
def test_the_tail_is_that_of_scipy(tmp_path, shape, seed):
    """Exceedances of 0.2 with a known tail: the rate beyond is that of scipy's fit to the numbers."""
    rng = np.random.default_rng(seed)
    excess = stats.genpareto.rvs(shape, scale=0.02, size=20_000, random_state=rng)
    excess = excess[excess < 0.75]
    edges = np.round(np.arange(0.2, 1.0001, 0.001), 4)
    counts = np.histogram(0.2 + excess, edges)[0]
    impostor = ([-1.0, *edges], [1_000_000 - counts.sum(), *counts])
    path = calibration(tmp_path / "c.json", impostor, ([0.0, 0.5, 1.0], [100, 900]))
    found = linkrisk.thresholds(spec_of(faces(50, 2), calibration=path))
    fitted, _, scale = stats.genpareto.fit(excess, floc=0)
    assert fitted == pytest.approx(shape, abs=0.03)
    checked = 0
    for row in found["rows"]:
        expected = 0.02 * stats.genpareto.sf(row["similarity"] - 0.2, fitted, scale=scale)
        if row["fmr_basis"] == "tail" and expected > 2e-5:
            checked += 1
            assert row["fmr"] == pytest.approx(expected, rel=0.25), row["similarity"]
            truth = 0.02 * stats.genpareto.sf(row["similarity"] - 0.2, shape, scale=0.02)
            assert row["fmr_low"] * 0.9 <= truth <= row["fmr_high"] * 1.1
    assert checked >= 5


def test_what_rates_come_to_among_n():
    found = linkrisk.thresholds(spec_of(faces(200, 2)))
    n = found["records"]
    assert n == 400
    assert {row["records"] for row in found["at_scale"]} == {4_000, 40_000}
    for row in [*found["rows"], *found["at_scale"]]:
        n, fmr = row["records"], row["fmr"]
        assert row["expected_false_links"] == pytest.approx(fmr * n * (n - 1) / 2)
        assert row["percolation"] == pytest.approx(fmr * (n - 1))
        assert row["fpir"] == pytest.approx(-np.expm1((n - 1) * np.log1p(-fmr)), abs=1e-9)
        assert row["wrongly_merged"] == pytest.approx(-np.expm1(-2 * row["percolation"]), abs=1e-9)
        assert row["may_merge_alone"] == (row["percolation_high"] <= 0.01)
        for figure in ("fmr", "fnmr", "fpir", "expected_false_links", "percolation", "wrongly_merged"):
            assert 0 <= row[f"{figure}_low"] <= row[figure] <= row[f"{figure}_high"]
    fmrs, fnmrs = ([row[key] for row in found["rows"]] for key in ("fmr", "fnmr"))
    assert fmrs == sorted(fmrs, reverse=True)
    assert fnmrs == sorted(fnmrs)
    levels = found["levels"]
    assert levels == sorted(levels, key=lambda level: -level["weight"])
    assert sum(level["m"] for level in levels) == pytest.approx(1, abs=0.01)
    alone, card, sex = (
        next(c for c in found["corroboration"] if c["attribute"] == name) for name in (None, "card", "sex")
    )
    assert alone["effective_gallery"] == 400
    assert card["effective_gallery"] == pytest.approx(1 + 399 * 200 * 2 / (400 * 399))
    assert sex["effective_gallery"] == pytest.approx(1 + 399 * 2 * 200 * 199 / (400 * 399))


def test_the_percent_of_vendors_are_different_similarities():
    found = linkrisk.thresholds(spec_of(faces(100, 2)))
    cosines = {row["scale"]: round(row["similarity"], 3) for row in found["percent"]}
    assert cosines == {"cosine": 0.8, "shifted": 0.6, "angular": 0.809, "distance": 0.92}


def test_the_answer_does_not_depend_on_threads_and_batches():
    frame = faces(300, 2)
    spec = spec_of(frame)
    answers = [
        linkrisk.thresholds(
            spec.model_copy(update={"run": linkrisk.RunOptions(threads=threads, batch_size=size)}),
            groups=["sex"],
            pairs=50_000,
        )
        for threads, size in ((1, 65_536), (2, 7))
    ]
    assert answers[0] == answers[1]
    assert answers[0]["compared"] < 60_000


def test_persons_by_issued_numbers_and_by_nothing():
    frame = faces(200, 2)
    issued = linkrisk.thresholds(spec_of(frame, truth=None))
    assert (issued["persons"], issued["genuine"]) == ("issued", 200)
    true = linkrisk.thresholds(spec_of(frame))
    assert row_at(issued["rows"], 0.5)["fnmr"] == row_at(true["rows"], 0.5)["fnmr"]
    nobody = linkrisk.thresholds(spec_of(frame.drop("card"), truth=None))
    assert (nobody["persons"], nobody["genuine"], nobody["levels"]) == ("unknown", 0, [])
    assert all(row["fnmr"] is None for row in nobody["rows"])
    assert any("No pair of one person is known" in limit for limit in nobody["limits"])
    # Nothing tells that the 200 pairs of one person are no strangers: too high rather than too low.
    assert row_at(nobody["rows"], 0.5)["fmr"] > row_at(true["rows"], 0.5)["fmr"]


def test_templates_that_cannot_be_used_are_counted():
    frame = faces(50, 2, dims=8)
    numbers = [list(map(float, row)) for row in frame["face"].to_numpy()]
    numbers += [[0.0] * 8, [float("nan")] * 8, [1.0] * 5, []]
    odd = pl.DataFrame({"face": [*numbers, None], "person": [*frame["person"], *"abcde"]})
    (source,) = linkrisk.thresholds(spec_of(odd))["sources"]
    assert [source[k] for k in ("usable", "placeholder", "invalid", "blank")] == [100, 1, 2, 2]


def test_mistakes_are_named(tmp_path):
    frame = faces(10, 2)
    card = {"card": linkrisk.Attribute(column="card", kind="account")}
    plain = linkrisk.Source(name="a", data=frame, attributes=card)
    with pytest.raises(SpecError, match="no source has an attribute of templates"):
        linkrisk.thresholds(linkrisk.Spec(sources=(plain,)))
    with pytest.raises(SpecError, match="no source has templates `fase`"):
        linkrisk.thresholds(spec_of(frame), "fase")
    with pytest.raises(SpecError, match="has an attribute `sexx`"):
        linkrisk.thresholds(spec_of(frame), groups=["sexx"])
    with pytest.raises(SpecError, match="there is no calibration"):
        linkrisk.thresholds(spec_of(frame, calibration=str(tmp_path / "none.json")))
    (tmp_path / "bad.json").write_text('{"version": 1, "modell": "x"}', encoding="utf-8")
    with pytest.raises(SpecError, match=r"calibration `.*bad\.json`: cannot be read"):
        linkrisk.thresholds(spec_of(frame, calibration=str(tmp_path / "bad.json")))
    path = calibration(tmp_path / "c.json", ([0, 80], [500]), ([0, 1], [500]), "shifted")
    with pytest.raises(SpecError, match=r"`impostor\.edges` edge 1 is outside 0 to 1") as caught:
        linkrisk.thresholds(spec_of(frame, calibration=path))
    assert "80 % as 0.8" in str(caught.value.hint)
    empty = frame.with_columns(face=pl.lit(None, dtype=pl.Array(pl.Float32, 64)))
    with pytest.raises(DataError, match="attribute `face` has 0 templates"):
        linkrisk.thresholds(spec_of(empty))
    codes = frame.with_columns(face=pl.lit(b"1234"))
    with pytest.raises(AttributeTypeError, match="cannot be computed"):
        linkrisk.thresholds(spec_of(codes))


@pytest.mark.parametrize(
    ("templates", "message"),
    [
        ({"attribute": "fase"}, "no source has an attribute `fase`"),
        ({"attribute": "card"}, "the kind `account` has no templates"),
        ({"attribute": "face", "groups": ["sexx"]}, "no source has an attribute `sexx`"),
        ({"attribute": "face", "groups": ["face"]}, "is no group, but templates"),
        (
            {"attribute": "face", "groups": ["sex", "tone", "card", "eye", "face"]},
            "more than 4 attributes of groups",
        ),
        ({"attribute": "face", "threshold": 1.5}, "1.5 is out of range"),
        ({"attribute": "face", "threshold": -0.1, "metric": "l2"}, "-0.1 is out of range"),
        ({"attribute": "face", "threshold": 0.6, "metric": "hamming"}, "cannot compare the kind `face`"),
        ({"attribute": "eye", "threshold": 0.51, "metric": "hamming"}, "0.51 is out of range"),
        ({"attribute": "eye", "threshold": 0.3, "metric": "l2"}, "cannot compare the kind `iris`"),
    ],
)
def test_the_spec_is_checked(templates, message):
    source = spec_of(faces(5, 2)).sources[0]
    eye = linkrisk.Attribute(column="eye", kind="iris")
    source = source.model_copy(update={"attributes": {**source.attributes, "eye": eye}})
    with pytest.raises(SpecError, match=message):
        linkrisk.Spec(sources=(source,), linkage={"templates": [templates]})  # type: ignore[arg-type]


@pytest.mark.parametrize("threshold", ["auto", 0.45])
def test_the_engine_reads_what_is_stated_of_templates(threshold):
    spec = spec_of(faces(20, 2), threshold=threshold, expected_false_links=3, groups=("sex",))
    assert linkrisk.Linker(spec).estimate()["records"] == 40
    found = linkrisk.thresholds(spec)
    assert (found["auto"]["wanted"], bool(found["groups"])) == (3, True)
    assert (found["stated"] or {}).get("similarity") == (None if threshold == "auto" else 0.45)


def test_a_distance_is_stated_of_vectors_of_any_length():
    frame = faces(20, 2)
    lengths = np.linalg.norm(frame["face"].to_numpy(), axis=1)
    # ‖a − b‖² = 2 n² (1 − cos) for two vectors of length n.
    distance = 0.9 * np.sqrt((lengths**2).mean())
    found = linkrisk.thresholds(spec_of(frame, threshold=distance, metric="l2"))
    assert found["stated"]["similarity"] == pytest.approx(1 - 0.9**2 / 2, abs=1e-6)


def test_a_join_of_all_templates_bounds_the_rate():
    frame = faces(100, 2)
    spec = spec_of(frame)
    # Held, for the pairs last as long as it does.
    search = linkrisk.nearest(
        frame, "face", threshold=0.245, exact=True, purpose="a test", controller="nobody"
    )
    pairs = search.pairs()
    joined = linkrisk.thresholds(spec, joined=pairs)
    plain = linkrisk.thresholds(spec)
    similarity = pairs.select("similarity").collect()["similarity"].to_numpy()
    bounded = [row for row in joined["rows"] if row["joined_pairs"] is not None]
    assert bounded[0]["similarity"] == pytest.approx(0.25)
    for row in bounded:
        assert row["joined_pairs"] == (similarity >= row["similarity"] - 1e-6).sum()
        assert row["joined_agree"]
        other = row_at(plain["rows"], row["similarity"])
        assert row["fmr_high"] <= other["fmr_high"]
        assert row["fmr_low"] <= row["fmr"] <= row["fmr_high"]
    # Pairs of one person alone, where strangers are expected too.
    few = linkrisk.thresholds(spec, joined=pairs.filter(pl.col("similarity") > 0.45).head(100))
    assert not any(row["joined_agree"] is False for row in joined["rows"])
    assert few["rows"][0]["joined_pairs"] is None
    none = linkrisk.thresholds(spec, joined=pl.LazyFrame({"similarity": [0.05, 0.2]}))
    assert any(row["joined_agree"] is False for row in none["rows"])
    assert any("A join of all templates found fewer" in limit for limit in none["limits"])


@pytest.fixture(scope="module")
def delhi(tmp_path_factory) -> linkrisk.Simulation:
    out = tmp_path_factory.mktemp("delhi")
    return linkrisk.simulate("delhi", records=30_000, templates="int8", out=out)


@pytest.fixture(scope="module")
def searched(delhi) -> tuple[np.ndarray, np.ndarray, pl.DataFrame]:
    """The similarity of every probe to every photograph, whether both are of one person, and the probes."""
    gallery, probes = (delhi[name].collect() for name in ("gallery", "probes"))
    of_gallery, of_probes = (
        delhi.truth[name].collect()["person_id"].to_numpy() for name in ("gallery", "probes")
    )
    return unit(probes) @ unit(gallery).T, of_probes[:, None] == of_gallery[None], probes


def test_predicted_rates_of_groups_are_those_realised(delhi, searched):
    """A sample of a twentieth of the pairs tells the false matches per probe of every group."""
    found = linkrisk.thresholds(
        delhi.spec, truth=read_truth_folder(delhi.path / "truth"), groups=["sex", "tone"], pairs=6_000_000
    )
    similarity, same, probes = searched
    inside, checked = 0, 0
    for group in found["groups"]:
        if group["sources"] != ["probes", "gallery"] or group["against"] != "any":
            continue
        column = "sex" if group["attribute"] == "sex" else "skin_tone"
        value = {"male": "M", "female": "F"}.get(group["group"], group["group"].upper())
        of_group = (probes[column] == value).fill_null(value=False).to_numpy()
        assert group["records"] == of_group.sum()
        strangers = np.where(same[of_group], -2, similarity[of_group])
        for row in group["rows"]:
            realised = (strangers >= row["similarity"] - 1e-7).sum() / of_group.sum()
            checked += 1
            inside += row["false_matches_per_record_low"] <= realised <= row["false_matches_per_record_high"]
    # 95 % intervals of which many at neighbouring thresholds hold or fail together.
    assert checked >= 100
    assert inside >= 0.9 * checked, f"{inside} of {checked}"


def test_predicted_rates_of_source_pairs_are_those_realised(delhi, searched):
    found = linkrisk.thresholds(delhi.spec, truth=read_truth_folder(delhi.path / "truth"), pairs=6_000_000)
    similarity, same, _ = searched
    pair = next(p for p in found["source_pairs"] if p["sources"] == ["gallery", "probes"])
    assert pair["compared"] < 0.1 * pair["pairs"]
    strangers = similarity[~same]
    known = [row for row in pair["rows"] if row["fmr_basis"] != "unknown"]
    realised = [(strangers >= row["similarity"] - 1e-7).mean() for row in pair["rows"]]
    held = [
        row["fmr_low"] <= share <= row["fmr_high"] for row, share in zip(pair["rows"], realised, strict=True)
    ]
    assert len(known) >= 10
    assert sum(held) >= 0.9 * len(held)
    genuine = similarity[same]
    for row in pair["rows"]:
        assert (
            row["fnmr_low"] - 1e-9 <= (genuine < row["similarity"] - 1e-7).mean() <= row["fnmr_high"] + 1e-9
        )


def test_issued_numbers_give_rates_that_are_too_high_rather_than_too_low(tmp_path):
    system = linkrisk.simulate("xinai", records=40_000, templates="int8", out=tmp_path)
    issued = linkrisk.thresholds(system.spec, pairs=6_000_000)
    true = linkrisk.thresholds(system.spec, truth=read_truth_folder(tmp_path / "truth"), pairs=6_000_000)
    assert (issued["persons"], true["persons"]) == ("issued", "truth")
    for row in issued["rows"]:
        other = next((r for r in true["rows"] if r["similarity"] == row["similarity"]), None)
        if other is not None and other["fmr_basis"] == "counted" and other["pairs_seen"] > 100:
            assert row["fmr_high"] >= other["fmr_low"], row["similarity"]
    assert row_at(issued["rows"], 0.3)["fnmr"] == pytest.approx(row_at(true["rows"], 0.3)["fnmr"], abs=0.05)


def test_the_command(delhi, tmp_path):
    page = tmp_path / "page.html"
    done = subprocess.run(
        [
            sys.executable, "-m", "linkrisk", "thresholds", str(delhi.spec_path), "--truth",
            str(delhi.path / "truth"), "--group", "sex", "--pairs", "500000", "--out", str(page), "--json",
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    needed = {"similarity", "fmr", "fnmr", "fpir", "expected_false_links"}
    needed |= {f"{name}_{end}" for name in needed - {"similarity"} for end in ("low", "high")}
    assert needed <= set(answer["rows"][0])
    html = page.read_text(encoding="utf-8")
    assert "What 80 % similar is" in html
    assert "The worst group" in html
    assert "<svg" in html
    assert "<script" not in html
    assert "http" not in html.replace("http://www.w3.org/", "").replace("http-equiv", "")
    # Neither names nor numbers of anybody.
    gallery = delhi["gallery"].collect()
    assert not any(number in html + done.stdout for number in gallery["record_no"].drop_nulls().head(200))
    text = subprocess.run(
        [sys.executable, "-m", "linkrisk", "thresholds", str(delhi.spec_path), "--pairs", "100000"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert text.returncode == 0, text.stderr
    assert "expected false link" in text.stdout

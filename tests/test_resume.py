"""A run that is killed goes on where it was and comes to the same, or says what has changed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from linkrisk import Linker, Run, RunOptions, Source, Spec, assess, link
from linkrisk.backends.local import simulate
from linkrisk.errors import RunError, SpecError

from .conftest import ATTRIBUTES, people

SCRIPT = """
import sys
from linkrisk import Spec, assess

assess(Spec.from_toml(sys.argv[1]), sys.argv[2], resume=True)
"""

# What comes into being in a run, in that order: a process is killed when it sees the next of these.
MOMENTS = [
    "state/..ids-0.parquet.*.partial",
    "state/.store.*.partial",
    "state/store",
    "state/pairs-passes",
    ".entities.parquet.*.partial",
    "state/clusters",
    "tables/.attributes.parquet.*.partial",
    "report.json",
]


def checksums(run: Run) -> dict[str, str]:
    """What a run came to, but for how long it took."""
    tables = {"links": run.links(), "entities": run.entities()}
    tables |= {name: run.table(name) for name in run.tables()}
    found = {}
    for name, table in tables.items():
        data = table.collect().with_columns(pl.selectors.categorical().cast(pl.String))
        found[name] = hashlib.blake2b(data.write_csv().encode()).hexdigest()
    return found | {"model": json.dumps(run.model()), "summary": json.dumps(run.summary)}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    simulate("people", 60_000, 3, str(folder), None, None)
    return folder / "linkrisk.toml"


def killed_at(spec: Path, out: Path, moment: str) -> bool:
    """Goes on with a run and kills it when there is a file of this name; false where it ended before."""
    child = subprocess.Popen([sys.executable, "-c", SCRIPT, str(spec), str(out)])
    watchdog = threading.Timer(100, child.kill)
    watchdog.start()
    try:
        while child.poll() is None and not any(out.glob(moment)):
            time.sleep(0.0005)
        child.kill()
        return child.wait() != 0
    finally:
        watchdog.cancel()


def test_a_run_that_is_killed_again_and_again_comes_to_the_same(simulated, tmp_path):
    expected = checksums(assess(Spec.from_toml(simulated), tmp_path / "whole"))
    out, kills, known = tmp_path / "run", 0, 0
    for moment in MOMENTS:
        kills += killed_at(simulated, out, moment)
        if (out / "manifest.json").is_file():
            # What was finished stays so.
            stages = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["stages"]
            assert len(stages) >= known
            known = len(stages)
    assert kills >= len(MOMENTS) // 2, "a file may come and go between two looks, but not most of them"
    # Other threads and less memory, so that records and pairs are on disk.
    spec = Spec.from_toml(simulated)
    options = RunOptions(threads=1, memory_limit="24 MiB")
    run = assess(spec.model_copy(update={"run": options}), out, resume=True)
    assert checksums(run) == expected
    stages = [s["stage"] for s in run.manifest["stages"]]
    assert stages == ["ingest", "plan", "train", "link", "cluster", "assess"]
    assert not (out / "state").exists()
    assert [p.name for p in out.rglob("*") if p.name.startswith((".", "linkrisk-"))] == []
    # What is finished is not done again.
    before = (out / "links.parquet").stat().st_mtime_ns
    assert checksums(assess(spec, out, resume=True)) == expected
    assert (out / "links.parquet").stat().st_mtime_ns == before


@pytest.fixture
def table_file(tmp_path) -> Path:
    path = tmp_path / "people.parquet"
    people().write_parquet(path)
    return path


def stopped(spec: Spec, out: Path) -> None:
    """Leaves a run that was stopped behind its first stages."""
    Linker(spec, out, resume=True).train()


def refused(spec: Spec, out: Path) -> RunError:
    with pytest.raises(RunError) as caught:
        link(spec, out, resume=True)
    assert caught.value.hint
    assert caught.value.path == str(out)
    return caught.value


def test_a_table_that_changed_is_named(spec_for, tmp_path):
    table = tmp_path / "people.csv"
    people().write_csv(table)
    out, spec = tmp_path / "run", spec_for(path=str(table))
    stopped(spec, out)
    text = table.read_bytes()
    times = (table.stat().st_atime_ns, table.stat().st_mtime_ns)
    # As large as before and of the same time: only its content tells.
    table.write_bytes(text.replace(b"Archer", b"Walker", 1))
    os.utime(table, ns=times)
    assert f"`{table}` of `people` has changed (`hash`)" in str(refused(spec, out))
    table.write_bytes(text)
    assert "(`modified`)" in str(refused(spec, out))
    os.utime(table, ns=times)
    assert link(spec, out, resume=True).manifest["state"] == "linked"


def test_a_file_that_came_or_went_is_named(spec_for, tmp_path):
    folder = tmp_path / "tables"
    folder.mkdir()
    people(100).write_parquet(folder / "a.parquet")
    spec, out = spec_for(path=str(folder / "*.parquet")), tmp_path / "run"
    stopped(spec, out)
    people(50).write_parquet(folder / "b.parquet")
    assert f"`{folder / 'b.parquet'}` of `people` is new" in str(refused(spec, out))
    (folder / "a.parquet").unlink()
    assert f"`{folder / 'a.parquet'}` of `people` is gone" in str(refused(spec, out))


def test_a_spec_that_changed_is_told_by_the_keys(spec_for, table_file, tmp_path):
    out, spec = tmp_path / "run", spec_for(path=str(table_file))
    stopped(spec, out)
    other = spec.model_copy(update={"linkage": spec.linkage.model_copy(update={"threshold": 0.5})})
    assert "`linkage.threshold`" in str(refused(other, out))
    other = spec.model_copy(update={"run": RunOptions(threads=2, seed=9)})
    assert "`run.seed`" in str(refused(other, out))
    # How much a run may use is none of its result.
    other = spec.model_copy(update={"run": RunOptions(threads=1, batch_size=7, memory_limit="1 GiB")})
    assert link(other, out, resume=True).manifest["resumed"] == 1


def test_another_version_is_refused(spec_for, table_file, tmp_path):
    out, spec = tmp_path / "run", spec_for(path=str(table_file))
    stopped(spec, out)
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    manifest["versions"]["linkrisk"] = "0.0.7"
    (out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert "version 0.0.7" in str(refused(spec, out))


def test_a_model_that_changed_is_named(spec_for, table_file, tmp_path):
    spec = spec_for(path=str(table_file))
    first = link(spec, tmp_path / "first")
    model = tmp_path / "old.json"
    model.write_bytes((first.path / "model.json").read_bytes())
    spec = spec.model_copy(update={"linkage": spec.linkage.model_copy(update={"model": str(model)})})
    stopped(spec, tmp_path / "run")
    model.write_text(model.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert f"`{model}` of `linkage.model` has changed" in str(refused(spec, tmp_path / "run"))


def test_frames_are_told_by_their_rows_and_lazy_ones_by_their_schema(tmp_path):
    def spec(data: Any) -> Spec:
        return Spec(sources=(Source(name="people", data=data, attributes=ATTRIBUTES),))

    table = people()
    stopped(spec(table), tmp_path / "frame")
    other = table.with_columns(pl.col("dob").replace(table["dob"][0], "19000101"))
    assert "`data` of `people` has changed (`hash`)" in str(refused(spec(other), tmp_path / "frame"))
    assert "`rows`" in str(refused(spec(table.head(-1)), tmp_path / "frame"))
    assert link(spec(table.clone()), tmp_path / "frame", resume=True).manifest["state"] == "linked"
    stopped(spec(table.lazy()), tmp_path / "lazy")
    numbers = table.lazy().with_columns(pl.col("dob").cast(pl.Int64))
    assert "`columns.dob`" in str(refused(spec(numbers), tmp_path / "lazy"))
    assert link(spec(other.lazy()), tmp_path / "lazy", resume=True).manifest["state"] == "linked"


def test_records_are_kept_for_a_run_that_goes_on_alone(spec_for, table_file, tmp_path):
    spec = spec_for(path=str(table_file))
    linker = Linker(spec, tmp_path / "run", resume=True)
    linker.cluster()
    assert (tmp_path / "run" / "state").is_dir()
    linker.finish()
    assert not (tmp_path / "run" / "state").exists()
    plain = Linker(spec, tmp_path / "plain")
    plain.train()
    assert not (tmp_path / "plain" / "state").exists()
    plain.finish()


def test_resume_needs_a_directory(spec_for, table_file):
    with pytest.raises(SpecError, match="without a directory"):
        Linker(spec_for(path=str(table_file)), resume=True)

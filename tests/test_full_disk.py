"""A disk that fills: one SpillLimitError that names the file, and nothing that looks whole and is not.

A limit on the size of files stands for the disk, because no test can count on being allowed to
mount one: the system refuses the same writes, with EFBIG in place of ENOSPC.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from linkrisk import Linker, Run, Source, Spec

from .conftest import ATTRIBUTES, people

pytest.importorskip("resource")

SCRIPT = """
import json, os, resource, signal, sys
import polars as pl
from linkrisk import Attribute, Linker, Run, Source, Spec
from linkrisk.console import exit_code
from linkrisk.errors import SpillLimitError
from linkrisk.report import write_report

table, out, limit, what = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
attributes = {
    "name": Attribute(column=("given_name", "surname"), kind="person_name"),
    "born": Attribute(column="dob", kind="birth_date"),
    "tel": Attribute(column="mobile", kind="phone"),
}
source = Source(name="people", path=table, id="row_id", attributes=attributes)
spec = Spec(purpose="a test", controller="nobody", sources=(source,))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    if what == "report":
        write_report(Run(out))
    else:
        Linker(spec, out).assess()
    told = {"type": "none"}
except Exception as error:
    told = {"type": type(error).__name__, "text": str(error), "hint": getattr(error, "hint", None)}
    told["code"] = exit_code(error)
    told["path"] = error.path if isinstance(error, SpillLimitError) else None
os.write(1, json.dumps(told).encode())
"""


def refused(table: Path, out: Path, limit: int, what: str = "run") -> dict[str, object]:
    """What the writer of a file of more than `limit` bytes is told."""
    command = [sys.executable, "-c", SCRIPT, str(table), str(out), str(limit), what]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    told: dict[str, object] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("full") / "people.parquet"
    people(3_000).write_parquet(path)
    return path


# The manifest has 2 KB, the model 6, the ids 30, the entities 40, the links several hundred.
@pytest.mark.parametrize(
    ("limit", "file"),
    [(500, "manifest.json"), (4_000, ".ids-0.parquet"), (60_000, "links.parquet")],
)
def test_full_disk(table, tmp_path, limit, file):
    out = tmp_path / "run"
    told = refused(table, out, limit)
    assert told["type"] == "SpillLimitError", told
    assert told["path"] == str(out / file)
    assert told["code"] == 4
    assert told["hint"]
    assert [p.name for p in out.rglob(".*")] == []
    for path in out.rglob("*.parquet"):
        pl.read_parquet(path)
    for path in out.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))


def test_full_disk_under_the_report(table, tmp_path):
    source = Source(name="people", data=people(), attributes=ATTRIBUTES)
    Linker(Spec(sources=(source,)), tmp_path / "run").assess()
    told = refused(table, tmp_path / "run", 2_000, "report")
    assert told["type"] == "SpillLimitError", told
    assert told["path"] == str(tmp_path / "run" / "report.json")
    assert [p.name for p in (tmp_path / "run").rglob(".*")] == []
    assert not (tmp_path / "run" / "report.json").exists()
    assert Run(tmp_path / "run").summary["records"] == 400

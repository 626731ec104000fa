from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import people

SPEC = """
purpose = "a test"
controller = "nobody"
[[sources]]
name = "people"
path = "people.parquet"
id = "row_id"
truth = "truth"
[sources.attributes]
name = { column = ["given_name", "surname"], kind = "person_name" }
born = { column = "dob", kind = "birth_date", format = "%Y%m%d" }
tel = { column = "mobile", kind = "phone" }
[run]
threads = 2
"""


def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "linkrisk", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1"},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    people(300).write_parquet(folder / "people.parquet")
    (folder / "linkrisk.toml").write_text(SPEC, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def assessed(folder) -> Path:
    done = run("assess", folder / "linkrisk.toml", "--out", folder / "run", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["records"] == 600
    return folder / "run"


COMMANDS = [
    "assess",
    "link",
    "evaluate",
    "estimate",
    "thresholds",
    "report",
    "init",
    "schema",
    "simulate",
    "doctor",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_json(command):
    done = run(command, "--help")
    assert done.returncode == 0
    assert "--json" in done.stdout


def test_assess_writes_the_run(assessed):
    names = {path.name for path in assessed.iterdir()}
    assert {"manifest.json", "model.json", "report.json", "report.html", "tables"} <= names
    assert {"entities.parquet", "links.parquet"} <= names


def test_report_again(assessed):
    (assessed / "report.html").unlink()
    done = run("report", assessed, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((assessed / "report.json").read_text(encoding="utf-8"))
    assert (assessed / "report.html").exists()


def test_evaluate(assessed):
    done = run("evaluate", assessed, "--json")
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), dict)


def test_link_and_fail_on(folder):
    done = run("link", folder / "linkrisk.toml", "--out", folder / "linked", "--json")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == {"link", "cluster"}
    report = run("report", folder / "linked")
    assert report.returncode == 2
    assert "no risk figures" in report.stderr
    assert not (folder / "linked" / "report.html").exists()


@pytest.mark.parametrize(
    ("limit", "code"), [("records=599", 1), ("records=600", 0), ("recrods=1", 2), ("x", 2)]
)
def test_fail_on(folder, tmp_path, limit, code):
    done = run("assess", folder / "linkrisk.toml", "--out", tmp_path / "run", "--fail-on", limit)
    assert done.returncode == code, done.stderr


def test_estimate_prints_rules_and_writes_nothing(folder):
    before = sorted(folder.rglob("*"))
    done = run("estimate", folder / "linkrisk.toml", "--json")
    assert done.returncode == 0, done.stderr
    assert "pairs" in done.stdout
    assert sorted(folder.rglob("*")) == before


def test_schema_is_json():
    done = run("schema")
    assert json.loads(done.stdout)["title"] == "Spec"
    assert done.stderr == ""


def test_doctor():
    done = run("doctor", "--json")
    facts = json.loads(done.stdout)
    assert facts["linkrisk"]["simd"]
    assert facts["cores"] >= 1
    assert "profile" in run("doctor").stdout


def test_simulate_writes_a_spec_that_runs(tmp_path):
    done = run("simulate", "people", "--records", 2_000, "--seed", 3, "--out", tmp_path / "sim", "--json")
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), dict)
    assert run("estimate", tmp_path / "sim" / "linkrisk.toml").returncode == 0


def test_data_and_talk_are_apart(folder):
    done = run("estimate", folder / "linkrisk.toml", "--json")
    json.loads(done.stdout)
    assert "ingest" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["assess", "none.toml", "--out", "x"], 2, "there is no spec file"),
        (["frob"], 2, "No such command"),
        (["assess", "linkrisk.toml"], 2, "--out"),
        (["evaluate", "nowhere"], 2, "no such run directory"),
        (["report", "."], 2, "no run in the directory"),
        (["init", "nope.csv"], 3, "there is no such file"),
    ],
)
def test_exit_codes_and_hints(folder, arguments, code, text):
    done = run(*arguments, cwd=folder)
    assert done.returncode == code
    assert text in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_spec_errors_are_all_shown(folder, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(SPEC.replace("person_name", "person_nam").replace("threads", "thread"), encoding="utf-8")
    done = run("assess", path, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert done.stderr.startswith("error: the spec has 2 problems:")
    assert "did you mean `person_name`?" in done.stderr
    assert "did you mean `threads`?" in done.stderr


def test_data_error_has_a_hint(folder, tmp_path):
    path = folder / "wrong.toml"
    path.write_text(SPEC.replace('"dob"', '"dobb"'), encoding="utf-8")
    done = run("estimate", path)
    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        "error: source `people` has no column `dobb`",
        "hint: did you mean `dob`?",
    ]


def test_memory_limit_ends_with_four(folder):
    path = folder / "small.toml"
    people(30_000).write_parquet(folder / "many.parquet")
    text = SPEC.replace("people.parquet", "many.parquet") + 'memory_limit = "1 MiB"\n'
    path.write_text(text, encoding="utf-8")
    done = run("estimate", path)
    assert done.returncode == 4, done.stderr
    assert "hint: " in done.stderr


def test_closed_pipe_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m linkrisk schema | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""

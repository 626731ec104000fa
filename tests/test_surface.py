"""What is public, and that it stays what it says."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import linkrisk
from linkrisk import _linkrisk

ROOT = Path(__file__).parents[1]
PACKAGE = Path(linkrisk.__file__).parent
HEAVY = ["typer", "rich", "jinja2", "altair", "pyarrow", "pyspark", "vl_convert"]


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_all_names_exist_once():
    assert len(linkrisk.__all__) == len(set(linkrisk.__all__)) < 30
    for name in linkrisk.__all__:
        assert hasattr(linkrisk, name), name


def test_version_is_the_workspaces():
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))
    assert linkrisk.__version__ == _linkrisk.__version__ == manifest["workspace"]["package"]["version"]
    assert linkrisk.build_info()["version"] == linkrisk.__version__


def test_import_is_light():
    loaded = python(f"import linkrisk, sys; print([m for m in {HEAVY!r} if m in sys.modules])")
    assert loaded.strip() == "[]"


def test_cli_help_is_light():
    code = f"import linkrisk.cli, sys; print([m for m in {HEAVY[2:]!r} if m in sys.modules])"
    assert python(code).strip() == "[]"


def test_the_core_needs_no_pyarrow():
    code = """
import sys
sys.modules.update(pyarrow=None, pandas=None, numpy=None)
import polars as pl, linkrisk as lr
table = pl.DataFrame({"x": ["+447700900001", "+447700900001", "+447700900002"]})
source = lr.Source(name="a", data=table, attributes={"tel": lr.Attribute(column="x", kind="phone")})
lr.Linker(lr.Spec(sources=(source,))).plan()
print("ok")
"""
    assert python(code).strip() == "ok"


def test_stub_is_true():
    env = {**os.environ, "MYPYPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "linkrisk._linkrisk"],
        capture_output=True,
        text=True,
        env=env,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_classes_of_the_extension_are_frozen():
    classes = [c for c in vars(_linkrisk).values() if isinstance(c, type)]
    assert _linkrisk.Engine in classes
    for cls in classes:
        with pytest.raises(TypeError):
            type("Sub", (cls,), {})
    for path in (ROOT / "rust/linkrisk-py/src").glob("*.rs"):
        for attributes in re.findall(r"#\[pyclass(.*?)\]", path.read_text(encoding="utf-8")):
            assert "frozen" in attributes, path.name


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_only_few_modules_touch_the_extension():
    users = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "linkrisk._linkrisk" in imports_of(path)
    }
    assert users <= {"__init__.py", "backends/local.py", "recognise.py", "expressions.py", "lots.py"}


def test_one_module_uses_the_unstable_stream():
    users = {p.name for p in PACKAGE.rglob("*.py") if "collect_batches" in p.read_text(encoding="utf-8")}
    assert users == {"lots.py"}


def test_nothing_listens_or_calls_out():
    banned = {
        "socket",
        "http",
        "urllib",
        "urllib.request",
        "requests",
        "httpx",
        "ftplib",
        "smtplib",
        "asyncio",
    }
    for path in PACKAGE.rglob("*.py"):
        assert not imports_of(path) & banned, path.name


def test_files_are_short():
    paths = [
        *PACKAGE.rglob("*.py"),
        *(ROOT / "rust").glob("linkrisk-py/src/*.rs"),
        *(ROOT / "tests").glob("*.py"),
    ]
    long = {str(p.relative_to(ROOT)): n for p in paths if (n := len(p.read_text("utf-8").splitlines())) > 450}
    assert not long


def test_public_names_have_docstrings():
    for name in linkrisk.__all__:
        value = getattr(linkrisk, name)
        if not isinstance(value, str):
            assert (value.__doc__ or "").strip(), name
    for name in ("Engine", "normalise", "simulate", "build_info", "error_kinds"):
        assert getattr(_linkrisk, name).__doc__, name

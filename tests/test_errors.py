from __future__ import annotations

import copy
import inspect
import json
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import polars as pl
import pytest

from linkrisk import Linker, RunOptions, _linkrisk, errors
from linkrisk.console import exit_code, explain
from linkrisk.errors import LinkriskError, Problem, SpecError

from .conftest import people

CLASSES = {
    "spec": errors.SpecError,
    "data": errors.DataError,
    "missing_attribute": errors.MissingAttributeError,
    "attribute_type": errors.AttributeTypeError,
    "record": errors.RecordError,
    "training": errors.TrainingError,
    "memory_limit": errors.MemoryLimitError,
    "spill_limit": errors.SpillLimitError,
    "run": errors.RunError,
    "io": OSError,
    "cancelled": KeyboardInterrupt,
    "internal": errors.InternalError,
}


def ours() -> list[type[LinkriskError]]:
    return [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, LinkriskError)]


def engine(spec, out=None, progress=None):
    return _linkrisk.Engine(spec.to_engine_json(), out, progress)


def canonical(table: pl.DataFrame) -> pl.DataFrame:
    """The columns as `sources` would hand them to the engine."""
    name = pl.concat_str("given_name", "surname", separator="\x1f")
    return table.select(name=name, born="dob", tel="mobile")


def test_every_engine_error_has_a_class():
    assert set(_linkrisk.error_kinds()) == set(CLASSES)


@pytest.mark.parametrize("cls", ours())
def test_errors_survive_pickling(cls):
    error = cls("a message", hint="a hint", details={"source": "a", "row": 3})
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is cls
        assert str(twin) == "a message"
        assert twin.hint == "a hint"
        assert twin.details == {"source": "a", "row": 3}


def test_spec_error_keeps_its_problems():
    error = SpecError.of([Problem("a.b", "is wrong", "mend it"), Problem("c", "is missing")])
    twin = pickle.loads(pickle.dumps(error))
    assert twin.problems == error.problems
    assert "`a.b`: is wrong (mend it)" in str(twin)


@pytest.mark.parametrize(
    ("cls", "base"),
    [
        (errors.SpecError, ValueError),
        (errors.DataError, ValueError),
        (errors.AttributeTypeError, TypeError),
        (errors.MemoryLimitError, MemoryError),
        (errors.SpillLimitError, OSError),
        (errors.MissingDependencyError, ImportError),
        (errors.RecordError, errors.DataError),
        (errors.MemoryLimitError, errors.ResourceError),
    ],
)
def test_errors_are_also_pythons_own(cls, base):
    assert issubclass(cls, base)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.SpecError("x"), 2),
        (errors.RunError("x"), 2),
        (errors.DataError("x"), 3),
        (errors.TrainingError("x"), 3),
        (FileNotFoundError(2, "x"), 3),
        (errors.MemoryLimitError("x"), 4),
        (errors.SpillLimitError("x"), 4),
        (MemoryError(), 4),
        (errors.InternalError("x"), 70),
        (ZeroDivisionError(), 70),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(error, code):
    assert exit_code(error) == code


def test_explain_keeps_foreign_text_to_itself():
    try:
        int("990000199001010017")
        raise ValueError("value 990000199001010017")
    except ValueError as error:
        text = explain(error)
    assert "990000" not in text
    assert "ValueError" in text


def test_details_become_attributes():
    error = errors.MemoryLimitError(
        "x", details={"limit": "100", "requested": "7", "consumers": "store 80 B, block 20 B"}
    )
    assert (error.limit, error.requested) == (100, 7)
    assert error.consumers == ("store 80 B", "block 20 B")
    missing = errors.MissingAttributeError("x", details={"available": ["a", "b"]})
    assert missing.available == ("a", "b")


def check(error: LinkriskError) -> None:
    """What every error of the engine promises."""
    assert error.hint
    assert str(error)[0].islower() or str(error)[0] == "`"
    assert not str(error).endswith(".")
    assert "\x1b" not in str(error)


def test_trigger_spec():
    with pytest.raises(errors.SpecError) as caught:
        _linkrisk.Engine('{"sources": [], "surces": []}', None, None)
    check(caught.value)


def test_trigger_data(spec_for, table):
    with pytest.raises(errors.DataError, match="no rows") as caught:
        engine(spec_for(data=table)).ingest(0, canonical(table).clear())
    check(caught.value)
    assert caught.value.source == "people"


def test_trigger_missing_attribute(spec_for, table):
    with pytest.raises(errors.MissingAttributeError) as caught:
        engine(spec_for(data=table)).ingest(0, canonical(table).drop("born"))
    check(caught.value)
    assert caught.value.attribute == "born"


def test_trigger_attribute_type(spec_for, table):
    with pytest.raises(errors.AttributeTypeError) as caught:
        engine(spec_for(data=table)).ingest(0, canonical(table).with_columns(name=pl.lit(value=True)))
    check(caught.value)
    assert (caught.value.source, caught.value.attribute) == ("people", "name")


@pytest.mark.parametrize("ids", [pl.lit("same"), pl.lit(None, pl.String)])
def test_trigger_record(spec_for, table, ids):
    with pytest.raises(errors.RecordError) as caught:
        engine(spec_for(data=table, id="row_id")).ingest(0, canonical(table).with_columns(__id=ids))
    check(caught.value)
    assert caught.value.source == "people"
    assert "same" not in str(caught.value)


def test_trigger_training(spec_for, table):
    # Every record is the same one: agreement tells nothing.
    spec = spec_for(data=pl.concat([table.head(1)] * 20))
    with pytest.raises(errors.TrainingError) as caught:
        Linker(spec).train()
    check(caught.value)


def test_trigger_internal(spec_for, table):
    """Stages out of turn: no user can cause it through `Linker`."""
    with pytest.raises(errors.InternalError) as caught:
        engine(spec_for(data=table)).ingest(1, canonical(table))
    check(caught.value)
    assert "report" in (caught.value.hint or "")


def test_every_kind_has_a_trigger():
    tests = [name for name in globals() if name.startswith("test_trigger_")]
    for kind in _linkrisk.error_kinds():
        assert any(name.startswith(f"test_trigger_{kind}") for name in tests), kind


def test_trigger_memory_limit(spec_for):
    table = people(20_000)
    spec = spec_for(data=table, run=RunOptions(memory_limit="1 MiB", threads=1))
    with pytest.raises(errors.MemoryLimitError) as caught:
        engine(spec).ingest(0, canonical(table))
    check(caught.value)
    assert caught.value.limit == 2**20


def test_trigger_run(spec_for, table, tmp_path):
    (tmp_path / "manifest.json").write_text('{"made by": "something else"}')
    with pytest.raises(errors.RunError) as caught:
        engine(spec_for(data=table), str(tmp_path))
    check(caught.value)


def test_trigger_io(spec_for, table, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file") as caught:
        engine(spec_for(data=table), str(tmp_path / "file" / "run"))
    assert caught.value.errno


def test_trigger_spill_limit(tmp_path):
    """A disk that fills, as a limit on the size of files."""
    code = textwrap.dedent("""
        import resource, sys
        sys.path.insert(0, sys.argv[2])
        from tests.conftest import ATTRIBUTES, people
        from linkrisk import Linker, Source, Spec
        from linkrisk.errors import SpillLimitError
        source = Source(name="people", data=people(2_000), attributes=ATTRIBUTES)
        spec = Spec(purpose="a test", controller="nobody", sources=(source,))
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            Linker(spec, sys.argv[1]).cluster()
        except SpillLimitError as error:
            assert error.hint and error.path and isinstance(error, OSError)
            print("refused")
    """)
    root = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "run"), root], capture_output=True, text=True, check=False
    )
    assert done.stdout == "refused\n", done.stderr


def test_trigger_cancelled_by_the_callback(spec_for, table):
    """What the callback raises ends the work and reaches the caller as it is."""

    def refuse(event):
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        engine(spec_for(data=table), None, refuse).ingest(0, canonical(table))


def test_engine_tells_progress(spec_for, table):
    seen: list[dict[str, object]] = []
    engine(spec_for(data=table), None, seen.append).ingest(0, canonical(table))
    assert seen[-1]["done"] == table.height
    assert set(seen[-1]) == {"stage", "part", "unit", "done", "total", "share", "seconds"}


def test_summaries_are_json(spec_for, table):
    assert isinstance(json.loads(engine(spec_for(data=table)).ingest(0, canonical(table))), dict)

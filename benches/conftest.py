"""Sizes, data and the refusal to measure what was not built for speed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import linkrisk
from linkrisk import Spec
from linkrisk.backends.local import simulate

SIZES = [10_000, 100_000]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--records",
        action="append",
        type=int,
        metavar="N",
        help=f"records of the simulated people; may be repeated (default: {SIZES})",
    )


def pytest_configure(config: pytest.Config) -> None:
    info = linkrisk.build_info()
    if info["profile"] != "release":
        raise pytest.UsageError("this build is for debugging: `make bench` makes one to measure")


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, object]) -> None:
    machine_info["linkrisk"] = linkrisk.build_info()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "records" in metafunc.fixturenames:
        sizes = metafunc.config.getoption("--records") or SIZES
        metafunc.parametrize("records", sizes, scope="session", ids=lambda n: f"{n:,}")


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory, records: int) -> Path:
    """A folder with that many records of simulated people and their spec."""
    folder = tmp_path_factory.mktemp("people") / str(records)
    simulate("people", records, 1, str(folder), None, None)
    return folder


@pytest.fixture
def spec(people: Path) -> Spec:
    return Spec.from_toml(people / "linkrisk.toml")


@pytest.fixture
def out(tmp_path: Path) -> Callable[[], Path]:
    """Names a new run directory at every call, for a run refuses the directory of another."""
    count = iter(range(1_000_000))
    return lambda: tmp_path / str(next(count))

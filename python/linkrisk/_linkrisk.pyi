from collections.abc import Callable, Iterable
from os import PathLike
from typing import Any, Protocol, final

__all__ = [
    "Engine",
    "__version__",
    "build_info",
    "error_kinds",
    "nearest",
    "normalise",
    "row_groups",
    "scenarios",
    "simulate",
    "thresholds",
]

__version__: str

class _ArrowStream(Protocol):
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

@final
class Engine:
    def __new__(
        cls,
        spec_json: str,
        out: str | PathLike[str] | None,
        progress: Callable[[dict[str, Any]], None] | None,
        inputs_json: str | None = None,
        resume: bool = False,
    ) -> Engine: ...
    def ingest(self, source: int, tables: _ArrowStream | Iterable[_ArrowStream]) -> str: ...
    def read_in_lots(self) -> int: ...
    def expect(self, rows: list[int | None]) -> None: ...
    def draw(self, sources: list[tuple[int, int]]) -> None: ...
    def estimate(self, seconds: float) -> str: ...
    def plan(self) -> str: ...
    def train(self) -> str: ...
    def nearest(self) -> str: ...
    def link(self) -> str: ...
    def cluster(self) -> str: ...
    def assess(self) -> str: ...
    def finish(self) -> None: ...

def simulate(
    scenario: str,
    records: int,
    seed: int,
    out: str | PathLike[str],
    threads: int | None,
    progress: Callable[[dict[str, Any]], None] | None,
    *,
    format: str = "parquet",  # noqa: A002 - the word of the command line
    truth: bool = True,
    templates: str = "none",
    share: tuple[int, int] = ...,
) -> str: ...
def nearest(
    request_json: str,
    streams: list[_ArrowStream],
    out: str | PathLike[str] | None,
    progress: Callable[[dict[str, Any]], None] | None,
) -> str: ...
def scenarios() -> str: ...
def thresholds(
    question_json: str,
    streams: list[_ArrowStream],
    progress: Callable[[dict[str, Any]], None] | None,
) -> str: ...
def build_info() -> dict[str, Any]: ...
def error_kinds() -> list[str]: ...
def row_groups(path: str | PathLike[str], columns: list[str]) -> list[tuple[int, int]]: ...
def normalise(kind: str, options_json: str, array: _ArrowStream) -> object: ...

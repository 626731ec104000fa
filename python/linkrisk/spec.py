"""The description of a run: tables, attributes, linkage, limits.

The same in TOML and in Python. Every problem of a description is reported at once, each with its
path and what was probably meant.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from linkrisk import checks
from linkrisk.errors import Problem, SpecError
from linkrisk.kinds import KindName, MethodName
from linkrisk.problems import translate

__all__ = [
    "Attribute",
    "BlockingRule",
    "Comparison",
    "Linkage",
    "Report",
    "RunOptions",
    "Source",
    "Spec",
    "Templates",
]

_T = TypeVar("_T")

_UNITS = {"": 1, "b": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_UNITS |= {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


def _columns(value: Any) -> Any:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) and n for n in names):
        raise ValueError("must be the name of a column, or a list of names")
    if not names or len(set(names)) != len(names):
        raise ValueError("must name at least one column, and each once")
    return tuple(names)


def _bytes(value: Any) -> Any:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        number: float | None = value
    else:
        match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", str(value))
        if match is None or match[2].lower() not in _UNITS:
            raise ValueError('must be a number of bytes, such as "8 GiB" or 8589934592')
        number = float(match[1]) * _UNITS[match[2].lower()]
    if number is not None and number < 2**20:
        raise ValueError("must be at least 1 MiB")
    return None if number is None else int(number)


def _no_newline(value: Any) -> Any:
    if isinstance(value, str) and re.search(r"[\x00-\x1f]", value):
        raise ValueError("must be one line without control characters")
    return value


Line = Annotated[str, BeforeValidator(_no_newline)]
Columns = Annotated[
    str | tuple[str, ...],
    BeforeValidator(_columns),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
    ),
]
Bytes = Annotated[
    int | str | None,
    BeforeValidator(_bytes),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 2**20}, {"type": "string"}, {"type": "null"}]}),
]
Name = Annotated[str, Field(pattern=r"^[^\W\d_]\w*$", max_length=100)]


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {key: item if key == "data" else _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _checked(cls: type[_Model], data: Any, build: Callable[[], _T]) -> _T:
    problems: list[Problem] = []
    made: list[_T] = []
    try:
        made.append(build())
    except ValidationError as error:
        problems += translate(error, cls)
    tree = _plain(data)
    if isinstance(tree, Mapping):
        known = {problem.path for problem in problems}
        problems += [p for p in cls.cross_checks(tree) if p.path not in known]
    if problems:
        raise SpecError.of(problems)
    return made[0]


class _Model(BaseModel):
    """A frozen model that refuses unknown keys and raises `SpecError`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def __init__(self, **data: Any) -> None:
        _checked(type(self), data, lambda: BaseModel.__init__(self, **data))

    # Told apart from a custom constructor, or pydantic would run it for every nested table and lose
    # the path of what is wrong there.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Reads the model from a mapping.

        Raises:
            SpecError: Where anything is wrong, with every problem.
        """
        return _checked(cls, obj, lambda: super(_Model, cls).model_validate(obj, **options))

    @classmethod
    def cross_checks(cls, tree: Mapping[str, Any]) -> list[Problem]:
        """Lists problems that concern more than one field; none by default."""
        return []


class Attribute(_Model):
    """What one or more columns of a source hold."""

    column: Columns
    """The column, or the columns that make the value in order."""
    kind: KindName
    """What the attribute holds."""
    format: Line | None = None
    """Format of dates and times, as `strftime` writes it; found from the values where absent."""
    region: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None
    """Country of telephone numbers without a country code, ISO 3166 alpha-2."""
    scheme: Annotated[str, Field(pattern="^(cn|generic)$")] | None = None
    """Scheme of number plates: `cn` or `generic`."""
    country: Annotated[str, Field(pattern="^[A-Z]{1,3}$")] | None = None
    """Issuing country of documents, as machine-readable zones spell it."""
    reference_date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    """Day to which ages refer, `YYYY-MM-DD`."""
    synthetic: bool = False
    """Whether ID numbers are made up: then those of ranges that are issued to nobody are read, alone."""
    placeholders: tuple[str, ...] = ()
    """Values that mean "none" in this source, beside the well-known ones."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns, also where there is one."""
        return (self.column,) if isinstance(self.column, str) else self.column


class Source(_Model):
    """A table and the meaning of its columns."""

    name: Annotated[Line, Field(min_length=1, max_length=100)]
    """The source's name, unique in the run."""
    path: Line | None = None
    """A file, a glob or a folder: .parquet .csv .ndjson .arrow; text also packed, as .csv.gz or .csv.zst."""
    data: SkipJsonSchema[Any] = Field(default=None, exclude=True, repr=False)
    """In Python instead of `path`: a LazyFrame, a DataFrame or any object with `__arrow_c_stream__`."""
    id: Line | None = None
    """Column that identifies a row; the row number where absent."""
    truth: Line | None = None
    """Column that names the true person or vehicle; for `evaluate` alone, the linkage never sees it."""
    duplicate_free: bool = False
    """Whether nobody occurs twice in this source."""
    attributes: Annotated[dict[Name, Attribute], Field(min_length=1)]
    """Attribute name → columns and kind; the same name in two sources is the same attribute."""


class BlockingRule(_Model):
    """Records that agree on all of `on` are compared."""

    on: Annotated[tuple[str, ...], Field(min_length=1)]
    """Attributes, or parts of them as `attribute.part`."""


class Comparison(_Model):
    """How one attribute is compared, in place of the default for its kind."""

    attribute: str
    """The attribute."""
    method: MethodName
    """How two values are compared."""
    at: tuple[float, ...] = ()
    """Thresholds of the levels between exact and else, best first."""
    term_frequency: bool | None = None
    """Whether exact agreement on a rare value counts more; by kind where absent."""


class Templates(_Model):
    """What the similarities of a template attribute mean."""

    attribute: str
    """The attribute: a face, an iris or a fingerprint."""
    threshold: Annotated[float, Field(allow_inf_nan=False)] | Literal["auto"] = "auto"
    """Where two templates begin to be alike, by `metric`; `auto` is the similarity of
    `expected_false_links`."""
    metric: Literal["cosine", "l2", "hamming"] = "cosine"
    """What `threshold` is in: the cosine of vectors and 1 − 2 HD of irises, or `l2`, the distance of two
    vectors as they came, or `hamming`, that of irises."""
    expected_false_links: Annotated[float, Field(gt=0)] = 1.0
    """False links of strangers that may be expected among all templates."""
    groups: tuple[str, ...] = ()
    """Attributes of groups that may have error rates of their own."""
    compare: bool = True
    """Whether records are compared and found by these templates; they are counted in any case."""
    calibration: Line | None = None
    """A file with the distributions of the model, used instead of an estimate."""
    fuse: Line | None = None
    """The comparison that these templates are part of: those of one name are fused. Where absent, all
    fingerprints are `fingers`, all irises `irises`, and a face is a comparison of its own."""


class Linkage(_Model):
    """How records are linked; every default follows from the kinds."""

    threshold: Annotated[float, Field(ge=0, le=1)] = 0.95
    """Match probability from which a pair is a link."""
    blocking: Annotated[tuple[BlockingRule, ...], Field(max_length=20)] = ()
    """Blocking rules; those that the kinds suggest where empty."""
    comparisons: tuple[Comparison, ...] = ()
    """Comparisons that replace the default of their attribute."""
    templates: tuple[Templates, ...] = ()
    """What the similarities of template attributes mean."""
    max_pairs: Annotated[int, Field(ge=1)] = 20_000_000_000
    """Candidate pairs that one rule may make; a rule that would make more is refused."""
    max_block_pairs: Annotated[int, Field(ge=1)] = 500_000
    """Pairs that one block may make; a larger block is split, then sampled and reported."""
    max_entity_records: Annotated[int, Field(ge=2, lt=2**32)] = 10_000
    """An entity with more records is re-cut."""
    model: Line | None = None
    """A `model.json` of an earlier run, used instead of training."""


class RunOptions(_Model):
    """What a run may use."""

    memory_limit: Bytes = None
    """Memory in bytes or as "8 GiB"; 70 % of what the machine has where absent."""
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Worker threads; every core where absent. The result does not depend on it."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    """Seed of everything random."""
    batch_size: Annotated[int, Field(ge=1, le=2**24)] = 65_536
    """Rows per batch that are asked of a source. The result does not depend on it."""
    spill_dir: Line | None = None
    """Folder for what does not fit memory; the run directory where absent. Emptied when the run ends."""
    spill_limit: Bytes = None
    """Disk space for it in bytes or as "200 GiB"; what is free where absent."""


class Report(_Model):
    """What the report shows."""

    minimum_count: Annotated[int, Field(ge=5)] = 11
    """Counts below this are suppressed."""
    quasi_identifiers: tuple[str, ...] = ()
    """Attributes that an attacker is taken to know; chosen by kind where empty."""


class Spec(_Model):
    """A whole run.

    Raises:
        SpecError: Where anything is wrong, with every problem, its path and a suggestion.
    """

    purpose: str | None = None
    """Why record-level output is needed; without it and `controller` there is none."""
    controller: str | None = None
    """Who answers for the data."""
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    """The tables."""
    linkage: Linkage = Linkage()
    """How records are linked."""
    run: RunOptions = RunOptions()
    """What the run may use."""
    report: Report = Report()
    """What the report shows."""

    @classmethod
    def cross_checks(cls, tree: Mapping[str, Any]) -> list[Problem]:
        """Lists problems that concern more than one field."""
        return checks.check(tree)

    @classmethod
    def from_toml(cls, path: str | PathLike[str]) -> Self:
        """Reads a spec file; relative paths in it start from the file's folder.

        Raises:
            SpecError: Where the file is no TOML or the spec is wrong.
            OSError: Where the file cannot be read.
        """
        path = Path(path)
        try:
            tree = tomllib.loads(path.read_bytes().decode("utf-8"))
        except UnicodeDecodeError as error:
            raise SpecError(f"`{path}` is not UTF-8 text", hint="save it as UTF-8") from error
        except tomllib.TOMLDecodeError as error:
            hint = "`linkrisk init` writes a first spec"
            raise SpecError(f"`{path}` is not TOML: {error}", hint=hint) from error
        # Absolute, because a run is evaluated later and perhaps from elsewhere.
        folder = path.parent.absolute()
        _resolve(tree.get("sources"), "path", folder)
        _resolve([tree.get("linkage")], "model", folder)
        _resolve(_templates(tree), "calibration", folder)
        _resolve([tree.get("run")], "spill_dir", folder)
        return cls.model_validate(tree)

    def to_engine_json(self) -> str:
        """Writes the spec as the engine reads it: columns as lists, memory in bytes, no data."""
        tree = self.model_dump(mode="json")
        for source in tree["sources"]:
            for attribute in source["attributes"].values():
                column = attribute["column"]
                attribute["column"] = [column] if isinstance(column, str) else column
        return json.dumps(tree, ensure_ascii=False)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Makes the JSON Schema of a spec file, for editors and for `linkrisk schema`."""
        schema = cls.model_json_schema()
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _templates(tree: Mapping[str, Any]) -> Any:
    linkage = tree.get("linkage")
    return linkage.get("templates") if isinstance(linkage, Mapping) else None


def _resolve(tables: Any, key: str, folder: Path) -> None:
    for table in tables if isinstance(tables, list) else []:
        if isinstance(table, dict) and isinstance(table.get(key), str):
            table[key] = str(folder / Path(table[key]).expanduser())

"""Every exception that linkrisk raises.

The engine raises the same classes. A message starts in lower case, names things in backticks and
never holds a value of the user's data; what can be done about it stands in `hint`. Plain file
errors keep Python's own classes (`FileNotFoundError`, `PermissionError`), and `KeyboardInterrupt`
is never wrapped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

__all__ = [
    "AttributeTypeError",
    "BackendError",
    "DataError",
    "InternalError",
    "LinkriskError",
    "MemoryLimitError",
    "MissingAttributeError",
    "MissingDependencyError",
    "Problem",
    "RecordError",
    "ResourceError",
    "RunError",
    "SpecError",
    "SpillLimitError",
    "TrainingError",
]


class LinkriskError(Exception):
    """Base of every error that linkrisk raises on purpose.

    Args:
        message: What is wrong.
        hint: What to do about it.
        details: Named facts, such as `source`, `attribute` and `row`; never a value of the data.
    """

    hint: str | None
    details: dict[str, object]

    def __init__(
        self, message: str, *, hint: str | None = None, details: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = dict(details or {})

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        # `Exception` pickles its positional arguments alone and would lose the hint on the way back
        # from a worker process.
        return _rebuild, (type(self), self.message), self.__dict__

    def _number(self, name: str) -> int | None:
        value = self.details.get(name)
        return int(str(value)) if value is not None and str(value).isdigit() else None

    def _text(self, name: str) -> str | None:
        value = self.details.get(name)
        return None if value is None else str(value)


def _rebuild(cls: type[LinkriskError], message: str) -> LinkriskError:
    return cls(message)


class Problem(NamedTuple):
    """One thing that is wrong with a spec."""

    path: str
    """Where it is, such as `sources[0].attributes.name.kind`."""
    message: str
    """What is wrong."""
    suggestion: str | None = None
    """What was probably meant, or what to write instead."""

    def __str__(self) -> str:
        return f"`{self.path}`: {self.message}" if self.path else self.message


class SpecError(LinkriskError, ValueError):
    """The description of the run is wrong; every problem is listed, not the first one alone."""

    problems: tuple[Problem, ...]

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        details: Mapping[str, object] | None = None,
        problems: Iterable[Problem] = (),
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.problems = tuple(problems) or (Problem(self._text("path") or "", message, hint),)

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> SpecError:
        """Makes one error of all `problems`."""
        problems = tuple(problems)
        if len(problems) == 1:
            return cls(str(problems[0]), hint=problems[0].suggestion, problems=problems)
        lines = [f"the spec has {len(problems)} problems:"]
        lines += [f"  {p} ({p.suggestion})" if p.suggestion else f"  {p}" for p in problems]
        return cls("\n".join(lines), problems=problems)


class DataError(LinkriskError, ValueError):
    """The data cannot be used as they are."""

    @property
    def source(self) -> str | None:
        """The source's name."""
        return self._text("source")

    @property
    def attribute(self) -> str | None:
        """The attribute's name."""
        return self._text("attribute")


class MissingAttributeError(DataError):
    """A mapped column is not in its source."""

    @property
    def available(self) -> tuple[str, ...]:
        """The columns that the source has."""
        value = self.details.get("available", ())
        return tuple(map(str, value)) if isinstance(value, (list, tuple)) else tuple(str(value).split(", "))


class AttributeTypeError(DataError, TypeError):
    """A mapped column holds a type that its kind cannot be read from."""

    @property
    def expected(self) -> str | None:
        """The types the kind can be read from."""
        return self._text("expected")

    @property
    def found(self) -> str | None:
        """The type of the column."""
        return self._text("found")


class RecordError(DataError):
    """Rows break a rule of their source: null or duplicate ids."""

    @property
    def row(self) -> int | None:
        """The first such row, from 0."""
        return self._number("row")

    @property
    def count(self) -> int | None:
        """How many such rows there are."""
        return self._number("count")


class TrainingError(LinkriskError):
    """The model cannot be trained on these pairs."""

    @property
    def comparison(self) -> str | None:
        """The comparison that could not be trained."""
        return self._text("comparison")

    @property
    def level(self) -> str | None:
        """The level that could not be trained."""
        return self._text("level")


class ResourceError(LinkriskError):
    """The work needs more than it may use."""


class MemoryLimitError(ResourceError, MemoryError):
    """The work does not fit the memory limit."""

    @property
    def limit(self) -> int | None:
        """The limit in bytes."""
        return self._number("limit")

    @property
    def requested(self) -> int | None:
        """The bytes that were refused."""
        return self._number("requested")

    @property
    def consumers(self) -> tuple[str, ...]:
        """The largest holders of memory, each with what it holds."""
        text = self._text("consumers")
        return tuple(text.split(", ")) if text else ()


class SpillLimitError(ResourceError, OSError):
    """A file does not fit the disk or the limit set for it."""

    @property
    def path(self) -> str | None:
        """The file, or the folder it was to be in."""
        return self._text("path")

    @property
    def needed(self) -> int | None:
        """The bytes that were asked for, where that was known before the write."""
        return self._number("needed")

    @property
    def free(self) -> int | None:
        """The bytes that were free, of the disk or of `run.spill_limit`."""
        return self._number("free")


class RunError(LinkriskError):
    """A run directory is missing, incomplete, corrupt, or of another spec or version."""

    @property
    def path(self) -> str | None:
        """The run directory."""
        return self._text("path")


class BackendError(LinkriskError):
    """The backend failed; its own error is the cause."""


class MissingDependencyError(BackendError, ImportError):
    """An optional package is needed and not installed."""


class InternalError(LinkriskError):
    """A bug in linkrisk, not a mistake of yours: please report it."""

    @property
    def panic(self) -> str | None:
        """The engine's last words, where it had any."""
        return self._text("panic")

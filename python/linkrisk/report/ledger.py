"""Every count that the report may show, entered once, and published together.

A reader of the report sees all its tables at once, so suppression has to see them at once as well:
one profile of four people is given back by the linkability matrix if only the profiles are
suppressed. Sections enter their counts and the sums among them; after `publish` they read back
what may be shown.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from linkrisk.suppress import Cell, Sum, cell, is_small, rounding_base, suppress

Key = tuple[Hashable, ...]


class Ledger:
    """The counts of one report and the sums that a reader knows to hold among them."""

    def __init__(self) -> None:
        self._counts: dict[Key, int] = {}
        self._rounded: set[Key] = set()
        self._splits: dict[tuple[Key, Key], Key] = {}
        self._sums: list[Sum[Key]] = []

    def enter(self, key: Key, count: int | float, *, rounded: bool = False) -> Key:
        """Enter a count, to be published rounded or exactly; entering it again changes nothing."""
        value = int(count)
        if self._counts.setdefault(key, value) != value:
            raise ValueError(f"{key!r} was entered with another count")
        if rounded:
            self._rounded.add(key)
        return key

    def relate(self, total: Key, parts: Iterable[Key]) -> None:
        """Record that a total is the sum of its parts, where it is.

        A relation that does not hold in the numbers cannot be used against them and is left out.
        """
        present = tuple(parts)
        if present and self._counts[total] == sum(self._counts[part] for part in present):
            self._sums.append(Sum(total, present))

    def split(self, whole: Key, part: Key) -> None:
        """Record that a share of a whole will be shown, and with it what is left of the whole.

        What is left is never printed, so it matters only where it is small.
        """
        self._splits[whole, part] = rest = ("rest", whole, part)
        self._counts.setdefault(rest, max(self._counts[whole] - self._counts[part], 0))

    def publish(self, minimum: int) -> Published:
        """Suppress, and return what may be shown."""
        small = {}
        sums = list(self._sums)
        for (whole, part), rest in self._splits.items():
            if is_small(self._counts[rest], minimum):
                small[rest] = self._counts[rest]
                sums.append(Sum(whole, (part, rest)))
        printed = {key: count for key, count in self._counts.items() if key[0] != "rest"} | small
        incomplete = {pair for pair, rest in self._splits.items() if self._counts[rest]}
        return Published(suppress(printed, sums, minimum, self._rounded), minimum, incomplete)


class Published:
    """The counts as they may be shown."""

    def __init__(self, cells: dict[Key, Cell], minimum: int, incomplete: set[tuple[Key, Key]]) -> None:
        self._cells = cells
        self._incomplete = incomplete
        self.minimum = minimum

    def count(self, key: Key) -> Any:
        """Return a count, or the mark of a hidden one."""
        return shown(self._cells[key])

    def share(self, part: Key, whole: Key) -> Any:
        """Return part / whole, or the mark of a hidden share; None where there is nothing to share."""
        rest = self._cells.get(("rest", whole, part))
        numerator, denominator = self._cells[part], self._cells[whole]
        if denominator.value is None:
            return shown(denominator)
        if numerator.value is None or rest is not None:
            mark = {"suppressed": numerator.reason or "complementary"}
            # "All but fewer than the minimum" says no more than the mark of a small count does.
            if rest is not None:
                return mark | {"at_least": _floor(1 - (self.minimum - 1) / denominator.value)}
            return mark
        if not denominator.value:
            return None
        if numerator.value >= denominator.value and (whole, part) in self._incomplete:
            # Both were rounded to one number. That they differ is no secret, by how much is.
            step = rounding_base(denominator.value, self.minimum)
            return round(1 - step / 2 / denominator.value, 6)
        return round(min(numerator.value / denominator.value, 1.0), 6)

    def alone(self, count: float | None) -> Any:
        """Return a count that takes part in no sum, rounded to a whole number."""
        return None if count is None else shown(cell(round(count), self.minimum))


def _floor(value: float) -> float:
    """Round down to four places, so that a bound stays one."""
    return max(0, int(value * 10_000)) / 10_000


def shown(found: Cell) -> Any:
    """Return the JSON of a cell: the count, or why it is hidden."""
    return found.value if found.value is not None else {"suppressed": found.reason}


def visible(value: Any) -> bool:
    """Tell whether a value of the report is a number that may be shown."""
    return isinstance(value, int | float) and not isinstance(value, bool)

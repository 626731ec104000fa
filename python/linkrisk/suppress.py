"""Counts too small to publish, and the other counts that would give them away.

A count of 1 to ``minimum - 1`` is *small*: it describes so few that they may be recognised. Hiding
it is not enough where a published total and the remaining parts give it back by subtraction, so
further counts are hidden with it, the smallest first (complementary suppression; Cox 1980,
"Suppression methodology and statistical disclosure control", JASA 75). Zero is published: it
counts nobody.

Every table is described by its counts and by the sums among them, whatever its shape: a column
with a total, a two-way table with both margins, or several tables that share cells. Two audits
run until nothing changes. *Elimination* over a prime field finds every hidden count that some
combination of published sums determines. *Propagation* of bounds finds every small count that the
sums hold closer than "less than the minimum"; both know what the printed mark itself says.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Reason = Literal["small", "complementary"]
K = TypeVar("K", bound=Hashable)

LOWEST_MINIMUM = 5
# Sums have coefficients of one, so a determinant that vanishes by chance modulo a prime of 61 bits
# is not a practical concern, and the arithmetic stays in machine-sized integers.
_PRIME = (1 << 61) - 1
_UNBOUNDED = 1 << 62


@dataclass(frozen=True)
class Cell:
    """A count as it may be published.

    ``value`` is None where the count is hidden, and ``reason`` then says why: ``small`` is printed
    as "< minimum", ``complementary`` as withheld.
    """

    value: int | None
    reason: Reason | None = None

    @property
    def hidden(self) -> bool:
        """Whether the count must not be shown."""
        return self.value is None


@dataclass(frozen=True)
class Sum(Generic[K]):
    """A published relation: the count ``total`` is the sum of the counts ``parts``."""

    total: K
    parts: tuple[K, ...]


def is_small(count: int, minimum: int) -> bool:
    """Tell whether a count may not be shown by itself.

    Zero is not small: it counts nobody.
    """
    return 0 < count < minimum


def cell(count: int, minimum: int) -> Cell:
    """Return a count that takes part in no sum, hidden where it is small."""
    return Cell(None, "small") if is_small(count, minimum) else Cell(count)


def suppress(
    counts: Mapping[K, int], sums: Iterable[Sum[K]] = (), minimum: int = 11
) -> dict[K, Cell]:
    """Hide every small count and whatever would give it back.

    Each small count keeps the whole range from 1 to ``minimum - 1`` open wherever hiding further
    counts can achieve that; in any case no hidden count is determined by the sums. Ties between
    counts of one size are broken by the order of ``counts``. Cost: the cube of the number of
    hidden counts that share a sum, a few hundred at most in a report.

    Args:
        counts: Every count to be published, totals included.
        sums: The relations that a reader knows to hold among them.
        minimum: The smallest count that may be shown.

    Raises:
        ValueError: ``minimum`` is under 5, a count is negative, or a sum does not hold.
    """
    if minimum < LOWEST_MINIMUM:
        raise ValueError(f"`minimum` must be at least {LOWEST_MINIMUM}: {minimum}")
    if any(count < 0 for count in counts.values()):
        raise ValueError("`counts` must not be negative")
    relations = [Sum(s.total, tuple(s.parts)) for s in sums]
    for relation in relations:
        if counts[relation.total] != sum(counts[part] for part in relation.parts):
            raise ValueError(f"`sums` must hold: {relation.total!r} is not the sum of its parts")
    hidden = {key for key, count in counts.items() if is_small(count, minimum)}
    order = {key: position for position, key in enumerate(counts)}
    while True:
        exposed = _narrowed(counts, relations, hidden, minimum)
        exposed |= _determined(relations, hidden)
        extra = {
            choice
            for key in exposed
            if (choice := _next(key, counts, relations, hidden, order)) is not None
        }
        if not extra:
            break
        # One count at a time: the smallest often protects several relations at once.
        hidden.add(min(extra, key=lambda key: (counts[key], order[key])))
    return {
        key: Cell(count)
        if key not in hidden
        else Cell(None, "small" if is_small(count, minimum) else "complementary")
        for key, count in counts.items()
    }


def _next(
    key: K,
    counts: Mapping[K, int],
    relations: list[Sum[K]],
    hidden: set[K],
    order: Mapping[K, int],
) -> K | None:
    """The count to hide so that `key` is protected: the smallest part beside it, else a total."""
    reached, frontier = {key}, [key]
    parts: set[K] = set()
    totals: set[K] = set()
    while frontier and not parts and not totals:
        touched = [r for r in relations if any(k in (r.total, *r.parts) for k in frontier)]
        for relation in touched:
            parts.update(p for p in relation.parts if p not in hidden and counts[p] > 0)
            if relation.total not in hidden and counts[relation.total] > 0:
                totals.add(relation.total)
        around = {k for r in touched for k in (r.total, *r.parts) if k in hidden}
        frontier = list(around - reached)
        reached |= around
    candidates = parts or totals
    return min(candidates, key=lambda k: (counts[k], order[k])) if candidates else None


def _narrowed(
    counts: Mapping[K, int],
    relations: list[Sum[K]],
    hidden: set[K],
    minimum: int,
) -> set[K]:
    """The small counts that sums and marks hold to less than the range from 1 to minimum - 1."""
    low: dict[K, int] = {}
    high: dict[K, int] = {}
    small = {key for key in hidden if is_small(counts[key], minimum)}
    for key, count in counts.items():
        if key not in hidden:
            low[key] = high[key] = count
        elif key in small:
            low[key], high[key] = 1, minimum - 1
        else:
            low[key], high[key] = minimum, _UNBOUNDED
    active = [r for r in relations if any(k in hidden for k in (r.total, *r.parts))]
    changed = True
    while changed:
        changed = False
        for relation in active:
            lows = sum(low[p] for p in relation.parts)
            highs = sum(high[p] for p in relation.parts)
            total = relation.total
            changed |= _tighten(low, high, total, lows, min(highs, _UNBOUNDED))
            for part in relation.parts:
                least = low[total] - (highs - high[part])
                most = high[total] - (lows - low[part])
                changed |= _tighten(low, high, part, least, most)
    return {key for key in small if low[key] > 1 or high[key] < minimum - 1}


def _tighten(
    low: dict[K, int], high: dict[K, int], key: K, least: int, most: int
) -> bool:
    """Narrow the bounds of one count; tell whether they moved."""
    moved = False
    if least > low[key]:
        low[key], moved = least, True
    if most < high[key]:
        high[key], moved = most, True
    return moved


def _determined(relations: list[Sum[K]], hidden: set[K]) -> set[K]:
    """The hidden counts that a combination of sums gives back exactly."""
    rows: list[dict[K, int]] = []
    for relation in relations:
        row: dict[K, int] = {}
        for key, sign in ((relation.total, 1), *((part, _PRIME - 1) for part in relation.parts)):
            if key in hidden:
                row[key] = (row.get(key, 0) + sign) % _PRIME
        row = {key: value for key, value in row.items() if value}
        if row:
            rows.append(row)
    reduced: dict[K, dict[K, int]] = {}
    for row in rows:
        for pivot, known in reduced.items():
            if factor := row.get(pivot):
                _subtract(row, known, factor)
        if not row:
            continue
        pivot = next(iter(row))
        inverse = pow(row[pivot], _PRIME - 2, _PRIME)
        row = {key: value * inverse % _PRIME for key, value in row.items()}
        for known in reduced.values():
            if factor := known.get(pivot):
                _subtract(known, row, factor)
        reduced[pivot] = row
    return {pivot for pivot, row in reduced.items() if len(row) == 1}


def _subtract(row: dict[K, int], other: Mapping[K, int], factor: int) -> None:
    """Take `factor` times another equation from this one, in place."""
    for key, value in other.items():
        left = (row.get(key, 0) - factor * value) % _PRIME
        if left:
            row[key] = left
        else:
            row.pop(key, None)

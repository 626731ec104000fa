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
sums hold closer than its printed mark does.

Where tables overlap so much that their exact counts determine one another (sets of traits, and for
each two traits who has both), suppression alone would hide nearly everything. Such counts are
published rounded: to three digits, and never finer than the minimum. The audits know the rounding
interval.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
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


def rounding_base(count: int, minimum: int = 11) -> int:
    """Return the step to which a count is rounded: three digits, and 10, 20, 50, ... for the minimum."""
    finest = next(base for base in _steps() if base >= minimum - 1)
    return int(max(finest, 10 ** (len(str(count)) - 3)))


def _steps() -> Iterable[int]:
    power = 1
    while True:
        yield from (10 * power, 20 * power, 50 * power)
        power *= 10


def rounded_count(count: int, minimum: int = 11) -> int:
    """Return a count rounded half up to its step, and up where it would print below the minimum."""
    base = rounding_base(count, minimum)
    nearest = (count + base // 2) // base * base
    return nearest if nearest >= minimum or not count else -(-minimum // base) * base


def suppress(
    counts: Mapping[K, int],
    sums: Iterable[Sum[K]] = (),
    minimum: int = 11,
    rounded: Collection[K] = (),
) -> dict[K, Cell]:
    """Hide every small count and whatever would give it back.

    Each small count keeps the whole range open that it would have with everything else hidden,
    1 to ``minimum - 1`` as a rule, and no hidden count is determined by the sums. Ties between
    counts of one size are broken by the order of ``counts``. Cost: the cube of the number of
    hidden counts that share a sum, a few hundred at most in a report.

    Args:
        counts: Every count to be published, totals included.
        sums: The relations that a reader knows to hold among them.
        minimum: The smallest count that may be shown.
        rounded: The counts that are published rounded.

    Raises:
        ValueError: ``minimum`` is under 5, a count is negative, or a sum does not hold.
    """
    if minimum < LOWEST_MINIMUM:
        raise ValueError(f"`minimum` must be at least {LOWEST_MINIMUM}: {minimum}")
    if any(count < 0 for count in counts.values()):
        raise ValueError("`counts` must not be negative")
    audit = _Audit(counts, [Sum(s.total, tuple(s.parts)) for s in sums], minimum, frozenset(rounded))
    return audit.run()


class _Audit(Generic[K]):
    """The counts, what is hidden of them, and what a reader can work out."""

    def __init__(
        self, counts: Mapping[K, int], relations: list[Sum[K]], minimum: int, rounded: frozenset[K]
    ) -> None:
        self.counts, self.relations, self.minimum = counts, relations, minimum
        self.rounded = rounded
        self.order = {key: position for position, key in enumerate(counts)}
        self.small = {key for key, count in counts.items() if is_small(count, minimum)}
        self.by_key: dict[K, list[Sum[K]]] = {}
        for relation in relations:
            if counts[relation.total] != sum(counts[part] for part in relation.parts):
                raise ValueError(f"`sums` must hold: {relation.total!r} is not the sum of its parts")
            for key in (relation.total, *relation.parts):
                self.by_key.setdefault(key, []).append(relation)
        # The marks say something by themselves: six parts of a total under eleven are five at most.
        # What would be known with everything else hidden is as far as hiding can go.
        self.hidden = {key for key, count in counts.items() if count}
        self.widest: dict[K, tuple[int, int]] = {}
        self.widest, _ = self._propagate()
        self.hidden = set(self.small)
        self.pinned: set[K] = set()

    def run(self) -> dict[K, Cell]:
        """Hide one count at a time, the smallest that helps: it often protects several at once."""
        while True:
            exposed: dict[K, list[Sum[K]]] = self._determined()
            bounds, narrowed = self._propagate()
            self.pinned = {key for key, (low, high) in bounds.items() if low == high}
            exposed |= narrowed
            choices = {c for key, start in exposed.items() if (c := self._next(key, start)) is not None}
            if not choices:
                return {key: self._cell(key) for key in self.counts}
            self.hidden.add(min(choices, key=self._rank))

    def _cell(self, key: K) -> Cell:
        if key in self.hidden:
            return Cell(None, "small" if key in self.small else "complementary")
        count = self.counts[key]
        return Cell(rounded_count(count, self.minimum) if key in self.rounded else count)

    def _rank(self, key: K) -> tuple[int, int]:
        return self.counts[key], self.order[key]

    def _next(self, key: K, start: list[Sum[K]]) -> K | None:
        """The count to hide so that `key` is protected, as near to it as one is left.

        A rounded count goes first, unless an exact one gives it away; then the smallest part, and
        a total last.
        """
        reached = {key}
        touched = start
        while touched:
            open_parts, open_totals, open_rounded = set(), set(), set()
            around: set[K] = set()
            for relation in touched:
                for member in (relation.total, *relation.parts):
                    if member in self.hidden:
                        around.add(member)
                    elif self.counts[member] > 0:
                        if member in self.rounded:
                            open_rounded |= {member} - self.pinned
                        elif member == relation.total:
                            open_totals.add(member)
                        else:
                            open_parts.add(member)
            candidates = open_rounded or open_parts or open_totals
            if candidates:
                return min(candidates, key=self._rank)
            frontier = around - reached
            reached |= around
            touched = [relation for k in sorted(frontier, key=self._rank) for relation in self.by_key[k]]
        return None

    def _bounds(self, key: K) -> tuple[int, int]:
        """What a reader knows of one count from the mark or number printed for it."""
        count = self.counts[key]
        if key in self.small:
            return 1, self.minimum - 1
        if key in self.hidden:
            return self.minimum, _UNBOUNDED
        if key in self.rounded and count:
            base, printed = rounding_base(count, self.minimum), rounded_count(count, self.minimum)
            least = self.minimum if printed < self.minimum + base else printed - base // 2
            return least, printed + (base - 1) // 2
        return count, count

    def _propagate(self) -> tuple[dict[K, tuple[int, int]], dict[K, list[Sum[K]]]]:
        """Work out the bounds of every count, and which sums narrow a small one more than need be."""
        low, high = {}, {}
        for key in self.by_key:
            low[key], high[key] = self._bounds(key)
        loose = self.hidden | self.rounded
        active = [r for r in self.relations if any(k in loose for k in (r.total, *r.parts))]
        blamed: dict[K, list[Sum[K]]] = {}

        def tighten(key: K, least: int, most: int, relation: Sum[K]) -> bool:
            moved = least > low[key] or most < high[key]
            if moved:
                low[key], high[key] = max(low[key], least), min(high[key], most)
                least, most = self.widest.get(key, (0, _UNBOUNDED))
                if key in self.small and (low[key] > least or high[key] < most):
                    blamed.setdefault(key, [relation])
            return moved

        changed = True
        while changed:
            changed = False
            for relation in active:
                lows = sum(low[p] for p in relation.parts)
                highs = sum(high[p] for p in relation.parts)
                total = relation.total
                changed |= tighten(total, lows, min(highs, _UNBOUNDED), relation)
                for part in relation.parts:
                    least = low[total] - (highs - high[part])
                    most = high[total] - (lows - low[part])
                    changed |= tighten(part, least, most, relation)
        return {key: (low[key], high[key]) for key in low}, blamed

    def _determined(self) -> dict[K, list[Sum[K]]]:
        """The hidden counts that a combination of exact sums gives back, and the sums they are in."""
        reduced: dict[K, dict[K, int]] = {}
        for relation in self.relations:
            row: dict[K, int] = {}
            for key, sign in ((relation.total, 1), *((part, _PRIME - 1) for part in relation.parts)):
                if key in self.hidden or (key in self.rounded and self.counts[key]):
                    row[key] = (row.get(key, 0) + sign) % _PRIME
            row = {key: value for key, value in row.items() if value}
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
        found = {pivot for pivot, row in reduced.items() if len(row) == 1 and pivot in self.hidden}
        return {key: self.by_key[key] for key in found}


def _subtract(row: dict[K, int], other: Mapping[K, int], factor: int) -> None:
    """Take `factor` times another equation from this one, in place."""
    for key, value in other.items():
        left = (row.get(key, 0) - factor * value) % _PRIME
        if left:
            row[key] = left
        else:
            row.pop(key, None)

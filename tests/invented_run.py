"""A run directory of invented people, whose tables agree with one another to the last count.

Every person here is a few random bits: no name, number or plate is ever made.
`python tests/invented_run.py DIR [RECORDS]` writes one to look at.
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl

MODALITIES = (
    "face",
    "iris",
    "fingerprint",
    "plate",
    "id",
    "name",
    "contact",
    "demographic",
    "location",
    "account",
    "image",
)
BIT = {name: 1 << i for i, name in enumerate(MODALITIES)}
OUTCOMES = ("blank", "placeholder", "invalid", "partial", "repaired", "valid")

Record = tuple[str, int]


def mask_of(*names: str) -> int:
    return sum(BIT[name] for name in names)


def names_of(mask: int) -> list[str]:
    return [name for name in MODALITIES if mask & BIT[name]]


class Population:
    """Persons, their records, and their vehicles' records."""

    def __init__(self, records: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.persons: list[tuple[Record, ...]] = []
        self.vehicles: list[tuple[Record, ...]] = []
        self.nobody: Counter[Record] = Counter()
        made = 0
        while made < records:
            person = self._person()
            vehicle = self._vehicle(person)
            self.persons.append(person)
            made += len(person)
            if vehicle:
                self.vehicles.append(vehicle)
                made += sum(source == "parking" for source, _ in vehicle)
        spare = records // 2_000
        self.nobody["parking", mask_of("location")] = spare
        self.all_records: Counter[Record] = Counter(self.nobody)
        for person in self.persons:
            self.all_records.update(person)
        for vehicle in self.vehicles:
            self.all_records.update(r for r in vehicle if r[0] == "parking")
        self.sources = Counter(dict.fromkeys(("registrations", "visitors", "parking"), 0))
        for (source, _), count in self.all_records.items():
            self.sources[source] += count

    def _chance(self, p: float) -> bool:
        return self.random.random() < p

    def _some(self, **chances: float) -> int:
        return sum(BIT[name] for name, p in chances.items() if self._chance(p))

    def _person(self) -> tuple[Record, ...]:
        held: list[Record] = []
        worker = self._chance(0.62)
        phone, image = self._chance(0.78), self._chance(0.35)
        for _ in range(1 + self._geometric(0.62) if worker else 0):
            mask = mask_of("name") | self._some(face=0.58, id=0.66, plate=0.17)
            mask |= self._some(contact=0.72) if phone else 0
            # A resident ID number carries the birth date, sex and region of its holder.
            mask |= mask_of("demographic", "location") if mask & BIT["id"] else self._some(demographic=0.6)
            held.append(("registrations", mask))
        for _ in range(self._geometric(0.25) if worker else 1 + self._geometric(0.35)):
            mask = mask_of("name") | self._some(plate=0.09, demographic=0.004, account=0.00006)
            mask |= self._some(contact=0.9) if phone else 0
            mask |= self._some(image=0.8) if image else 0
            held.append(("visitors", mask))
        return tuple(held) if held else self._person()

    def _vehicle(self, person: tuple[Record, ...]) -> tuple[Record, ...]:
        registered = tuple(r for r in person if r[1] & BIT["plate"])
        if not registered and not self._chance(0.12):
            return ()
        parked = (("parking", mask_of("plate", "location")),) * (1 + self._geometric(0.72))
        return registered + parked

    def _geometric(self, p: float) -> int:
        return int(math.log(1.0 - self.random.random()) / math.log(p))


def _exposure(people: Population) -> pl.DataFrame:
    def union(entity: tuple[Record, ...]) -> int:
        mask = 0
        for _, held in entity:
            mask |= held
        return mask

    counted: dict[str, Counter[int]] = {"record": Counter(), "person": Counter(), "vehicle": Counter()}
    for (_, mask), count in people.all_records.items():
        counted["record"][mask] += count
    for unit, entities in (("person", people.persons), ("vehicle", people.vehicles)):
        counted[unit].update(union(entity) for entity in entities)
    rows = [
        {"unit": unit, "modalities": "+".join(names_of(mask)), "mask": mask, "count": count}
        for unit, masks in counted.items()
        for mask, count in sorted(masks.items())
    ]
    return pl.DataFrame(rows, schema_overrides={"mask": pl.UInt32, "count": pl.UInt64})


def _linkability(people: Population) -> pl.DataFrame:
    same: Counter[tuple[str, str]] = Counter()
    linked: Counter[tuple[str, str]] = Counter()
    holding: Counter[str] = Counter()
    for signature, count in Counter(frozenset(m for _, m in p) for p in people.persons).items():
        union = 0
        beside: set[tuple[str, str]] = set()
        for mask in signature:
            union |= mask
            beside.update(combinations(names_of(mask), 2))
        for name in names_of(union):
            holding[name] += count
        for pair in combinations(names_of(union), 2):
            linked[pair] += count
            same[pair] += count * (pair in beside)
    rows = []
    for a in MODALITIES:
        for b in MODALITIES:
            if a != b and holding[a] and holding[b]:
                pair = (a, b) if MODALITIES.index(a) < MODALITIES.index(b) else (b, a)
                rows.append((a, b, holding[a], same[pair], linked[pair]))
    return pl.DataFrame(
        rows,
        schema={
            "from_modality": pl.String,
            "to_modality": pl.String,
            "persons": pl.UInt64,
            "same_record": pl.UInt64,
            "linked": pl.UInt64,
        },
        orient="row",
    )


def _classes(people: Population) -> pl.DataFrame:
    rng = people.random
    keys = Counter(
        (int(rng.gauss(0, 11) * 365), rng.random() < 0.56, int(rng.expovariate(0.9))) for _ in people.persons
    )
    sizes = Counter(keys.values())
    return pl.DataFrame(
        [(size, count, size * count) for size, count in sorted(sizes.items())],
        schema={"class_size": pl.UInt64, "classes": pl.UInt64, "persons": pl.UInt64},
        orient="row",
    )


ATTRIBUTES = (
    # source, attribute, kind, modality, subject; shares of blank, placeholder, invalid, partial, repaired
    ("registrations", "photo", "face", "face", "person", (0, 0.0, 0.0006, 0.0, 0.0)),
    ("registrations", "id_no", "cn_resident_id", "id", "person", (0, 0.004, 0.003, 0.021, 0.0011)),
    ("registrations", "name", "person_name", "name", "person", (0.0, 0.005, 0.0004, 0.0, 0.0)),
    ("registrations", "born", "birth_date", "demographic", None, (0, 0.012, 0.004, 0.008, 0.0)),
    ("registrations", "sex", "sex", "demographic", None, (0, 0.0, 0.0002, 0.0, 0.0)),
    ("registrations", "tel", "phone", "contact", "person", (0, 0.018, 0.009, 0.0, 0.0)),
    ("registrations", "car", "plate", "plate", "vehicle", (0, 0.002, 0.011, 0.0, 0.0)),
    ("visitors", "name", "person_name", "name", "person", (0.0, 0.007, 0.001, 0.0, 0.0)),
    ("visitors", "tel", "phone", "contact", "person", (0, 0.022, 0.014, 0.0, 0.0)),
    ("visitors", "picture", "image_url", "image", "person", (0, 0.0, 0.002, 0.0, 0.0)),
    ("visitors", "car", "plate", "plate", "vehicle", (0, 0.001, 0.013, 0.0, 0.0)),
    ("parking", "car", "plate", "plate", "vehicle", (0, 0.0, 0.016, 0.009, 0.0)),
    ("parking", "gate", "place", "location", None, (0.0, 0.0, 0.0, 0.0, 0.0)),
    ("parking", "at", "time", "location", None, (0.0, 0.0, 0.00001, 0.0, 0.0)),
)


def _attributes(people: Population) -> pl.DataFrame:
    holding: Counter[tuple[str, str]] = Counter()
    for (source, mask), count in people.all_records.items():
        for name in names_of(mask):
            holding[source, name] += count
    rows: list[dict[str, Any]] = []
    for source, attribute, kind, modality, subject, shares in ATTRIBUTES:
        records = people.sources[source]
        usable = min(holding[source, modality], records)
        _, placeholder, invalid, partial, repaired = (int(records * share) for share in shares)
        placeholder = min(placeholder, records - usable)
        invalid = min(invalid, records - usable - placeholder)
        valid = usable - partial - repaired
        rows.append(
            {
                "source": source,
                "attribute": attribute,
                "kind": kind,
                "modality": modality,
                "subject": subject,
                "records": records,
                "blank": records - usable - placeholder - invalid,
                "placeholder": placeholder,
                "invalid": invalid,
                "partial": partial,
                "repaired": repaired,
                "valid": valid,
                "implausible": int(usable * 0.004) if kind in ("phone", "plate") else 0,
                "derived": usable if attribute in ("born", "sex") else 0,
                "distinct": 0 if kind == "face" else max(1, int(usable * 0.43)),
            }
        )
    counts = dict.fromkeys(("records", *OUTCOMES, "implausible", "derived", "distinct"), pl.UInt64)
    return pl.DataFrame(rows, schema_overrides=counts)


def _entity_sizes(people: Population) -> pl.DataFrame:
    rows = [
        (subject, size, count)
        for subject, entities in (("person", people.persons), ("vehicle", people.vehicles))
        for size, count in sorted(Counter(map(len, entities)).items())
    ]
    schema = {"subject": pl.String, "records": pl.UInt64, "entities": pl.UInt64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _match_weights(links: int, candidates: int) -> pl.DataFrame:
    def bell(x: float, mean: float, width: float) -> float:
        return math.exp(-(((x - mean) / width) ** 2) / 2)

    weights = [float(w) for w in range(-22, 45)]
    high = [bell(w, 27, 6) if w >= 4 else 0.0 for w in weights]
    low = [bell(w, -9, 4.5) + 0.25 * bell(w, 0.5, 2.5) if w <= 4 else 0.0 for w in weights]
    linked = [int(links * h / sum(high)) for h in high]
    others = [int((candidates - links) * v / sum(low)) for v in low]
    linked[weights.index(27.0)] += links - sum(linked)
    others[weights.index(-9.0)] += candidates - links - sum(others)
    rows = list(zip(weights, [a + b for a, b in zip(linked, others, strict=True)], linked, strict=True))
    schema = {"weight": pl.Float64, "candidates": pl.UInt64, "links": pl.UInt64}
    return pl.DataFrame(rows, schema=schema, orient="row").filter(pl.col("candidates") > 0)


def _blocking(records: int, candidates: int) -> pl.DataFrame:
    shares = (
        ("id_no", 0.41),
        ("name + born", 0.22),
        ("tel", 0.19),
        ("name + car", 0.11),
        ("name.family + tel", 0.07),
    )
    rows = []
    left = candidates
    for i, (rule, share) in enumerate(shares):
        found = int(candidates * share) if i < len(shares) - 1 else left
        left -= found
        sampled = 3 if rule == "tel" else 0
        rows.append(
            (
                rule,
                int(records * (0.6 - 0.09 * i)),
                int(records * (0.3 - 0.04 * i)),
                int(found * (1 + 0.3 * i)),
                (12, 94, 1_284, 57, 301)[i],
                sampled * 4,
                sampled,
                sampled * 207_433,
                found,
            )
        )
    columns = (
        "records",
        "blocks",
        "pairs",
        "largest_block",
        "split_blocks",
        "sampled_blocks",
        "uncompared_pairs",
        "first_found",
    )
    return pl.DataFrame(rows, schema={"rule": pl.String} | dict.fromkeys(columns, pl.UInt64), orient="row")


def _comparisons() -> pl.DataFrame:
    levels: dict[str, list[tuple[str, float, float, float | None, str]]] = {
        "id_no": [
            ("equal", 0.957, 4.1e-6, 0.00002, "em"),
            ("one edit or transposition", 0.021, 9.0e-6, 0.0004, "em"),
            ("compatible with a masked one", 0.014, 2.2e-5, 0.0011, "em"),
            ("else", 0.008, 0.99996, 0.998, "em"),
        ],
        "name": [
            ("equal and rare", 0.612, 0.00021, 0.0009, "em"),
            ("equal and common", 0.297, 0.0104, 0.012, "em"),
            ("Jaro–Winkler ≥ 0.92", 0.048, 0.0019, 0.021, "em"),
            ("Jaro–Winkler ≥ 0.80", 0.021, 0.0131, 0.214, "em"),
            ("else", 0.022, 0.97439, 0.752, "em"),
        ],
        "born": [
            ("equal", 0.968, 6.8e-5, 0.002, "em"),
            ("one edit", 0.019, 0.0021, 0.014, "em"),
            ("day and month swapped", 0.004, 5.1e-5, 0.0004, "fallback"),
            ("same year", 0.003, 0.024, 0.061, "em"),
            ("else", 0.006, 0.97378, 0.9226, "em"),
        ],
        "tel": [
            ("equal", 0.861, 1.1e-5, 0.71, "em"),
            ("one edit", 0.022, 8.0e-6, 0.012, "em"),
            ("else", 0.117, 0.99998, 0.278, "em"),
        ],
        "car": [
            ("equal", 0.842, 2.7e-5, 0.66, "em"),
            ("misread characters only", 0.061, 9.1e-5, 0.047, "em"),
            ("else", 0.097, 0.99988, 0.293, "em"),
        ],
    }
    rows = [
        (name, level, label, m, u, related, math.log2(m / u), source)
        for name, entries in levels.items()
        for level, (label, m, u, related, source) in enumerate(entries, start=1)
    ]
    return pl.DataFrame(
        rows,
        schema={
            "comparison": pl.String,
            "level": pl.Int64,
            "label": pl.String,
            "m": pl.Float64,
            "u": pl.Float64,
            "related": pl.Float64,
            "weight": pl.Float64,
            "source": pl.String,
        },
        orient="row",
    )


def write_invented_run(directory: Path, records: int = 20_000, seed: int = 7, minimum: int = 11) -> Path:
    """Write manifest, model and tables of a finished run."""
    people = Population(records, seed)
    total = sum(people.all_records.values())
    sizes = _entity_sizes(people)
    persons, vehicles = len(people.persons), len(people.vehicles)
    links = sum(len(p) * (len(p) - 1) // 2 for p in people.persons)
    candidates = links * 4
    related_persons = persons // 7
    tables = {
        "attributes": _attributes(people),
        "exposure": _exposure(people),
        "linkability": _linkability(people),
        "classes": _classes(people),
        "entity_sizes": sizes,
        "match_weights": _match_weights(links, candidates),
        "blocking": _blocking(total, candidates),
        "comparisons": _comparisons(),
        "related": pl.DataFrame(
            {
                "basis": ["household", "firm"],
                "pairs": [related_persons * 3 // 4, 7],
                "persons": [related_persons, 9],
            },
            schema_overrides={"pairs": pl.UInt64, "persons": pl.UInt64},
        ),
    }
    (directory / "tables").mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.write_parquet(directory / "tables" / f"{name}.parquet")

    def about(observed: int, spread: float, method: str) -> dict[str, Any]:
        estimate = round(observed * 0.987)
        return {
            "estimate": estimate,
            "low": round(estimate * (1 - spread)),
            "high": round(estimate * (1 + spread)),
            "method": method,
            "observed": observed,
        }

    columns = {a: {"column": [a], "kind": k} for _, a, k, *_ in ATTRIBUTES}
    manifest = {
        "format_version": 1,
        "versions": {"linkrisk": "0.1.0"},
        "state": "complete",
        "spec_hash": "5f1c0b7a9e3d4c21",
        "seed": seed,
        "spec": {
            "purpose": "notification under Article 33, case 17",
            "controller": "Example Access Control Ltd",
            "sources": [
                {
                    "name": s,
                    "path": f"{s}/*.parquet",
                    "id": None,
                    "truth": None,
                    "duplicate_free": False,
                    "attributes": {a: columns[a] for src, a, *_ in ATTRIBUTES if src == s},
                }
                for s in people.sources
            ],
            "linkage": {"threshold": 0.95, "max_entity_records": 10_000, "max_block_pairs": 500_000},
            "run": {"seed": seed, "threads": 2},
            "report": {"minimum_count": minimum, "quasi_identifiers": []},
        },
        "stages": [
            {"stage": stage, "rows": rows, "seconds": seconds, "process_peak_bytes": 700_000_000}
            for stage, rows, seconds in (
                ("ingest", total, 2.1),
                ("link", candidates, 3.4),
                ("cluster", links, 0.6),
            )
        ],
        "summary": {
            "records": total,
            "persons": about(persons, 0.011, "entities corrected for the expected false and missed links"),
            "vehicles": about(vehicles, 0.006, "distinct plates corrected for misread ones"),
            "links": links,
            "candidate_pairs": candidates,
            "expected": {"precision": 0.9962, "recall": 0.9814},
            "quasi_identifiers": ["born", "sex", "place"],
            "largest_entity": max(map(len, people.persons)),
            "contradictions": {"clusters": persons // 900, "links_cut": persons // 620},
            "related_pairs": related_persons * 3 // 4 + 7,
            "persons_with_relatives": related_persons,
        },
    }
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    (directory / "model.json").write_text("{}", encoding="utf-8")
    return directory


if __name__ == "__main__":
    write_invented_run(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)

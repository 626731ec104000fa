"""The first page: what the figures mean, in sentences for people who decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from linkrisk.report.ledger import visible
from linkrisk.report.wording import MODALITY_NAMES, about, number, percent

# Where an attacker starts: what can be had of a stranger in the street comes first.
STARTS = ("face", "plate", "image", "contact", "name", "id", "account", "iris", "fingerprint")
# What is worth most to somebody who means harm, and what merely describes.
GOALS = ("id", "name", "contact", "account", "face", "plate", "image", "iris", "fingerprint", "location")
HOLDER = {
    "face": ("a face", "face"),
    "plate": ("a number plate", "number plate"),
    "image": ("a picture", "picture"),
    "contact": ("a phone number or e-mail address", "phone number or e-mail address"),
    "name": ("a name", "name"),
    "id": ("an official number", "official number"),
    "account": ("an account number", "account number"),
    "iris": ("an iris", "iris"),
    "fingerprint": ("a fingerprint", "fingerprint"),
}
IRREVOCABLE = ("face", "iris", "fingerprint")


def summary(report: Mapping[str, Any], minimum: int) -> dict[str, Any]:
    """Return the headline figures and the findings in plain language.

    Every sentence is made of figures that the report publishes; one whose figure is hidden is left
    out.
    """
    points = [
        _how_many(report, minimum),
        *_reach(report, minimum),
        _lift(report),
        _most_exposed(report, minimum),
        _irrevocable(report, minimum),
        _alone(report, minimum),
        _relatives(report, minimum),
        _how_sure(report, minimum),
    ]
    return {"headline": _headline(report, minimum), "points": [point for point in points if point]}


def _headline(report: Mapping[str, Any], minimum: int) -> list[dict[str, str]]:
    people, exposure = report["subjects"], report["exposure"]
    out = [_subject("people", people["persons"], minimum)]
    if visible(people["vehicles"]["value"]) and people["vehicles"]["value"]:
        out.append(_subject("vehicles", people["vehicles"], minimum))
    out.append(
        {
            "label": "records",
            "value": number(report["records"]["total"]["value"], minimum),
            "note": f"in {len(report['records']['by_source'])} sources",
        }
    )
    after, before = exposure["person"]["value"], exposure["record"]["value"]
    if visible(after) and visible(before):
        out.append(
            {
                "label": "kinds of trait per person",
                "value": f"{after:.1f}",
                "note": f"a single record gives away {before:.1f}",
            }
        )
    return out


def _subject(label: str, found: Mapping[str, Any], minimum: int) -> dict[str, str]:
    low, high = found["low"], found["high"]
    known = visible(low) and visible(high)
    note = f"between {about(low)} and {about(high)}" if known else "no interval"
    return {"label": label, "value": about(found["value"], minimum), "note": note}


def _point(title: str, text: str) -> dict[str, str]:
    return {"title": title, "text": text}


def _how_many(report: Mapping[str, Any], minimum: int) -> dict[str, str] | None:
    people, total = report["subjects"]["persons"], report["records"]["total"]["value"]
    if not visible(people["value"]):
        return None
    records = f"{number(total, minimum)} records" if visible(total) else "records"
    text = f"The {records} stand for about {about(people['value'])} different people"
    if visible(people["low"]) and visible(people["high"]):
        text += f" (between {about(people['low'])} and {about(people['high'])})"
    vehicles = report["subjects"]["vehicles"]["value"]
    if visible(vehicles) and vehicles:
        text += f" and about {about(vehicles)} vehicles"
    ratio = report["subjects"]["records_per_person"]["value"]
    if visible(ratio):
        text += f". One person has {ratio:.1f} records on average"
    return _point("How many are concerned", text + ".")


def _reach(report: Mapping[str, Any], minimum: int) -> list[dict[str, str]]:
    rows: dict[str, dict[str, Mapping[str, Any]]] = {}
    for pair in report["linkability"]["pairs"]:
        if visible(pair["linked_share"]) and pair["linked_share"] > 0:
            rows.setdefault(pair["from"], {})[pair["to"]] = pair
    out = []
    for start in [s for s in STARTS if s in rows][:3]:
        goals = [rows[start][goal] for goal in GOALS if goal in rows[start]]
        # From a name to the same person's name says nothing; what is near certain says most.
        goals = sorted(goals[:4], key=lambda pair: -pair["linked_share"])[:3]
        if not goals:
            continue
        reached = [f"the {MODALITY_NAMES[p['to']]} of {percent(p['linked_share'])}" for p in goals]
        persons = number(goals[0]["persons"], minimum)
        start_with, held = HOLDER[start]
        out.append(
            _point(
                f"Who starts with {start_with}",
                f"Of the {persons} people whose {held} is in the data, the linked records give "
                f"{_and(reached)}.",
            )
        )
    return out


def _lift(report: Mapping[str, Any]) -> dict[str, str] | None:
    pairs = [p for p in report["linkability"]["pairs"] if visible(p["gained"]) and visible(p["linked_share"])]
    pairs = [p for p in pairs if visible(p["same_record_share"]) and p["gained"]]
    if not pairs:
        return None
    most = max(pairs, key=lambda p: p["linked_share"] - p["same_record_share"])
    return _point(
        "What linking adds",
        "Two traits need not be in one record to be joined. The largest step is from "
        f"{MODALITY_NAMES[most['from']]} "
        f"to {MODALITY_NAMES[most['to']]}: {percent(most['same_record_share'])} of these people "
        "have both in one record, and "
        f"{percent(most['linked_share'])} once their records are linked.",
    )


def _most_exposed(report: Mapping[str, Any], minimum: int) -> dict[str, str] | None:
    shown = [p for p in report["exposure"]["person"]["profiles"] if visible(p["count"]) and p["modalities"]]
    if not shown:
        return None
    fullest = max(shown, key=lambda p: (len(p["modalities"]), p["count"]))
    names = _and([MODALITY_NAMES[m] for m in fullest["modalities"]])
    return _point(
        "The most exposed",
        f"Of {number(fullest['count'], minimum)} people the data hold {len(fullest['modalities'])} "
        f"kinds of trait at once: {names}.",
    )


def _irrevocable(report: Mapping[str, Any], minimum: int) -> dict[str, str] | None:
    held = {r["modality"]: r["count"] for r in report["exposure"]["person"]["by_modality"]}
    found = [(m, held[m]) for m in IRREVOCABLE if visible(held[m]) and held[m]]
    if not found:
        return None
    texts = [f"{MODALITY_NAMES[m]} of {number(count, minimum)} people" for m, count in found]
    return _point(
        "What cannot be changed after a leak",
        f"The data hold the {_and(texts)}. A number can be reissued; these cannot.",
    )


def _alone(report: Mapping[str, Any], minimum: int) -> dict[str, str] | None:
    single = report["singling_out"]
    if not visible(single["uniqueness"]["value"]):
        return None
    known = _and([str(name) for name in single["quasi_identifiers"]]) or "the quasi-identifiers"
    text = f"{percent(single['uniqueness']['value'])} of the people are alone in their combination of {known}"
    if visible(single["small_classes"]["value"]):
        text += f", and {percent(single['small_classes']['value'])} share it with at most three others"
    return _point("Who can be singled out without a name", text + ".")


def _relatives(report: Mapping[str, Any], minimum: int) -> dict[str, str] | None:
    found = report["related"]["persons"]
    if not visible(found["count"]) or not found["count"]:
        return None
    share = f" ({percent(found['value'])})" if visible(found["value"]) else ""
    return _point(
        "Who can be reached through somebody else",
        f"{number(found['count'], minimum)} people{share} share an address, a telephone or a "
        "vehicle with a relative or colleague "
        "in the data.",
    )


def _how_sure(report: Mapping[str, Any], minimum: int) -> dict[str, str] | None:
    linkage = report["linkage"]
    precision, recall = linkage["expected_precision"], linkage["expected_recall"]
    if precision is None or recall is None:
        return None
    if linkage["links"] == 0:
        return _point(
            "How sure this is",
            "No two records were linked, as nothing in them tells with enough certainty who is whom. That is "
            "no proof that they are of different people.",
        )
    return _point(
        "How sure this is",
        f"By the model’s own expectation {percent(precision)} of the links are right and "
        f"{percent(recall)} of the true ones were "
        "found. This was not checked against a truth, and the interval of the number of people "
        "follows from it.",
    )


def _and(names: list[str]) -> str:
    if not names:
        return ""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

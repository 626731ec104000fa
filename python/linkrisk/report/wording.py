"""The words and numbers of the report: how a count is written, what a modality is called.

A number and its unit are joined by a no-break space.
"""

from __future__ import annotations

from typing import Any

MODALITY_NAMES = {
    "face": "face",
    "iris": "iris",
    "fingerprint": "fingerprint",
    "plate": "number plate",
    "id": "official number",
    "name": "name",
    "contact": "phone or e-mail",
    "demographic": "birth date or sex",
    "location": "place or time",
    "account": "account",
    "image": "picture",
}

SHORT_NAMES = MODALITY_NAMES | {
    "plate": "plate",
    "id": "ID no.",
    "contact": "contact",
    "demographic": "birth, sex",
    "location": "place",
}

GLOSSARY = (
    ("attribute", "A named column of a source: a name, a plate, a telephone number."),
    (
        "blocking rule",
        "Records that agree on the named attributes are compared with one another; all other pairs are not.",
    ),
    ("candidate pair", "Two records that a blocking rule brought together, compared once."),
    ("class", "All persons who share one combination of quasi-identifiers."),
    ("entity", "The person or vehicle for whom a group of linked records stands."),
    ("exposure", "The set of modalities that the records of somebody give away."),
    (
        "link",
        "A pair of records that the linkage takes for one person, because the match probability is "
        "above the threshold.",
    ),
    (
        "m, u",
        "How often a comparison comes out so for two records of one person (m), and of two "
        "different ones (u).",
    ),
    ("match weight", "log2(m/u), in bits: one bit more doubles the odds that two records are of one person."),
    (
        "modality",
        "What an attribute gives away about somebody: face, plate, official number, name and so on.",
    ),
    ("precision", "Of the links, the share that is right."),
    (
        "quasi-identifier",
        "An attribute that names nobody by itself and that an attacker may know from elsewhere, "
        "such as a birth date.",
    ),
    ("recall", "Of the pairs of records that are of one person, the share that was linked."),
    ("record", "One row of a source."),
    ("related", "Two persons who share what a household or a firm shares, and differ in what is personal."),
    (
        "unique",
        "Alone in one's class: nobody else in the data has the same combination of quasi-identifiers.",
    ),
)


def number(value: Any, minimum: int = 11) -> str:
    """Write a count, the mark of a hidden one, or a dash where there is none."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        return f"<\u00a0{minimum}" if value.get("suppressed") == "small" else "withheld"
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.2f}"
    return f"{int(value):,}"


def percent(value: Any, minimum: int = 11) -> str:
    """Write a share as a percentage, never rounding to 0 or 100 what is neither."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        if "at_least" in value:
            return f"≥\u00a0{value['at_least'] * 100:.1f}\u00a0%"
        # Beside a count that is printed as "< minimum" there is nothing to add.
        return "–" if value["suppressed"] == "small" else "withheld"
    shown = value * 100
    if 0 < shown < 0.1:
        return "<\u00a00.1\u00a0%"
    if 99.9 < shown < 100:
        return ">\u00a099.9\u00a0%"
    return f"{shown:.0f}\u00a0%" if shown in (0, 100) else f"{shown:.1f}\u00a0%"


def about(value: Any, minimum: int = 11) -> str:
    """Write an estimate with no more digits than it deserves: three."""
    if not isinstance(value, int | float) or value < 1_000:
        return number(value, minimum)
    step = 10 ** (len(str(int(value))) - 3)
    return f"{round(value / step) * step:,}"


def factor(value: float) -> str:
    """Write a probability between 0 and 1 so that small ones can still be told apart."""
    if value == 0 or 0.001 <= value <= 1:
        return f"{value:.4f}".rstrip("0").rstrip(".") if value else "0"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"


def profile(modalities: list[str], names: dict[str, str] = SHORT_NAMES) -> str:
    """Write a set of modalities."""
    return " + ".join(names[m] for m in modalities) if modalities else "nothing"


_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

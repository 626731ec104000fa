"""The colours of the charts, and which ink can be read on them.

They are those of Okabe and Ito where they tell categories apart (seen alike with every common
colour vision), and shades of one blue where they carry a share.
"""

from __future__ import annotations

INK, MUTED, RULE, PAPER = "#1b1f24", "#57606a", "#d8dee4", "#ffffff"
BEFORE, AFTER, HIDDEN = "#b3bcc6", "#0b5394", "#eceff2"
OUTCOME_COLOURS = {
    "valid": "#0b5394",
    "repaired": "#56b4e9",
    "partial": "#f0c66e",
    "invalid": "#d55e00",
    "placeholder": "#8c6d8f",
    "blank": "#e6e9ec",
}
SHADES = ("#f2f7fc", "#8fbbe0", "#2f74b5", "#08386b")


def shade(share: float) -> str:
    """The colour of a share between 0 and 1: the higher the darker."""
    place = min(max(share, 0.0), 1.0) * (len(SHADES) - 1)
    low = min(int(place), len(SHADES) - 2)
    mixed = (
        a + (b - a) * (place - low)
        for a, b in zip(_channels(SHADES[low]), _channels(SHADES[low + 1]), strict=True)
    )
    return "#" + "".join(f"{round(channel):02x}" for channel in mixed)


def ink_on(fill: str) -> str:
    """Black or white, whichever stands out more on a colour."""
    return max(("#000000", PAPER), key=lambda ink: contrast(ink, fill))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21, as WCAG 2.2 defines it."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (v / 255 for v in _channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _channels(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]

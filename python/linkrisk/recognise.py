"""What a column probably holds: told by its values first and by its name second.

Check digits and formats are judged by the engine's own normalisers. A kind whose values prove
themselves (a check digit, a Han plate) needs no telling name; one that any number passes for does.
No value of the table leaves this module.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import polars as pl

from linkrisk._linkrisk import normalise

# A guess below this is written as a comment; two guesses closer than the margin are no guess.
CERTAIN = 0.6
MARGIN = 0.1
_USABLE = 0.5

_NAMES = {
    "cn_resident_id": r"resident_?id|id_?card|id_?n(o|um)|citizen|identity|身份证|证件号",
    "aadhaar": r"aadh?aar|uidai",
    "us_ssn": r"ssn|social_?sec",
    "travel_document": r"passport|travel_?doc|mrz|护照",
    "plate": r"plate|licen[cs]e_?(no|num)|vehicle_?(no|reg)|registration_?(no|num)|车牌",
    "phone": r"phone|mobile|\btel|cell|msisdn|手机|电话",
    "email": r"e_?mail|邮箱|邮件",
    "person_name": r"^name$|full_?name|person_?name|first_?name|given|surname|last_?name|family_?name"
    r"|forename|visitor|holder|owner|姓|名",
    "birth_date": r"birth|\bdob|born|出生|生日",
    "age": r"^age$|_age$|年龄",
    "sex": r"^sex$|gender|性别",
    "address": r"addr|street|住址|地址",
    "place": r"city|town|suburb|site|gate|lane|place|location|region|state|province|postcode|zip|camera"
    r"|城市|地点|省|市|门|通道",
    "time": r"time|date|\bts\b|_at$|seen|时间|日期",
    "face": r"face|embed|feature|arcface|人脸",
    "iris": r"iris|虹膜",
    "fingerprint": r"finger|minutiae|指纹",
    "image_url": r"photo|image|img|pic|url|照片|图片",
    # Official numbers whose system linkrisk does not know are numbers all the same.
    "account": r"soc_?sec|national|tax_?(id|no)|insurance|account|customer|user|member|device"
    r"|imei|card_?n|账号|账户|会员",
}

# Kinds whose values prove themselves, and the options with which they are tried.
_PROVEN: list[tuple[str, dict[str, str]]] = [
    ("cn_resident_id", {}),
    ("aadhaar", {}),
    ("plate", {"scheme": "cn"}),
    ("email", {}),
]
# Kinds that many a number passes for: the name has to say so too.
_CLAIMED: list[tuple[str, dict[str, str]]] = [
    ("us_ssn", {}),
    ("travel_document", {}),
    ("plate", {"scheme": "generic"}),
    ("phone", {}),
]
_DATE_FORMATS = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y")
_TIME_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y%m%d%H%M%S", "%Y/%m/%d %H:%M:%S")
_SEXES = {"m", "f", "male", "female", "男", "女", "1", "2", "x", "u"}


class Guess(NamedTuple):
    """What a column probably holds."""

    column: str
    kind: str | None
    confidence: float
    """Between 0 and 1: a rank among guesses, not a probability."""
    reason: str
    options: Mapping[str, str] = MappingProxyType({})

    @property
    def certain(self) -> bool:
        """Whether the guess is good enough to be written as more than a comment."""
        return self.kind is not None and self.confidence >= CERTAIN


def named(column: str, kind: str) -> bool:
    """Tells whether a column's name speaks of `kind`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.strip()).lower().replace(" ", "_").replace("-", "_")
    return re.search(_NAMES[kind], words) is not None


def recognise(column: pl.Series) -> Guess:
    """Guesses what a sample of a column holds."""
    name, dtype = column.name, column.dtype
    values = column.drop_nulls()
    if values.is_empty():
        return Guess(name, None, 0.0, "no values in the sample")
    if dtype.is_nested() or dtype == pl.Binary:
        return _vectors(name, values)
    if dtype in (pl.Date, pl.Datetime):
        return _moments(name, values)
    if dtype == pl.Boolean or not (dtype.is_numeric() or dtype in (pl.String, pl.Categorical, pl.Enum)):
        return Guess(name, None, 0.0, f"nothing is known of {dtype}")
    text = values.cast(pl.String).str.strip_chars()
    guesses = sorted(
        [*_proven(name, text), *_claimed(name, text), *_dates(name, text), *_words(name, values, text)],
        key=lambda g: -g.confidence,
    )
    if not guesses:
        return Guess(name, None, 0.0, "neither name nor values tell")
    best = guesses[0]
    rival = next((g for g in guesses[1:] if g.kind != best.kind), None)
    if rival is not None and best.confidence - rival.confidence < MARGIN:
        reason = f"{best.reason}; it may be `{rival.kind}` as well: {rival.reason}"
        return best._replace(confidence=min(best.confidence, CERTAIN - 0.01), reason=reason)
    return best


def usable_share(kind: str, options: dict[str, str], text: pl.Series) -> float:
    """Measures how many values the engine's normaliser of `kind` can use."""
    canonical: Any = normalise(kind, json.dumps(options), text.cast(pl.String))
    return 1.0 - pl.Series(canonical).null_count() / len(text)


def _proven(name: str, text: pl.Series) -> list[Guess]:
    found = []
    for kind, options in _PROVEN:
        share = usable_share(kind, options, text)
        if share >= _USABLE:
            bonus = 0.05 if named(name, kind) else 0.0
            reason = f"{share:.0%} of the values pass its checks"
            found.append(Guess(name, kind, min(0.99, 0.55 + 0.4 * share + bonus), reason, options))
    return found


def _claimed(name: str, text: pl.Series) -> list[Guess]:
    found = []
    for kind, tried in _CLAIMED:
        options = dict(tried)
        if kind == "phone" and _share(text, r"^(\+?86|0086)?1[3-9]\d{9}$") >= _USABLE:
            options["region"] = "CN"
        share = usable_share(kind, options, text)
        if share < _USABLE:
            continue
        if named(name, kind):
            reason = f"its name, and {share:.0%} of the values have its form"
            found.append(Guess(name, kind, 0.5 + 0.4 * share, reason, options))
        elif kind == "phone" and "region" in options:
            found.append(Guess(name, kind, 0.3 + 0.4 * share, "mobile numbers by their form", options))
    return found


def _dates(name: str, text: pl.Series) -> list[Guess]:
    found: list[Guess] = []
    shares = {form: _parsed(text, form) for form in _DATE_FORMATS}
    form = max(shares, key=lambda f: shares[f])
    share = shares[form]
    if share >= _USABLE:
        born = named(name, "birth_date")
        kind, confidence = ("birth_date", 0.55 + 0.4 * share) if born else ("time", 0.3 + 0.4 * share)
        if not born and named(name, "time"):
            confidence += 0.1
        rivals = [f for f, s in shares.items() if f != form and s >= share]
        reason = f"{share:.0%} of the values are dates" + (", and the name says which" if born else "")
        if rivals:
            reason += f"; `{rivals[0]}` fits as well as `{form}`"
            confidence = min(confidence, CERTAIN - 0.01)
        found.append(Guess(name, kind, confidence, reason, {"format": form}))
    for moment in _TIME_FORMATS:
        share = 1 - text.str.to_datetime(moment, strict=False).null_count() / len(text)
        if share >= _USABLE:
            found.append(Guess(name, "time", 0.5 + 0.4 * share, f"{share:.0%} are times", {"format": moment}))
            break
    return found


def _parsed(text: pl.Series, form: str) -> float:
    digits = text.str.len_chars() == (8 if form == "%Y%m%d" else 10)
    dates = text.str.to_date(form, strict=False)
    good = digits & dates.is_not_null() & dates.dt.year().is_between(1850, 2100).fill_null(value=False)
    return float(good.mean() or 0.0)  # type: ignore[arg-type]


def _words(name: str, values: pl.Series, text: pl.Series) -> list[Guess]:
    found = []
    if named(name, "sex") and set(text.str.to_lowercase().unique().to_list()) <= _SEXES:
        found.append(Guess(name, "sex", 0.9, "its name and its values"))
    if named(name, "age"):
        numbers = text.cast(pl.Float64, strict=False)
        share = float(numbers.is_between(0, 120).fill_null(value=False).mean() or 0)  # type: ignore[arg-type]
        if share >= _USABLE:
            found.append(Guess(name, "age", 0.5 + 0.4 * share, f"its name, and {share:.0%} are ages"))
    links = _share(text, r"^(https?|oss|s3)://")
    if links >= _USABLE:
        pictures = _share(text, r"(?i)\.(jpe?g|png|webp|bmp|gif)($|\?)")
        if named(name, "image_url") or pictures >= _USABLE:
            found.append(Guess(name, "image_url", 0.5 + 0.4 * links, "addresses of pictures"))
    letters = _share(text, r"^[\p{L}][\p{L}\s'’.,·\-]*$")
    if named(name, "person_name") and letters >= _USABLE:
        found.append(Guess(name, "person_name", 0.45 + 0.4 * letters, "its name, and values of letters"))
    # A name alone is little, and the best that addresses and places have.
    found += [Guess(name, kind, 0.7, "its name") for kind in ("address", "place") if named(name, kind)]
    if named(name, "account") and values.n_unique() > 1 and _share(text, r"\d") >= _USABLE:
        found.append(Guess(name, "account", 0.65, "its name, and values with digits"))
    return found


def _vectors(name: str, values: pl.Series) -> Guess:
    kind = next((k for k in ("face", "iris", "fingerprint") if named(name, k)), None)
    if values.dtype == pl.Binary:
        if kind is None:
            return Guess(name, None, 0.3, "bytes whose meaning its name does not tell")
        return Guess(name, kind, 0.7, "its name, and values of bytes")
    inner = getattr(values.dtype, "inner", None)
    if inner is None or not inner.is_numeric():
        return Guess(name, None, 0.0, f"nothing is known of {values.dtype}")
    lengths = values.list.len() if isinstance(values.dtype, pl.List) else values.arr.len()
    width = lengths.max()
    if lengths.n_unique() > 1 or not isinstance(width, int) or width < 32:
        return Guess(name, kind, 0.4, "lists of numbers that are no vectors of one length")
    reason = f"vectors of {width} numbers"
    if kind is not None:
        return Guess(name, kind, 0.95, f"its name, and {reason}")
    return Guess(name, "face", 0.5, f"{reason}: a face, a voice or a text")


def _moments(name: str, values: pl.Series) -> Guess:
    if named(name, "birth_date"):
        return Guess(name, "birth_date", 0.95, "its name, and values that are dates")
    if values.dtype == pl.Datetime:
        return Guess(name, "time", 0.85, "values that are times")
    return Guess(name, "time", 0.65 if named(name, "time") else 0.5, "values that are dates")


def _share(text: pl.Series, pattern: str) -> float:
    return float(text.str.contains(pattern).mean() or 0.0)  # type: ignore[arg-type]

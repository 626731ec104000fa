"""How the columns of a table become the column of an attribute that the engine reads."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from linkrisk.errors import AttributeTypeError
from linkrisk.kinds import VECTORS
from linkrisk.spec import Attribute

# Parts the values of several columns; the engine takes them apart again.
SEPARATOR = "\x1f"
ID = "__id"

_WORDS = ("sex", "category", "text")
_WHOLE = pl.Int64


def attribute_expression(source: str, name: str, attribute: Attribute, schema: pl.Schema) -> pl.Expr:
    """Makes the column of one attribute: text, or the type its kind is kept in.

    Raises:
        AttributeTypeError: Where the kind cannot be read from a column's type.
    """
    columns = attribute.columns
    if attribute.kind in VECTORS:
        if len(columns) > 1:
            raise _refusal(source, name, attribute, columns[1], schema, "one column of vectors")
        return _vector(source, name, attribute, columns[0], schema).alias(name)
    if len(columns) == 1:
        return _value(source, name, attribute, columns[0], schema).alias(name)
    parts = [
        _text(source, name, attribute, column, schema).str.replace_all(SEPARATOR, " ", literal=True)
        for column in columns
    ]
    joined = pl.concat_str([part.fill_null("") for part in parts], separator=SEPARATOR)
    some = pl.any_horizontal([part.is_not_null() for part in parts])
    return pl.when(some).then(joined).alias(name)


def id_expression(source: str, column: str, schema: pl.Schema) -> pl.Expr:
    """Makes the column of ids: text, null where the source has none.

    Raises:
        AttributeTypeError: Where the column can identify nothing.
    """
    dtype = schema[column]
    if not (dtype.is_integer() or dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null)):
        raise AttributeTypeError(
            f"source `{source}`: the id column `{column}` is {dtype}",
            hint="an id is text or a whole number; remove `id` to use row numbers",
            details={"source": source, "column": column, "expected": "text or integer", "found": str(dtype)},
        )
    return pl.col(column).cast(pl.String).alias(ID)


def _value(source: str, name: str, attribute: Attribute, column: str, schema: pl.Schema) -> pl.Expr:
    dtype, kind = schema[column], attribute.kind
    if kind == "birth_date" and dtype == pl.Date:
        return pl.col(column)
    if kind == "birth_date" and dtype == pl.Datetime:
        return pl.col(column).dt.date()
    if kind == "time" and dtype == pl.Date:
        return pl.col(column).cast(pl.Datetime("us"))
    if kind == "time" and isinstance(dtype, pl.Datetime):
        moment = pl.col(column)
        if dtype.time_zone is not None:
            moment = moment.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return moment.cast(pl.Datetime("us"))
    if kind == "age" and dtype.is_integer():
        return pl.col(column).cast(_WHOLE, strict=False)
    return _text(source, name, attribute, column, schema)


def _text(source: str, name: str, attribute: Attribute, column: str, schema: pl.Schema) -> pl.Expr:
    dtype, kind = schema[column], attribute.kind
    value = pl.col(column)
    if dtype == pl.String:
        return value
    if dtype in (pl.Categorical, pl.Enum, pl.Null) or dtype.is_integer():
        return value.cast(pl.String)
    if dtype.is_float():
        if kind == "cn_resident_id":
            raise _refusal(source, name, attribute, column, schema, "text: a float keeps 15 digits of 18")
        whole = value.cast(_WHOLE, strict=False)
        is_whole = whole.cast(dtype) == value
        text = pl.when(is_whole).then(whole.cast(pl.String)).otherwise(value.cast(pl.String))
        return pl.when(value.is_finite()).then(text)
    if dtype.is_decimal():
        return value.cast(pl.String).str.replace(r"\.0*$", "")
    if dtype == pl.Boolean and kind in _WORDS:
        return value.cast(pl.String)
    # Parts of a date in columns of their own come as numbers or text; a whole date beside them is
    # a mistake, except where any value goes.
    if dtype.is_temporal() and kind in ("category", "text"):
        return value.cast(pl.String)
    raise _refusal(source, name, attribute, column, schema, _expected(kind))


def _vector(source: str, name: str, attribute: Attribute, column: str, schema: pl.Schema) -> pl.Expr:
    dtype = schema[column]
    if dtype in (pl.Binary, pl.Null):
        return pl.col(column).cast(pl.Binary)
    inner = getattr(dtype, "inner", None) if isinstance(dtype, (pl.List, pl.Array)) else None
    if inner is None or not (inner.is_numeric() or inner == pl.Null):
        raise _refusal(source, name, attribute, column, schema, _expected(attribute.kind))
    if inner.is_float() or inner == pl.Int8:
        return pl.col(column)
    if isinstance(dtype, pl.Array):
        return pl.col(column).cast(pl.Array(pl.Float32, dtype.shape))
    return pl.col(column).cast(pl.List(pl.Float32))


def _expected(kind: str) -> str:
    if kind in VECTORS:
        return "lists of numbers, or bytes"
    if kind == "birth_date":
        return "dates, text or numbers"
    if kind == "time":
        return "timestamps, dates, text or numbers"
    return "text or numbers"


def _refusal(
    source: str, name: str, attribute: Attribute, column: str, schema: pl.Schema, expected: str
) -> AttributeTypeError:
    return AttributeTypeError(
        f"source `{source}`: attribute `{name}` of kind `{attribute.kind}` cannot be read from"
        f" column `{column}`, which is {schema[column]}",
        hint=f"it is read from {expected}",
        details={
            "source": source,
            "attribute": name,
            "column": column,
            "expected": expected,
            "found": str(schema[column]),
        },
    )


def projection(
    source: str, attributes: Sequence[tuple[str, Attribute]], id_column: str | None, schema: pl.Schema
) -> list[pl.Expr]:
    """Makes every column that the engine reads of a source: its attributes, then the ids.

    Raises:
        AttributeTypeError: Where a kind cannot be read from a column's type.
    """
    made = [attribute_expression(source, name, attribute, schema) for name, attribute in attributes]
    return made if id_column is None else [*made, id_expression(source, id_column, schema)]

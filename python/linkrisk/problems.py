"""What pydantic finds wrong with a description, in the words of linkrisk."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from linkrisk.errors import Problem
from linkrisk.kinds import KINDS, METHODS, did_you_mean

_FORMS = {
    "region": ("must be two capital letters, such as `CN`", None),
    "scheme": ("there is no such scheme", "it can be `cn`, `generic`"),
    "country": ("must be one to three capital letters, such as `UTO`", None),
    "reference_date": ("must be a day, such as `2024-06-30`", None),
    "[key]": ("must start with a letter and go on with letters, digits and `_`", "rename the attribute"),
}

_TYPES = {
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "too_short": "must not be empty",
    "too_long": "has too many entries: 20 is the limit",
    "string_too_short": "must not be empty",
    "string_too_long": "is too long",
    "missing": "is missing",
}

_BOUNDS = {
    "greater_than_equal": ("ge", "must be at least"),
    "less_than_equal": ("le", "must be at most"),
    "greater_than": ("gt", "must be more than"),
    "less_than": ("lt", "must be less than"),
}


def path_of(steps: tuple[int | str, ...]) -> str:
    """Writes the place of a value, such as `sources[0].attributes.name.kind`."""
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step != "[key]":
            path += f".{step}" if path else step
    return path


def translate(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Lists what `error` says about a description that `model` should have read."""
    details = error.errors(include_url=False)
    places = [detail["loc"] for detail in details]
    # A list whose entries are all wrong is called too short as well, which it is not.
    echoes = {
        loc for loc in places if any(len(other) > len(loc) and other[: len(loc)] == loc for other in places)
    }
    return [
        _problem(detail, model)
        for detail in details
        if detail["type"] != "too_short" or detail["loc"] not in echoes
    ]


def _problem(detail: ErrorDetails, model: type[BaseModel]) -> Problem:
    steps, kind = detail["loc"], detail["type"]
    path, last = path_of(steps), str(steps[-1]) if steps else ""
    context: dict[str, Any] = detail.get("ctx", {})
    if kind == "extra_forbidden":
        known = _model_at(model, steps[:-1]).model_fields
        return Problem(path, f"there is no key `{last}` here", did_you_mean(last, known))
    if kind == "literal_error":
        known_words = KINDS if last == "kind" else METHODS
        word = detail["input"]
        return Problem(path, f"there is no {last} `{word}`", did_you_mean(word, known_words))
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return Problem(path, f"is {detail['input']}, and {words} {context[name]}", _bound_hint(last))
    if kind == "string_pattern_mismatch" and last in _FORMS:
        return Problem(path, *_FORMS[last])
    if kind in _TYPES:
        return Problem(path, _TYPES[kind])
    text = detail["msg"].removeprefix("Value error, ")
    return Problem(path, text[:1].lower() + text[1:])


def _bound_hint(name: str) -> str | None:
    if name == "threshold":
        return "a threshold is a match probability between 0 and 1, such as 0.95"
    return None


def _model_at(model: type[BaseModel], steps: tuple[int | str, ...]) -> type[BaseModel]:
    for step in steps:
        field = model.model_fields.get(str(step))
        nested = None if field is None else _nested(field.annotation)
        model = nested or model
    return model


def _nested(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for item in get_args(annotation) if (found := _nested(item)) is not None), None)

"""The rules of a spec that no single field can state.

They run on the plain tree of a spec, whether or not its fields are well-formed, so that one reading
shows every problem.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from linkrisk.errors import Problem
from linkrisk.kinds import AT_RANGES, DERIVED, KINDS, METHODS, OPTIONS, TRAITS, VECTORS, did_you_mean

Tree = Mapping[str, Any]

# Attributes of groups of one attribute of templates, as many as the engine tells apart.
GROUPS = 4

# Of thresholds of templates, by their metric.
RANGES = {
    "cosine": (-1.0, 1.0, "numbers from -1 to 1"),
    "l2": (0.0, math.inf, "distances of 0 or more"),
    "hamming": (0.0, 0.5, "distances from 0 to 0.5"),
}


def check(tree: Tree) -> list[Problem]:
    """Lists the problems that concern more than one field of the spec `tree`."""
    kinds: dict[str, tuple[str, str]] = {}
    problems = [*_sources(tree, kinds)]
    _derive(kinds)
    linkage = _table(tree.get("linkage"))
    for i, rule in enumerate(_rows(linkage.get("blocking"))):
        problems += _blocking_rule(f"linkage.blocking[{i}].on", rule, kinds)
    seen: dict[str, int] = {}
    for i, comparison in enumerate(_rows(linkage.get("comparisons"))):
        problems += _comparison(f"linkage.comparisons[{i}]", comparison, kinds)
        attribute = comparison.get("attribute")
        if isinstance(attribute, str) and attribute in seen:
            problems.append(
                Problem(
                    f"linkage.comparisons[{i}].attribute",
                    f"`{attribute}` has a comparison already, at `linkage.comparisons[{seen[attribute]}]`",
                    "keep one of the two",
                )
            )
        elif isinstance(attribute, str):
            seen[attribute] = i
    problems += _templates(_rows(linkage.get("templates")), kinds)
    for i, name in enumerate(_list(_table(tree.get("report")).get("quasi_identifiers"))):
        path = f"report.quasi_identifiers[{i}]"
        if isinstance(name, str) and name not in kinds:
            problems.append(Problem(path, f"no source has an attribute `{name}`", did_you_mean(name, kinds)))
    return problems


def _derive(kinds: dict[str, tuple[str, str]]) -> None:
    """Adds the attributes that the engine fills in from others: a rule may name them."""
    given = {kind for kind, _ in kinds.values()}
    for name, (kind, path) in list(kinds.items()):
        for part, part_kind in DERIVED.get(kind, ()):
            if part == "region" or part_kind not in given:
                kinds.setdefault(f"{name}.{part}", (part_kind, path))


def _sources(tree: Tree, kinds: dict[str, tuple[str, str]]) -> Iterator[Problem]:
    names: dict[str, int] = {}
    for i, source in enumerate(_rows(tree.get("sources"))):
        path = f"sources[{i}]"
        name = source.get("name")
        if isinstance(name, str):
            if name in names:
                other = f"`sources[{names[name]}]` is called `{name}` too"
                yield Problem(f"{path}.name", other, "give each its own name")
            names.setdefault(name, i)
        if source.get("path") is None and source.get("data") is None:
            yield Problem(path, "the source has no table", "set `path` to a file, a glob or a folder")
        if source.get("path") is not None and source.get("data") is not None:
            yield Problem(path, "the source has both `path` and `data`", "keep one of the two")
        yield from _repeated(path, _table(source.get("attributes")))
        for attribute, value in _table(source.get("attributes")).items():
            yield from _attribute(f"{path}.attributes.{attribute}", attribute, _table(value), source, kinds)


def _repeated(path: str, attributes: Tree) -> Iterator[Problem]:
    """Finds columns that would be compared twice, and so be counted as evidence twice."""
    seen: dict[tuple[object, ...], str] = {}
    for name, value in attributes.items():
        column, kind = _table(value).get("column"), _table(value).get("kind")
        columns = (column,) if isinstance(column, str) else tuple(_list(column))
        if not columns or not all(isinstance(c, str) for c in columns) or not isinstance(kind, str):
            continue
        other = seen.setdefault((kind, *columns), name)
        if other != name:
            yield Problem(
                f"{path}.attributes.{name}",
                f"`{other}` has the same column and kind, and would count twice",
                "keep one of the two",
            )


def _attribute(
    path: str, name: str, value: Tree, source: Tree, kinds: dict[str, tuple[str, str]]
) -> Iterator[Problem]:
    kind = value.get("kind")
    if isinstance(kind, str) and name in kinds and kinds[name][0] not in ("", kind):
        yield Problem(
            f"{path}.kind",
            f"`{name}` is `{kinds[name][0]}` at `{kinds[name][1]}` and `{kind}` here",
            "the same name is the same attribute: rename one, or give both one kind",
        )
    # An attribute whose kind is misspelt is remembered too: a rule that names it is not wrong.
    kinds.setdefault(name, (kind if isinstance(kind, str) and kind in KINDS else "", path))
    truth = source.get("truth")
    column = value.get("column")
    if truth is not None and truth in (list(column) if isinstance(column, (list, tuple)) else [column]):
        yield Problem(
            f"{path}.column",
            f"`{truth}` is the source's truth, which the linkage must not see",
            "map another column, or remove `truth`",
        )
    if not isinstance(kind, str) or kind not in TRAITS:
        return
    for option in OPTIONS:
        if value.get(option) not in (None, False) and option not in TRAITS[kind].options:
            fitting = [k for k in KINDS if option in TRAITS[k].options]
            yield Problem(
                f"{path}.{option}",
                f"`{option}` means nothing for the kind `{kind}`",
                "it belongs to " + ", ".join(f"`{k}`" for k in fitting) + ": remove it",
            )


def _blocking_rule(path: str, rule: Tree, kinds: Mapping[str, tuple[str, str]]) -> Iterator[Problem]:
    used: set[str] = set()
    for i, entry in enumerate(_list(rule.get("on"))):
        if not isinstance(entry, str):
            continue
        where = f"{path}[{i}]"
        name, _, part = (entry, "", "") if entry in kinds else entry.rpartition(".")
        if not name:
            name, part = part, ""
        if entry in used:
            yield Problem(where, f"`{entry}` is in the rule already", "remove it")
        used.add(entry)
        if name not in kinds:
            yield Problem(where, f"no source has an attribute `{name}`", did_you_mean(name, kinds))
            continue
        traits = TRAITS.get(kinds[name][0])
        if traits is None:
            continue
        if not traits.methods:
            yield Problem(where, f"records cannot be blocked on the kind `{kinds[name][0]}`", "remove it")
        elif entry.endswith(".") or (part and part not in traits.parts):
            yield Problem(
                where, f"the kind `{kinds[name][0]}` has no part `{part}`", did_you_mean(part, traits.parts)
            )


def _comparison(path: str, comparison: Tree, kinds: Mapping[str, tuple[str, str]]) -> Iterator[Problem]:
    attribute, method = comparison.get("attribute"), comparison.get("method")
    if isinstance(attribute, str):
        if attribute not in kinds:
            yield Problem(
                f"{path}.attribute",
                f"no source has an attribute `{attribute}`",
                did_you_mean(attribute, kinds),
            )
        elif (traits := TRAITS.get(kinds[attribute][0])) is not None and method in METHODS:
            kind = kinds[attribute][0]
            if not traits.methods:
                message = f"the kind `{kind}` cannot be compared"
                yield Problem(f"{path}.attribute", message, "remove the comparison")
            elif method not in traits.methods:
                yield Problem(
                    f"{path}.method",
                    f"`{method}` cannot compare the kind `{kind}`",
                    "it can be " + ", ".join(f"`{m}`" for m in traits.methods),
                )
    if isinstance(method, str) and method in METHODS:
        yield from _thresholds(f"{path}.at", method, _list(comparison.get("at")))


def _templates(rows: list[Tree], kinds: Mapping[str, tuple[str, str]]) -> Iterator[Problem]:
    seen: set[str] = set()
    fitting = [name for name, (kind, _) in kinds.items() if kind in VECTORS]
    for i, row in enumerate(rows):
        path, attribute = f"linkage.templates[{i}]", row.get("attribute")
        if isinstance(attribute, str):
            if attribute in seen:
                yield Problem(f"{path}.attribute", f"`{attribute}` is there already", "keep one of the two")
            seen.add(attribute)
            if attribute not in kinds:
                message = f"no source has an attribute `{attribute}`"
                yield Problem(f"{path}.attribute", message, did_you_mean(attribute, fitting))
            elif attribute not in fitting and kinds[attribute][0]:
                message = f"the kind `{kinds[attribute][0]}` has no templates"
                yield Problem(f"{path}.attribute", message, did_you_mean(attribute, fitting))
        kind = kinds[attribute][0] if isinstance(attribute, str) and attribute in kinds else ""
        yield from _similarity(path, kind, row)
        if len(_list(row.get("groups"))) > GROUPS:
            yield Problem(
                f"{path}.groups", f"more than {GROUPS} attributes of groups", "name those that matter most"
            )
        for j, group in enumerate(_list(row.get("groups"))):
            if isinstance(group, str) and group not in kinds:
                message = f"no source has an attribute `{group}`"
                yield Problem(f"{path}.groups[{j}]", message, did_you_mean(group, kinds))
            elif isinstance(group, str) and group in fitting:
                yield Problem(f"{path}.groups[{j}]", f"`{group}` is no group, but templates", "remove it")


def _similarity(path: str, kind: str, row: Tree) -> Iterator[Problem]:
    """What is wrong with the threshold of templates and its metric."""
    metric, threshold = row.get("metric", "cosine"), row.get("threshold")
    if (metric, kind == "iris") in (("l2", True), ("hamming", False)) and kind:
        other = "hamming" if kind == "iris" else "l2"
        hint = f"it can be `cosine` or `{other}`"
        yield Problem(f"{path}.metric", f"`{metric}` cannot compare the kind `{kind}`", hint)
    if isinstance(threshold, (int, float)) and metric in RANGES:
        low, high, unit = RANGES[metric]
        if not low <= threshold <= high:
            message = f"{threshold:g} is out of range"
            yield Problem(f"{path}.threshold", message, f"`{metric}` takes {unit}")


def _thresholds(path: str, method: str, values: list[Any]) -> Iterator[Problem]:
    if not values:
        return
    allowed = AT_RANGES.get(method)
    if allowed is None:
        yield Problem(path, f"the levels of `{method}` are fixed", "remove `at`")
        return
    numbers = [float(v) for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    for i, number in enumerate(numbers):
        # The ends are exact agreement and anything at all, which are levels of their own.
        low_ok = number >= allowed.low if allowed.whole else number > allowed.low
        high_ok = number <= allowed.high if allowed.whole or allowed.high > 1 else number < allowed.high
        if not (low_ok and high_ok) or (allowed.whole and number != int(number)):
            yield Problem(f"{path}[{i}]", f"{number:g} is out of range", f"`{method}` takes {allowed.unit}")
    if numbers != sorted(set(numbers), reverse=allowed.descending):
        yield Problem(
            path,
            "the thresholds must go from the best level to the worst, each once",
            "write them in " + ("falling" if allowed.descending else "rising") + " order",
        )


def _table(value: Any) -> Tree:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _rows(value: Any) -> list[Tree]:
    return [_table(row) for row in _list(value)]

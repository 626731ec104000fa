"""The measures of linkage risk: one function each, tables in, a `Measure` out.

A measure's docstring is its definition. It states, in this order, the definition, the unit, the
range, the direction, the assumption, how the interval is computed and the source of the formula;
the report prints that same text.
"""

from linkrisk.risk.biometric import template_reach
from linkrisk.risk.exposure import (
    MODALITIES,
    exposure_after,
    exposure_before,
    linkability,
    linkage_lift,
    related_persons,
    vehicle_exposure,
)
from linkrisk.risk.linkage import false_links, missed_links, recall_lost, uncompared_pairs, usable_values
from linkrisk.risk.measure import Measure, definition_parts
from linkrisk.risk.singling_out import (
    BOUNDS,
    THRESHOLDS,
    class_table,
    prosecutor_maximum,
    prosecutor_mean,
    prosecutor_share,
    small_classes,
    smallest_class,
    uniqueness,
)
from linkrisk.risk.subjects import (
    distinct_persons,
    distinct_vehicles,
    largest_entity,
    records,
    records_by_modality,
    records_per_person,
)
from linkrisk.risk.tables import RunLike, Tables, run_directory

__all__ = [
    "BOUNDS",
    "MODALITIES",
    "THRESHOLDS",
    "Measure",
    "RunLike",
    "Tables",
    "class_table",
    "definition_parts",
    "distinct_persons",
    "distinct_vehicles",
    "exposure_after",
    "exposure_before",
    "false_links",
    "largest_entity",
    "linkability",
    "linkage_lift",
    "missed_links",
    "prosecutor_maximum",
    "prosecutor_mean",
    "prosecutor_share",
    "recall_lost",
    "records",
    "records_by_modality",
    "records_per_person",
    "related_persons",
    "run_directory",
    "small_classes",
    "smallest_class",
    "template_reach",
    "uncompared_pairs",
    "uniqueness",
    "usable_values",
    "vehicle_exposure",
]

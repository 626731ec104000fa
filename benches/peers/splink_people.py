"""The people of one Parquet file, linked by Splink: one whole process. Usage: IN OUT [LIMIT]."""

from __future__ import annotations

import sys

import duckdb
import splink.comparison_library as cl
from splink import Linker, SettingsCreator, block_on
from splink.backends.duckdb import DuckDBAPI

MAX_PAIRS = 1e7


def main(source: str, out: str, memory: str | None = None) -> None:
    connection = duckdb.connect()
    if memory is not None:
        connection.execute(f"set memory_limit = '{memory}'")
    connection.execute("create table people as select * from read_parquet(?)", [source])
    people = DuckDBAPI(connection=connection).register("people")
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record_id",
        comparisons=[
            cl.JaroWinklerAtThresholds("given_name", [0.92, 0.8]),
            cl.JaroWinklerAtThresholds("surname", [0.92, 0.8]),
            cl.DateOfBirthComparison("birth_date", input_is_string=True),
            cl.ExactMatch("resident_id"),
            cl.ExactMatch("plate"),
            cl.ExactMatch("phone"),
            cl.ExactMatch("city"),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("resident_id"),
            block_on("plate"),
            block_on("phone"),
            block_on("surname", "birth_date"),
            block_on("given_name", "birth_date"),
        ],
        retain_matching_columns=False,
    )
    linker = Linker(people, settings)
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [block_on("resident_id"), block_on("given_name", "surname", "birth_date")], recall=0.8
    )
    training.estimate_u_using_random_sampling(seed=1)
    for rule in (block_on("birth_date"), block_on("given_name", "surname")):
        training.estimate_parameters_using_expectation_maximisation(rule, max_pairs=MAX_PAIRS)
    links = linker.inference.predict(threshold_match_probability=0.9)
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
        links, threshold_match_probability=0.9
    )
    clusters.to_parquet(out)


if __name__ == "__main__":
    main(*sys.argv[1:])

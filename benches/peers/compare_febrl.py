"""FEBRL 3 and 4, linked by linkrisk and by recordlinkage: time, memory and accuracy, side by side.

    python benches/peers/compare_febrl.py --peers PYTHON [--rounds 3]

linkrisk gets the kinds of the columns and no rules; recordlinkage the blocks and comparisons of its
own documents.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import measure
import polars as pl

HERE = Path(__file__).parent
DATA = HERE.parent.parent / "tests" / "data"
SETS = {"FEBRL 3": ["febrl3"], "FEBRL 4": ["febrl4a", "febrl4b"]}

SOURCE = """
[[sources]]
name = "{number}"
path = "{path}"
id = "row"
duplicate_free = {duplicate_free}
[sources.attributes]
name = {{ column = ["given_name", "surname"], kind = "person_name" }}
born = {{ column = "date_of_birth", kind = "birth_date", format = "%Y%m%d" }}
ssn = {{ column = "soc_sec_id", kind = "account" }}
street = {{ column = ["street_number", "address_1"], kind = "address" }}
area = {{ column = "address_2", kind = "address" }}
suburb = {{ column = "suburb", kind = "place" }}
postcode = {{ column = "postcode", kind = "place" }}
state = {{ column = "state", kind = "category" }}
"""


def compare(title: str, names: list[str], peers: str, rounds: int) -> None:
    files = [DATA / f"{name}.parquet" for name in names]
    truth = pl.concat(
        pl.read_parquet(file).select(
            pl.format("{} {}", pl.lit(number), "row").alias("record"), pl.col("cluster").alias("truth")
        )
        for number, file in enumerate(files)
    )
    two = str(len(files) > 1).lower()
    sources = [SOURCE.format(number=n, path=file, duplicate_free=two) for n, file in enumerate(files)]
    costs: dict[str, list[measure.Cost]] = {"linkrisk": [], "recordlinkage": []}
    scores = {}
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        spec, out, other = (Path(folder) / name for name in ("spec.toml", "run", "other.parquet"))
        spec.write_text('purpose = "a bench"\ncontroller = "nobody"\n' + "".join(sources), encoding="utf-8")
        for _ in range(rounds):
            shutil.rmtree(out, ignore_errors=True)
            link = [sys.executable, "-m", "linkrisk", "link", str(spec), "--out", str(out)]
            costs["linkrisk"].append(measure.run(link))
            scores["linkrisk"] = measure.scores(truth, measure.entities(out))
            script = [peers, str(HERE / "recordlinkage_febrl.py"), str(other), *map(str, files)]
            costs["recordlinkage"].append(measure.run(script))
            scores["recordlinkage"] = measure.scores(truth, pl.read_parquet(other))
    rows = {tool: (measure.medians(costs[tool]), scores[tool]) for tool in costs}
    print(f"\n{title}, {rounds} rounds")
    print(measure.table(rows))
    ratio = rows["recordlinkage"][0].seconds / rows["linkrisk"][0].seconds
    print(f"recordlinkage takes {ratio:.1f} x the time", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--peers", required=True, metavar="PYTHON", help="the Python that has recordlinkage")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for title, names in SETS.items():
        compare(title, names, options.peers, options.rounds)


if __name__ == "__main__":
    main()

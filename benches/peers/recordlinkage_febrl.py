"""A FEBRL data set, linked by recordlinkage as its documents do. Usage: OUT FILE [FILE].

One file is searched for duplicates, two are linked. The links of its EM classifier are joined into
connected components, which is what the others call clusters.
"""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd
import recordlinkage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

BLOCKS = ["given_name", "surname", "date_of_birth", "soc_sec_id", "postcode"]
COMPARED: list[tuple[str, str, dict[str, Any]]] = [
    ("string", "given_name", {"method": "jarowinkler", "threshold": 0.85}),
    ("string", "surname", {"method": "jarowinkler", "threshold": 0.85}),
    ("exact", "date_of_birth", {}),
    ("exact", "soc_sec_id", {}),
    ("exact", "suburb", {}),
    ("exact", "state", {}),
    ("string", "address_1", {"threshold": 0.85}),
]


def main(out: str, *files: str) -> None:
    tables = [pd.read_parquet(file) for file in files]
    for number, table in enumerate(tables):
        table.index = [f"{number} {row}" for row in table["row"]]
    index = recordlinkage.Index()
    for column in BLOCKS:
        index.block(column)
    pairs = index.index(*tables)
    compare = recordlinkage.Compare()
    for method, column, options in COMPARED:
        getattr(compare, method)(column, column, label=column, **options)
    vectors = compare.compute(pairs, *tables)
    links = recordlinkage.ECMClassifier(binarize=0.8).fit_predict(vectors)
    records = [record for table in tables for record in table.index]
    places = {record: i for i, record in enumerate(records)}
    left = [places[a] for a, _ in links]
    right = [places[b] for _, b in links]
    graph = coo_matrix(([1] * len(left), (left, right)), shape=(len(records),) * 2)
    _, clusters = connected_components(graph, directed=False)
    pd.DataFrame({"record": records, "cluster": clusters}).to_parquet(out)


if __name__ == "__main__":
    main(*sys.argv[1:])

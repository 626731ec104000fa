"""Similar faces of one table, by linkrisk, FAISS and usearch: time, memory and recall, side by side.

    python benches/peers/compare_faces.py --peers PYTHON [--threshold 0.4] [--skip METHOD] [ROWS ...]

Whole processes, one after the other, on one Parquet file of int8 templates of 512 numbers from the
simulator. What there is to be found is what linkrisk's exact join finds, which is that of FAISS's exact
search but for pairs within rounding of the threshold. A peer is run with more and more effort until it
finds as large a share as linkrisk does, and its time to equal recall is that of the run that does. Where none
does, its last run stands, with what it found. `--most` stops before a run that would take longer, by the
run before and how much the effort grows.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import measure
import polars as pl

import linkrisk

HERE = Path(__file__).parent

OURS = """
import sys, linkrisk
path, out, threshold, exact = sys.argv[1:]
linkrisk.nearest(path, "template", threshold=float(threshold), exact=exact == "exact", out=out,
                 purpose="a bench", controller="nobody")
"""

EFFORTS = {
    "flat": [0],
    "ivfpq": [8, 32, 128, 512],
    "bigbatch": [8, 32, 128, 512],
    "usearch": [32, 128, 512, 2_048],
}


def templates(rows: int, folder: Path) -> Path:
    """Writes the face templates of a simulated system as one table."""
    linkrisk.simulate("xinai", records=rows * 2, seed=1, out=folder / "xinai", templates="int8")
    found = []
    for table in sorted(p for p in (folder / "xinai").iterdir() if p.is_dir() and p.name != "truth"):
        scan = pl.scan_parquet(table / "*.parquet")
        lists = [n for n, t in scan.collect_schema().items() if isinstance(t, (pl.Array, pl.List))]
        found += [scan.select(pl.col(name).alias("template")).drop_nulls() for name in lists]
    path = folder / "faces.parquet"
    pl.concat(found).head(rows).sink_parquet(path)
    print(f"{pl.scan_parquet(path).select(pl.len()).collect().item():,} faces", flush=True)
    return path


def share(truth: pl.DataFrame, path: Path) -> float:
    pairs = pl.read_parquet(path).select(pl.col("record", "other").cast(pl.UInt64))
    return truth.join(pairs, on=["record", "other"], how="semi").height / truth.height


def line(name: str, cost: measure.Cost, recall: float, first: measure.Cost) -> str:
    ratio = cost.seconds / first.seconds
    return f"{name:<20}{cost.seconds:>9.1f}{cost.peak_bytes / 2**20:>10,.0f}{recall:>9.4f}{ratio:>9.1f} x"


def best(method: str, runs: list[tuple[int, measure.Cost, float]], wanted: float, ours: measure.Cost) -> str:
    if not runs:
        return f"{method}: not run"
    effort, cost, recall = runs[-1]
    ratio = cost.seconds / ours.seconds
    if recall >= wanted:
        return f"{method}: equal recall in {ratio:.1f} times the time ({effort})"
    return f"{method}: {recall:.4f} of {wanted:.4f} at most, in {ratio:.1f} times the time ({effort})"


def compare(rows: int, threshold: float, peers: str, methods: list[str], most: float) -> None:
    with tempfile.TemporaryDirectory(prefix="peers-") as name:
        folder = Path(name)
        path = templates(rows, folder)
        ours = [sys.executable, "-c", OURS, str(path)]
        exact = measure.run([*ours, str(folder / "exact"), str(threshold), "exact"])
        truth = pl.read_parquet(folder / "exact" / "pairs.parquet").select("record", "other")
        cost = measure.run([*ours, str(folder / "filtered"), str(threshold), "filtered"])
        wanted = share(truth, folder / "filtered" / "pairs.parquet")
        print(f"{truth.height:,} pairs of {threshold} or more")
        print(f"{'':<20}{'seconds':>9}{'peak MiB':>10}{'recall':>9}{'time':>9}")
        print(line("linkrisk", cost, wanted, cost))
        print(line("linkrisk, exact", exact, 1.0, cost), flush=True)
        summary = []
        for method in methods:
            runs: list[tuple[int, measure.Cost, float]] = []
            for effort in EFFORTS[method]:
                if runs and runs[-1][1].seconds * effort / max(runs[-1][0], 1) > most:
                    break
                out = folder / "other.parquet"
                script = [peers, str(HERE / "faces_peers.py"), str(path), str(out)]
                other = measure.run([*script, str(threshold), method, str(effort)])
                recall = share(truth, out)
                runs.append((effort, other, recall))
                print(line(f"{method} {effort or ''}", other, recall, cost), flush=True)
                if recall >= wanted:
                    break
            summary.append(best(method, runs, wanted, cost))
        print("\n".join(summary), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("rows", nargs="*", type=int, default=[200_000])
    parser.add_argument("--peers", required=True, metavar="PYTHON", help="the Python that has the peers")
    parser.add_argument("--threshold", type=float, default=0.4)
    parser.add_argument("--skip", action="append", default=[], choices=EFFORTS, help="a method to leave out")
    parser.add_argument(
        "--most", type=float, default=7_200.0, help="seconds that a run may be expected to take"
    )
    options = parser.parse_args()
    for rows in options.rows:
        compare(
            rows,
            options.threshold,
            options.peers,
            [m for m in EFFORTS if m not in options.skip],
            options.most,
        )


if __name__ == "__main__":
    main()

"""Kills runs at random moments and has them go on: `python benches/kill_resume.py`.

Each run is killed with SIGKILL once, somewhere in the time that a whole run takes, and resumed to its end.
Every run must come to what the undisturbed one came to. Prints a line per run: when it was killed, the
stages that were finished by then, and how long it took to go on to the end.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

COMMAND = [sys.executable, "-m", "linkrisk", "assess", "--resume"]


def checksum(run: Path) -> str:
    """What a run came to: links, entities, tables, model and figures, not how long it took."""
    digest = hashlib.blake2b(digest_size=8)
    digest.update((run / "model.json").read_bytes())
    digest.update(json.dumps(manifest(run)["summary"], sort_keys=True).encode())
    for path in sorted(path for path in run.rglob("*.parquet") if path.is_file()):
        digest.update(str(path.relative_to(run)).encode())
        for batch in pq.ParquetFile(path).iter_batches():
            for column in batch.columns:
                plain = column.dictionary_decode() if hasattr(column, "dictionary_decode") else column
                for part in plain.buffers():
                    digest.update(part or b"")
    return digest.hexdigest()


def manifest(run: Path) -> dict[str, object]:
    """The manifest of a run; empty where it has none yet."""
    path = run / "manifest.json"
    read: dict[str, object] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return read


def finish(spec: Path, out: Path) -> float:
    """Runs, or goes on, to the end, and returns the seconds."""
    started = time.monotonic()
    subprocess.run([*COMMAND, str(spec), "--out", str(out)], check=True, capture_output=True)
    return time.monotonic() - started


def main() -> None:
    """Kill and resume."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="scratch folder; a temporary one, removed at the end")
    options = parser.parse_args()
    folder = Path(options.folder or tempfile.mkdtemp(prefix="kill-resume-"))
    spec, out = folder / "data" / "linkrisk.toml", folder / "run"
    try:
        simulate = ["simulate", "people", "--records", str(options.records), "--out", str(spec.parent)]
        subprocess.run([sys.executable, "-m", "linkrisk", *simulate], check=True, capture_output=True)
        seconds = finish(spec, out)
        expected = checksum(out)
        print(f"undisturbed: {seconds:.1f} s, {expected}", flush=True)
        moments = random.Random(options.seed)
        wrong = 0
        for kill in range(options.kills):
            shutil.rmtree(out)
            moment = moments.uniform(0, seconds)
            child = subprocess.Popen(
                [*COMMAND, str(spec), "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                child.wait(moment)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            stages = manifest(out).get("stages", [])
            done = ", ".join(s["stage"] for s in stages) if isinstance(stages, list) else ""
            on = finish(spec, out)
            same = checksum(out) == expected
            wrong += not same
            print(
                f"{kill + 1:2}: killed at {moment:5.1f} s after [{done}], {on:5.1f} s to the end, "
                + ("the same" if same else "DIFFERENT"),
                flush=True,
            )
        print(f"{options.kills - wrong} of {options.kills} came to the same")
        sys.exit(wrong > 0)
    finally:
        if options.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

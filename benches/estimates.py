"""What `linkrisk estimate` tells, beside the run: `python benches/estimates.py xinai --records 20000000`.

Of each scenario and memory limit: pairs, seconds, the engine's peak and spilled bytes, as told and as they
were, and the time that telling took as a share of the run's.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from kill_resume import manifest

TOLD = ("pairs", "seconds", "memory_bytes", "spilled_bytes")


def main() -> None:
    """Estimate and run each scenario under each limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="+")
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limits", nargs="+", default=["none"], help='such as "1 GiB", or none')
    parser.add_argument("--folder", help="where there is room; a temporary directory by default")
    options = parser.parse_args()
    for scenario in options.scenarios:
        folder = Path(tempfile.mkdtemp(prefix="estimates-", dir=options.folder))
        try:
            data = folder / "data"
            size = ["--records", str(options.records), "--seed", str(options.seed)]
            _command("simulate", scenario, *size, "--truth", "none", "--out", str(data))
            plain = (data / "linkrisk.toml").read_text(encoding="utf-8")
            for limit in options.limits:
                run = "[run]\nseed = 1\n" + ("" if limit == "none" else f'memory_limit = "{limit}"\n')
                spec = data / "limited.toml"
                spec.write_text(f"{plain}\n{run}", encoding="utf-8")
                print(f"{scenario} {options.records:,}, {limit}: {_beside(spec, folder / 'run')}", flush=True)
        finally:
            shutil.rmtree(folder)


def _beside(spec: Path, run: Path) -> str:
    """What is told of a spec and what it then took, in a line."""
    began = time.monotonic()
    told = json.loads(_command("estimate", str(spec), "--json"))
    asked = time.monotonic() - began
    began = time.monotonic()
    _command("assess", str(spec), "--out", str(run))
    took = time.monotonic() - began
    stages: list[dict[str, Any]] = manifest(run)["stages"]  # type: ignore[assignment]
    shutil.rmtree(run)
    seconds, told["seconds"] = told["seconds"], told["seconds"]["total"]
    found = {"seconds": took, **_found(stages)}
    parts = [
        f"{name} {told[name]:.4g} of {found[name]:.4g} ({_off(told[name], found[name])})" for name in TOLD
    ]
    for name, expected in seconds.items():
        if name != "total":
            was = sum(stage["seconds"] for stage in stages if stage["stage"] == name)
            parts.append(f"{name} {expected:.1f} of {was:.1f} s")
    return f"{'; '.join(parts)}; told in {asked:.1f} s ({asked / took:.1%})"


def _off(told: float, found: float) -> str:
    return f"{told / found - 1:+.0%}" if found else "none"


def _found(stages: list[dict[str, Any]]) -> dict[str, float]:
    plan = next(stage for stage in stages if stage["stage"] == "plan")
    return {
        "pairs": plan["summary"]["pairs"],
        "memory_bytes": max(stage["true_peak_bytes"] for stage in stages),
        "spilled_bytes": sum(stage["spilled_bytes"] for stage in stages),
    }


def _command(*arguments: str) -> str:
    command = [sys.executable, "-m", "linkrisk", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()

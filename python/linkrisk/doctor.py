"""What this installation is and what it may use."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from typing import Any

from linkrisk.backends.local import build_info

OPTIONAL = ("pyspark", "pyarrow")
REQUIRED = ("polars", "pydantic", "typer", "rich", "jinja2", "altair", "vl-convert-python")


def diagnose() -> dict[str, Any]:
    """Lists versions, build profile, SIMD level, cores, limits and optional packages.

    Nothing is asked of the network, and nothing is sent.
    """
    return {
        "linkrisk": build_info(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "open_files_limit": _open_files(),
        "packages": {name: _version(name) for name in REQUIRED},
        "optional": {name: _version(name) or "not installed" for name in OPTIONAL},
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _open_files() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]

"""How far a holding of personal records can be linked, and what would undo it.

`Spec` describes the tables and the linkage, `assess` runs it and `Run` reads the results.
"""

from linkrisk import errors, expressions
from linkrisk._linkrisk import __version__, build_info
from linkrisk.errors import LinkriskError
from linkrisk.linker import Linker, assess, link
from linkrisk.run import Run
from linkrisk.simulation import Simulation, scenarios, simulate
from linkrisk.spec import (
    Attribute,
    BlockingRule,
    Comparison,
    Linkage,
    Report,
    RunOptions,
    Source,
    Spec,
)
from linkrisk.templates import Nearest, nearest
from linkrisk.thresholds import thresholds

__all__ = [
    "Attribute",
    "BlockingRule",
    "Comparison",
    "Linkage",
    "Linker",
    "LinkriskError",
    "Nearest",
    "Report",
    "Run",
    "RunOptions",
    "Simulation",
    "Source",
    "Spec",
    "__version__",
    "assess",
    "build_info",
    "errors",
    "expressions",
    "link",
    "nearest",
    "scenarios",
    "simulate",
    "thresholds",
]

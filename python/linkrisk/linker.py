"""A run, stage by stage or as a whole."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from linkrisk.backends.local import STAGES, LocalBackend
from linkrisk.errors import RunError, SpecError
from linkrisk.progress import ProgressCallback
from linkrisk.run import Run
from linkrisk.spec import Spec

__all__ = ["Linker", "assess", "link"]


class Linker:
    """Runs a spec; each method first runs the stages that it needs, and none runs twice.

    Every method returns the stage's summary. With `out` the results are in the run directory, to be
    read by `Run`; without it nothing is written.

    With `resume` a run that was stopped, in whatever way, goes on where it was and comes to the same:
    what a finished stage or pass found is read from the run directory and not computed again. For that
    the packed records stay in it, for its owner alone, until `assess` or `finish` is done.

    Args:
        spec: What to read and how to link it.
        out: The run directory; made where it does not exist.
        progress: Called about ten times a second.
        resume: Go on with the run in `out`, or begin it where there is none.

    Raises:
        SpecError: Where `resume` is asked for without `out`.
        RunError: Where a stage is asked for after another one failed, or where `out` holds another run:
            of another spec, version or other tables, with what differs.
    """

    def __init__(
        self,
        spec: Spec,
        out: str | PathLike[str] | None = None,
        *,
        progress: ProgressCallback | None = None,
        resume: bool = False,
    ) -> None:
        if resume and out is None:
            raise SpecError("a run without a directory cannot be resumed", hint="name the directory as `out`")
        self.spec = spec
        self.out = None if out is None else Path(out)
        self._progress = progress
        self._resume = resume
        self._backend: LocalBackend | None = None
        self._summaries: dict[str, dict[str, Any]] = {}
        self._failed: str | None = None

    def estimate(self) -> dict[str, Any]:
        """Estimates pairs, links, seconds, memory and spilled bytes of the run from a sample of its records.

        Of files in Parquet or Arrow and of tables in memory one row in 250 is read, and no less than some
        260,000; text files are read twice. How far off it was, and that links and spilled bytes of a
        small sample are hardly known, is in docs/performance.md. Nothing is kept for the run.

        Raises:
            DataError: Where a source is a stream, which can be read only once.
        """
        return LocalBackend(self.spec, None, self._progress).estimate()

    def plan(self) -> dict[str, Any]:
        """Counts candidate pairs and block sizes of every rule, without comparing any pair.

        Reads the sources once. A rule over `linkage.max_pairs` is refused here.
        """
        return self._reach("plan")

    def train(self) -> dict[str, Any]:
        """Trains the model on the sources, without labels, or reads `linkage.model`."""
        return self._reach("train")

    def nearest(self) -> dict[str, Any]:
        """Learns what similarities of templates mean here, and finds all pairs of similar ones.

        Strangers are sampled, people of other linked records show how alike one person is, and every pair of
        templates is compared. Does nothing where no attribute holds templates that are compared.
        """
        return self._reach("nearest")

    def link(self) -> dict[str, Any]:
        """Compares every candidate pair once and keeps those above the threshold."""
        return self._reach("link")

    def cluster(self) -> dict[str, Any]:
        """Resolves links into persons and vehicles; contradictions are cut."""
        return self._reach("cluster")

    def assess(self) -> dict[str, Any]:
        """Computes the risk figures of the linked records."""
        return self._reach("assess")

    def finish(self) -> None:
        """Removes what a run with `resume` keeps to go on; nothing more can be asked of it."""
        if self._backend is not None:
            self._backend.finish()

    def _reach(self, stage: str) -> dict[str, Any]:
        for name in STAGES[: STAGES.index(stage) + 1]:
            if name not in self._summaries:
                self._summaries[name] = self._run(name)
        return self._summaries[stage]

    def _run(self, stage: str) -> dict[str, Any]:
        if self._failed is not None:
            raise RunError(
                f"this run ended in `{self._failed}` and cannot go on",
                hint="make a new `Linker`",
                details={"path": None if self.out is None else str(self.out)},
            )
        try:
            if self._backend is None:
                self._backend = LocalBackend(self.spec, self.out, self._progress, resume=self._resume)
            return self._backend.run(stage)
        except BaseException:
            self._failed = stage
            self._backend = None
            raise


def link(
    spec: Spec,
    out: str | PathLike[str],
    *,
    progress: ProgressCallback | None = None,
    resume: bool = False,
) -> Run:
    """Links the records of `spec` and resolves them into persons and vehicles.

    With `resume` a run that was stopped goes on, as in `Linker`.

    Raises:
        LinkriskError: Its subclasses say what is wrong with the spec, the data or the resources.
    """
    linker = Linker(spec, out, progress=progress, resume=resume)
    linker.cluster()
    linker.finish()
    return Run(out)


def assess(
    spec: Spec,
    out: str | PathLike[str],
    *,
    progress: ProgressCallback | None = None,
    resume: bool = False,
) -> Run:
    """Links the records of `spec`, computes the risk figures and writes the report.

    With `resume` a run that was stopped goes on, as in `Linker`.

    Raises:
        LinkriskError: Its subclasses say what is wrong with the spec, the data or the resources.
    """
    from linkrisk.report import write_report

    Linker(spec, out, progress=progress, resume=resume).assess()
    run = Run(out)
    write_report(run)
    return run

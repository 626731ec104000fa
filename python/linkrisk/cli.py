"""The command `linkrisk`.

What a command needs is imported when it runs, so that `linkrisk --help` is instant.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from linkrisk.console import OVER_THRESHOLD, emit, facts, guarded, say
from linkrisk.errors import SpecError

if TYPE_CHECKING:
    import polars as pl

    from linkrisk.spec import Spec

app = typer.Typer(
    name="linkrisk",
    help="How far a holding of personal records can be linked, and what would undo it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SpecFile = Annotated[Path, typer.Argument(metavar="SPEC", help="Spec file (TOML).")]
RunDirectory = Annotated[Path, typer.Argument(metavar="DIR", help="Run directory.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Run directory to write.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with the run in the directory, or begin it there.")
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")]


@app.command()
@guarded
def assess(
    spec: SpecFile,
    out: Out,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on",
            metavar="FIGURE=LIMIT",
            help="End with 1 if a figure of the summary is over its limit, such as links=0.",
        ),
    ] = None,
    resume: Resume = False,
    as_json: Json = False,
) -> int:
    """Link the records, compute the risk figures and write the report."""
    from linkrisk.linker import assess as run_assess
    from linkrisk.progress import progress_line

    limits = [_limit(text) for text in fail_on or ()]
    description = _read_spec(spec)
    with progress_line() as progress:
        run = run_assess(description, out, progress=progress, resume=resume)
    emit(run.summary, as_json=as_json, text=facts)
    say(f"report: {run.path / 'report.html'}")
    over = [name for name, limit in limits if _figure(run.summary, name) > limit]
    for name in over:
        say(f"over its limit: `{name}` is {_figure(run.summary, name):,g}")
    return OVER_THRESHOLD if over else 0


@app.command()
@guarded
def link(spec: SpecFile, out: Out, resume: Resume = False, as_json: Json = False) -> None:
    """Link the records and resolve them into persons and vehicles."""
    from linkrisk.linker import Linker
    from linkrisk.progress import progress_line

    description = _read_spec(spec)
    with progress_line() as progress:
        linker = Linker(description, out, progress=progress, resume=resume)
        summary = {"link": linker.link(), "cluster": linker.cluster()}
        linker.finish()
    emit(summary, as_json=as_json, text=facts)
    say(f"run: {out}")


@app.command()
@guarded
def estimate(
    spec: SpecFile,
    exact: Annotated[
        bool, typer.Option("--exact", help="Read all records and count the pairs of every rule.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Estimate pairs, time, memory and spilled bytes of a run from a sample of its records."""
    from linkrisk.linker import Linker
    from linkrisk.progress import progress_line

    description = _read_spec(spec)
    with progress_line() as progress:
        linker = Linker(description, progress=progress)
        plan = linker.plan() if exact else linker.estimate()
    emit(plan, as_json=as_json, text=facts)


@app.command()
@guarded
def evaluate(
    run: RunDirectory,
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="DIR", help="Folder `truth` of a simulated system.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare a run with the truth: that which its sources state, or that of a simulated system."""
    from linkrisk.evaluate import evaluate_run
    from linkrisk.run import Run
    from linkrisk.simulation import read_truth_folder

    known = None if truth is None else read_truth_folder(truth)
    emit(evaluate_run(Run(run), known), as_json=as_json, text=facts)


@app.command()
@guarded
def thresholds(
    spec: SpecFile,
    attribute: Annotated[
        str | None, typer.Option("--attribute", help="The attribute, where there are several of templates.")
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option("--group", help="Attribute of groups; may be given again. In place of the spec's."),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="DIR", help="Folder `truth` of a simulated system.")
    ] = None,
    pairs: Annotated[
        int, typer.Option("--pairs", min=10_000, help="Pairs of strangers to compare, about.")
    ] = 200_000_000,
    joined: Annotated[
        Path | None,
        typer.Option("--joined", metavar="FILE", help="Pairs of all templates (Parquet), to check against."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Page to write (HTML).")] = None,
    as_json: Json = False,
) -> None:
    """Tell what every similarity threshold of faces or fingerprints would do, before anything is linked."""
    from linkrisk.console import thresholds_text
    from linkrisk.progress import progress_line
    from linkrisk.simulation import read_truth_folder
    from linkrisk.thresholds import thresholds as run_thresholds

    description = _read_spec(spec)
    known = None if truth is None else read_truth_folder(truth)
    with progress_line() as progress:
        answer = run_thresholds(
            description,
            attribute,
            truth=known,
            groups=group or None,
            pairs=pairs,
            joined=None if joined is None else _joined(joined),
            progress=progress,
        )
    if out is not None:
        from linkrisk.report.thresholds import render_thresholds

        out.write_text(render_thresholds(answer), encoding="utf-8")
        say(f"page: {out}")
    emit(answer, as_json=as_json, text=thresholds_text)


@app.command()
@guarded
def report(run: RunDirectory, as_json: Json = False) -> None:
    """Write the report of a run again, in HTML and JSON."""
    from linkrisk.report import write_report
    from linkrisk.run import Run

    handle = Run(run)
    _ = handle.summary  # a run that was linked and not assessed has nothing to report
    figures = write_report(handle)
    if as_json:
        emit(figures, as_json=True, text=str)
    say(f"report: {handle.path / 'report.html'}")


@app.command()
@guarded
def init(
    tables: Annotated[list[str], typer.Argument(metavar="TABLE...", help="Files, globs or folders.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Spec file to write.")] = None,
    rows: Annotated[int, typer.Option("--rows", min=10, help="Rows looked at in each table.")] = 10_000,
    as_json: Json = False,
) -> None:
    """Look at tables and write a first spec, with the confidence of each guess."""
    from linkrisk.infer import guess_tables, to_toml

    guesses = guess_tables(tables, rows=rows)
    if out is not None:
        if out.exists():
            raise FileExistsError(17, "the file exists already", str(out))
        out.write_text(to_toml(guesses, out.parent), encoding="utf-8")
        say(f"spec: {out}")
    if as_json or out is None:
        emit([g.as_dict() for g in guesses], as_json=as_json, text=lambda _: to_toml(guesses, None).rstrip())


@app.command()
@guarded
def schema(as_json: Json = False) -> None:
    """Print the JSON Schema of a spec; it is JSON with or without `--json`."""
    from linkrisk.spec import Spec

    emit(Spec.json_schema(), as_json=True, text=str)


@app.command()
@guarded
def simulate(
    scenario: Annotated[
        str | None, typer.Argument(metavar="[SCENARIO]", help="The system; `--list` tells which there are.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder to write.")] = None,
    records: Annotated[int, typer.Option("--records", min=1, help="Records of all tables.")] = 100_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same data.")] = 1,
    format_: Annotated[str, typer.Option("--format", help="parquet, csv or ndjson.")] = "parquet",
    truth: Annotated[
        str, typer.Option("--truth", help="`parts` writes it to DIR/truth, `none` leaves it out.")
    ] = "parts",
    templates: Annotated[
        str, typer.Option("--templates", help="Of faces and the like: none, int8, f16 or f32.")
    ] = "none",
    share: Annotated[
        str, typer.Option("--share", metavar="K/N", help="Make every N-th part alone, from the K-th.")
    ] = "1/1",
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Worker threads.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Tell which systems there are.")] = False,
    as_json: Json = False,
) -> None:
    """Invent the record sets of a system with errors and truth, and the spec that links them."""
    import json

    from linkrisk.backends.local import scenarios
    from linkrisk.backends.local import simulate as run_simulate
    from linkrisk.progress import progress_line

    if list_:
        emit(json.loads(scenarios()), as_json=as_json, text=_listed)
        return
    if scenario is None or out is None:
        missing = "SCENARIO" if scenario is None else "--out"
        raise SpecError(f"`{missing}` is missing", hint="such as `linkrisk simulate xinai --out DIR`")
    if truth not in ("parts", "none"):
        raise SpecError(f"there is no truth `{truth}`", hint="choose one of `parts`, `none`")
    with progress_line() as progress:
        summary = json.loads(
            run_simulate(
                scenario,
                records,
                seed,
                str(out),
                threads,
                progress,
                format=format_,
                truth=truth == "parts",
                templates=templates,
                share=_share(share),
            )
        )
    emit(summary, as_json=as_json, text=facts)
    if summary["missing_parts"]:
        say(f"{summary['missing_parts']:,} parts are missing; whoever makes the last one ends the work")
    else:
        say(f"spec: {out / 'linkrisk.toml'}")


@app.command()
@guarded
def doctor(as_json: Json = False) -> None:
    """Tell what this installation is and what it may use."""
    from linkrisk.doctor import diagnose

    emit(diagnose(), as_json=as_json, text=facts)


def _joined(path: Path) -> pl.LazyFrame:
    import polars as pl

    if not path.is_file():
        raise FileNotFoundError(2, "there is no such file", str(path))
    return pl.scan_parquet(path, glob=False)


def _read_spec(path: Path) -> Spec:
    from linkrisk.spec import Spec

    if not path.is_file():
        raise SpecError(f"there is no spec file `{path}`", hint="`linkrisk init TABLE...` writes a first one")
    return Spec.from_toml(path)


def _listed(scenarios: list[dict[str, Any]]) -> str:
    return "\n\n".join(
        f"{s['name']}: {s['title']}\n  tables: {', '.join(s['tables'])}\n  modelled on {s['source']}"
        for s in scenarios
    )


def _share(text: str) -> tuple[int, int]:
    share, _, shares = text.partition("/")
    try:
        return int(share), int(shares)
    except ValueError:
        raise SpecError(f"`--share {text}` is not a share", hint="write K/N, such as 2/8") from None


def _limit(text: str) -> tuple[str, float]:
    name, _, limit = text.partition("=")
    try:
        return name.strip(), float(limit)
    except ValueError:
        raise SpecError(
            f"`--fail-on {text}` is not a limit", hint="write FIGURE=LIMIT, such as links=0"
        ) from None


def _figure(summary: dict[str, Any], name: str) -> float:
    value: Any = summary
    for step in name.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise SpecError(f"the summary has no figure `{name}`", hint="`linkrisk assess --json` shows them")
    return float(value)


def main() -> None:
    """Run the command line."""
    app()

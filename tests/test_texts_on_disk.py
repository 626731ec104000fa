"""Texts that rest on disk: the same result, killed or not, or an error where they were changed."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from linkrisk import Linker, Run, Spec, link
from linkrisk.errors import RunError

from .test_determinism import LIMITS, THREADS, checksums, linked, peaks, spilled
from .test_resume import killed_at

SPEC = """
purpose = "test"
controller = "test"
[[sources]]
name = "mail"
path = "mail.parquet"
id = "record"
[sources.attributes]
email = { column = "email", kind = "email" }
family = { column = "family", kind = "person_name" }
address = { column = "address", kind = "address" }
[run]
"""


@pytest.fixture(scope="module")
def mail_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spec under the small limit of long texts that nearly every record has to itself: 11 MB of them."""
    person, record = pl.col("record") // 2, pl.col("record")
    table = pl.select(record=pl.int_range(120_000)).with_columns(
        email=pl.format("{}.at.a.long.and.invented.mailbox@host-{}.example", person, person),
        family=pl.format("family{}", person % 5_000),
        address=pl.format("{} a rather long and quite invented street, flat {}", record, record),
    )
    folder = tmp_path_factory.mktemp("mail")
    table.write_parquet(folder / "mail.parquet")
    path = folder / "linkrisk.toml"
    path.write_text(f"{SPEC}memory_limit = {min(LIMITS)}\nthreads = 2\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def mailboxes(mail_file: Path) -> Spec:
    return Spec.from_toml(mail_file)


@pytest.fixture(scope="module")
def mailbox_sums(mailboxes: Spec, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    reference = linked(mailboxes, tmp_path_factory.mktemp("mail") / "reference")
    assert spilled(reference) == 0
    return checksums(reference)


def test_texts_that_rest_on_disk_change_nothing(
    mailboxes: Spec, mailbox_sums: dict[str, str], tmp_path: Path
) -> None:
    """Under the small limit the texts are on disk, under the other in memory."""
    for limit in (min(LIMITS), 256 << 20):
        for threads in THREADS:
            run = linked(mailboxes, tmp_path / f"{limit}-{threads}", threads=threads, memory_limit=limit)
            # Packed records of three attributes take less than 64 bytes each: under 7.7 MB in all.
            assert (run.manifest["stages"][0]["spilled_bytes"] > 10_000_000) == (limit == min(LIMITS)), limit
            assert max(peaks(run).values()) <= limit
            assert checksums(run) == mailbox_sums, (limit, threads)


@pytest.mark.parametrize("stopped_after", ["plan", "train", "link"])
def test_texts_that_rest_on_disk_are_taken_up_again(
    mailboxes: Spec, mailbox_sums: dict[str, str], tmp_path: Path, stopped_after: str
) -> None:
    getattr(Linker(mailboxes, tmp_path / "run", resume=True), stopped_after)()
    Linker(mailboxes, tmp_path / "run", resume=True).cluster()
    run = Run(tmp_path / "run")
    assert run.manifest["resumed"] == 1
    assert checksums(run) == mailbox_sums


def test_a_run_that_is_killed_while_texts_are_on_disk_comes_to_the_same(
    mail_file: Path, mailbox_sums: dict[str, str], tmp_path: Path
) -> None:
    out, on_disk = tmp_path / "run", 0
    # While texts are read, while they are kept for who goes on, once others have read them again.
    for moment in ("linkrisk-*/*-texts", "state/.store.*.partial", "state/pairs-passes"):
        if killed_at(mail_file, out, moment):
            on_disk += any(out.glob("linkrisk-*/*-texts"))
    assert on_disk >= 2, "a file may come and go between two looks, but not most of them"
    run = link(Spec.from_toml(mail_file), out, resume=True)
    assert checksums(run) == mailbox_sums
    assert list(out.glob("linkrisk-*")) == []


@pytest.mark.parametrize("name", ["texts", "long-texts"])
@pytest.mark.parametrize(("after", "then"), [("plan", "train"), ("train", "link"), ("link", "cluster")])
def test_texts_that_were_changed_on_disk_are_an_error(
    mailboxes: Spec, tmp_path: Path, name: str, after: str, then: str
) -> None:
    linker = Linker(mailboxes, tmp_path / "run")
    getattr(linker, after)()
    file = max((tmp_path / "run").glob(f"linkrisk-*/*-{name}"), key=lambda path: path.stat().st_size)
    with file.open("r+b") as content:
        content.seek(file.stat().st_size // 3)
        byte = content.read(1)
        content.seek(-1, 1)
        content.write(bytes([byte[0] ^ 1]))
    with pytest.raises(RunError, match="corrupt") as caught:
        getattr(linker, then)()
    assert str(file) in str(caught.value)
    assert caught.value.hint

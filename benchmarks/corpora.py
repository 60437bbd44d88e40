"""Measure `lstm-tagger corpus` on text of several sizes, with one process and with two.

    python -m benchmarks.corpora MODEL TEXT WORK_DIR

TEXT is repeated. The table is printed as Markdown, and written to
WORK_DIR/corpora.json. benchmarks/README.md explains the columns. For Linux and macOS,
where the memory of a process can be asked for.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from itertools import product
from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple

import srsly
import typer

from .common import Row, describe_machine, format_table

MEGABYTE = 1_000_000
# What `getrusage` counts memory in.
RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Run(NamedTuple):
    """How long a run took, the words that it tagged, and the most bytes that one of its
    processes has had."""

    seconds: float
    n_words: int
    n_bytes: int


def main(
    model: Path,
    text: Path,
    work_dir: Path,
    sizes: str = "10,100",
    workers: str = "1,2",
    repeats: int = 3,
) -> None:
    """Measure and print. Sizes are in MB."""
    work_dir.mkdir(parents=True, exist_ok=True)
    corpora = {
        size: repeat(text, size * MEGABYTE, work_dir / f"{size}.txt")
        for size in map(int, sizes.split(","))
    }
    runs: Dict[Tuple[int, int], List[Run]] = {}
    for i in range(repeats):
        for size, n in product(corpora, map(int, workers.split(","))):
            run = tag(model, corpora[size], work_dir / "tagged", n)
            print(
                f"{i + 1}: {size} MB, {n} workers: {run.seconds:.0f} s", file=sys.stderr
            )
            runs.setdefault((size, n), []).append(run)
    rows = [describe(runs, size, n) for size, n in runs]
    facts = {**describe_machine(), "rounds": str(repeats)}
    srsly.write_json(work_dir / "corpora.json", {"run": facts, "rows": rows})
    print("\n".join(f"- {key}: {value}" for key, value in facts.items()))
    print(f"\n{format_table(rows)}")


def repeat(text: Path, n_bytes: int, path: Path) -> Path:
    """Write a text so often that there are so many bytes, in whole lines."""
    lines = text.read_bytes().splitlines(keepends=True)
    n_written = 0
    with path.open("wb") as file:
        while n_written < n_bytes:
            for line in lines:
                n_written += file.write(line)
                if n_written >= n_bytes:
                    break
    return path


def tag(model: Path, corpus: Path, output_dir: Path, n_workers: int) -> Run:
    """Tag a corpus from the beginning."""
    shutil.rmtree(output_dir, ignore_errors=True)
    command = [sys.executable, "-m", "spacy", "lstm-tagger", "corpus", str(model)]
    command += [str(corpus), str(output_dir), "--workers", str(n_workers)]
    start = time.perf_counter()
    with (output_dir.parent / "printed.txt").open("w+", encoding="utf8") as printed:
        process = subprocess.Popen(command, stdout=printed)
        # The most of it and of all processes that it has started.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        printed.seek(0)
        found = re.search(r"Tagged ([\d,]+) words", printed.read())
    if status != 0 or found is None:
        raise RuntimeError(f"Failed: {' '.join(command)}")
    n_words = int(found[1].replace(",", ""))
    return Run(seconds, n_words, usage.ru_maxrss * RSS_UNIT)


def describe(runs: Dict[Tuple[int, int], List[Run]], size: int, n: int) -> Row:
    """Return the medians of all rounds, and those of the ratios of single rounds to the
    first size and the first number of workers."""
    first_size, first_n = next(iter(runs))
    found = runs[size, n]
    smaller, slower = runs[first_size, n], runs[size, first_n]
    return {
        "MB": size,
        "workers": n,
        "seconds": statistics.median(run.seconds for run in found),
        "words/s": round(statistics.median(r.n_words / r.seconds for r in found)),
        f"x {first_n}": statistics.median(
            b.seconds / a.seconds for a, b in zip(found, slower)
        ),
        "memory of a process (MiB)": round(
            statistics.median(run.n_bytes for run in found) / 2**20
        ),
        f"/ {first_size} MB": statistics.median(
            a.n_bytes / b.n_bytes for a, b in zip(found, smaller)
        ),
    }


if __name__ == "__main__":
    typer.run(main)

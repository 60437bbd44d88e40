"""Compare the memory that spaCy's `tagger` and `lstm_tagger` take on a stream of words
that never come back.

    python -m benchmarks.memory TREEBANK WORK_DIR --lang en

The tables are printed as Markdown, and written to WORK_DIR/memory.json.
benchmarks/README.md explains the arguments and the columns. For Linux, where the memory
of a process can be asked for.
"""

import os
from contextlib import nullcontext
from itertools import islice, product
from pathlib import Path
from typing import Dict, Iterator, List, Optional

import srsly
import typer
from spacy.language import Language
from tqdm import tqdm

from .common import (
    Bench,
    Row,
    choose_pipelines,
    describe_machine,
    exhaust,
    format_table,
    mebibytes,
    run_alone,
    train_all,
)

WORDS_OF_TEXT = 4
# Texts that are tagged in one memory zone.
ZONE = 1000
# Memory is looked at after each part of the stream.
N_PARTS = 4
# Words of eight letters, of which there are 17 million.
CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"


def main(
    treebank: Path,
    work_dir: Path,
    lang: str = "xx",
    pipelines: str = "tagger,default,fast",
    seed: int = 0,
    jobs: int = 1,
    max_steps: Optional[int] = None,
    stock_max_steps: Optional[int] = None,
    words: int = 1_000_000,
    batch_size: int = 256,
) -> None:
    """Train, measure and print."""
    bench = Bench(treebank, work_dir, lang, seed, max_steps, stock_max_steps)
    names = choose_pipelines(pipelines)
    bench.prepare()
    train_all([(bench, name) for name in names], jobs)
    load_before = os.getloadavg()[0]
    tables = {
        title: compare(bench, names, words, batch_size, in_zones=in_zones)
        for title, in_zones in (("In memory zones", True), ("Without zones", False))
    }
    facts = {
        **describe_machine(),
        "stream": f"{words:,} distinct words, {WORDS_OF_TEXT} a text, in batches of "
        f"{batch_size} texts and zones of {ZONE:,}",
        "load average": f"{load_before:.2f} before, {os.getloadavg()[0]:.2f} after",
    }
    srsly.write_json(work_dir / "memory.json", {"run": facts, "tables": tables})
    print("\n".join(f"- {key}: {value}" for key, value in facts.items()))
    for title, rows in tables.items():
        print(f"\n{title}, MiB:\n\n{format_table(rows)}")


def compare(
    bench: Bench, names: List[str], n_words: int, batch_size: int, *, in_zones: bool
) -> List[Row]:
    """Return the MiB of a process for each pipeline, and how many times those of the
    first pipeline the peak and the growth are."""
    rows: List[Row] = []
    for name in tqdm(names, desc="memory"):
        found = run_alone(tag_stream, bench, name, n_words, batch_size, in_zones)
        growth = found["peak"] - found["loaded"]
        rows.append({"pipeline": name, **found, "growth": growth})
    first = rows[0]
    return [
        {
            **row,
            f"peak x {names[0]}": row["peak"] / first["peak"],
            f"growth x {names[0]}": row["growth"] / max(1, first["growth"]),
        }
        for row in rows
    ]


def tag_stream(
    bench: Bench, name: str, n_words: int, batch_size: int, in_zones: bool
) -> Dict[str, int]:
    """Tag the stream in this process, and return its MiB at several times."""
    nlp = bench.load(name)
    exhaust(nlp.pipe(["The first text takes memory of its own."]))
    measured = {"loaded": mebibytes("VmRSS")}
    texts = make_texts()
    for part in range(1, N_PARTS + 1):
        n_texts = n_words // WORDS_OF_TEXT // N_PARTS
        tag_part(nlp, islice(texts, n_texts), batch_size, in_zones)
        measured[f"{100 * part // N_PARTS} %"] = mebibytes("VmRSS")
    return {**measured, "peak": mebibytes("VmHWM")}


def tag_part(
    nlp: Language, texts: Iterator[str], batch_size: int, in_zones: bool
) -> None:
    """Tag texts, those of each zone by themselves."""
    while batch := list(islice(texts, ZONE)):
        with nlp.memory_zone() if in_zones else nullcontext():
            exhaust(nlp.pipe(batch, batch_size=batch_size))


def make_texts() -> Iterator[str]:
    """Yield texts of words that never come back."""
    letters = product(*[CONSONANTS, VOWELS] * 4)
    words = map("".join, letters)
    while text := " ".join(islice(words, WORDS_OF_TEXT)):
        yield text


if __name__ == "__main__":
    typer.run(main)

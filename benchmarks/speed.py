"""Compare the speed of spaCy's `tagger` and of `lstm_tagger` in each of its configs.

    python benchmarks/speed.py TREEBANK WORK_DIR --lang en

TREEBANK is a folder with files that end in train.conllu, dev.conllu and test.conllu.
Everything that is made goes into WORK_DIR; a pipeline that is there already is not
trained again. The tables are printed as Markdown, and written to WORK_DIR/speed.md and,
with the seconds that they are made of, to WORK_DIR/speed.json. benchmarks/README.md
explains them. For Linux, where the memory of a process can be asked for.
"""

import os

# Before numpy and torch read it.
os.environ["OMP_NUM_THREADS"] = "1"

import platform
import re
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Dict, List, Optional

import srsly
import torch
import typer
from accuracy import DOCUMENT, SPLITS, convert, corpus_path, format_table
from contestants import STOCK, make_contestants, make_entries, train_all
from precision import fastest_precision
from tables import TABLES, Bench
from targets import Row, Tables, check_targets
from texts import count_words, read_corpus, write_texts

# What is said above each table.
NOTES = {
    "speed": "Words a second, on one thread unless it says otherwise, and how many "
    "times as fast as `tagger` that is. Pipelines without an accuracy were trained for "
    "a few updates only. `gpu.cfg` and `pretraining.cfg` have the network of "
    "`default.cfg`, and so its speed.",
    "processes": "Words a second of Docs of 1,000 tokens through `nlp.pipe`.",
    "costs": "The latency is that of a single sentence of 10 to 25 tokens, from text.",
    "training": "Words a second of updates, each with its own data and batches (those "
    "of `shared_tok2vec` train a parser, too); and the time until the accuracy on the "
    "development data was as good as the best of `tagger`.",
    "memory": "The most memory of a process, all of Python included.",
    "lengths": "Words a second of tokenised Docs by their number of tokens, and how "
    "many times as long the slowest takes for a word, from 20 tokens on.",
    "tag sets": "Words a second of tokenised Docs by the number of tags, untrained.",
    "precision": "Tags of gold sentences, against those of the plain network.",
    "targets": "What the cells above have to be, and what they should be.",
}


def main(
    treebank: Path,
    work_dir: Path,
    lang: str = "xx",
    seed: int = 0,
    jobs: int = 1,
    max_steps: Optional[int] = None,
    stock_max_steps: int = 20000,
    repeats: int = 5,
    max_doc_length: int = 100_000,
    stock: Optional[Path] = None,
    plot: Optional[Path] = None,
) -> None:
    """Train, measure and print. `jobs` pipelines are trained at a time. `max_steps` is
    for lstm_tagger, by default what each config says; `stock_max_steps` is for spaCy's
    taggers, which also stop when they get no better. `stock` is a pipeline with spaCy's
    `tagger` to compare with instead. `plot` is an SVG file to write."""
    torch.set_num_threads(1)
    work_dir.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        convert(treebank, split, work_dir)
    contestants = make_contestants(work_dir, lang, max_steps, stock_max_steps)
    needed = [c for c in contestants if stock is None or c.name != STOCK]
    report("training")
    train_all(needed, treebank, work_dir, lang, seed, jobs)
    entries = make_entries(contestants, work_dir, stock)
    bench = Bench(
        work_dir=work_dir,
        lang=lang,
        entries=entries,
        pipelines={entry.name: entry.load() for entry in entries},
        documents=read_corpus(corpus_path(work_dir, "dev", DOCUMENT)),
        texts_path=work_dir / "documents.json",
        repeats=repeats,
        max_doc_length=max_doc_length,
        raw={},
    )
    write_texts(bench.texts_path, bench.documents)
    before = os.getloadavg()[0]
    tables: Tables = {}
    for name, compare in TABLES.items():
        report(name)
        tables[name] = compare(bench)
    tables["targets"] = check_targets(tables)
    facts = describe_run(bench, before)
    text = to_markdown(tables, facts)
    (work_dir / "speed.md").write_text(text, encoding="utf8")
    found = {"run": facts, "tables": tables, "measured": bench.raw}
    srsly.write_json(work_dir / "speed.json", found)
    print(text)
    if plot is not None:
        draw(tables["speed"], plot)


def report(what: str) -> None:
    typer.echo(f"{time.strftime('%H:%M:%S')} {what}", err=True)


def describe_run(bench: Bench, load_before: float) -> Dict[str, str]:
    """On what machine, and how, all of this was measured."""
    packages = ("spacy", "thinc", "torch", "numpy")
    precisions = [
        f"{entry.name}: {fastest_precision(bench.pipelines[entry.name])}"
        for entry in bench.entries
        if entry.is_variant
    ]
    return {
        "date": date.today().isoformat(),
        "CPU": f"{cpu_name()}, {os.cpu_count()} cores",
        "versions": ", ".join(
            [f"Python {platform.python_version()}"]
            + [f"{name} {version(name)}" for name in packages]
        ),
        "repeats": str(bench.repeats),
        "words": str(count_words(bench.documents)),
        "load average": f"{load_before:.2f} before, {os.getloadavg()[0]:.2f} after",
        "peak of matrix products": f"{bench.raw['peak'] / 1e9:.0f} GFLOP/s",
        "fastest precision": ", ".join(precisions),
        "longest Doc": f"{bench.long_doc_length} tokens",
        "Docs in batches": str(bench.n_batched),
    }


def cpu_name() -> str:
    found = re.search("model name\\s*: (.*)", Path("/proc/cpuinfo").read_text("utf8"))
    return found[1] if found else platform.machine()


def to_markdown(tables: Tables, facts: Dict[str, str]) -> str:
    parts = ["# Speed", "\n".join(f"- {key}: {facts[key]}" for key in facts)]
    for name, rows in tables.items():
        parts += [f"## {name.capitalize()}", NOTES[name], format_table(rows)]
    return "\n\n".join(parts) + "\n"


def draw(rows: List[Row], path: Path) -> None:
    # matplotlib is needed for this only.
    from plot import Point, plot

    plot(
        [
            Point(str(row["pipeline"]), row["words/s"], row["dev (%)"])
            for row in rows
            if row["dev (%)"] is not None
        ],
        path,
    )


if __name__ == "__main__":
    typer.run(main)

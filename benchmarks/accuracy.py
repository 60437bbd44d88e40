"""Train spaCy's `tagger`, a CRF and `lstm_tagger` on a treebank, and compare what they
get right.

    python -m benchmarks.accuracy TREEBANK WORK_DIR --lang en

The tables are printed as Markdown, and written to WORK_DIR/accuracy.json.
benchmarks/README.md explains the arguments and the columns.
"""

from pathlib import Path
from typing import Optional, Set

import srsly
import typer
from spacy.language import Language
from spacy.training import Corpus

from .common import (
    DOCUMENT,
    SENTENCE,
    Bench,
    Row,
    choose_pipelines,
    find_hits,
    format_table,
    known_words,
    megabytes,
    percent,
    train_all,
    training_minutes,
)


def main(
    treebank: Path,
    work_dir: Path,
    lang: str = "xx",
    pipelines: str = "tagger,tagger-documents,crfsuite,default",
    seed: int = 0,
    jobs: int = 1,
    max_steps: Optional[int] = None,
    stock_max_steps: Optional[int] = None,
) -> None:
    """Train, evaluate and print."""
    bench = Bench(treebank, work_dir, lang, seed, max_steps, stock_max_steps)
    names = choose_pipelines(pipelines)
    bench.prepare()
    train_all([(bench, name) for name in names], jobs)
    known = known_words(bench)
    tables = {
        "accuracy": [
            {"pipeline": name, **accuracies(bench.load(name), bench, known)}
            for name in names
        ],
        "cost": [
            {
                "pipeline": name,
                "training (min)": training_minutes(bench, name),
                "size (MB)": megabytes(bench.folder(name) / "model-best"),
            }
            for name in names
        ],
    }
    srsly.write_json(work_dir / "accuracy.json", tables)
    for rows in tables.values():
        print(f"\n{format_table(rows)}")


def accuracies(nlp: Language, bench: Bench, known: Set[str]) -> Row:
    """Return accuracies in per cent: of gold sentences, of documents with the tokens of
    the treebank, and of documents with the tokens of spaCy's tokenizer."""
    row: Row = {}
    for split in ("dev", "test"):
        hits = list(find_hits(nlp, bench.read_docs(split, SENTENCE), known))
        row[split] = percent(hit for hit, _ in hits)
        row[f"{split} known"] = percent(hit for hit, is_known in hits if is_known)
        row[f"{split} unknown"] = percent(hit for hit, is_known in hits if not is_known)
        documents = find_hits(nlp, bench.read_docs(split, DOCUMENT))
        row[f"{split} documents"] = percent(hit for hit, _ in documents)
        corpus = Corpus(bench.corpus_path(split, DOCUMENT))
        row[f"{split} raw documents"] = 100 * nlp.evaluate(corpus(nlp))["tag_acc"]
    return row


if __name__ == "__main__":
    typer.run(main)

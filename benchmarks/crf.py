"""What decoding and training a CRF cost beside the network, by the number of tags.

    python benchmarks/crf.py

Prints microseconds a word, on one thread, the median of several repeats, and the peak
of memory in MB besides the scores of the network: of 4,000 words in sentences of 20
words, and in one document.
"""

import os

# Before numpy reads it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import time
import tracemalloc
from typing import Callable, Dict, List

import numpy
import typer
from accuracy import print_table
from numpy.typing import NDArray

from spacy_lstm_tagger.crf.chain import Chain
from spacy_lstm_tagger.crf.likelihood import negative_log_likelihood
from spacy_lstm_tagger.tags.decoding import Lattice, best_tags, token_probabilities

N_LABELS = (20, 50, 200, 1067)
# Scores of about the spread that trained models have.
SPREAD_EMISSIONS, SPREAD_CHAIN = 4.0, 1.0


def main(words: int = 4_000, repeats: int = 3) -> None:
    """Measure and print."""
    generator = numpy.random.default_rng(0)
    print_table(
        [
            measure(n_labels, lengths, repeats, generator)
            for n_labels in N_LABELS
            for lengths in (numpy.full(words // 20, 20), numpy.asarray([words]))
        ]
    )


def measure(
    n_labels: int,
    lengths: NDArray[numpy.int64],
    repeats: int,
    generator: numpy.random.Generator,
) -> Dict[str, object]:
    n_words = int(lengths.sum())
    emissions = generator.normal(0, SPREAD_EMISSIONS, (n_words, n_labels))
    emissions = emissions.astype("float32")
    chain = Chain(
        generator.normal(0, SPREAD_CHAIN, n_labels),
        generator.normal(0, SPREAD_CHAIN, (n_labels, n_labels)),
        generator.normal(0, SPREAD_CHAIN, n_labels),
    ).astype("float32")
    evidence = emissions == emissions.max(axis=1, keepdims=True)
    words = numpy.arange(n_words)
    # Without whitespace.
    lattice = Lattice(emissions, chain, words, lengths, alone=words[:0])
    tasks: Dict[str, Callable[[], object]] = {
        "best tags": lambda: best_tags(lattice),
        "probabilities": lambda: token_probabilities(lattice),
        "training": lambda: negative_log_likelihood(
            emissions, lengths, chain, evidence
        ),
    }
    row: Dict[str, object] = {"tags": n_labels, "words a chain": int(lengths[0])}
    for name, task in tasks.items():
        row[f"{name} (µs)"] = 1e6 * median_seconds(task, repeats) / n_words
        row[f"{name} (MB)"] = peak_memory(task) / 1e6
    return row


def median_seconds(task: Callable[[], object], repeats: int) -> float:
    seconds: List[float] = []
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def peak_memory(task: Callable[[], object]) -> int:
    tracemalloc.start()
    task()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


if __name__ == "__main__":
    typer.run(main)

"""Compare the speed and the memory of spaCy's `tagger`, a CRF and `lstm_tagger`.

    python -m benchmarks.speed TREEBANK WORK_DIR --lang en

The tables are printed as Markdown, and written to WORK_DIR/speed.json. `--plot` writes
an SVG file. benchmarks/README.md explains the arguments and the columns. For Linux,
where the memory of a process can be asked for.
"""

import os
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence

import numpy
import srsly
import typer
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab
from tqdm import tqdm

from .common import (
    CRFSUITE,
    DOCUMENT,
    SENTENCE,
    TAGGER,
    TAGGER_BILSTM,
    TAGGER_DOCUMENTS,
    Bench,
    Row,
    Task,
    choose_pipelines,
    copy_tokens,
    describe_machine,
    exhaust,
    find_hits,
    format_table,
    mebibytes,
    percent,
    run_alone,
    time_in_turns,
    train_all,
)

# In Docs. The last one is spaCy's default.
BATCH_SIZES = (64, 256, 1000)
# In tokens of a Doc, and how many tokens are tagged of each.
LENGTHS, N_LENGTH_TOKENS = (5, 20, 100, 1000, 10_000), 20_000
# Docs for two processes are long: sending short ones takes longer than tagging them.
PROCESS_LENGTH = 1000
SENTENCE_LENGTHS, N_SENTENCES = range(10, 26), 200
# The factories of the components that tags come from.
FACTORIES = ("tok2vec", "tagger", "crfsuite_tagger", "lstm_tagger")
RIVALS = (TAGGER, TAGGER_DOCUMENTS, TAGGER_BILSTM, CRFSUITE)
GRAY, ORANGE, BLUE = "#797979", "#e8590c", "#3b82c4"

Pipelines = Dict[str, Language]


def main(
    treebank: Path,
    work_dir: Path,
    lang: str = "xx",
    pipelines: str = "tagger,tagger-bilstm,crfsuite,default,fast,crf",
    seed: int = 0,
    jobs: int = 1,
    max_steps: Optional[int] = None,
    stock_max_steps: Optional[int] = None,
    repeats: int = 5,
    docs: int = 1000,
    plot: Optional[Path] = None,
) -> None:
    """Train, measure and print."""
    bench = Bench(treebank, work_dir, lang, seed, max_steps, stock_max_steps)
    names = choose_pipelines(pipelines)
    bench.prepare()
    train_all([(bench, name) for name in names], jobs)
    load_before = os.getloadavg()[0]
    loaded = {name: bench.load(name) for name in names}
    sentences = bench.read_docs("dev", SENTENCE)
    documents = list(islice(cycle(bench.read_docs("dev", DOCUMENT)), docs))
    tokenized = [
        {"pipeline": name, "dev (%)": accuracy(loaded[name], sentences), **row}
        for name, row in zip(
            names, compare_batch_sizes(loaded, documents, repeats, tag_docs)
        )
    ]
    tables = {
        "Tokenised Docs, words a second by the Docs of a batch": tokenized,
        "Whole pipeline from text, likewise": compare_batch_sizes(
            loaded, documents, repeats, tag_texts
        ),
        "Tokenised Docs, words a second by the tokens of a Doc": compare_lengths(
            loaded, documents, repeats
        ),
        "One sentence": compare_latencies(loaded, sentences[:docs], repeats),
        "Processes, words a second": compare_processes(loaded, documents, repeats),
        "Memory": compare_memory(bench, names, documents),
    }
    facts = describe_run(documents, repeats, load_before)
    srsly.write_json(work_dir / "speed.json", {"run": facts, "tables": tables})
    print("\n".join(f"- {key}: {value}" for key, value in facts.items()))
    for title, rows in tables.items():
        print(f"\n{title}:\n\n{format_table(rows)}")
    if plot is not None:
        draw(tokenized, plot)


def accuracy(nlp: Language, sentences: Sequence[Doc]) -> float:
    """Return the accuracy on gold sentences in per cent."""
    return percent(hit for hit, _ in find_hits(nlp, sentences))


def tag_docs(nlp: Language, docs: Sequence[Doc], batch_size: int) -> Task:
    """Return the task to tag Docs that are tokenised already, by the components that
    tags come from alone."""
    names = [n for n in nlp.pipe_names if nlp.get_pipe_meta(n).factory in FACTORIES]

    def prepare() -> Callable[[], object]:
        stream: Iterable[Doc] = [copy_tokens(doc, nlp.vocab) for doc in docs]
        for name in names:
            pipe = nlp.get_pipe(name)
            stream = pipe.pipe(stream, batch_size=batch_size)  # type: ignore[attr-defined]
        return lambda: exhaust(stream)

    return prepare


def tag_texts(nlp: Language, docs: Sequence[Doc], batch_size: int) -> Task:
    """Return the task to run the whole pipeline on strings."""
    texts = [doc.text for doc in docs]
    return lambda: lambda: exhaust(nlp.pipe(texts, batch_size=batch_size))


def tag_in_processes(nlp: Language, docs: Sequence[Doc], n_process: int) -> Task:
    """Return the task to run the whole pipeline on tokenised Docs in several processes,
    which are started, too. Each of them gets some of ten batches."""
    batch_size = -(-len(docs) // 10)

    def prepare() -> Callable[[], object]:
        stream = [copy_tokens(doc, nlp.vocab) for doc in docs]
        tagged = nlp.pipe(stream, batch_size=batch_size, n_process=n_process)
        return lambda: exhaust(tagged)

    return prepare


def speed(docs: Sequence[Doc], seconds: NDArray) -> int:
    """Return words a second, the median of all rounds."""
    return round(count_words(docs) / float(numpy.median(seconds)))


def count_words(docs: Iterable[Doc]) -> int:
    return sum(map(len, docs))


def times_as_fast(seconds: NDArray, others: NDArray) -> float:
    """Return how many times as fast as others something is: the median of all rounds,
    in each of which what slows both down cancels out."""
    return float(numpy.median(others / seconds))


def compare_batch_sizes(
    pipelines: Pipelines,
    docs: Sequence[Doc],
    repeats: int,
    make_task: Callable[[Language, Sequence[Doc], int], Task],
) -> List[Row]:
    """Return words a second at all batch sizes, and how many times as fast as the first
    pipeline each is: both at their best batch sizes, and both at spaCy's default."""
    tasks = {
        (name, size): make_task(nlp, docs, size)
        for name, nlp in pipelines.items()
        for size in BATCH_SIZES
    }
    seconds = time_in_turns(tasks, repeats, make_task.__name__)
    best = {
        name: min((seconds[name, size] for size in BATCH_SIZES), key=numpy.median)
        for name in pipelines
    }
    first = next(iter(pipelines))
    default = BATCH_SIZES[-1]
    return [
        {
            "pipeline": name,
            **{f"{size}": speed(docs, seconds[name, size]) for size in BATCH_SIZES},
            f"best x {first}": times_as_fast(best[name], best[first]),
            "lowest": float((best[first] / best[name]).min()),
            "highest": float((best[first] / best[name]).max()),
            f"default x {first}": times_as_fast(
                seconds[name, default], seconds[first, default]
            ),
        }
        for name in pipelines
    ]


def compare_lengths(
    pipelines: Pipelines, docs: Sequence[Doc], repeats: int
) -> List[Row]:
    """Return words a second by the number of tokens of a Doc."""
    n_tokens = min(N_LENGTH_TOKENS, count_words(docs))
    cut = {n: cut_docs(docs, n, n_tokens // n) for n in LENGTHS if n <= n_tokens}
    tasks = {
        (name, length): tag_docs(nlp, cut[length], BATCH_SIZES[0])
        for name, nlp in pipelines.items()
        for length in cut
    }
    seconds = time_in_turns(tasks, repeats, "lengths")
    return [
        {
            "pipeline": name,
            **{f"{n}": speed(cut[n], seconds[name, n]) for n in cut},
        }
        for name in pipelines
    ]


def cut_docs(docs: Sequence[Doc], length: int, n_docs: int) -> List[Doc]:
    """Return Docs of so many tokens each, cut from others."""
    tokens = cycle((t.text, bool(t.whitespace_)) for doc in docs for t in doc)
    vocab = Vocab()
    cut: List[Doc] = []
    for _ in range(n_docs):
        words, spaces = zip(*islice(tokens, length))
        cut.append(Doc(vocab, words=list(words), spaces=list(spaces)))
    return cut


def compare_latencies(
    pipelines: Pipelines, sentences: Sequence[Doc], repeats: int
) -> List[Row]:
    """Return the milliseconds that a sentence takes alone, from text."""
    texts = [doc.text for doc in sentences if len(doc) in SENTENCE_LENGTHS]
    tasks = {
        (name, text): partial(partial, nlp, text)
        for name, nlp in pipelines.items()
        for text in texts[:N_SENTENCES]
    }
    seconds = time_in_turns(tasks, repeats, "sentences")
    found = {
        name: numpy.stack([seconds[key] for key in tasks if key[0] == name])
        for name in pipelines
    }
    first = next(iter(pipelines))
    return [
        {
            "pipeline": name,
            "median (ms)": 1e3 * float(numpy.median(found[name])),
            "95 % within (ms)": 1e3 * float(numpy.percentile(found[name], 95)),
            f"/ {first}": float(numpy.median(found[name] / found[first])),
        }
        for name in pipelines
    ]


def compare_processes(
    pipelines: Pipelines, docs: Sequence[Doc], repeats: int
) -> List[Row]:
    """Return words a second of long Docs in one process and in two."""
    n_docs = max(10, count_words(docs) // PROCESS_LENGTH)
    long_docs = cut_docs(docs, PROCESS_LENGTH, n_docs)
    tasks = {
        (name, n): tag_in_processes(nlp, long_docs, n)
        for name, nlp in pipelines.items()
        for n in (1, 2)
    }
    seconds = time_in_turns(tasks, repeats, "processes")
    first = next(iter(pipelines))
    return [
        {
            "pipeline": name,
            "1 process": speed(long_docs, seconds[name, 1]),
            "2 processes": speed(long_docs, seconds[name, 2]),
            f"2 x {first}'s 2": times_as_fast(seconds[name, 2], seconds[first, 2]),
            "2 x 1": times_as_fast(seconds[name, 2], seconds[name, 1]),
        }
        for name in pipelines
    ]


def compare_memory(
    bench: Bench, names: Sequence[str], docs: Sequence[Doc]
) -> List[Row]:
    """Return the most memory of a process that tags texts, by the Docs of a batch."""
    texts = [doc.text for doc in docs]
    rows: List[Row] = []
    for name in tqdm(names, desc="memory"):
        row: Row = {"pipeline": name}
        for size in (BATCH_SIZES[0], BATCH_SIZES[-1]):
            row[f"batches of {size} (MiB)"] = run_alone(
                peak_memory, bench, name, texts, size
            )
        rows.append(row)
    return rows


def peak_memory(bench: Bench, name: str, texts: List[str], batch_size: int) -> int:
    """Tag texts, and return the most MiB that this process has had in memory."""
    exhaust(bench.load(name).pipe(texts, batch_size=batch_size))
    return mebibytes("VmHWM")


def describe_run(
    docs: Sequence[Doc], repeats: int, load_before: float
) -> Dict[str, str]:
    """Return the machine and the circumstances of the measurements."""
    return {
        **describe_machine(),
        "rounds": str(repeats),
        "text": f"{count_words(docs)} words in {len(docs)} Docs",
        "load average": f"{load_before:.2f} before, {os.getloadavg()[0]:.2f} after",
    }


def draw(rows: List[Row], path: Path) -> None:
    """Plot accuracy against speed, readable on white and on black."""
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    colors = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color")
    style: Dict[Any, Any] = dict.fromkeys([*colors, "ytick.color"], GRAY)
    # The same data makes the same file.
    style["svg.hashsalt"] = "speed"
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(6.6, 4.0), layout="constrained")
        axes = figure.subplots()
        for row in rows:
            name, accuracy = row["pipeline"], row["dev (%)"]
            fastest = max(row[f"{size}"] for size in BATCH_SIZES)
            color = ORANGE if name in RIVALS else BLUE
            axes.plot(fastest, accuracy, "o", color=color)
            axes.annotate(name, (fastest, accuracy), (6, 4), textcoords="offset points")
        axes.set_xscale("log")
        axes.margins(x=0.2, y=0.15)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.xaxis.set_minor_formatter("")
        axes.set_xlabel("words a second on tokenised Docs, one thread, best batch size")
        axes.set_ylabel("tag accuracy on the development data (%)")
        axes.grid(color=GRAY, alpha=0.25)
        figure.savefig(path, transparent=True, metadata={"Date": None})


if __name__ == "__main__":
    typer.run(main)

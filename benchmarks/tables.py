"""The tables of `speed.py`. Each is a list of lines, one of each pipeline."""

import math
import statistics
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional

import child
import spacy
from accuracy import SENTENCE, corpus_path, find_hits, megabytes, percent
from contestants import (
    IN_TWO_PRECISIONS,
    STOCK,
    Entry,
    best_accuracy,
    minutes_to,
    training_minutes,
)
from flops import flops_per_token
from measure import (
    Timing,
    docs_task,
    measure,
    measure_docs,
    measure_latencies,
    measure_peak,
    measure_training,
    percentile_95,
    pipe_task,
    ratios,
    tagger_name,
    texts_task,
)
from precision import compare_precisions
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.util import load_config, load_model_from_config
from targets import Row
from texts import Text, count_words, cut_texts, read_corpus

DOC_LENGTHS = (5, 20, 100, 1_000, 10_000, 100_000)
# In the comparison of the slowest with the fastest: shorter ones are mostly overhead.
SHORTEST_COMPARED = 20
# How many words of each Doc length are tagged, unless one Doc has more.
N_WORDS = 20_000
N_TAGS = (20, 50, 500, 1_000)
# Of single short sentences, and how many of them there are.
SENTENCE_LENGTHS, N_SENTENCES = range(10, 26), 200
# Of the Docs that are sent to processes, which is worth it with long ones only.
PROCESS_LENGTH = 1_000
SENDING = "(sending Docs)"
BATCH_SIZES = (32, 1_000)
N_THREADS = 2
N_LOADS = 3
# For each repeat of the other measurements.
N_UPDATES = 6
MIB = 2**20


class Bench(NamedTuple):
    """What is compared, and how thoroughly.

    work_dir (Path): The folder of the pipelines and the data.
    lang (str): The language.
    entries (List[Entry]): The pipelines, spaCy's tagger among them.
    pipelines (Dict[str, Language]): These, loaded.
    documents (List[Text]): Development data, in documents of several sentences.
    texts_path (Path): The same as a file.
    repeats (int): How often to measure everything.
    max_doc_length (int): The most tokens of the Docs of `compare_lengths`. What else
        takes long for large numbers of them is made shorter by it, too.
    raw (Dict[str, Any]): Gets what was measured.
    """

    work_dir: Path
    lang: str
    entries: List[Entry]
    pipelines: Dict[str, Language]
    documents: List[Text]
    texts_path: Path
    repeats: int
    max_doc_length: int
    raw: Dict[str, Any]

    @property
    def main_entries(self) -> List[Entry]:
        """Those that are measured in more ways than the others."""
        return [e for e in self.entries if e.contestant in (STOCK, *IN_TWO_PRECISIONS)]

    @property
    def long_doc_length(self) -> int:
        return 2 * self.max_doc_length

    @property
    def n_batched(self) -> int:
        """How many Docs there are to be batched."""
        return max(1, self.max_doc_length // 100)

    @property
    def lengths(self) -> List[int]:
        return [length for length in DOC_LENGTHS if length <= self.max_doc_length]


def compare_speeds(bench: Bench) -> List[Row]:
    """Words a second: of tokenised Docs, from text, and with more threads."""
    n_words = count_words(bench.documents)
    # First of all, since its first pass is that of pipelines that know no words yet.
    docs = measure_docs(bench.pipelines, bench.documents, bench.repeats)
    texts = measure(
        {n: texts_task(nlp, bench.documents) for n, nlp in bench.pipelines.items()},
        bench.repeats,
    )
    threads = measure_threads(bench)
    bench.raw.update({"docs": docs, "texts": texts, "threads": threads})
    bench.raw["peak"] = peak = measure_peak()
    rows: List[Row] = []
    for entry in bench.entries:
        name, nlp = entry.name, bench.pipelines[entry.name]
        speed = n_words / docs[name].median
        times_as_fast = ratios(docs[name], docs[STOCK])
        rows.append(
            {
                "pipeline": name,
                "dev (%)": accuracy(entry, bench),
                "words/s": round(speed),
                "words/s x tagger": statistics.median(times_as_fast),
                "lowest": min(times_as_fast),
                "highest": max(times_as_fast),
                "first pass": round(n_words / docs[name].first),
                "share of peak (%)": 100 * flops_per_token(nlp) * speed / peak,
                "from text": round(n_words / texts[name].median),
                "from text x tagger": compare_medians(texts, name),
                f"{N_THREADS} threads": round(n_words / threads[name].median),
                f"{N_THREADS} threads x tagger": compare_medians(threads, name),
            }
        )
    return rows


def compare_medians(timings: Mapping[str, Timing], name: str) -> float:
    """How many times as fast as spaCy's tagger a pipeline is."""
    return statistics.median(ratios(timings[name], timings[STOCK]))


def measure_threads(bench: Bench) -> Dict[str, Timing]:
    task = {
        "function": "tag_with_threads",
        "pipelines": {e.name: (str(e.path), e.config) for e in bench.entries},
        "texts": str(bench.texts_path),
        "repeats": bench.repeats,
        "n_threads": N_THREADS,
    }
    (timings,) = child.run([task], n_threads=N_THREADS)
    return {name: Timing(*timing) for name, timing in timings.items()}


def accuracy(entry: Entry, bench: Bench) -> Optional[float]:
    """The tag accuracy on the development data: gold sentences, in per cent."""
    if not entry.has_accuracy:
        return None
    nlp = bench.pipelines[entry.name]
    examples = read_sentences(nlp, bench)
    return percent(hit for hit, _ in find_hits(nlp, examples, set()))


def read_sentences(nlp: Language, bench: Bench) -> List[Example]:
    path = corpus_path(bench.work_dir, "dev", SENTENCE)
    return list(Corpus(path, gold_preproc=True)(nlp))


def compare_processes(bench: Bench) -> List[Row]:
    """Long Docs in one process and in several."""
    n_docs = max(4, bench.max_doc_length // PROCESS_LENGTH)
    texts = cut_texts(bench.documents, PROCESS_LENGTH, n_docs)
    n_words = count_words(texts)
    # Components that do nothing show what it costs to send Docs to and fro.
    pipelines = {**bench.pipelines, SENDING: spacy.blank(bench.lang)}
    pipelines[SENDING].add_pipe("leave_alone")
    one, two = (
        measure(
            {name: pipe_task(nlp, texts, n) for name, nlp in pipelines.items()},
            bench.repeats,
        )
        for n in (1, 2)
    )
    bench.raw["processes"] = {"1": one, "2": two}
    return [
        {
            "pipeline": name,
            "1 process": round(n_words / one[name].median),
            "2 processes": round(n_words / two[name].median),
            "2 processes x tagger": compare_medians(two, name),
            "2 processes x 1 process": one[name].median / two[name].median,
        }
        for name in pipelines
    ]


@Language.component("leave_alone")
def leave_alone(doc: Doc) -> Doc:
    return doc


def compare_costs(bench: Bench) -> List[Row]:
    """What a user waits for and has to have room for."""
    sentences = [
        text
        for text in read_corpus(corpus_path(bench.work_dir, "dev", SENTENCE))
        if len(text.words) in SENTENCE_LENGTHS
    ]
    latencies = measure_latencies(
        bench.pipelines, sentences[:N_SENTENCES], bench.repeats
    )
    loads = measure_loads(bench)
    bench.raw.update({"latencies": latencies, "loads": loads})
    latency = {n: statistics.median(seconds) for n, seconds in latencies.items()}
    load = {n: median_of(found, "seconds") for n, found in loads.items()}
    return [
        {
            "pipeline": entry.name,
            "latency (ms)": 1e3 * latency[entry.name],
            "95 % within (ms)": 1e3 * percentile_95(latencies[entry.name]),
            "latency / tagger": latency[entry.name] / latency[STOCK],
            "load (s)": load[entry.name],
            "load / tagger": load[entry.name] / load[STOCK],
            "on disk (MB)": megabytes(entry.path),
            "memory, loaded (MiB)": median_of(loads[entry.name], "loaded") / MIB,
            "memory, peak (MiB)": median_of(loads[entry.name], "peak") / MIB,
        }
        for entry in bench.entries
    ]


def measure_loads(bench: Bench) -> Dict[str, List[Dict[str, float]]]:
    n_loads = min(N_LOADS, bench.repeats)
    tasks = [make_task("load_and_tag", entry, bench) for entry in bench.entries]
    found = child.run(tasks * n_loads)
    names = [entry.name for entry in bench.entries]
    return {name: found[i :: len(names)] for i, name in enumerate(names)}


def make_task(
    function: str, entry: Entry, bench: Bench, **arguments: Any
) -> Dict[str, Any]:
    return {
        "function": function,
        "path": str(entry.path),
        "config": entry.config,
        "texts": str(bench.texts_path),
        **arguments,
    }


def median_of(found: List[Dict[str, float]], key: str) -> float:
    return statistics.median(row[key] for row in found)


def compare_trainings(bench: Bench) -> List[Row]:
    """How fast updates are, and how soon a pipeline is as good as spaCy's tagger."""
    entries = [entry for entry in bench.entries if not entry.is_variant]
    speed = measure_training(
        # Loaded again: the others are not to learn anything.
        {entry.contestant: entry.load() for entry in entries},
        bench.work_dir,
        N_UPDATES * bench.repeats,
    )
    best = best_accuracy(entries[0])
    stock_minutes = minutes_to(entries[0], best)
    return [
        {
            "pipeline": entry.contestant,
            "words/s": round(speed[entry.contestant]),
            "words/s x tagger": speed[entry.contestant] / speed[STOCK],
            "whole training (min)": training_minutes(entry),
            "best (%)": best_accuracy(entry) if entry.has_accuracy else None,
            **compare_minutes(minutes_to(entry, best), stock_minutes),
        }
        for entry in entries
    ]


def compare_minutes(minutes: Optional[float], stock_minutes: Optional[float]) -> Row:
    """How soon a pipeline was as good as spaCy's tagger was at best."""
    found: List[Any] = [minutes, None]
    if minutes is not None and stock_minutes is not None:
        found = [minutes, minutes / stock_minutes]
    if minutes == math.inf:
        found = ["never", "never"]
    return dict(zip(("to tagger's best (min)", "to tagger's best / tagger"), found))


def compare_memory(bench: Bench) -> List[Row]:
    """The most memory of processes: with small and large batches, with a long Doc."""
    tasks = []
    for entry in bench.main_entries:
        tasks += [
            make_task(
                "pipe_texts", entry, bench, batch_size=size, n_docs=bench.n_batched
            )
            for size in BATCH_SIZES
        ]
        tasks.append(
            make_task("tag_long_doc", entry, bench, n_tokens=bench.long_doc_length)
        )
    found = [memory / MIB for memory in child.run(tasks)]
    return [
        {
            "pipeline": entry.name,
            "batches of 32 (MiB)": small,
            "batches of 1000 (MiB)": large,
            "1000 / 32": large / small,
            "long Doc (MiB)": long,
        }
        for entry, small, large, long in zip(
            bench.main_entries, found[::3], found[1::3], found[2::3]
        )
    ]


def compare_lengths(bench: Bench) -> List[Row]:
    """Words a second by the number of tokens of a Doc."""
    n_words = min(N_WORDS, bench.max_doc_length)
    texts = {
        length: cut_texts(bench.documents, length, max(1, n_words // length))
        for length in bench.lengths
    }
    timings = measure(
        {
            (entry.name, length): docs_task(bench.pipelines[entry.name], texts[length])
            for entry in bench.main_entries
            for length in bench.lengths
        },
        bench.repeats,
    )
    rows: List[Row] = []
    for entry in bench.main_entries:
        speeds = {
            length: count_words(texts[length]) / timings[entry.name, length].median
            for length in bench.lengths
        }
        compared = [speeds[length] for length in speeds if length >= SHORTEST_COMPARED]
        rows.append(
            {
                "pipeline": entry.name,
                **{f"{length}": round(speed) for length, speed in speeds.items()},
                "slowest / fastest": max(compared) / min(compared),
            }
        )
    return rows


def compare_tag_sets(bench: Bench) -> List[Row]:
    """Words a second by the number of tags."""
    names = [entry.name for entry in bench.main_entries]
    timings = measure_docs(
        {
            (entry.name, n_tags): make_untrained(entry, n_tags)
            for entry in bench.main_entries
            for n_tags in N_TAGS
        },
        bench.documents,
        bench.repeats,
    )
    n_words = count_words(bench.documents)
    return [
        {
            "pipeline": name,
            **{f"{n}": round(n_words / timings[name, n].median) for n in N_TAGS},
        }
        for name in names
    ]


def make_untrained(entry: Entry, n_tags: int) -> Language:
    """The same pipeline for other tags. How fast it is does not depend on weights."""
    config = load_config(entry.path / "config.cfg", overrides=entry.config)
    nlp = load_model_from_config(config)
    tags = [f"TAG{i}" for i in range(n_tags)]
    nlp.config["initialize"]["components"] = {tagger_name(nlp): {"labels": tags}}
    words = ["Some", "words"]
    reference = Doc(nlp.vocab, words=words, tags=tags[:2])
    example = Example(Doc(nlp.vocab, words=words), reference)
    nlp.initialize(lambda: [example])
    return nlp


def compare_all_precisions(bench: Bench) -> List[Row]:
    """Whether the fast paths give the tags of the plain network."""
    references = [e.y for e in read_sentences(spacy.blank(bench.lang), bench)]
    texts = [
        Text([token.text for token in doc], [bool(t.whitespace_) for t in doc])
        for doc in references
    ]
    gold = [token.tag_ for doc in references for token in doc]
    rows: List[Row] = []
    for entry in bench.entries:
        if entry.contestant in IN_TWO_PRECISIONS and not entry.is_variant:
            rows += compare_precisions(entry, texts, gold)
    return rows


TABLES: Dict[str, Callable[[Bench], List[Row]]] = {
    "speed": compare_speeds,
    "processes": compare_processes,
    "costs": compare_costs,
    "training": compare_trainings,
    "memory": compare_memory,
    "lengths": compare_lengths,
    "tag sets": compare_tag_sets,
    "precision": compare_all_precisions,
}

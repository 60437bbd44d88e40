"""What `speed.py` measures, each of all pipelines in turns."""

import gc
import statistics
import time
from functools import partial
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Hashable,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Sequence,
    Tuple,
    TypeVar,
)

import torch
from accuracy import DOCUMENT, SENTENCE, corpus_path
from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.loop import create_train_batches
from spacy.util import registry, resolve_dot_names
from texts import Text

Key = TypeVar("Key", bound=Hashable)
# What takes no part in the time returns what does.
Run = Callable[[], object]
Task = Callable[[], Run]
# Batches of examples, and the other arguments of `nlp.update`.
Updates = Iterator[Tuple[List[Example], Dict[str, Any]]]

# The components that tags come from: no parser.
FACTORIES = ("tok2vec", "tagger", "lstm_tagger")
# A product of square matrices, large enough to be as fast as the CPU can be.
PEAK_WIDTH, PEAK_REPEATS = 1024, 30


class Timing(NamedTuple):
    """Seconds of a task.

    first (float): Of the first round, in which caches were filled.
    repeats (List[float]): Of the others.
    """

    first: float
    repeats: List[float]

    @property
    def median(self) -> float:
        return statistics.median(self.repeats)


def measure(tasks: Mapping[Key, Task], repeats: int) -> Dict[Key, Timing]:
    """Time tasks in turns, each as often as `repeats` and once before that. In each
    round another one is the first, lest one always follow the same."""
    seconds: Dict[Key, List[float]] = {name: [] for name in tasks}
    names = list(tasks)
    # Or else each would wait for the garbage collection of what the others have.
    gc.collect()
    gc.freeze()
    for i in range(repeats + 1):
        first = i % len(names)
        for name in names[first:] + names[:first]:
            run = tasks[name]()
            gc.collect()
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    gc.unfreeze()
    return {name: Timing(times[0], times[1:]) for name, times in seconds.items()}


def ratios(timing: Timing, other: Timing) -> List[float]:
    """How many times as fast as another task one is, in each round: what slows both
    down cancels out."""
    return [b / a for a, b in zip(timing.repeats, other.repeats)]


def exhaust(items: Iterable[object]) -> None:
    for _ in items:
        pass


def tag_docs(nlp: Language, docs: Iterable[Doc]) -> None:
    """Let the components that tags come from process documents."""
    for name in tagging_components(nlp):
        pipe = nlp.get_pipe(name)
        docs = pipe.pipe(docs, batch_size=nlp.batch_size)  # type: ignore[attr-defined]
    exhaust(docs)


def tagging_components(nlp: Language) -> List[str]:
    return [n for n in nlp.pipe_names if nlp.get_pipe_meta(n).factory in FACTORIES]


def tagger_name(nlp: Language) -> str:
    return next(name for name in tagging_components(nlp) if name != "tok2vec")


def docs_task(nlp: Language, texts: Sequence[Text]) -> Task:
    """Tag documents that are tokenised already."""

    def prepare() -> Run:
        docs = [text.make_doc(nlp.vocab) for text in texts]
        return lambda: tag_docs(nlp, docs)

    return prepare


def texts_task(nlp: Language, texts: Sequence[Text]) -> Task:
    """Run the whole pipeline on strings."""
    strings = [str(text) for text in texts]
    return lambda: lambda: exhaust(nlp.pipe(strings))


def pipe_task(nlp: Language, texts: Sequence[Text], n_process: int) -> Task:
    """Run the whole pipeline on documents, in several processes. Batches are of a
    tenth of the documents, so that each process gets some."""
    batch_size = -(-len(texts) // 10)

    def prepare() -> Run:
        docs = [text.make_doc(nlp.vocab) for text in texts]
        piped = nlp.pipe(docs, batch_size=batch_size, n_process=n_process)
        return lambda: exhaust(piped)

    return prepare


def measure_docs(
    pipelines: Mapping[Key, Language], texts: Sequence[Text], repeats: int
) -> Dict[Key, Timing]:
    tasks = {name: docs_task(nlp, texts) for name, nlp in pipelines.items()}
    return measure(tasks, repeats)


def measure_latencies(
    pipelines: Mapping[str, Language], texts: Sequence[Text], repeats: int
) -> Dict[str, List[float]]:
    """Seconds that each text takes alone, in all rounds but the first."""
    strings = [str(text) for text in texts]
    seconds: Dict[str, List[float]] = {name: [] for name in pipelines}

    def prepare(nlp: Language, found: List[float]) -> Run:
        return lambda: found.extend(latencies(nlp, strings))

    tasks = {n: partial(prepare, nlp, seconds[n]) for n, nlp in pipelines.items()}
    measure(tasks, repeats)
    return {name: found[len(strings) :] for name, found in seconds.items()}


def latencies(nlp: Language, strings: Iterable[str]) -> Iterator[float]:
    for string in strings:
        start = time.perf_counter()
        nlp(string)
        yield time.perf_counter() - start


def percentile_95(values: Sequence[float]) -> float:
    return sorted(values)[int(0.95 * len(values))]


def measure_training(
    pipelines: Mapping[str, Language], work_dir: Path, n_updates: int
) -> Dict[str, float]:
    """Words a second of updates, each pipeline with the data, the batches and the
    dropout that it was trained with."""
    words: Dict[str, List[int]] = {name: [] for name in pipelines}

    def prepare(nlp: Language, updates: Updates, counts: List[int]) -> Run:
        batch, settings = next(updates)
        counts.append(sum(len(example.x) for example in batch))
        return lambda: nlp.update(batch, **settings)

    tasks = {
        name: partial(prepare, nlp, make_updates(nlp, work_dir), words[name])
        for name, nlp in pipelines.items()
    }
    timings = measure(tasks, n_updates)
    return {name: sum(words[name][1:]) / sum(timings[name].repeats) for name in tasks}


def make_updates(nlp: Language, work_dir: Path) -> Updates:
    """The batches of a training, and the other arguments of `nlp.update`."""
    config = nlp.config.interpolate()
    corpus_config = config["corpora"]["train"]
    n_sents = SENTENCE if corpus_config["gold_preproc"] else DOCUMENT
    corpus_config["path"] = str(corpus_path(work_dir, "train", n_sents))
    batcher_config = config["training"]["batcher"]
    if isinstance(batcher_config["size"], dict):
        # Batches that grow have their last size for most of the training.
        batcher_config["size"] = int(batcher_config["size"]["stop"])
    training = registry.resolve(config["training"], schema=ConfigSchemaTraining)
    (corpus,) = resolve_dot_names(config, [training["train_corpus"]])
    settings = {"sgd": training["optimizer"], "drop": config["training"]["dropout"]}
    # Without an end.
    for _, batch in create_train_batches(nlp, corpus, training["batcher"], 0):
        yield batch, settings


def measure_peak() -> float:
    """Floating-point operations a second of the best of several matrix products."""
    one, other = torch.rand(2, PEAK_WIDTH, PEAK_WIDTH)
    seconds = []
    for _ in range(PEAK_REPEATS):
        start = time.perf_counter()
        torch.mm(one, other)
        seconds.append(time.perf_counter() - start)
    return 2 * PEAK_WIDTH**3 / min(seconds)

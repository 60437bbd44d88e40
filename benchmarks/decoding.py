"""Compare the softmax and the CRF on a treebank, with several seeds.

    python -m benchmarks.decoding TREEBANK WORK_DIR --lang en

The tables are printed as Markdown, and written to WORK_DIR/decoding.json: decoding and
tag dictionaries, dictionaries from training data of several frequencies, calibration
before and after a temperature is fitted. All of them are of the development data, gold
sentences. benchmarks/README.md explains the arguments.
"""

import statistics
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Set, Tuple

import numpy
import srsly
import typer
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_lstm_tagger.evaluation.calibration import (
    fit_temperature,
    measure,
    score_examples,
)
from spacy_lstm_tagger.lstm_tagger import LSTMTagger
from spacy_lstm_tagger.tags.constraints import TagDictionary, collect_dictionary

from .common import (
    SENTENCE,
    Bench,
    Row,
    Task,
    copy_tokens,
    exhaust,
    find_hits,
    format_table,
    known_words,
    percent,
    time_in_turns,
    train_all,
    training_minutes,
)

N_REPEATS = 5
# Words of this many occurrences in the training data are in a dictionary.
MIN_COUNTS = (1, 2, 5, 10, 20, 50)
# Of the tables that have one dictionary only.
MIN_COUNT = 10
BATCH_SIZE = 256
SOFTMAX, CRF = "default", "crf"
# The pipeline and how it is decoded, by what the tables call them.
VARIANTS: Dict[str, Tuple[str, Optional[str]]] = {
    "softmax": (SOFTMAX, None),
    "crf viterbi": (CRF, "viterbi"),
    "crf posterior": (CRF, "posterior"),
}


def main(
    treebank: Path,
    work_dir: Path,
    lang: str = "xx",
    seeds: int = 3,
    jobs: int = 1,
    max_steps: Optional[int] = None,
) -> None:
    """Train, evaluate and print."""
    benches = [
        Bench(treebank, work_dir, lang, seed, max_steps) for seed in range(seeds)
    ]
    first = benches[0]
    first.prepare()
    train_all([(bench, name) for bench in benches for name in (SOFTMAX, CRF)], jobs)
    known = known_words(first)
    docs = first.read_docs("dev", SENTENCE)
    dictionaries = make_dictionaries(first)
    tables = {
        "decoding": compare_decoding(benches, docs, known, dictionaries[MIN_COUNT]),
        "dictionaries": compare_dictionaries(first, docs, known, dictionaries),
        "calibration": [calibrate(first, docs, model) for model in (SOFTMAX, CRF)],
    }
    srsly.write_json(work_dir / "decoding.json", tables)
    for rows in tables.values():
        print(f"\n{format_table(rows)}")


def load(bench: Bench, variant: str, dictionary: TagDictionary) -> Language:
    """Load a pipeline that decodes in the way of a variant."""
    name, decoding = VARIANTS[variant]
    key = "components.lstm_tagger.model.decoding"
    nlp = bench.load(name, {key: decoding} if decoding else {})
    get_tagger(nlp).set_tag_dictionary(dictionary)
    return nlp


def get_tagger(nlp: Language) -> LSTMTagger:
    tagger = nlp.get_pipe("lstm_tagger")
    assert isinstance(tagger, LSTMTagger)
    return tagger


def make_dictionaries(bench: Bench) -> Dict[int, TagDictionary]:
    """Return dictionaries from the training data, by how often a word has to occur."""
    docs = bench.read_docs("train", SENTENCE)
    examples = [Example(copy_tokens(doc, doc.vocab), doc) for doc in docs]
    return {
        min_count: collect_dictionary(examples, min_count=min_count, neg_prefix="!")
        for min_count in MIN_COUNTS
    }


def score(nlp: Language, docs: List[Doc], known: Set[str]) -> Tuple[float, float]:
    """Return the accuracies of all words and of unknown ones, in per cent."""
    hits = list(find_hits(nlp, docs, known))
    unknown = (hit for hit, is_known in hits if not is_known)
    return percent(hit for hit, _ in hits), percent(unknown)


def compare_decoding(
    benches: Sequence[Bench],
    docs: List[Doc],
    known: Set[str],
    dictionary: TagDictionary,
) -> List[Row]:
    """Return means of the seeds, of all variants with and without a dictionary."""
    rows: List[Row] = []
    tasks: Dict[int, Task] = {}
    for variant, (model, _) in VARIANTS.items():
        for description, used in {"none": {}, f"{MIN_COUNT} times": dictionary}.items():
            pipelines = [load(bench, variant, used) for bench in benches]
            accuracies, unknown = zip(*(score(nlp, docs, known) for nlp in pipelines))
            tasks[len(rows)] = tag_task(pipelines[-1], docs)
            rows.append(
                {
                    "model": variant,
                    "dictionary": description,
                    "dev": statistics.fmean(accuracies),
                    "lowest": min(accuracies),
                    "highest": max(accuracies),
                    "unknown": statistics.fmean(unknown),
                    "training (min)": training_minutes(benches[0], model),
                }
            )
    seconds = time_in_turns(tasks, N_REPEATS, "decoding")
    for i, row in enumerate(rows):
        row["relative words/s"] = float(numpy.median(seconds[0] / seconds[i]))
    return rows


def tag_task(nlp: Language, docs: Sequence[Doc]) -> Task:
    """Return the task to tag tokenised Docs by the component alone."""

    def prepare() -> Callable[[], object]:
        untagged = [copy_tokens(doc, nlp.vocab) for doc in docs]
        return lambda: exhaust(get_tagger(nlp).pipe(untagged, batch_size=BATCH_SIZE))

    return prepare


def compare_dictionaries(
    bench: Bench,
    docs: List[Doc],
    known: Set[str],
    dictionaries: Dict[int, TagDictionary],
) -> List[Row]:
    """Return accuracies with dictionaries of words of several frequencies."""
    rows: List[Row] = []
    for min_count, dictionary in {0: {}, **dictionaries}.items():
        row: Row = {
            "occurrences": f"at least {min_count}" if min_count else "no dictionary",
            "forms": len(dictionary),
        }
        for variant in ("softmax", "crf viterbi"):
            nlp = load(bench, variant, dictionary)
            row[variant], row[f"{variant} unknown"] = score(nlp, docs, known)
        rows.append(row)
    return rows


def calibrate(bench: Bench, docs: Sequence[Doc], model: str) -> Row:
    """Return the calibration error of one half of the data before and after a
    temperature is fitted on the other half."""
    nlp = bench.load(model)
    tagger = get_tagger(nlp)
    examples = [Example(copy_tokens(doc, nlp.vocab), doc) for doc in docs]
    fitted_on, held_out = (
        score_examples(tagger, half, batch_size=BATCH_SIZE)
        for half in (examples[::2], examples[1::2])
    )
    temperature = fit_temperature(fitted_on)
    before, after = measure(held_out, 1.0), measure(held_out, temperature)
    return {
        "pipeline": model,
        "temperature": temperature,
        "calibration error (%)": 100 * before.error,
        "after (%)": 100 * after.error,
        "loss per token": before.loss,
        "loss after": after.loss,
    }


if __name__ == "__main__":
    typer.run(main)

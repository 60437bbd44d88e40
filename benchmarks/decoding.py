"""Compare the softmax and the CRF on a treebank, with several seeds.

    python benchmarks/decoding.py TREEBANK WORK_DIR --lang en

TREEBANK is a folder with files that end in train.conllu, dev.conllu and test.conllu.
Everything that is made goes into WORK_DIR; a pipeline that is there already is not
trained again. Four tables are printed, as Markdown, and written to
WORK_DIR/decoding.json: decoding and tag dictionaries, dictionaries from training data
of several frequencies, calibration before and after a temperature is fitted, and how
often tags of each probability are right. All of them are of the development data, gold
sentences; all times are those of one thread.
"""

import os

# Before numpy reads it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, List, Sequence, Set, Tuple

import spacy
import srsly
import typer
from accuracy import (
    CONFIGS,
    SENTENCE,
    SPLITS,
    Contestant,
    convert,
    corpus_path,
    find_hits,
    known_words,
    output_path,
    override_steps,
    percent,
    print_table,
    train,
    with_tokens,
)
from spacy.language import Language
from spacy.training import Corpus, Example

from spacy_lstm_tagger.evaluation.calibration import (
    fit_temperature,
    measure,
    score_examples,
)
from spacy_lstm_tagger.lstm_tagger import LSTMTagger
from spacy_lstm_tagger.tags.constraints import TagDictionary, collect_dictionary

N_REPEATS = 5
# How often a word occurs in the training data to be in the dictionary.
MIN_COUNTS = (1, 2, 5, 10, 20, 50)
# Of the tables that have one dictionary only.
MIN_COUNT = 10
CONFIG = {"softmax": "default.cfg", "crf": "crf.cfg"}
# Names of variants: the model, and how it is decoded.
VARIANTS = (("softmax", None), ("crf", "viterbi"), ("crf", "posterior"))


def main(
    treebank: Path,
    work_dir: Path,
    lang: str = "xx",
    seeds: int = 3,
    jobs: int = 1,
    max_steps: int = 7000,
) -> None:
    """Train, evaluate and print. `jobs` pipelines are trained at a time."""
    work_dir.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        convert(treebank, split, work_dir)
    runs = [(model, seed) for seed in range(seeds) for model in CONFIG]
    with ThreadPoolExecutor(max_workers=jobs) as executor:
        trained = executor.map(
            lambda run: train(
                make_contestant(run[0], run[1], max_steps), work_dir, lang, run[1]
            ),
            runs,
        )
        # An error of a training is raised here.
        list(trained)
    known = known_words(work_dir)
    examples = list(
        Corpus(corpus_path(work_dir, "dev", SENTENCE), gold_preproc=True)(
            spacy.blank(lang)
        )
    )
    dictionaries = make_dictionaries(work_dir, lang)
    tables = {
        "decoding": compare_decoding(work_dir, seeds, examples, known, dictionaries),
        "dictionaries": compare_dictionaries(work_dir, examples, known, dictionaries),
        **compare_calibration(work_dir, examples),
    }
    srsly.write_json(work_dir / "decoding.json", tables)
    for rows in tables.values():
        print_table(rows)


def make_contestant(model: str, seed: int, max_steps: int) -> Contestant:
    config, steps = CONFIGS / CONFIG[model], override_steps(max_steps)
    return Contestant(f"{model}-{seed}", config, SENTENCE, True, steps)


def load(work_dir: Path, model: str, seed: int, decoding: object) -> Language:
    contestant = make_contestant(model, seed, 0)
    settings = {"components.lstm_tagger.model.decoding": decoding} if decoding else {}
    path = output_path(contestant, work_dir) / "model-best"
    return spacy.load(path, config=settings)


def get_tagger(nlp: Language) -> LSTMTagger:
    tagger = nlp.get_pipe("lstm_tagger")
    assert isinstance(tagger, LSTMTagger)
    return tagger


def make_dictionaries(work_dir: Path, lang: str) -> Dict[int, TagDictionary]:
    """Dictionaries from the training data, by how often a word has to occur there."""
    corpus = Corpus(corpus_path(work_dir, "train", SENTENCE), gold_preproc=True)
    examples = list(corpus(spacy.blank(lang)))
    return {
        min_count: collect_dictionary(examples, min_count=min_count, neg_prefix="!")
        for min_count in MIN_COUNTS
    }


def untagged(nlp: Language, examples: Sequence[Example]) -> List[Example]:
    """The examples with documents that the pipeline has not tagged yet."""
    return [with_tokens(nlp, example) for example in examples]


def score(
    nlp: Language, examples: Sequence[Example], known: Set[str]
) -> Tuple[float, float]:
    """Accuracy in per cent, of all words and of unknown ones."""
    hits = list(find_hits(nlp, untagged(nlp, examples), known))
    unknown = (hit for hit, is_known in hits if not is_known)
    return percent(hit for hit, _ in hits), percent(unknown)


def compare_decoding(
    work_dir: Path,
    seeds: int,
    examples: Sequence[Example],
    known: Set[str],
    dictionaries: Dict[int, TagDictionary],
) -> List[Dict]:
    """All variants, with and without a dictionary: means of the seeds."""
    rows = []
    pipelines = {}
    for model, decoding in VARIANTS:
        for min_count in (None, MIN_COUNT):
            scores = []
            for seed in range(seeds):
                nlp = load(work_dir, model, seed, decoding)
                if min_count:
                    get_tagger(nlp).set_tag_dictionary(dictionaries[min_count])
                scores.append(score(nlp, examples, known))
            name = " ".join(filter(None, (model, decoding)))
            row = describe(scores, name, min_count)
            row["training (min)"] = statistics.fmean(
                training_minutes(work_dir, model, seed) for seed in range(seeds)
            )
            rows.append(row)
            pipelines[len(rows) - 1] = nlp
    for i, speed in measure_speeds(pipelines, examples).items():
        rows[i]["relative words/s"] = speed
    return rows


def describe(
    scores: Sequence[Tuple[float, float]], name: str, min_count: object
) -> Dict:
    accuracies = [accuracy for accuracy, _ in scores]
    return {
        "model": name,
        "dictionary": f"{min_count} times" if min_count else "none",
        "dev": statistics.fmean(accuracies),
        "lowest": min(accuracies),
        "highest": max(accuracies),
        "unknown": statistics.fmean(unknown for _, unknown in scores),
    }


def training_minutes(work_dir: Path, model: str, seed: int) -> float:
    output = output_path(make_contestant(model, seed, 0), work_dir)
    return srsly.read_json(output / "seconds.json") / 60


def measure_speeds(
    pipelines: Dict[int, Language], examples: Sequence[Example]
) -> Dict[int, float]:
    """How many words a second each tags, as a share of what the first one does: the
    median of interleaved repeats."""
    docs = {i: [e.x for e in untagged(nlp, examples)] for i, nlp in pipelines.items()}
    seconds: Dict[int, List[float]] = {i: [] for i in pipelines}
    for _ in range(N_REPEATS):
        for i, nlp in pipelines.items():
            start = time.perf_counter()
            for _ in get_tagger(nlp).pipe(docs[i], batch_size=256):
                pass
            seconds[i].append(time.perf_counter() - start)
    return {
        i: statistics.median(a / b for a, b in zip(seconds[0], times))
        for i, times in seconds.items()
    }


def compare_dictionaries(
    work_dir: Path,
    examples: Sequence[Example],
    known: Set[str],
    dictionaries: Dict[int, TagDictionary],
) -> List[Dict]:
    """What dictionaries of words of several frequencies change, with the first seed."""
    rows = []
    for min_count, dictionary in {0: {}, **dictionaries}.items():
        row: Dict[str, object] = {
            "occurrences": f"at least {min_count}" if min_count else "no dictionary",
            "forms": len(dictionary),
        }
        for model, decoding in (("softmax", None), ("crf", "viterbi")):
            nlp = load(work_dir, model, 0, decoding)
            get_tagger(nlp).set_tag_dictionary(dictionary)
            row[model], row[f"{model} unknown"] = score(nlp, examples, known)
        rows.append(row)
    return rows


def compare_calibration(
    work_dir: Path, examples: Sequence[Example]
) -> Dict[str, List[Dict]]:
    """The calibration error before and after a temperature is fitted on half of the
    data, of the other half; and the reliability table of the latter."""
    errors: List[Dict] = []
    reliability: List[Dict] = []
    for model in CONFIG:
        nlp = load(work_dir, model, 0, None)
        tagger = get_tagger(nlp)
        both = untagged(nlp, examples)
        fitted_on, held_out = both[::2], both[1::2]
        scored = score_examples(tagger, held_out, batch_size=256)
        temperature = fit_temperature(score_examples(tagger, fitted_on, batch_size=256))
        before, after = measure(scored, 1.0), measure(scored, temperature)
        errors.append(
            {
                "model": model,
                "temperature": f"{temperature:.3f}",
                "calibration error": f"{before.error:.4f}",
                "after": f"{after.error:.4f}",
                "loss per token": f"{before.loss:.4f}",
                "loss after": f"{after.loss:.4f}",
            }
        )
        reliability += [
            {
                "model": model,
                "probability": found.name,
                "tokens": found.n_tokens,
                "mean probability": 100 * found.confidence,
                "right": 100 * found.accuracy,
            }
            for found in after.groups()
        ]
    return {"calibration": errors, "reliability": reliability}


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    typer.run(main)

"""Train spaCy's `tagger` and `lstm_tagger` on a treebank in one run, and compare.

    python benchmarks/accuracy.py TREEBANK WORK_DIR --lang en

TREEBANK is a folder with files that end in train.conllu, dev.conllu and
test.conllu. Everything that is made goes into WORK_DIR; a pipeline that is there
already is not trained again, so other data and settings need another folder. The
tables are printed as Markdown and written to WORK_DIR/accuracy.json. All times are
those of one thread.
"""

import os
import re
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, NamedTuple, Set, TextIO, Tuple

import spacy
import srsly
import typer
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example
from spacy.training.converters import conllu_to_docs
from spacy.util import load_config
from weasel.util import get_checksum

CONFIGS = Path(__file__).parents[1] / "configs"
SPLITS = ("train", "dev", "test")
# How many sentences of a treebank make one Doc.
SENTENCE, DOCUMENT = 1, 10
N_REPEATS = 5


class Contestant(NamedTuple):
    """A pipeline to train."""

    name: str
    config: Path
    n_sents: int
    gold_preproc: bool
    overrides: Tuple[str, ...] = ()


def main(
    treebank: Path,
    work_dir: Path,
    lang: str = "xx",
    seed: int = 0,
    jobs: int = 1,
    max_steps: int = 7000,
    stock_max_steps: int = 20000,
) -> None:
    """Train, evaluate and print. `jobs` pipelines are trained at a time. `max_steps`
    is for lstm_tagger, `stock_max_steps` for spaCy's tagger, which also stops when it
    gets no better."""
    work_dir.mkdir(parents=True, exist_ok=True)
    check_settings(
        work_dir / "settings.json",
        {
            "treebank": checksums(treebank),
            "config": load_config(CONFIGS / "default.cfg"),
            "lang": lang,
            "seed": seed,
            "max_steps": max_steps,
            "stock_max_steps": stock_max_steps,
        },
    )
    for split in SPLITS:
        convert(treebank, split, work_dir)
    contestants = make_contestants(work_dir, lang, max_steps, stock_max_steps)
    with ThreadPoolExecutor(max_workers=jobs) as executor:
        list(executor.map(lambda c: train(c, work_dir, lang, seed), contestants))
    pipelines = {c.name: load(c, work_dir) for c in contestants}
    known = known_words(work_dir)
    rows = [
        {"pipeline": name, **accuracy(nlp, work_dir, known)}
        for name, nlp in pipelines.items()
    ]
    speeds = measure_speed(pipelines, corpus_path(work_dir, "dev", DOCUMENT))
    costs = [cost(c, work_dir, speeds[c.name]) for c in contestants]
    srsly.write_json(work_dir / "accuracy.json", {"accuracy": rows, "cost": costs})
    print_table(rows)
    print_table(costs)


def checksums(treebank: Path) -> Dict[str, str]:
    return {split: get_checksum(find_conllu(treebank, split)) for split in SPLITS}


def check_settings(path: Path, settings: Dict[str, object]) -> None:
    """Save the settings, or see that they are those that were saved."""
    if not path.exists():
        srsly.write_json(path, settings)
    elif srsly.read_json(path) != settings:
        raise ValueError(
            f"'{path.parent}' has pipelines that were trained on other data or with "
            f"other settings, those in '{path.name}'. Remove it, or name another "
            f"folder."
        )


def find_conllu(treebank: Path, split: str) -> Path:
    found = sorted(treebank.glob(f"*{split}.conllu"))
    if len(found) != 1:
        raise ValueError(
            f"Expected one file '*{split}.conllu' in '{treebank}', found {len(found)}."
        )
    return found[0]


def corpus_path(work_dir: Path, split: str, n_sents: int) -> Path:
    return work_dir / f"{split}-{n_sents}.spacy"


def convert(treebank: Path, split: str, work_dir: Path) -> None:
    """Convert one file of the treebank into Docs of sentences and of documents."""
    text = find_conllu(treebank, split).read_text(encoding="utf8")
    for n_sents in (SENTENCE, DOCUMENT):
        docs = conllu_to_docs(text, n_sents=n_sents, no_print=True)
        DocBin(docs=docs, store_user_data=True).to_disk(
            corpus_path(work_dir, split, n_sents)
        )


def make_contestants(
    work_dir: Path, lang: str, max_steps: int, stock_max_steps: int
) -> List[Contestant]:
    """spaCy's tagger, trained on gold tokens and as its users train it, and ours."""
    stock = make_stock_config(work_dir, lang)
    steps = ("--training.max_steps", str(stock_max_steps))
    return [
        Contestant("tagger", stock, SENTENCE, True, steps),
        Contestant("tagger-documents", stock, DOCUMENT, False, steps),
        Contestant(
            "lstm_tagger",
            CONFIGS / "default.cfg",
            SENTENCE,
            True,
            override_steps(max_steps),
        ),
    ]


def make_stock_config(work_dir: Path, lang: str) -> Path:
    """Have spaCy write the config of its own tagger."""
    path = work_dir / "tagger.cfg"
    subprocess.run(
        [sys.executable, "-m", "spacy", "init", "config", str(path), "--force"]
        + ["--lang", lang, "--pipeline", "tagger", "--optimize", "efficiency"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return path


def override_steps(max_steps: int) -> Tuple[str, ...]:
    """The overrides that make one of our configs train for so many steps."""
    learn_rate = "--training.optimizer.learn_rate.total_steps"
    return ("--training.max_steps", str(max_steps), learn_rate, str(max_steps))


def output_path(contestant: Contestant, work_dir: Path) -> Path:
    return work_dir / contestant.name


def train(contestant: Contestant, work_dir: Path, lang: str, seed: int) -> None:
    """Run `spacy train` on one thread, with a log, a stop-watch and the accuracies on
    the way."""
    output = output_path(contestant, work_dir)
    if (output / "seconds.json").exists():
        return
    output.mkdir(exist_ok=True)
    gold_preproc = str(contestant.gold_preproc).lower()
    command = [sys.executable, "-m", "spacy", "train", str(contestant.config)]
    command += ["--output", str(output), "--nlp.lang", lang]
    command += ["--training.seed", str(seed), "--system.seed", str(seed)]
    command += ["--corpora.train.gold_preproc", gold_preproc]
    command += ["--corpora.dev.gold_preproc", gold_preproc]
    command += contestant.overrides
    for split in ("train", "dev"):
        path = corpus_path(work_dir, split, contestant.n_sents)
        command += [f"--paths.{split}", str(path)]
    start = time.perf_counter()
    with (output / "train.log").open("w", encoding="utf8") as log:
        srsly.write_json(output / "progress.json", list(run(command, log)))
    srsly.write_json(output / "seconds.json", time.perf_counter() - start)


def run(command: List[str], log: TextIO) -> Iterator[Tuple[float, int, float]]:
    """Run a training, write what it prints to a log, and yield its evaluations: the
    seconds since the start, the step, and the tag accuracy in per cent."""
    start = time.perf_counter()
    header: List[str] = []
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf8",
        errors="replace",
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            log.write(line)
            log.flush()
            # A name may have a single space, between columns there are more.
            cells = re.split(" {2,}", line.strip())
            if cells[:2] == ["E", "#"]:
                header = cells
            elif header and len(cells) == len(header) and cells[1].isdigit():
                accuracy = float(cells[header.index("TAG_ACC")])
                yield time.perf_counter() - start, int(cells[1]), accuracy
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def load(contestant: Contestant, work_dir: Path) -> Language:
    return spacy.load(output_path(contestant, work_dir) / "model-best")


def known_words(work_dir: Path) -> Set[str]:
    path = corpus_path(work_dir, "train", SENTENCE)
    docs = DocBin().from_disk(path).get_docs(spacy.blank("xx").vocab)
    return {token.text for doc in docs for token in doc}


def accuracy(nlp: Language, work_dir: Path, known: Set[str]) -> Dict[str, float]:
    """Tag accuracy in per cent: gold sentences, whole documents with gold tokens,
    and whole documents with the tokens of spaCy's tokenizer."""
    scores: Dict[str, float] = {}
    for split in ("dev", "test"):
        gold = Corpus(corpus_path(work_dir, split, SENTENCE), gold_preproc=True)
        documents = Corpus(corpus_path(work_dir, split, DOCUMENT))
        hits = list(find_hits(nlp, list(gold(nlp)), known))
        scores[split] = percent(hit for hit, _ in hits)
        scores[f"{split} known"] = percent(hit for hit, is_known in hits if is_known)
        scores[f"{split} unknown"] = percent(
            hit for hit, is_known in hits if not is_known
        )
        with_gold_tokens = [with_tokens(nlp, eg) for eg in documents(nlp)]
        scores[f"{split} documents"] = percent(
            hit for hit, _ in find_hits(nlp, with_gold_tokens, known)
        )
        scores[f"{split} raw documents"] = (
            100.0 * nlp.evaluate(documents(nlp))["tag_acc"]
        )
    return scores


def with_tokens(nlp: Language, example: Example) -> Example:
    """The same document, to be tagged with the tokens of the treebank."""
    words = [token.text for token in example.y]
    spaces = [bool(token.whitespace_) for token in example.y]
    return Example(Doc(nlp.vocab, words=words, spaces=spaces), example.y)


def find_hits(
    nlp: Language, examples: List[Example], known: Set[str]
) -> Iterator[tuple[bool, bool]]:
    """For each token that has a tag: is it right, and is the word a known one?"""
    tagged = nlp.pipe(example.x for example in examples)
    for doc, example in zip(tagged, examples):
        for guess, gold in zip(doc, example.y):
            if gold.tag_:
                yield guess.tag_ == gold.tag_, gold.text in known


def percent(hits: Iterable[bool]) -> float:
    return 100.0 * statistics.fmean(hits)


def measure_speed(pipelines: Dict[str, Language], corpus: Path) -> Dict[str, float]:
    """Words a second from text on one thread: the median of interleaved repeats."""
    docs = list(DocBin().from_disk(corpus).get_docs(spacy.blank("xx").vocab))
    texts = [doc.text for doc in docs]
    n_words = sum(len(doc) for doc in docs)
    seconds: Dict[str, List[float]] = {name: [] for name in pipelines}
    for _ in range(N_REPEATS + 1):
        for name, nlp in pipelines.items():
            start = time.perf_counter()
            for _ in nlp.pipe(texts):
                pass
            seconds[name].append(time.perf_counter() - start)
    # The first round fills caches.
    return {name: n_words / statistics.median(s[1:]) for name, s in seconds.items()}


def cost(contestant: Contestant, work_dir: Path, speed: float) -> Dict[str, object]:
    output = output_path(contestant, work_dir)
    return {
        "pipeline": contestant.name,
        "training (min)": srsly.read_json(output / "seconds.json") / 60,
        "words/s": round(speed),
        "size (MB)": megabytes(output / "model-best"),
    }


def megabytes(folder: Path) -> float:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files) / 1e6


def print_table(rows: List[Dict]) -> None:
    print(f"\n{format_table(rows)}")


def format_table(rows: List[Dict]) -> str:
    """A table in Markdown. None is an empty cell."""
    lines = ["| " + " | ".join(rows[0]) + " |", "|---" * len(rows[0]) + "|"]
    for row in rows:
        lines.append("| " + " | ".join(map(format_cell, row.values())) + " |")
    return "\n".join(lines)


def format_cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    typer.run(main)

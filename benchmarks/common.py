"""The parts that all benchmarks share: data, training, accuracy, timing and tables."""

import gc
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import date
from importlib.metadata import version
from multiprocessing import get_context
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
    Optional,
    Sequence,
    Set,
    Tuple,
    TypeVar,
)

import numpy
import spacy
import srsly
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training.converters import conllu_to_docs
from spacy.util import load_config
from tqdm import tqdm
from wasabi import MarkdownRenderer
from weasel.util import get_checksum

from spacy_lstm_tagger.texts import copy_tokens

# Its import registers the component of the CRF, without which it can't be loaded.
from . import crfsuite

CONFIGS = Path(__file__).parents[1] / "configs"
SPLITS = ("train", "dev", "test")
# Sentences of a treebank in one Doc.
SENTENCE, DOCUMENT = 1, 10
# Pipelines that are not one of configs/.
TAGGER, TAGGER_DOCUMENTS, TAGGER_BILSTM = "tagger", "tagger-documents", "tagger-bilstm"
CRFSUITE = "crfsuite"

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")
# The first call prepares a task, and takes no part in the time. The second performs it.
Task = Callable[[], Callable[[], object]]
Row = Dict[str, Any]


class Bench(NamedTuple):
    """The data and the settings of a run.

    treebank (Path): A folder with files that end in train.conllu, dev.conllu and
        test.conllu.
    work_dir (Path): The folder of everything that is made.
    lang (str): The language.
    seed (int): The seed of trainings.
    max_steps (Optional[int]): The most steps of lstm_tagger, by default those of its
        config. It also stops when it gets no better.
    stock_max_steps (Optional[int]): The steps of spaCy's tagger, likewise.
    """

    treebank: Path
    work_dir: Path
    lang: str
    seed: int = 0
    max_steps: Optional[int] = None
    stock_max_steps: Optional[int] = None

    def corpus_path(self, split: str, n_sents: int) -> Path:
        """Return the .spacy file of a split, with so many sentences in each Doc."""
        return self.work_dir / f"{split}-{n_sents}.spacy"

    def read_docs(self, split: str, n_sents: int) -> List[Doc]:
        """Return the annotated Docs of a split."""
        data = DocBin().from_disk(self.corpus_path(split, n_sents))
        return list(data.get_docs(spacy.blank(self.lang).vocab))

    def folder(self, name: str) -> Path:
        """Return the folder of a pipeline: of each seed but 0, one of its own."""
        return self.work_dir / (f"{name}-{self.seed}" if self.seed else name)

    def load(self, name: str, config: Optional[Dict[str, Any]] = None) -> Language:
        """Load a trained pipeline."""
        return spacy.load(self.folder(name) / "model-best", config=config or {})

    def prepare(self) -> None:
        """Convert the treebank."""
        self.work_dir.mkdir(parents=True, exist_ok=True)
        paths = {split: find_conllu(self.treebank, split) for split in SPLITS}
        check_settings(
            self.work_dir / "treebank.json",
            {split: get_checksum(path) for split, path in paths.items()},
        )
        for split, path in paths.items():
            text = path.read_text(encoding="utf8")
            for n_sents in (SENTENCE, DOCUMENT):
                docs = conllu_to_docs(text, n_sents=n_sents, no_print=True)
                data = DocBin(docs=docs, store_user_data=True)
                data.to_disk(self.corpus_path(split, n_sents))


def find_conllu(treebank: Path, split: str) -> Path:
    """Return the treebank's file of a split."""
    found = sorted(treebank.glob(f"*{split}.conllu"))
    if len(found) != 1:
        raise ValueError(
            f"Expected one file '*{split}.conllu' in '{treebank}', found {len(found)}."
        )
    return found[0]


def check_settings(path: Path, settings: Dict[str, Any]) -> None:
    """Save the settings, or raise a ValueError if others were saved."""
    if not path.exists():
        srsly.write_json(path, settings)
    elif srsly.read_json(path) != settings:
        raise ValueError(
            f"'{path.parent}' was made from other data or with other settings, those "
            f"in '{path.name}'. Remove it, or name another folder."
        )


def choose_pipelines(names: str) -> List[str]:
    """Return the names in a comma-separated list, without a CRF that can't be run."""
    chosen = [name.strip() for name in names.split(",")]
    if CRFSUITE in chosen and crfsuite.pycrfsuite is None:
        print(f"Left out: {crfsuite.MISSING}", file=sys.stderr)
        chosen.remove(CRFSUITE)
    return chosen


def train_all(runs: Iterable[Tuple[Bench, str]], jobs: int) -> None:
    """Train the pipelines that are not there yet, `jobs` at a time."""
    with ThreadPoolExecutor(max_workers=jobs) as executor:
        # list() raises the error of a training.
        list(executor.map(lambda run: train(*run), runs))


def train(bench: Bench, name: str) -> None:
    """Train a pipeline that is not there yet. One that has no saved settings was put
    there by somebody else, and is taken as it is."""
    output = bench.folder(name)
    best, settings_path = output / "model-best", output / "settings.json"
    if best.exists() and not settings_path.exists():
        return
    output.mkdir(exist_ok=True)
    # A training that was interrupted leaves nothing in the place of the finished one.
    unfinished = output / "unfinished"
    command, settings = make_command(bench, name, unfinished)
    check_settings(settings_path, settings)
    if best.exists():
        return
    log_path = output / "train.log"
    print(f"Training '{name}': see '{log_path}'", file=sys.stderr)
    start = time.perf_counter()
    with log_path.open("w", encoding="utf8") as log:
        done = subprocess.run([sys.executable, *command], stdout=log, stderr=log)
    if done.returncode:
        raise RuntimeError(
            f"Training '{name}' failed: the end of '{log_path}' says why."
        )
    srsly.write_json(output / "seconds.json", time.perf_counter() - start)
    (unfinished / "model-best").rename(best)
    shutil.rmtree(unfinished)


def make_command(
    bench: Bench, name: str, output: Path
) -> Tuple[List[str], Dict[str, Any]]:
    """Return the command that trains a pipeline, and what must be the same for one that
    is there already."""
    if name == CRFSUITE:
        data = str(bench.corpus_path("train", SENTENCE))
        command = ["-m", "benchmarks.crfsuite", data, str(output)]
        return [*command, "--lang", bench.lang], {"lang": bench.lang}
    path = find_config(bench, name)
    config = load_config(path)
    is_stock = name in (TAGGER, TAGGER_DOCUMENTS, TAGGER_BILSTM)
    max_steps = bench.stock_max_steps if is_stock else bench.max_steps
    options = {
        "nlp.lang": bench.lang,
        "training.seed": str(bench.seed),
        "system.seed": str(bench.seed),
    }
    if max_steps is not None:
        options["training.max_steps"] = str(max_steps)
    settings = {"config": config, "options": options}
    is_gold = config["corpora"]["train"]["gold_preproc"]
    paths = {
        f"paths.{split}": str(
            bench.corpus_path(split, SENTENCE if is_gold else DOCUMENT)
        )
        for split in ("train", "dev")
    }
    command = ["-m", "spacy", "train", str(path), "--output", str(output)]
    for key, value in {**options, **paths}.items():
        command += [f"--{key}", value]
    return command, settings


def find_config(bench: Bench, name: str) -> Path:
    """Return the file of a config in configs/, or write one of spaCy's tagger."""
    if name not in (TAGGER, TAGGER_DOCUMENTS, TAGGER_BILSTM):
        path = CONFIGS / f"{name}.cfg"
        if not path.exists():
            raise ValueError(
                f"There is no pipeline '{name}': neither '{path}' nor "
                f"'{bench.folder(name) / 'model-best'}' exists."
            )
        return path
    path = bench.folder(name) / "config.cfg"
    command = ["init", "config", str(path), "--force", "--lang", bench.lang]
    command += ["--pipeline", "tagger", "--optimize", "efficiency"]
    subprocess.run(
        [sys.executable, "-m", "spacy", *command],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    config = load_config(path)
    for split in ("train", "dev"):
        config["corpora"][split]["gold_preproc"] = name != TAGGER_DOCUMENTS
    if name == TAGGER_BILSTM:
        # spaCy's BiLSTM in place of its CNN.
        config["components"]["tok2vec"]["model"]["encode"] = {
            "@architectures": "spacy.TorchBiLSTMEncoder.v1",
            "width": 96,
            "depth": 2,
            "dropout": 0.1,
        }
    config.to_disk(path)
    return path


def training_minutes(bench: Bench, name: str) -> Optional[float]:
    """Return how long a training took, or None if it is not known."""
    path = bench.folder(name) / "seconds.json"
    return srsly.read_json(path) / 60 if path.exists() else None


def megabytes(folder: Path) -> float:
    """Return the size of the files in a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files) / 1e6


def known_words(bench: Bench) -> Set[str]:
    """Return the words of the training data."""
    return {t.text for doc in bench.read_docs("train", SENTENCE) for t in doc}


def find_hits(
    nlp: Language, docs: Sequence[Doc], known: Iterable[str] = ()
) -> Iterator[Tuple[bool, bool]]:
    """Tag the tokens of annotated Docs, and yield for each that has a tag: is the tag
    right, and is the word a known one?"""
    known = set(known)
    tagged = nlp.pipe(copy_tokens(doc, nlp.vocab) for doc in docs)
    for guesses, doc in zip(tagged, docs):
        for guess, gold in zip(guesses, doc):
            if gold.tag_:
                yield guess.tag_ == gold.tag_, gold.text in known


def percent(hits: Iterable[bool]) -> float:
    """Return the share of those that are true."""
    return 100.0 * statistics.fmean(hits)


def time_in_turns(
    tasks: Mapping[Key, Task], repeats: int, what: str
) -> Dict[Key, NDArray]:
    """Time tasks in rounds. Each round begins with another task, so that none always
    follows the same one. A round before the first fills caches, and is not counted.

    tasks (Mapping[Key, Task]): The tasks.
    repeats (int): The number of rounds.
    what (str): What the progress bar says.
    RETURNS (Dict[Key, NDArray]): Seconds of each task. *Shape:* (repeats,)
    """
    seconds: Dict[Key, List[float]] = {key: [] for key in tasks}
    keys = list(tasks)
    # No task is to wait for the garbage collection of what was there before.
    gc.collect()
    gc.freeze()
    for i in tqdm(range(repeats + 1), desc=what, unit="round"):
        first = i % len(keys)
        for key in keys[first:] + keys[:first]:
            perform = tasks[key]()
            gc.collect()
            start = time.perf_counter()
            perform()
            seconds[key].append(time.perf_counter() - start)
    gc.unfreeze()
    return {key: numpy.asarray(times[1:]) for key, times in seconds.items()}


def run_alone(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a function in a new process, with nothing in it but what all benchmarks
    import."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.common"])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def mebibytes(field: str) -> int:
    """Return the memory of this process by a field of /proc/self/status: "VmRSS" is
    what it has now, "VmHWM" the most that it has had.

    Not `ru_maxrss`, which counts the process that this one was started by, too."""
    status = Path("/proc/self/status").read_text(encoding="utf8")
    (kibibytes,) = re.findall(rf"^{field}:\s*(\d+) kB", status, re.MULTILINE)
    return round(int(kibibytes) / 1024)


def describe_machine() -> Dict[str, str]:
    """Return the date, the processor and the versions of what matters."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf8")
    names = re.findall("model name\\s*: (.*)", info) or [platform.machine()]
    packages = ("spacy", "thinc", "torch", "numpy")
    return {
        "date": date.today().isoformat(),
        "CPU": f"{names[0]}, {os.cpu_count()} cores",
        "versions": ", ".join(
            [f"Python {platform.python_version()}"]
            + [f"{name} {version(name)}" for name in packages]
        ),
    }


def exhaust(items: Iterable[object]) -> None:
    for _ in items:
        pass


def format_table(rows: List[Row]) -> str:
    """Return a table in Markdown. None is an empty cell."""
    cells = [[format_cell(value) for value in row.values()] for row in rows]
    return MarkdownRenderer().table(cells, list(rows[0]))


def format_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)

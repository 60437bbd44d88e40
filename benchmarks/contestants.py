"""The pipelines that `speed.py` compares: how they are trained, and how loaded."""

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy
import spacy
import srsly
from accuracy import (
    CONFIGS,
    DOCUMENT,
    SENTENCE,
    Contestant,
    check_settings,
    checksums,
    known_words,
    make_stock_config,
    output_path,
    train,
)
from spacy.language import Language
from spacy.util import load_config
from spacy.vectors import Vectors
from thinc.api import Model

STOCK, STOCK_BILSTM, OURS, FAST = "tagger", "tagger-bilstm", "default", "fast"
FLOAT32, AUTO = "float32", "auto"
# Trained for a few updates, since only their speed is compared.
SPEED_ONLY = ("demo", "shared_tok2vec", "static_vectors")
FEW_STEPS = 5
# The network of default.cfg, for other data and another device.
SAME_NETWORK = ("gpu", "pretraining")
# Measured in float32 and in the fastest precision, whichever the config says.
IN_TWO_PRECISIONS = (OURS, FAST)
PRECISION = "components.lstm_tagger.model.tok2vec.precision"
VECTORS_WIDTH = 300


class Entry(NamedTuple):
    """A trained pipeline, and how it is loaded.

    name (str): What the tables call it.
    contestant (str): The contestant that was trained.
    folder (Path): The folder of its training, or of the pipeline that was passed in.
    config (Dict[str, Any]): What differs from the config that it was trained with.
    """

    name: str
    contestant: str
    folder: Path
    config: Dict[str, Any]

    @property
    def path(self) -> Path:
        trained = self.folder / "model-best"
        return trained if trained.exists() else self.folder

    @property
    def has_accuracy(self) -> bool:
        return self.contestant not in SPEED_ONLY

    @property
    def is_variant(self) -> bool:
        """Whether the same pipeline is measured in float32, too."""
        return self.config.get(PRECISION) == AUTO

    def load(self) -> Language:
        return spacy.load(self.path, config=self.config)


def find_encoder(nlp: Language) -> Model:
    """The layer of thinc's around our encoder."""
    models = [pipe.model for _, pipe in nlp.pipeline if hasattr(pipe, "model")]
    nodes = (node for model in models for node in model.walk())
    return next(node for node in nodes if node.name == "word_char_bilstm")


def in_precision(name: str, precision: str) -> str:
    """What a pipeline that tags in a precision is called."""
    return f"{name} ({precision})"


def make_contestants(
    work_dir: Path, lang: str, max_steps: Optional[int], stock_max_steps: int
) -> List[Contestant]:
    """spaCy's taggers, and one of ours for each config that has another network."""
    steps = ("--training.max_steps", str(stock_max_steps))
    stock = make_stock_config(work_dir, lang)
    bilstm = make_bilstm_config(stock)
    vectors = make_vectors(work_dir, lang)
    return [
        Contestant(STOCK, stock, SENTENCE, True, steps),
        Contestant(STOCK_BILSTM, bilstm, SENTENCE, True, steps),
        *(
            make_contestant(path, vectors, max_steps)
            # The one that others are compared with first.
            for path in sorted(CONFIGS.glob("*.cfg"), key=lambda p: (p.stem != OURS, p))
            if path.stem not in SAME_NETWORK
        ),
    ]


def make_bilstm_config(stock: Path) -> Path:
    """spaCy's tagger with its BiLSTM in place of its CNN."""
    config = load_config(stock)
    config["components"]["tok2vec"]["model"]["encode"] = {
        "@architectures": "spacy.TorchBiLSTMEncoder.v1",
        "width": 96,
        "depth": 2,
        "dropout": 0.1,
    }
    path = stock.with_name(f"{STOCK_BILSTM}.cfg")
    config.to_disk(path)
    return path


def make_vectors(work_dir: Path, lang: str) -> Path:
    """Vectors of the training data's words. They are random: how fast they are read
    does not depend on what is in them."""
    path = work_dir / "vectors"
    if not path.exists():
        nlp = spacy.blank(lang)
        words = sorted(known_words(work_dir))
        generator = numpy.random.default_rng(0)
        nlp.vocab.vectors = Vectors(
            strings=nlp.vocab.strings,
            data=generator.normal(size=(len(words), VECTORS_WIDTH)).astype("float32"),
            keys=[nlp.vocab.strings.add(word) for word in words],
        )
        nlp.to_disk(path)
    return path


def make_contestant(path: Path, vectors: Path, max_steps: Optional[int]) -> Contestant:
    """A pipeline of one of our configs, which tells the documents to train on, too."""
    config = load_config(path)
    if path.stem in SPEED_ONLY:
        max_steps = FEW_STEPS
    overrides: Tuple[str, ...] = ()
    if max_steps is not None:
        overrides += ("--training.max_steps", str(max_steps))
        learn_rate = config["training"]["optimizer"]["learn_rate"]
        if isinstance(learn_rate, dict) and "total_steps" in learn_rate:
            total = "--training.optimizer.learn_rate.total_steps"
            overrides += (total, str(max_steps))
    if "vectors" in config["paths"]:
        overrides += ("--paths.vectors", str(vectors))
    if "parser" in config["components"]:
        # Otherwise it can't be trained on a small treebank.
        overrides += ("--components.parser.min_action_freq", "1")
    is_gold = config["corpora"]["train"]["gold_preproc"]
    n_sents = SENTENCE if is_gold else DOCUMENT
    return Contestant(path.stem, path, n_sents, is_gold, overrides)


def train_all(
    contestants: List[Contestant],
    treebank: Path,
    work_dir: Path,
    lang: str,
    seed: int,
    jobs: int,
) -> None:
    """Train those that are not there yet, `jobs` at a time."""
    data = {"treebank": checksums(treebank), "lang": lang, "seed": seed}
    check_settings(work_dir / "settings.json", data)
    for contestant in contestants:
        output = output_path(contestant, work_dir)
        output.mkdir(exist_ok=True)
        config = load_config(contestant.config)
        overrides = list(contestant.overrides)
        check_settings(
            output / "settings.json", {"config": config, "overrides": overrides}
        )
    with ThreadPoolExecutor(max_workers=jobs) as executor:
        # An error of a training is raised here.
        list(executor.map(lambda c: train(c, work_dir, lang, seed), contestants))


def make_entries(
    contestants: List[Contestant], work_dir: Path, stock: Optional[Path]
) -> List[Entry]:
    """The lines of the tables. `stock` takes the place of the `tagger` in WORK_DIR."""
    entries = []
    for contestant in contestants:
        name, folder = contestant.name, output_path(contestant, work_dir)
        if name == STOCK and stock is not None:
            folder = stock
        if name not in IN_TWO_PRECISIONS:
            entries.append(Entry(name, name, folder, {}))
            continue
        for precision in (FLOAT32, AUTO):
            config = {PRECISION: precision}
            entries.append(Entry(in_precision(name, precision), name, folder, config))
    return entries


def training_minutes(entry: Entry) -> Optional[float]:
    """How long the whole training took, if it is known."""
    path = entry.folder / "seconds.json"
    if not entry.has_accuracy or not path.exists():
        return None
    return srsly.read_json(path) / 60


def best_accuracy(entry: Entry) -> Optional[float]:
    """The best accuracy on the development data in training."""
    return max((score for _, _, score in read_progress(entry)), default=None)


def minutes_to(entry: Entry, accuracy: Optional[float]) -> Optional[float]:
    """How long the training took to get as good as this: infinitely long if it never
    did, None if that is not known."""
    progress = read_progress(entry)
    if accuracy is None or not progress or not entry.has_accuracy:
        return None
    return next((s / 60 for s, _, score in progress if score >= accuracy), math.inf)


def read_progress(entry: Entry) -> List[Tuple[float, int, float]]:
    path = entry.folder / "progress.json"
    return srsly.read_json(path) if path.exists() else []

"""`spacy pretrain`, and training that starts from its weights."""

from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy
import pytest
import spacy
import srsly
from numpy.typing import NDArray
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.training.pretrain import pretrain
from spacy.util import load_config
from thinc.api import Config, Model
from util import TRAIN_DATA, make_examples, run_spacy, tag_all, write_corpus

from spacy_lstm_tagger.encoder.vocabulary import Vocabulary
from spacy_lstm_tagger.training.build_vocabulary import build_vocabulary

# More documents than the sample that spaCy initializes layers with, and words
# that the training data does not have.
RAW = [f"Sentence {i} has word{i} and also thing{i % 5} in it ." for i in range(30)]

ENCODER = """
@architectures = "spacy_lstm_tagger.WordCharBiLSTM.v1"
width = 16
depth = 1
word_width = 8
character_width = 4
character_lstm_width = 8
min_character_count = 1
"""

OWN = f"""
[nlp]
lang = "en"
pipeline = ["lstm_tagger"]

[components]

[components.lstm_tagger]
factory = "lstm_tagger"

[components.lstm_tagger.model]
@architectures = "spacy_lstm_tagger.LSTMTagger.v1"

[components.lstm_tagger.model.tok2vec]
{ENCODER}
"""

SHARED = f"""
[nlp]
lang = "en"
pipeline = ["tok2vec", "lstm_tagger"]

[components]

[components.tok2vec]
factory = "tok2vec"

[components.tok2vec.model]
{ENCODER}

[components.lstm_tagger]
factory = "lstm_tagger"

[components.lstm_tagger.model]
@architectures = "spacy_lstm_tagger.LSTMTagger.v1"

[components.lstm_tagger.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = 16
"""

REST = """
[paths]
train = null
raw = null
init_tok2vec = null

[corpora]

[corpora.pretrain]
@readers = "spacy.JsonlCorpus.v1"
path = ${paths.raw}
min_length = 1

[corpora.train]
@readers = "spacy.Corpus.v1"
path = ${paths.train}
gold_preproc = true

[corpora.dev]
@readers = "spacy.Corpus.v1"
path = ${paths.train}

[training]
seed = 0

[initialize]
init_tok2vec = ${paths.init_tok2vec}

[initialize.before_init]
@callbacks = "spacy_lstm_tagger.build_vocabulary.v1"
corpus = ${corpora.pretrain}

[pretraining]
max_epochs = 3
dropout = 0.1
n_save_every = null
n_save_epoch = null
component = COMPONENT
layer = LAYER
corpus = "corpora.pretrain"

[pretraining.batcher]
@batchers = "spacy.batch_by_words.v1"
size = 100
discard_oversize = false
tolerance = 0.2

[pretraining.objective]
@architectures = "spacy.PretrainCharacters.v1"
maxout_pieces = 2
hidden_size = 8
n_characters = 2

[pretraining.optimizer]
@optimizers = "Adam.v1"
learn_rate = 0.01
use_averages = true
"""


def pretraining_of(component: str, layer: str) -> str:
    return REST.replace("COMPONENT", f'"{component}"').replace("LAYER", f'"{layer}"')


CONFIGS = {
    "own": OWN + pretraining_of("lstm_tagger", "tok2vec"),
    "shared": SHARED + pretraining_of("tok2vec", ""),
    # The encoder that the listener gets its vectors from is pretrained.
    "listener": SHARED + pretraining_of("lstm_tagger", "tok2vec"),
}

Pretrained = Tuple[Config, Path]


def write_config(kind: str, folder: Path) -> Path:
    """A config with its corpora beside it."""
    nlp = spacy.blank("en")
    srsly.write_jsonl(folder / "raw.jsonl", [{"text": text} for text in RAW])
    config = Config().from_str(CONFIGS[kind], interpolate=False)
    config["paths"]["raw"] = str(folder / "raw.jsonl")
    config["paths"]["train"] = str(write_corpus(nlp, folder / "train.spacy"))
    loaded = spacy.util.load_model_from_config(config, auto_fill=True)
    loaded.config.merge(config).to_disk(folder / "config.cfg")
    return folder / "config.cfg"


@pytest.fixture(scope="module", params=["own", "shared"])
def pretrained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Pretrained:
    """A config that starts from weights that were pretrained with it."""
    folder = tmp_path_factory.mktemp(request.param)
    path = write_config(request.param, folder)
    pretrain(load_config(path), folder)
    weights = folder / "model-last.bin"
    return load_config(path, overrides={"paths.init_tok2vec": str(weights)}), weights


def encoder_of(nlp: Language) -> Model:
    if "tok2vec" in nlp.pipe_names:
        return nlp.get_pipe("tok2vec").model
    return nlp.get_pipe("lstm_tagger").model.get_ref("tok2vec")


def weights_of(encoder: Model) -> Dict[str, NDArray]:
    module: Any = encoder.shims[0].module
    return {k: v.detach().numpy().copy() for k, v in module.named_parameters()}


def vocabulary_of(encoder: Model) -> Vocabulary:
    module: Any = encoder.shims[0].module
    return module.vocabulary


def saved_encoder(config: Config, weights: Path) -> Model:
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    return encoder_of(nlp).from_bytes(weights.read_bytes())


def raw_vocabulary() -> Vocabulary:
    nlp = spacy.blank("en")
    return build_vocabulary(nlp.make_doc(text) for text in RAW)


def assert_same_vocabulary(left: Vocabulary, right: Vocabulary) -> None:
    for name in ("words", "word_counts", "characters"):
        assert getattr(left, name).tolist() == getattr(right, name).tolist()


def train(nlp: Language, steps: int = 150) -> List[float]:
    optimizer = nlp.create_optimizer()
    optimizer.learn_rate = 0.01
    history = []
    for _ in range(steps):
        losses: Dict[str, float] = {}
        nlp.update(make_examples(nlp), sgd=optimizer, losses=losses)
        history.append(losses["lstm_tagger"])
    return history


def test_pretraining_builds_the_vocabulary_of_its_whole_corpus(
    pretrained: Pretrained,
) -> None:
    """spaCy itself initializes the layer with one document."""
    vocabulary = vocabulary_of(saved_encoder(*pretrained))
    assert_same_vocabulary(vocabulary, raw_vocabulary())
    assert not vocabulary.from_sample


def test_pretraining_trains_the_encoder(pretrained: Pretrained) -> None:
    config, last = pretrained
    first = last.parent / "model0.bin"
    before = weights_of(saved_encoder(config, first))
    after = weights_of(saved_encoder(config, last))
    for name in before:
        # The texts have a space between all words.
        if name not in ("whitespace", "spacing_embedding.weight"):
            assert not numpy.array_equal(before[name], after[name]), name


def test_pretraining_lowers_its_loss(pretrained: Pretrained) -> None:
    log = list(srsly.read_jsonl(pretrained[1].parent / "log.jsonl"))
    losses = {line["epoch"]: line["epoch_loss"] for line in log}
    assert losses[2] < losses[0]


def test_training_starts_from_the_pretrained_weights(pretrained: Pretrained) -> None:
    wanted = weights_of(saved_encoder(*pretrained))
    found = weights_of(encoder_of(init_nlp(pretrained[0])))
    assert found.keys() == wanted.keys()
    for name in wanted:
        numpy.testing.assert_array_equal(found[name], wanted[name])


def test_training_keeps_the_pretrained_vocabulary(pretrained: Pretrained) -> None:
    nlp = init_nlp(pretrained[0])
    assert_same_vocabulary(vocabulary_of(encoder_of(nlp)), raw_vocabulary())


@pytest.mark.filterwarnings("ignore:The vocabulary of a word and character")
def test_training_keeps_the_pretrained_vocabulary_without_the_callback(
    pretrained: Pretrained,
) -> None:
    config = pretrained[0].copy()
    config["initialize"]["before_init"] = None
    nlp = init_nlp(config)
    assert_same_vocabulary(vocabulary_of(encoder_of(nlp)), raw_vocabulary())


def test_a_pretrained_pipeline_learns_is_saved_and_loaded(
    pretrained: Pretrained, tmp_path: Path
) -> None:
    nlp = init_nlp(pretrained[0])
    before = weights_of(encoder_of(nlp))
    history = train(nlp)
    assert history[-1] < 0.1 * history[0]
    after = weights_of(encoder_of(nlp))
    assert any(not numpy.array_equal(after[name], before[name]) for name in before)
    wanted = [tags for _, tags in TRAIN_DATA]
    assert tag_all(nlp) == wanted
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert tag_all(loaded) == wanted
    assert_same_vocabulary(vocabulary_of(encoder_of(loaded)), raw_vocabulary())


def test_the_command_line_pretrains_what_a_listener_listens_to(tmp_path: Path) -> None:
    path = write_config("listener", tmp_path)
    run_spacy("pretrain", path, tmp_path / "out", "--pretraining.max_epochs", 1)
    saved = saved_encoder(load_config(path), tmp_path / "out" / "model-last.bin")
    assert_same_vocabulary(vocabulary_of(saved), raw_vocabulary())

"""Taggers of few tags, and the enumeration of all tag sequences of a document."""

import copy
import itertools
import pickle
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence

import numpy
import pytest
import spacy
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import fix_random_seed, load_model_from_config
from thinc.api import Model
from util import make_doc, make_examples, small

from spacy_lstm_tagger.crf.chain import Chain
from spacy_lstm_tagger.lstm_tagger import LSTMTagger
from spacy_lstm_tagger.tags.crf_layer import ChainScores, Decoding

CRF = "spacy_lstm_tagger.LSTMCRFTagger.v1"
SOFTMAX = "spacy_lstm_tagger.LSTMTagger.v1"
ENCODER = "spacy_lstm_tagger.WordCharBiLSTM.v1"
PARAMETERS = ("start", "transitions", "end")
ARCHITECTURES = pytest.mark.parametrize("architecture", [SOFTMAX, CRF])

# Few tags, for the enumeration of all sequences of them.
LABELS = ("X", "Y", "Z")
FEW_TAGS = [(["a", "b", "c"], list(LABELS)), (["c", "a"], ["Z", "Y"])]

SENTENCE_WORDS = ["a", "b", "c", "b", "a"]
SENTENCE_STARTS = [True, False, True, False, False]
SENTENCES = [[0, 1], [2, 3, 4]]


def configure(
    architecture: str = CRF, model: Optional[Dict[str, Any]] = None, **settings: Any
) -> Dict[str, Any]:
    """Return the config of a small tagger, with settings of its model and its own."""
    config = small()
    config["model"]["tok2vec"]["@architectures"] = ENCODER
    config["model"].update({"@architectures": architecture, **(model or {})})
    return {**config, **settings}


def get_tagger(nlp: Language, name: str = "lstm_tagger") -> LSTMTagger:
    component = nlp.get_pipe(name)
    assert isinstance(component, LSTMTagger)
    return component


def node_with(nlp: Language, parameter: str) -> Model:
    """Return the layer that has a parameter of this name."""
    nodes = list(get_tagger(nlp).model.walk())
    return next(node for node in nodes if node.has_param(parameter))


def chain_node(nlp: Language) -> Model:
    return node_with(nlp, "transitions")


def output_node(nlp: Language) -> Model:
    """Return the layer that makes the scores of tags from token vectors."""
    return get_tagger(nlp).model.get_ref("output_layer")


def randomize(nlp: Language, seed: int = 0, scale: float = 1.0) -> Language:
    """Give all scores of tags and of pairs of tags random values."""
    rng = numpy.random.default_rng(seed)
    model = get_tagger(nlp).model
    nodes = [output_node(nlp)]
    nodes += [node for node in model.walk() if node.has_param("transitions")]
    for node in nodes:
        for name in node.param_names:
            shape = node.get_param(name).shape
            node.set_param(name, (rng.normal(size=shape) * scale).astype("float32"))
    return nlp


def initialize(
    config: Optional[Dict[str, Any]] = None, data: Any = FEW_TAGS, **settings: Any
) -> Language:
    """Return a tagger of the tags of the data, initialized with these settings. Its
    language is built faster than English."""
    fix_random_seed(0)
    nlp = spacy.blank("xx")
    nlp.add_pipe("lstm_tagger", config=configure() if config is None else config)
    examples = make_examples(nlp, data)
    get_tagger(nlp).initialize(lambda: examples, nlp=nlp, **settings)
    return nlp


def few_tags(config: Optional[Dict[str, Any]] = None, seed: int = 0) -> Language:
    """Return a tagger of three tags with random scores."""
    return randomize(initialize(config), seed)


def probabilities(nlp: Language, words: List[str], allowed: Any = None) -> NDArray:
    doc = make_doc(nlp, words)
    if allowed is not None:
        doc._.allowed_tags = allowed
    (rows,) = get_tagger(nlp).predict_proba([doc])
    return rows


def random_scores(
    lengths: Sequence[int], *, by_sentence: bool = False, seed: int = 0
) -> ChainScores:
    """Return random scores, as a model of three tags gives them for documents."""
    rng = numpy.random.default_rng(seed)
    chain = Chain(rng.normal(size=3), rng.normal(size=(3, 3)), rng.normal(size=3))
    emissions = [rng.normal(size=(length, 3)).astype("float32") for length in lengths]
    decoding = Decoding(posterior=False, by_sentence=by_sentence)
    return ChainScores(emissions, chain.astype("float32"), decoding)


class AllSequences(NamedTuple):
    """All tag sequences of a document, and the logarithms of their probabilities."""

    tags: NDArray[numpy.int64]
    log_probabilities: NDArray

    def marginals(self, n_labels: int) -> NDArray:
        probabilities = numpy.exp(self.log_probabilities)
        found = numpy.zeros((self.tags.shape[1], n_labels))
        for tags, probability in zip(self.tags, probabilities):
            found[numpy.arange(len(tags)), tags] += probability
        return found

    def best(self) -> List[int]:
        return self.tags[self.log_probabilities.argmax()].tolist()


def enumerate_document(
    emissions: NDArray, chain: Optional[Chain] = None, groups: Iterable[List[int]] = ()
) -> AllSequences:
    """Return all sequences of tags and their normalized scores, computed without the
    code under test.

    groups (Iterable[List[int]]): The tokens of each chain. All others are tagged by
        themselves.
    """
    n_tokens, n_labels = emissions.shape
    found = numpy.asarray(
        list(itertools.product(range(n_labels), repeat=n_tokens)), dtype="int64"
    )
    scores = emissions.astype("float64")[numpy.arange(n_tokens), found].sum(axis=1)
    for group in filter(None, groups):
        assert chain is not None
        tags = found[:, group]
        scores += chain.start[tags[:, 0]] + chain.end[tags[:, -1]]
        scores += chain.transitions[tags[:, :-1], tags[:, 1:]].sum(axis=1)
    highest = scores.max()
    return AllSequences(
        found, scores - highest - numpy.log(numpy.exp(scores - highest).sum())
    )


def words_in(doc: Doc) -> List[int]:
    return [token.i for token in doc if not token.is_space]


def names(positions: Iterable[int], labels: Sequence[str] = LABELS) -> List[str]:
    return [labels[position] for position in positions]


def disk_round_trip(nlp: Language, path: Path) -> Language:
    nlp.to_disk(path / "saved")
    return spacy.load(path / "saved")


def bytes_round_trip(nlp: Language, path: Path) -> Language:
    return load_model_from_config(nlp.config).from_bytes(nlp.to_bytes())


def pickle_round_trip(nlp: Language, path: Path) -> Language:
    return pickle.loads(pickle.dumps(nlp))


def deepcopy_round_trip(nlp: Language, path: Path) -> Language:
    return copy.deepcopy(nlp)


def model_copy_round_trip(nlp: Language, path: Path) -> Language:
    copied = load_model_from_config(nlp.config)
    get_tagger(copied).cfg = copy.deepcopy(get_tagger(nlp).cfg)
    get_tagger(copied).model = get_tagger(nlp).model.copy()
    return copied


def component_disk_round_trip(nlp: Language, path: Path) -> Language:
    loaded = load_model_from_config(nlp.config)
    get_tagger(nlp).to_disk(path / "component")
    get_tagger(loaded).from_disk(path / "component")
    return loaded


def component_bytes_round_trip(nlp: Language, path: Path) -> Language:
    loaded = load_model_from_config(nlp.config)
    get_tagger(loaded).from_bytes(get_tagger(nlp).to_bytes())
    return loaded


ROUND_TRIPS: List[Callable[[Language, Path], Language]] = [
    disk_round_trip,
    bytes_round_trip,
    pickle_round_trip,
    deepcopy_round_trip,
    model_copy_round_trip,
    component_disk_round_trip,
    component_bytes_round_trip,
]

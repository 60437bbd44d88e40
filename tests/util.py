"""A small tagger and the sentences to train it on, as several test files use them."""

import copy
import multiprocessing
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy
import spacy
from numpy.typing import NDArray
from spacy.cli import app
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import fix_random_seed
from spacy.vectors import Vectors
from typer.testing import CliRunner

from spacy_lstm_tagger.encoder.layer import run_network

TESTS = Path(__file__).parent
# The settings of an lstm_tagger that is trained in a second.
SMALL: Dict[str, Any] = {
    "model": {
        "tok2vec": {
            "width": 32,
            "depth": 1,
            "word_width": 16,
            "character_width": 8,
            "character_lstm_width": 16,
            "min_character_count": 1,
        }
    }
}

_SENTENCES = [
    "The/DET dog/NN ate/V the/DET apple/NN",
    "Everybody/NN read/V that/DET book/NN",
    "A/DET cat/NN saw/V the/DET old/ADJ house/NN",
    "She/PRON likes/V green/ADJ apples/NNS",
    "They/PRON slowly/ADV walked/V home/ADV",
    "Small/ADJ birds/NNS often/ADV sing/V",
]
# A small token-to-vector model of spaCy's.
SMALL_CNN: Dict[str, Any] = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "width": 16,
    "depth": 1,
    "embed_size": 50,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
    "pretrained_vectors": None,
}

TRAIN_DATA: List[Tuple[List[str], List[str]]] = [
    (
        [token.split("/")[0] for token in sentence.split()],
        [token.split("/")[1] for token in sentence.split()],
    )
    for sentence in _SENTENCES
]


def small(**settings: Any) -> Dict[str, Any]:
    """Return SMALL with other settings of its encoder."""
    config = copy.deepcopy(SMALL)
    config["model"]["tok2vec"].update(settings)
    return config


def make_examples(
    nlp: Language, data: Sequence[Tuple[List[str], Optional[List[str]]]] = TRAIN_DATA
) -> List[Example]:
    """Return examples of words and their tags. A sentence with None for its tags has no
    tags; a token with "" has none."""
    return [
        Example(Doc(nlp.vocab, words=words), Doc(nlp.vocab, words=words, tags=tags))
        for words, tags in data
    ]


def make_untrained(
    data: Sequence[Tuple[List[str], Optional[List[str]]]] = TRAIN_DATA,
    config: Dict[str, Any] = SMALL,
    seed: int = 0,
) -> Language:
    """Return a pipeline of one lstm_tagger, initialized with the data."""
    fix_random_seed(seed)
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config=copy.deepcopy(config))
    nlp.initialize(lambda: make_examples(nlp, data))
    return nlp


def make_trained(
    data: Sequence[Tuple[List[str], Optional[List[str]]]] = TRAIN_DATA,
    config: Dict[str, Any] = SMALL,
    seed: int = 0,
    steps: int = 60,
) -> Language:
    """Return the same pipeline, trained until it knows the data."""
    nlp = make_untrained(data, config, seed)
    sgd = nlp.create_optimizer()
    sgd.learn_rate = 0.01
    examples = make_examples(nlp, data)
    for _ in range(steps):
        nlp.update(examples, sgd=sgd)
    return nlp


def make_doc(nlp: Language, words: Sequence[str] = TRAIN_DATA[0][0]) -> Doc:
    """Return a document without annotations."""
    return Doc(nlp.vocab, words=list(words))


def tags_of(doc: Doc) -> List[str]:
    return [token.tag_ for token in doc]


def tag_all(nlp: Language) -> List[List[str]]:
    """Return the tags of the sentences that the pipeline was trained on."""
    return [tags_of(nlp(make_doc(nlp, words))) for words, _ in TRAIN_DATA]


def encoder_of(nlp: Language, name: str = "lstm_tagger") -> Any:
    """Return the thinc layer around the torch module."""
    model = nlp.get_pipe(name).model  # type: ignore[attr-defined]
    return next(node for node in model.walk() if node.name == "word_char_bilstm")


def assert_as_plain(encoder: Any, docs: List[Doc]) -> None:
    """Check that tagging gives the vectors of the network without dropout."""
    wanted, _ = run_network(encoder, docs, is_train=False)
    for found, plain in zip(encoder.predict(docs), wanted, strict=True):
        numpy.testing.assert_allclose(found, plain, atol=1e-5)


def torch_weights(nlp: Language, name: str = "lstm_tagger") -> Dict[str, NDArray]:
    """Return copies of the parameters of the torch module."""
    module = encoder_of(nlp, name).shims[0].module
    return {k: v.detach().numpy().copy() for k, v in module.named_parameters()}


def all_weights(nlp: Language, name: str = "lstm_tagger") -> Dict[str, NDArray]:
    """Return copies of all parameters of a component, torch's and thinc's."""
    weights = torch_weights(nlp, name)
    model = nlp.get_pipe(name).model  # type: ignore[attr-defined]
    for i, node in enumerate(model.walk()):
        for param in node.param_names:
            weights[f"{i}.{param}"] = numpy.array(node.get_param(param))
    return weights


def same_weights(one: Dict[str, NDArray], other: Dict[str, NDArray]) -> bool:
    """Return True if all weights are the same, to the last bit."""
    assert one.keys() == other.keys()
    return all(numpy.array_equal(one[name], other[name]) for name in one)


def write_corpus(
    nlp: Language,
    path: Path,
    data: Sequence[Tuple[List[str], Optional[List[str]]]] = TRAIN_DATA,
) -> Path:
    """Save sentences as a .spacy file."""
    examples = make_examples(nlp, data)
    DocBin(docs=[example.reference for example in examples]).to_disk(path)
    return path


def run_spacy(*arguments: Any) -> str:
    """Run a command of spaCy's and return what it prints."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def run_script(script: str, timeout: int = 600, cwd: Path = TESTS) -> str:
    """Run a script in a process of its own, which a deadlock can't outlive, and return
    what it prints. It can import what tests can."""
    path = [str(TESTS), os.environ.get("PYTHONPATH")]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_forked(*arguments: Any) -> Optional[int]:
    """Run a command of spaCy's in a copy of this process, which a signal may end, and
    return its exit code."""
    command = [str(argument) for argument in arguments]
    context: Any = multiprocessing.get_context("fork")
    process = context.Process(target=app, args=(command,))
    process.start()
    process.join()
    return process.exitcode


def make_installed() -> Language:
    """Return a pipeline such as one may have installed: with vectors that came from a
    folder of another machine, spaCy's `tagger`, the attribute ruler behind it, and
    another component that listens to the same `tok2vec`."""
    nlp = spacy.blank("en")
    nlp.vocab.vectors = Vectors(
        data=numpy.ones((3, 4), dtype="float32"),
        keys=["dog", "cat", "apple"],
        strings=nlp.vocab.strings,
    )
    nlp.add_pipe("tok2vec", config={"model": SMALL_CNN})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16}
    tagger = {"@architectures": "spacy.Tagger.v2", "tok2vec": listener}
    nlp.add_pipe("tagger", config={"model": tagger})
    nlp.add_pipe("attribute_ruler")
    recognizer = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 16,
        "maxout_pieces": 2,
        "tok2vec": listener,
    }
    nlp.add_pipe("ner", config={"model": recognizer})
    examples = make_examples(nlp)
    for example in examples:
        example.reference.set_ents([Span(example.reference, 0, 1, "THING")])
    nlp.initialize(lambda: examples)
    nlp.get_pipe("attribute_ruler").add([[{"TAG": "NN"}]], {"POS": "NOUN"})  # type: ignore[attr-defined]
    nlp.config["initialize"]["vectors"] = "corpus/en_vectors"
    return nlp

"""Several token-to-vector models side by side."""

import copy
from pathlib import Path
from typing import Any, Dict, List

import numpy
import pytest
import spacy
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import fix_random_seed, registry
from spacy.vocab import Vocab
from taggers import ROUND_TRIPS
from thinc.api import Adam, Model, set_dropout_rate
from util import SMALL, SMALL_CNN, TRAIN_DATA, make_examples, tag_all

from spacy_lstm_tagger.encoder.concatenation import concatenate_tok2vecs
from spacy_lstm_tagger.training.build_vocabulary import set_vocabulary

CNN = {**SMALL_CNN, "width": 8}
OURS = {
    "@architectures": "spacy_lstm_tagger.WordCharBiLSTM.v1",
    **SMALL["model"]["tok2vec"],
}
BOTH = {
    "@architectures": "spacy_lstm_tagger.ConcatenatedTok2Vec.v1",
    "*": {"cnn": CNN, "lstm": OURS},
}
WIDTH = 8 + 32


def make_docs(vocab: Any = None) -> List[Doc]:
    vocab = Vocab() if vocab is None else vocab
    sentences = [["the", "dog", "ate"], [], ["a", " ", "b", "c"], ["one"]]
    return [Doc(vocab, words=words) for words in sentences]


def build(config: Any = BOTH) -> Model:
    return registry.resolve({"model": copy.deepcopy(config)})["model"]


def initialize(model: Model, docs: List[Doc]) -> Model:
    fix_random_seed(0)
    for node in model.walk():
        if "build_vocabulary" in node.attrs:
            set_vocabulary(node, docs)
    return model.initialize(X=docs)


def linear(width: int, *, knows_width: bool = True) -> Model:
    """A model whose vectors are its weights times features of tokens."""

    def features(doc: Doc) -> NDArray:
        rows = [[len(token), token.i, 1.0] for token in doc]
        return numpy.asarray(rows, dtype="float32").reshape(-1, 3)

    def forward(model: Model, docs: List[Doc], is_train: bool) -> Any:
        weights = model.get_param("W")

        def backprop(gradients: List[NDArray]) -> List[Doc]:
            for doc, gradient in zip(docs, gradients):
                assert gradient.flags["C_CONTIGUOUS"]
                model.inc_grad("W", features(doc).T @ gradient)
            return []

        return [features(doc) @ weights for doc in docs], backprop

    rng = numpy.random.default_rng(width)
    weights = rng.normal(size=(3, width)).astype("float32")
    dims = {"nO": width} if knows_width else {}
    return Model("linear", forward, params={"W": weights}, dims=dims)  # type: ignore


def test_the_vector_of_a_token_is_that_of_each_model_in_turn() -> None:
    docs = make_docs()
    parts = [linear(2), linear(3), linear(1)]
    expected = [part.predict(docs) for part in parts]
    found = concatenate_tok2vecs(*parts).predict(docs)
    assert [rows.shape for rows in found] == [(len(doc), 6) for doc in docs]
    for rows, *others in zip(found, *expected):
        numpy.testing.assert_array_equal(rows, numpy.hstack(others))


def test_a_single_model_gives_its_own_vectors() -> None:
    docs = make_docs()
    for found, expected in zip(
        concatenate_tok2vecs(linear(4)).predict(docs), linear(4).predict(docs)
    ):
        numpy.testing.assert_array_equal(found, expected)


def test_no_models_are_refused() -> None:
    with pytest.raises(ValueError, match="there is none"):
        concatenate_tok2vecs()


def test_no_documents_give_no_vectors() -> None:
    vectors, backprop = concatenate_tok2vecs(linear(2), linear(3)).begin_update([])
    assert vectors == []
    assert backprop([]) == []


def test_each_model_gets_its_part_of_the_gradient() -> None:
    docs = make_docs()
    parts, alone = [linear(2), linear(3)], [linear(2), linear(3)]
    _, backprop = concatenate_tok2vecs(*parts).begin_update(docs)
    rng = numpy.random.default_rng(0)
    gradients = [rng.normal(size=(len(doc), 5)).astype("float32") for doc in docs]
    backprop(gradients)
    for model, start, end, part in zip(alone, (0, 2), (2, 5), parts):
        _, callback = model.begin_update(docs)
        callback([numpy.ascontiguousarray(g[:, start:end]) for g in gradients])
        numpy.testing.assert_array_equal(part.get_grad("W"), model.get_grad("W"))


def test_the_gradient_agrees_with_finite_differences() -> None:
    docs = make_docs()
    model = concatenate_tok2vecs(linear(2), linear(3))
    rng = numpy.random.default_rng(0)
    wanted = [rng.normal(size=(len(doc), 5)) for doc in docs]

    def loss() -> float:
        found = model.predict(docs)
        return sum(((f - w) ** 2).sum() / 2 for f, w in zip(found, wanted))

    found, backprop = model.begin_update(docs)
    backprop([(f - w).astype("float32") for f, w in zip(found, wanted)])
    step = 1e-2
    for layer in model.layers:
        weights = layer.get_param("W").astype("float64")
        for index in numpy.ndindex(*weights.shape):
            ends = []
            for sign in (1, -1):
                moved = weights.copy()
                moved[index] += sign * step
                layer.set_param("W", moved)
                ends.append(loss())
            layer.set_param("W", weights)
            slope = (ends[0] - ends[1]) / (2 * step)
            assert layer.get_grad("W")[index] == pytest.approx(slope, abs=1e-2)


def test_the_width_is_known_once_the_models_are_initialized() -> None:
    docs = make_docs()
    model = build()
    assert initialize(model, docs).get_dim("nO") == WIDTH
    assert [rows.shape[1] for rows in model.predict(docs)] == [WIDTH] * len(docs)


def test_the_width_is_known_where_models_do_not_tell_theirs() -> None:
    model = concatenate_tok2vecs(linear(2), linear(3, knows_width=False))
    assert model.initialize(X=make_docs()).get_dim("nO") == 5


def test_a_real_encoder_has_the_vectors_that_it_has_alone() -> None:
    docs = make_docs()
    model = initialize(build(), docs)
    cnn, lstm = model.layers
    for found, *alone in zip(
        model.predict(docs), cnn.predict(docs), lstm.predict(docs)
    ):
        numpy.testing.assert_array_equal(found, numpy.hstack(alone))


def test_dropout_reaches_all_models() -> None:
    model = initialize(build(), make_docs())
    set_dropout_rate(model, 0.25)
    rates = [n.attrs["dropout_rate"] for n in model.walk() if "dropout_rate" in n.attrs]
    assert len(rates) >= 2
    assert set(rates) == {0.25}


# In a pipeline.


def make_tagger(
    tok2vec: Dict[str, Any] = BOTH, factory: str = "lstm_tagger"
) -> Language:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    name = "spacy_lstm_tagger.LSTMTagger.v1"
    architecture = name if factory == "lstm_tagger" else "spacy.Tagger.v2"
    model = {"@architectures": architecture, "tok2vec": copy.deepcopy(tok2vec)}
    nlp.add_pipe(factory, config={"model": model})
    nlp.initialize(lambda: make_examples(nlp))
    return nlp


def train(nlp: Language, steps: int = 40) -> Language:
    examples = make_examples(nlp)
    optimizer = Adam(0.01)
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer)
    return nlp


def weights_of(nlp: Language) -> List[List[NDArray]]:
    """The weights of each of the two models."""
    tok2vec = nlp.get_pipe(nlp.pipe_names[-1]).model.get_ref("tok2vec")  # type: ignore
    cnn, lstm = tok2vec.layers
    module = lstm.shims[0].module
    return [
        [n.get_param(name).copy() for n in cnn.walk() for name in n.param_names],
        [value.detach().numpy().copy() for value in module.parameters()],
    ]


@pytest.mark.filterwarnings("ignore:The vocabulary of a word and char")
@pytest.mark.parametrize("factory", ["lstm_tagger", "tagger"])
def test_a_tagger_learns_with_both_encoders(factory: str) -> None:
    nlp = make_tagger(factory=factory)
    before = weights_of(nlp)
    assert tag_all(train(nlp)) == [tags for _, tags in TRAIN_DATA]
    for old, new in zip(before, weights_of(nlp)):
        changed = [not numpy.array_equal(x, y) for x, y in zip(old, new)]
        assert sum(changed) > len(changed) / 2


def test_a_tagger_builds_the_vocabulary_of_an_encoder_beside_another() -> None:
    nlp = make_tagger()
    model: Any = nlp.get_pipe("lstm_tagger").model  # type: ignore[attr-defined]
    vocabulary = model.get_ref("tok2vec").layers[1].shims[0].module.vocabulary
    words = {nlp.vocab.strings[word] for word in vocabulary.words.tolist()}
    assert words == {word.lower() for words, _ in TRAIN_DATA for word in words}


def predict(nlp: Language) -> List[NDArray]:
    docs = [example.predicted for example in make_examples(nlp)]
    return nlp.get_pipe("lstm_tagger").predict_proba(docs)  # type: ignore[attr-defined]


@pytest.mark.parametrize("round_trip", ROUND_TRIPS)
def test_a_tagger_with_both_encoders_is_saved_and_loaded(
    round_trip: Any, tmp_path: Path
) -> None:
    nlp = train(make_tagger(), steps=3)
    for found, expected in zip(predict(round_trip(nlp, tmp_path)), predict(nlp)):
        numpy.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_listener_and_an_encoder_of_its_own_stand_side_by_side(
    tmp_path: Path,
) -> None:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": CNN})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 8}
    model = {
        "@architectures": "spacy_lstm_tagger.LSTMTagger.v1",
        "tok2vec": {**BOTH, "*": {"shared": listener, "lstm": OURS}},
    }
    nlp.add_pipe("lstm_tagger", config={"model": copy.deepcopy(model)})
    nlp.initialize(lambda: make_examples(nlp))
    expected = [tags for _, tags in TRAIN_DATA]
    assert tag_all(train(nlp)) == expected
    nlp.to_disk(tmp_path)
    assert tag_all(spacy.load(tmp_path)) == expected


def test_the_pipeline_can_be_initialized_again() -> None:
    nlp = make_tagger()
    nlp.initialize(lambda: make_examples(nlp))
    assert tag_all(train(nlp)) == [tags for _, tags in TRAIN_DATA]

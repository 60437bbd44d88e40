from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import numpy
import pytest
import spacy
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed, registry
from spacy.vectors import Vectors
from spacy.vocab import Vocab
from thinc.api import Adam, Model, set_dropout_rate
from util import (
    SMALL,
    TRAIN_DATA,
    assert_as_plain,
    make_doc,
    make_examples,
    tag_all,
    write_corpus,
)

from spacy_lstm_tagger.encoder.vocabulary import Vocabulary
from spacy_lstm_tagger.training.build_vocabulary import (
    build_vocabulary,
    find_encoders,
    set_vocabulary,
)

ENCODER: Dict[str, Any] = {
    "@architectures": "spacy_lstm_tagger.WordCharBiLSTM.v1",
    **SMALL["model"]["tok2vec"],
}
WIDTH = ENCODER["width"]
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": WIDTH}
STOCK_TAGGER = {"model": {"@architectures": "spacy.Tagger.v2", "tok2vec": ENCODER}}
OUR_LISTENER = {
    "model": {"@architectures": "spacy_lstm_tagger.LSTMTagger.v1", "tok2vec": LISTENER}
}
STOCK_LISTENER = {"model": {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER}}
WANTED = [tags for _, tags in TRAIN_DATA]

# TRAIN_DATA is small enough for spaCy's sample to be all of it.
pytestmark = pytest.mark.filterwarnings("ignore:The vocabulary of a word and char")


@pytest.fixture
def vocab() -> Vocab:
    return spacy.blank("en").vocab


def build_encoder(**settings: Any) -> Model:
    return registry.resolve({"model": {**ENCODER, **settings}})["model"]


def make_encoder(
    vocab: Vocab, sentences: Optional[List[List[str]]] = None, **settings: Any
) -> Model:
    """An encoder that is initialized with a vocabulary."""
    fix_random_seed(0)
    encoder = build_encoder(**settings)
    sentences = sentences or [words for words, _ in TRAIN_DATA]
    docs = [Doc(vocab, words=words) for words in sentences]
    set_vocabulary(encoder, docs)
    return encoder.initialize(X=docs)


def module_of(encoder: Model) -> Any:
    return encoder.shims[0].module


def vocabulary_of(encoder: Model) -> Vocabulary:
    return module_of(encoder).vocabulary


def weights_of(encoder: Model) -> Dict[str, NDArray]:
    parameters = module_of(encoder).named_parameters()
    return {name: value.detach().numpy().copy() for name, value in parameters}


def assert_changed(encoder: Model, before: Dict[str, NDArray]) -> None:
    """Assert that every part that sees the data was trained: it has no whitespace
    tokens, and a space after every word."""
    for name, value in weights_of(encoder).items():
        if name not in ("whitespace", "spacing_embedding.weight"):
            assert not numpy.array_equal(value, before[name]), name


def assert_same_vocabulary(left: Vocabulary, right: Vocabulary) -> None:
    for name in ("words", "word_counts", "characters"):
        assert getattr(left, name).tolist() == getattr(right, name).tolist()


def train(
    nlp: Language, examples: List[Example], steps: int = 40, **kwargs: Any
) -> List[Dict[str, float]]:
    """The losses of each step."""
    optimizer = kwargs.pop("sgd", None) or Adam(0.01)
    history = []
    for _ in range(steps):
        losses: Dict[str, float] = {}
        nlp.update(examples, sgd=optimizer, losses=losses, **kwargs)
        history.append(losses)
    return history


def learn(encoder: Model, docs: List[Doc], steps: int = 5) -> None:
    """Some updates towards vectors of ones."""
    optimizer = Adam(0.05)
    for _ in range(steps):
        vectors, backprop = encoder.begin_update(docs)
        backprop([v - numpy.float32(1.0) for v in vectors])
        encoder.finish_update(optimizer)


# What settings may be


@pytest.mark.parametrize(
    "settings, shown",
    [
        ({"width": 7}, "width = 7"),
        ({"width": 0}, "width = 0"),
        ({"character_lstm_width": 9}, "character_lstm_width = 9"),
        ({"depth": 0}, "depth = 0"),
        ({"word_width": -1}, "word_width = -1"),
        ({"word_width": 0, "include_static_vectors": True}, "word_width = 0"),
        ({"character_width": -1}, "character_width = -1"),
        ({"max_characters": 1}, "max_characters = 1"),
        ({"spacing_width": -1}, "spacing_width = -1"),
        ({"word_dropout": -0.5}, "word_dropout = -0.5"),
        ({"spacing_dropout": -0.1}, "spacing_dropout = -0.1"),
        ({"spacing_dropout": 1.5}, "spacing_dropout = 1.5"),
        ({"input_dropout": -1.0}, "input_dropout = -1.0"),
        ({"layer_dropout": -0.1}, "layer_dropout = -0.1"),
        ({"window": 64, "window_overlap": 32}, "64"),
        ({"window": 8, "window_overlap": 32}, "32"),
        ({"window_overlap": -3}, "-3"),
    ],
)
def test_a_setting_out_of_range_is_refused_and_shown(
    settings: Dict[str, Any], shown: str
) -> None:
    with pytest.raises(ValueError, match=shown):
        build_encoder(**settings)


# The encoder as a tok2vec of spaCy's components


def test_the_stock_tagger_learns_with_our_encoder() -> None:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger", config=STOCK_TAGGER)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    encoder = nlp.get_pipe("tagger").model.get_ref("tok2vec")
    before = weights_of(encoder)
    history = train(nlp, examples)
    assert history[-1]["tagger"] < 0.1 * history[0]["tagger"]
    assert tag_all(nlp) == WANTED
    assert_changed(encoder, before)


def test_our_tagger_learns_with_an_encoder_of_spacy() -> None:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    hash_embed = {
        "@architectures": "spacy.HashEmbedCNN.v2",
        "pretrained_vectors": None,
        "width": 16,
        "depth": 1,
        "embed_size": 200,
        "window_size": 1,
        "maxout_pieces": 2,
        "subword_features": True,
    }
    model = {
        "@architectures": "spacy_lstm_tagger.LSTMTagger.v1",
        "tok2vec": hash_embed,
    }
    # A config is merged into the default one: its encoder has other settings.
    nlp.add_pipe("lstm_tagger", config={"model": model})
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    history = train(nlp, examples)
    assert history[-1]["lstm_tagger"] < 0.1 * history[0]["lstm_tagger"]
    assert tag_all(nlp) == WANTED


def make_shared(
    examples_of: Callable[[Language], List[Example]] = make_examples,
) -> Language:
    """A tok2vec that our tagger and spaCy's listen to."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": ENCODER})
    nlp.add_pipe("tagger", config=STOCK_LISTENER)
    ours = {**OUR_LISTENER, "overwrite": True}
    nlp.add_pipe("lstm_tagger", config=ours)
    nlp.initialize(lambda: examples_of(nlp))
    return nlp


def test_a_shared_encoder_is_trained_by_all_that_listen_to_it() -> None:
    nlp = make_shared()
    encoder = nlp.get_pipe("tok2vec").model
    before = weights_of(encoder)
    history = train(nlp, make_examples(nlp))
    for name in ("tagger", "lstm_tagger"):
        assert history[-1][name] < 0.1 * history[0][name]
        with nlp.select_pipes(enable=["tok2vec", name]):
            assert tag_all(nlp) == WANTED
    assert_changed(encoder, before)


@pytest.mark.parametrize("factory", ["tagger", "lstm_tagger"])
def test_a_single_listener_trains_a_shared_encoder(factory: str) -> None:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    encoder = nlp.add_pipe("tok2vec", config={"model": ENCODER}).model
    config = OUR_LISTENER if factory == "lstm_tagger" else STOCK_LISTENER
    nlp.add_pipe(factory, config=config)
    nlp.initialize(lambda: make_examples(nlp))
    before = weights_of(encoder)
    train(nlp, make_examples(nlp))
    assert tag_all(nlp) == WANTED
    assert_changed(encoder, before)


def test_a_pipeline_with_a_shared_encoder_can_be_saved_and_loaded(
    tmp_path: Path,
) -> None:
    nlp = make_shared()
    train(nlp, make_examples(nlp))
    nlp.to_disk(tmp_path)
    assert tag_all(spacy.load(tmp_path)) == WANTED


def test_replacing_listeners_leaves_the_scores_as_they_are() -> None:
    nlp = make_shared()
    train(nlp, make_examples(nlp), steps=5)
    docs = list(nlp.pipe(make_doc(nlp, words) for words, _ in TRAIN_DATA))
    before = nlp.get_pipe("lstm_tagger").model.predict(docs)
    nlp.replace_listeners("tok2vec", "lstm_tagger", ["model.tok2vec"])
    after = nlp.get_pipe("lstm_tagger").model.predict(docs)
    for left, right in zip(before, after):
        numpy.testing.assert_allclose(left, right, atol=1e-6)


def test_replaced_listeners_train_on_beside_the_encoder_they_came_from() -> None:
    """Both encoders share one optimizer."""
    nlp = make_shared()
    sgd = Adam(0.01)
    train(nlp, make_examples(nlp), steps=5, sgd=sgd)
    nlp.replace_listeners("tok2vec", "lstm_tagger", ["model.tok2vec"])
    shared = nlp.get_pipe("tok2vec").model
    own = nlp.get_pipe("lstm_tagger").model.get_ref("tok2vec")
    before = weights_of(own)
    history = train(nlp, make_examples(nlp), sgd=sgd)
    assert history[-1]["lstm_tagger"] < history[0]["lstm_tagger"]
    assert_changed(own, before)
    assert_changed(shared, weights_of(own))
    for name in ("tagger", "lstm_tagger"):
        with nlp.select_pipes(enable=["tok2vec", name]):
            assert tag_all(nlp) == WANTED


def test_a_pipeline_with_replaced_listeners_can_be_saved_and_loaded(
    tmp_path: Path,
) -> None:
    nlp = make_shared()
    train(nlp, make_examples(nlp))
    nlp.replace_listeners("tok2vec", "lstm_tagger", ["model.tok2vec"])
    with nlp.select_pipes(enable=["lstm_tagger"]):
        nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path, exclude=["tok2vec", "tagger"])
    assert loaded.pipe_names == ["lstm_tagger"]
    assert tag_all(loaded) == WANTED


def test_the_entity_recognizer_learns_with_our_encoder() -> None:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    model = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 16,
        "maxout_pieces": 2,
        "use_upper": True,
        "tok2vec": ENCODER,
    }
    nlp.add_pipe("ner", config={"model": model})
    texts = {"Ann lives in Rome": [(0, 3, "PERSON")], "Bob ate": [(0, 3, "PERSON")]}
    examples = [
        Example.from_dict(nlp.make_doc(text), {"entities": entities})
        for text, entities in texts.items()
    ]
    nlp.initialize(lambda: examples)
    (encoder,) = find_encoders(nlp.get_pipe("ner").model)
    before = weights_of(encoder)
    history = train(nlp, examples, steps=25)
    assert history[-1]["ner"] < 0.5 * history[0]["ner"]
    assert_changed(encoder, before)
    assert [ent.text for ent in nlp("Ann lives in Rome").ents] == ["Ann"]


def test_the_parser_learns_with_a_shared_encoder() -> None:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": ENCODER})
    model = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "parser",
        "extra_state_tokens": False,
        "hidden_width": 16,
        "maxout_pieces": 2,
        "use_upper": True,
        "tok2vec": LISTENER,
    }
    nlp.add_pipe("parser", config={"model": model, "min_action_freq": 1})
    deps = ["det", "nsubj", "ROOT", "det", "obj"]
    doc = make_doc(nlp)
    examples = [Example.from_dict(doc, {"heads": [1, 2, 2, 4, 2], "deps": deps})]
    nlp.initialize(lambda: examples)
    before = weights_of(nlp.get_pipe("tok2vec").model)
    history = train(nlp, examples, steps=100)
    assert history[-1]["parser"] < 0.5 * history[0]["parser"]
    assert_changed(nlp.get_pipe("tok2vec").model, before)
    assert [token.dep_ for token in nlp(make_doc(nlp))] == deps


# What the encoder gives, for any documents


def make_docs(vocab: Vocab, lengths: List[int]) -> List[Doc]:
    words = [word for sentence, _ in TRAIN_DATA for word in sentence] + ["zebra", "xyz"]
    generator = numpy.random.default_rng(0)
    return [Doc(vocab, words=generator.choice(words, n).tolist()) for n in lengths]


def test_an_encoder_gives_a_float_vector_of_its_width_for_each_token(
    vocab: Vocab,
) -> None:
    encoder = make_encoder(vocab)
    docs = make_docs(vocab, [3, 1, 300])
    vectors = encoder.predict(docs)
    assert encoder.get_dim("nO") == WIDTH
    assert [v.shape for v in vectors] == [(n, WIDTH) for n in (3, 1, 300)]
    assert all(v.dtype == "float32" and numpy.isfinite(v).all() for v in vectors)


def test_the_width_is_known_before_the_encoder_is_initialized() -> None:
    assert build_encoder(width=12).get_dim("nO") == 12


@pytest.mark.parametrize("lengths", [[], [0], [0, 0, 0]])
def test_empty_documents_give_empty_arrays(vocab: Vocab, lengths: List[int]) -> None:
    encoder = make_encoder(vocab)
    docs = make_docs(vocab, lengths)
    vectors, backprop = encoder.begin_update(docs)
    assert [v.shape for v in vectors] == [(0, WIDTH) for _ in docs]
    backprop(vectors)
    encoder.finish_update(Adam(0.1))
    assert [v.shape for v in encoder.predict(docs)] == [(0, WIDTH) for _ in docs]


def test_empty_documents_among_others_change_nothing(vocab: Vocab) -> None:
    docs = make_docs(vocab, [0, 4, 0, 2, 0])
    trained = []
    for batch in (docs, [doc for doc in docs if len(doc)]):
        encoder = make_encoder(vocab)
        learn(encoder, batch)
        trained.append(weights_of(encoder))
        assert [len(v) for v in encoder.predict(batch)] == [len(doc) for doc in batch]
    for name, value in trained[0].items():
        numpy.testing.assert_allclose(value, trained[1][name], atol=1e-5)


@pytest.mark.parametrize("words", [[[" "]], [["\n\n", " "], [], ["\t"]]])
def test_documents_of_whitespace_alone_are_read_and_trained_on(
    vocab: Vocab, words: List[List[str]]
) -> None:
    encoder = make_encoder(vocab)
    docs = [Doc(vocab, words=w) for w in words]
    assert [v.shape for v in encoder.predict(docs)] == [(len(w), WIDTH) for w in words]
    before = weights_of(encoder)["whitespace"]
    learn(encoder, docs)
    assert not numpy.array_equal(weights_of(encoder)["whitespace"], before)


def test_whitespace_does_not_change_the_vectors_of_other_tokens(vocab: Vocab) -> None:
    encoder = make_encoder(vocab)
    plain = Doc(vocab, words=["the", "dog", "ate", "apples"])
    spaced = Doc(vocab, words=["\n", "the", " ", "dog", "\n\n", "\t", "ate", "apples"])
    (wanted,), (found,) = encoder.predict([plain]), encoder.predict([spaced])
    read = [i for i, token in enumerate(spaced) if not token.is_space]
    numpy.testing.assert_allclose(found[read], wanted, atol=1e-5)


def test_all_whitespace_has_the_same_vector(vocab: Vocab) -> None:
    encoder = make_encoder(vocab)
    docs = [
        Doc(vocab, words=["the", " ", "dog", "\n\n"]),
        Doc(vocab, words=["\t", "a"]),
    ]
    learn(encoder, docs)
    first, second = encoder.predict(docs)
    assert first[1].tolist() == first[3].tolist() == second[0].tolist()
    assert first[1].any()


def test_the_vectors_of_a_document_do_not_depend_on_its_batch(vocab: Vocab) -> None:
    encoder = make_encoder(vocab, window=16, window_overlap=4, depth=2)
    docs = make_docs(vocab, [5, 100, 0, 16, 1, 17, 40, 2])
    together = encoder.predict(docs)
    for doc, vectors in zip(docs, together):
        numpy.testing.assert_allclose(encoder.predict([doc])[0], vectors, atol=1e-5)


def test_the_scores_of_a_document_do_not_depend_on_its_batch() -> None:
    nlp = spacy.blank("en")
    tok2vec = {**SMALL["model"]["tok2vec"], "window": 16, "window_overlap": 4}
    tagger = nlp.add_pipe("lstm_tagger", config={"model": {"tok2vec": tok2vec}})
    nlp.initialize(lambda: make_examples(nlp))
    train(nlp, make_examples(nlp), steps=10)
    docs = make_docs(nlp.vocab, [5, 100, 0, 16, 1, 17, 40, 2])
    together = tagger.model.predict(docs)
    for size in (1, 3):
        for start in range(0, len(docs), size):
            part = tagger.model.predict(docs[start : start + size])
            for scores, wanted in zip(part, together[start:]):
                numpy.testing.assert_allclose(scores, wanted, atol=1e-5)


def test_no_state_crosses_documents(vocab: Vocab) -> None:
    encoder = make_encoder(vocab)
    dog = Doc(vocab, words=["dog"])
    for other in make_docs(vocab, [1, 7]):
        vectors = encoder.predict([other, dog, other])
        numpy.testing.assert_allclose(vectors[1], encoder.predict([dog])[0], atol=1e-5)


def test_a_token_is_read_in_its_context(vocab: Vocab) -> None:
    encoder = make_encoder(vocab)
    docs = [Doc(vocab, words=["the", "dog", w]) for w in ("ate", "walked")]
    first, second = encoder.predict(docs)
    assert not numpy.allclose(first[:2], second[:2], atol=1e-4)


def test_documents_that_fit_the_window_do_not_depend_on_its_size(vocab: Vocab) -> None:
    docs = make_docs(vocab, [20, 3, 11])
    small = make_encoder(vocab, window=20, window_overlap=4)
    large = build_encoder(window=500, window_overlap=100)
    module = module_of(small)
    large.shims[0].set_module(module)
    for left, right in zip(small.predict(docs), large.predict(docs)):
        numpy.testing.assert_allclose(left, right, atol=1e-5)


def test_a_token_of_a_long_document_sees_its_window_and_no_further(
    vocab: Vocab,
) -> None:
    encoder = make_encoder(vocab, window=16, window_overlap=4)
    words = [token.text for token in make_docs(vocab, [80])[0]]
    before = encoder.predict([Doc(vocab, words=words)])[0]
    words[40] = "old" if words[40] != "old" else "cat"
    after = encoder.predict([Doc(vocab, words=words)])[0]
    changed = numpy.flatnonzero(numpy.abs(after - before).max(axis=1) > 1e-6)
    assert {36, 40, 44} <= set(changed.tolist())
    assert changed.min() > 40 - 16 and changed.max() < 40 + 16


def test_a_huge_document_is_read(vocab: Vocab) -> None:
    encoder = make_encoder(vocab, width=4, character_lstm_width=2, word_width=2)
    docs = make_docs(vocab, [100_000])
    (vectors,) = encoder.predict(docs)
    assert vectors.shape == (100_000, 4)
    # As far as a window and a half, the document has the same windows without its end.
    (short,) = encoder.predict([docs[0][:400].as_doc()])
    numpy.testing.assert_allclose(vectors[:200], short[:200], atol=1e-5)


# Dropout


def test_the_dropout_of_the_training_reaches_the_module(vocab: Vocab) -> None:
    encoder = make_encoder(vocab)
    docs = make_docs(vocab, [8])

    def read() -> NDArray:
        return encoder(docs, is_train=True)[0][0]

    set_dropout_rate(encoder, 0.2)
    assert not numpy.allclose(read(), read(), atol=1e-3)
    set_dropout_rate(encoder, 0.0)
    numpy.testing.assert_array_equal(read(), read())
    numpy.testing.assert_allclose(read(), encoder.predict(docs)[0], atol=1e-5)


def test_there_is_no_dropout_in_prediction(vocab: Vocab) -> None:
    encoder = make_encoder(vocab)
    docs = make_docs(vocab, [8])
    before = encoder.predict(docs)[0]
    set_dropout_rate(encoder, 0.2)
    encoder(docs, is_train=True)
    numpy.testing.assert_array_equal(encoder.predict(docs)[0], before)


@pytest.mark.parametrize("drop", [0.0, 0.2])
def test_the_drop_of_an_update_is_the_rate_that_the_module_gets(drop: float) -> None:
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("lstm_tagger", config=SMALL)
    nlp.initialize(lambda: make_examples(nlp))
    rates: List[float] = []

    def record(module: Any, args: Any, kwargs: Dict[str, Any]) -> None:
        rates.append(kwargs["dropout"])

    module = module_of(tagger.model.get_ref("tok2vec"))
    module.register_forward_pre_hook(record, with_kwargs=True)
    nlp.update(make_examples(nlp), drop=drop, sgd=Adam(0.01))
    assert rates == [drop]


# Static vectors


def plain_vectors(vocab: Vocab, seed: int = 0) -> Vectors:
    keys = ["dog", "apple", "zebra", "okapi"]
    data = numpy.random.default_rng(seed).normal(size=(4, 5)).astype("float32")
    vocab.vectors = Vectors(strings=vocab.strings, data=data, keys=keys)
    return vocab.vectors


def floret_vectors(vocab: Vocab, seed: int = 0) -> Vectors:
    data = numpy.random.default_rng(seed).normal(size=(50, 5)).astype("float32")
    vocab.vectors = Vectors(
        strings=vocab.strings,
        data=data,
        mode="floret",
        minn=2,
        maxn=3,
        hash_count=2,
        hash_seed=7,
        bow="<",
        eow=">",
    )
    return vocab.vectors


TABLES = pytest.mark.parametrize("make_table", [plain_vectors, floret_vectors])
Table = Callable[..., Vectors]


@TABLES
def test_static_vectors_are_read(vocab: Vocab, make_table: Table) -> None:
    make_table(vocab)
    encoder = make_encoder(vocab, include_static_vectors=True)
    docs = [Doc(vocab, words=["zebra"])]
    before = encoder.predict(docs)[0]
    make_table(vocab, seed=1)
    assert not numpy.allclose(encoder.predict(docs)[0], before, atol=1e-4)


@TABLES
def test_static_vectors_are_not_read_if_they_are_not_asked_for(
    vocab: Vocab, make_table: Table
) -> None:
    make_table(vocab)
    encoder = make_encoder(vocab)
    docs = [Doc(vocab, words=["zebra"])]
    before = encoder.predict(docs)[0]
    make_table(vocab, seed=1)
    numpy.testing.assert_array_equal(encoder.predict(docs)[0], before)


@TABLES
def test_static_vectors_are_frozen_and_their_projection_is_trained(
    vocab: Vocab, make_table: Table
) -> None:
    table = make_table(vocab)
    encoder = make_encoder(vocab, include_static_vectors=True)
    data, before = table.data.copy(), weights_of(encoder)
    learn(encoder, [Doc(vocab, words=["the", "dog", "zebra"])])
    numpy.testing.assert_array_equal(vocab.vectors.data, data)
    name = "vectors_projection.weight"
    assert before[name].shape == (ENCODER["word_width"], 5)
    assert not numpy.array_equal(weights_of(encoder)[name], before[name])


@TABLES
def test_static_vectors_are_those_that_spacy_finds_scaled_to_length_one(
    vocab: Vocab, make_table: Table
) -> None:
    make_table(vocab)
    encoder = make_encoder(vocab, include_static_vectors=True)
    seen: List[Any] = []
    projection = module_of(encoder).vectors_projection
    projection.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    doc = Doc(vocab, words=["zebra", "unheard", "zebra", "dog"])
    encoder([doc], is_train=True)
    wanted = []
    for word in ("zebra", "unheard", "dog"):
        vector = vocab.get_vector(word)
        wanted.append((vector / (numpy.linalg.norm(vector) or 1.0)).tolist())
    numpy.testing.assert_allclose(sorted(seen[0].tolist()), sorted(wanted), rtol=1e-6)


@TABLES
def test_the_length_of_static_vectors_makes_no_difference(
    vocab: Vocab, make_table: Table
) -> None:
    table = make_table(vocab)
    encoder = make_encoder(vocab, include_static_vectors=True)
    docs = make_docs(vocab, [40, 3])
    before = encoder.predict(docs), encoder(docs, is_train=True)[0]
    table.data *= 100
    after = encoder.predict(docs), encoder(docs, is_train=True)[0]
    for one, other in zip(before, after):
        for rows, same in zip(one, other, strict=True):
            numpy.testing.assert_allclose(rows, same, atol=1e-5)


@TABLES
@pytest.mark.parametrize("depth", [1, 2])
def test_static_vectors_are_read_in_tagging_as_in_training(
    vocab: Vocab, make_table: Table, depth: int
) -> None:
    make_table(vocab)
    settings = {"depth": depth, "window": 16, "window_overlap": 3}
    encoder = make_encoder(vocab, include_static_vectors=True, **settings)
    assert_as_plain(encoder, [Doc(vocab, words=[" "]), *make_docs(vocab, [40, 0, 1])])


def test_a_word_without_a_vector_gets_zeros(vocab: Vocab) -> None:
    plain_vectors(vocab)
    encoder = make_encoder(vocab, include_static_vectors=True)
    docs = [Doc(vocab, words=["unheard"])]
    before = encoder.predict(docs)[0]
    plain_vectors(vocab, seed=1)
    numpy.testing.assert_array_equal(encoder.predict(docs)[0], before)


@TABLES
@pytest.mark.parametrize("words", [["\n"], [" ", "zebra"], []])
def test_static_vectors_get_along_with_whitespace_and_empty_documents(
    vocab: Vocab, make_table: Table, words: List[str]
) -> None:
    make_table(vocab)
    encoder = make_encoder(vocab, include_static_vectors=True)
    assert encoder.predict([Doc(vocab, words=words)])[0].shape == (len(words), WIDTH)


def test_a_vocab_without_vectors_is_an_error_that_says_what_to_do(vocab: Vocab) -> None:
    encoder = build_encoder(include_static_vectors=True)
    with pytest.raises(
        ValueError, match=r"'vectors' of \[initialize\].*include_static_vectors"
    ):
        encoder.initialize(X=[Doc(vocab, words=["a"])])


def test_a_pipeline_with_another_vocab_is_an_error_too(vocab: Vocab) -> None:
    plain_vectors(vocab)
    encoder = make_encoder(vocab, include_static_vectors=True)
    with pytest.raises(ValueError, match="no word vectors"):
        encoder.predict([Doc(spacy.blank("en").vocab, words=["a"])])


@TABLES
def test_a_tagger_with_static_vectors_learns_is_saved_and_loaded(
    make_table: Table, tmp_path: Path
) -> None:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    make_table(nlp.vocab)
    tok2vec = {**SMALL["model"]["tok2vec"], "include_static_vectors": True}
    nlp.add_pipe("lstm_tagger", config={"model": {"tok2vec": tok2vec}})
    nlp.initialize(lambda: make_examples(nlp))
    train(nlp, make_examples(nlp))
    assert tag_all(nlp) == WANTED
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert tag_all(loaded) == WANTED
    numpy.testing.assert_array_equal(
        loaded.get_pipe("lstm_tagger").model.predict([make_doc(loaded, ["zebra"])])[0],
        nlp.get_pipe("lstm_tagger").model.predict([make_doc(nlp, ["zebra"])])[0],
    )


# Where the vocabulary comes from

MANY = [
    ([f"Word{i}", f"other{i % 9}", chr(0x100 + i)], ["A", "B", "C"]) for i in range(40)
]


def make_many(nlp: Language) -> List[Example]:
    return make_examples(nlp, MANY)


def full_vocabulary(nlp: Language) -> Vocabulary:
    return build_vocabulary(example.predicted for example in make_many(nlp))


def set_callback(nlp: Language, path: Path) -> None:
    nlp.config["initialize"]["before_init"] = {
        "@callbacks": "spacy_lstm_tagger.build_vocabulary.v1",
        "corpus": {
            "@readers": "spacy.Corpus.v1",
            "path": str(path),
            "gold_preproc": True,
            "max_length": 0,
            "limit": 0,
            "augmenter": None,
        },
    }


@pytest.mark.parametrize("component", ["tok2vec", "tagger"])
def test_the_callback_builds_the_vocabulary_of_the_whole_corpus(
    component: str, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    """spaCy initializes these components from 10 documents."""
    nlp = spacy.blank("en")
    config = {"model": ENCODER} if component == "tok2vec" else STOCK_TAGGER
    model = nlp.add_pipe(component, config=config).model
    if component == "tok2vec":
        nlp.add_pipe("lstm_tagger", config=OUR_LISTENER)
    set_callback(nlp, write_corpus(nlp, tmp_path / "train.spacy", MANY))
    nlp.initialize(lambda: make_many(nlp))
    encoder = model if component == "tok2vec" else model.get_ref("tok2vec")
    assert_same_vocabulary(vocabulary_of(encoder), full_vocabulary(nlp))
    assert not [w for w in recwarn if "vocabulary of a word" in str(w.message)]


def test_the_callback_finds_encoders_of_all_components_of_a_pipeline(
    tmp_path: Path,
) -> None:
    """`spacy pretrain` runs it while all components are disabled."""
    nlp = spacy.blank("en")
    encoder = nlp.add_pipe("tok2vec", config={"model": ENCODER}).model
    tagger = nlp.add_pipe("tagger", config=STOCK_TAGGER)
    set_callback(nlp, write_corpus(nlp, tmp_path / "train.spacy", MANY))
    with nlp.select_pipes(enable=[]):
        nlp.initialize()
    docs = [make_doc(nlp, ["Give", "it", "a", "doc"])]
    for found in (encoder, tagger.model.get_ref("tok2vec")):
        found.initialize(X=docs)
        assert_same_vocabulary(vocabulary_of(found), full_vocabulary(nlp))


def test_our_tagger_builds_its_vocabulary_from_all_examples(
    recwarn: pytest.WarningsRecorder,
) -> None:
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("lstm_tagger", config=SMALL)
    nlp.initialize(lambda: make_many(nlp))
    encoder = tagger.model.get_ref("tok2vec")
    assert_same_vocabulary(vocabulary_of(encoder), full_vocabulary(nlp))
    assert not [w for w in recwarn if "vocabulary of a word" in str(w.message)]


def test_our_tagger_reads_a_corpus_that_can_only_be_streamed() -> None:
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("lstm_tagger", config=SMALL)
    nlp.initialize(lambda: iter(make_many(nlp)))
    encoder = tagger.model.get_ref("tok2vec")
    assert_same_vocabulary(vocabulary_of(encoder), full_vocabulary(nlp))


def test_a_vocabulary_from_the_callback_is_kept_by_our_tagger(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("lstm_tagger", config=SMALL)
    set_callback(nlp, write_corpus(nlp, tmp_path / "train.spacy", MANY))
    nlp.initialize(lambda: make_examples(nlp))
    encoder = tagger.model.get_ref("tok2vec")
    assert_same_vocabulary(vocabulary_of(encoder), full_vocabulary(nlp))


def test_our_tagger_builds_a_new_vocabulary_when_it_is_initialized_again() -> None:
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("lstm_tagger", config=SMALL)
    nlp.initialize(lambda: make_examples(nlp, MANY[:2]))
    nlp.initialize(lambda: make_many(nlp))
    encoder = tagger.model.get_ref("tok2vec")
    assert_same_vocabulary(vocabulary_of(encoder), full_vocabulary(nlp))


def test_a_failed_initialization_leaves_no_vocabulary_behind() -> None:
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("lstm_tagger", config=SMALL)
    with pytest.raises(ValueError):
        # No tag at all.
        nlp.initialize(lambda: make_examples(nlp, [(["a", "b"], None)]))
    nlp.initialize(lambda: make_many(nlp))
    encoder = tagger.model.get_ref("tok2vec")
    assert_same_vocabulary(vocabulary_of(encoder), full_vocabulary(nlp))


@pytest.mark.parametrize("count, wanted", [(1, "abcd"), (2, "abc"), (3, "ab")])
def test_characters_of_the_vocabulary_occur_as_often_as_they_have_to(
    vocab: Vocab, count: int, wanted: str
) -> None:
    sentences = [["ab", "ab", "bca", "cd"]]
    encoder = make_encoder(vocab, sentences, min_character_count=count)
    assert vocabulary_of(encoder).characters.tolist() == [ord(c) for c in wanted]


@pytest.mark.parametrize("count, n_words", [(1, 3), (2, 1), (3, 0)])
def test_words_of_the_vocabulary_occur_as_often_as_they_have_to(
    vocab: Vocab, count: int, n_words: int
) -> None:
    encoder = make_encoder(vocab, [["ab", "AB", "bca", "cd"]], min_word_count=count)
    assert len(vocabulary_of(encoder).words) == n_words


def test_initializing_a_layer_never_replaces_a_vocabulary_that_is_set(
    vocab: Vocab,
) -> None:
    encoder = make_encoder(vocab)
    wanted = vocabulary_of(encoder)
    for docs in ([Doc(vocab, words=["other"])], None):
        encoder.initialize(X=docs)
        assert_same_vocabulary(vocabulary_of(encoder), wanted)


def test_initializing_a_loaded_layer_keeps_its_vocabulary(vocab: Vocab) -> None:
    encoder = make_encoder(vocab)
    loaded = build_encoder().from_bytes(encoder.to_bytes())
    loaded.initialize(X=[Doc(vocab, words=["other"])])
    assert_same_vocabulary(vocabulary_of(loaded), vocabulary_of(encoder))


def test_a_vocabulary_from_a_sample_is_replaced_by_the_next_one(vocab: Vocab) -> None:
    nlp = spacy.blank("en")
    encoder = nlp.add_pipe("tok2vec", config={"model": ENCODER}).model
    nlp.add_pipe("lstm_tagger", config=OUR_LISTENER)
    nlp.initialize(lambda: make_examples(nlp, MANY[:2]))
    nlp.initialize(lambda: make_examples(nlp, MANY[2:6]))
    wanted = build_vocabulary(eg.predicted for eg in make_examples(nlp, MANY[2:6]))
    assert_same_vocabulary(vocabulary_of(encoder), wanted)


def test_a_vocabulary_from_a_sample_is_replaced_even_after_loading(
    vocab: Vocab,
) -> None:
    encoder = build_encoder().initialize(X=[Doc(vocab, words=["x", "y"])])
    loaded = build_encoder().from_bytes(encoder.to_bytes())
    docs = [Doc(vocab, words=["better"])]
    loaded.initialize(X=docs)
    assert_same_vocabulary(vocabulary_of(loaded), build_vocabulary(docs))


def test_a_vocabulary_from_a_sample_is_warned_of(vocab: Vocab) -> None:
    with pytest.warns(UserWarning, match="build_vocabulary.v1"):
        build_encoder().initialize(X=[Doc(vocab, words=["x", "y"])])


def test_the_vocabulary_travels_with_the_bytes(vocab: Vocab) -> None:
    encoder = make_encoder(vocab, [["one", "two"], ["two", "drei"]])
    other = make_encoder(vocab, [["something", "else", "and", "much", "longer"]])
    other.from_bytes(encoder.to_bytes())
    assert_same_vocabulary(vocabulary_of(other), vocabulary_of(encoder))
    docs = make_docs(vocab, [6, 2])
    for left, right in zip(other.predict(docs), encoder.predict(docs)):
        numpy.testing.assert_array_equal(left, right)

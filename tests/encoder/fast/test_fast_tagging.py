"""Tagging on the CPU, against the network as it is trained."""

import copy
import logging
import pickle
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import numpy
import pytest
import spacy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.converters import conllu_to_docs
from spacy.util import fix_random_seed, load_model_from_config, minibatch
from spacy.vectors import Vectors
from spacy.vocab import Vocab
from taggers import ROUND_TRIPS, get_tagger
from thinc.api import Adam, Model
from util import (
    TRAIN_DATA,
    all_weights,
    assert_as_plain,
    encoder_of,
    make_doc,
    make_examples,
    make_trained,
    make_untrained,
    same_weights,
    small,
    tags_of,
)

from spacy_lstm_tagger import lstm_tagger
from spacy_lstm_tagger.architectures import build_word_char_bilstm
from spacy_lstm_tagger.encoder import changes
from spacy_lstm_tagger.encoder.fast import lanes
from spacy_lstm_tagger.encoder.fast.precision import use_mixed_precision
from spacy_lstm_tagger.encoder.fast.recurrence import find_fastest
from spacy_lstm_tagger.encoder.network.word_char_encoder import WordCharEncoder

SAMPLE = Path(__file__).parents[3] / "assets" / "sample"
WORDS = [word for words, _ in TRAIN_DATA for word in words]
LOW_PRECISIONS = pytest.mark.parametrize("precision", ["bfloat16", "int8", "auto"])
PRECISION = "components.lstm_tagger.model.tok2vec.precision"


def make_docs(vocab: Vocab, lengths: List[int]) -> List[Doc]:
    """Documents of words of the training data and of words that are not in it, some of
    them with spaces between them."""
    generator = numpy.random.default_rng(0)
    words = [*WORDS, "Zyzzyva", "unheard-of", "\n", " ", "naïve", "😀"]
    return [
        Doc(
            vocab,
            words=generator.choice(words, size=length).tolist(),
            spaces=generator.choice([True, False], size=length).tolist(),
        )
        for length in lengths
    ]


def with_spacing(nlp: Language) -> Language:
    """Make a pipeline that was trained on words without known spaces read them."""
    embedding = encoder_of(nlp).shims[0].module.spacing_embedding
    with torch.no_grad():
        embedding.weight[1:].normal_()
    return nlp


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("lengths", [[1], [7, 0, 30, 1, 3], [200, 16, 17, 5]])
def test_the_vectors_are_those_of_the_network(depth: int, lengths: List[int]) -> None:
    config = small(depth=depth, window=16, window_overlap=3)
    nlp = with_spacing(make_trained(config=config, steps=3))
    assert_as_plain(encoder_of(nlp), make_docs(nlp.vocab, lengths))


@pytest.mark.parametrize("words", [["\n"], [" ", "dog", "\n\n", "apple", "\t"]])
def test_whitespace_gets_what_the_network_gives_it(words: List[str]) -> None:
    nlp = make_trained(steps=3)
    assert_as_plain(encoder_of(nlp), [Doc(nlp.vocab, words=words), Doc(nlp.vocab)])


@pytest.fixture(scope="module")
def windowed() -> Language:
    """A pipeline that cuts most documents."""
    config = small(depth=2, window=8, window_overlap=2)
    return with_spacing(make_trained(config=config, steps=3))


@settings(max_examples=60)
@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=8).filter(any),
    max_lanes=st.integers(1, 5),
    max_laid_out=st.integers(1, 60),
)
def test_the_vectors_do_not_depend_on_how_windows_are_laid_out(
    windowed: Language, lengths: List[int], max_lanes: int, max_laid_out: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes, "MAX_LANES", max_lanes)
        patch.setattr(lanes, "MAX_LAID_OUT", max_laid_out)
        assert_as_plain(encoder_of(windowed), make_docs(windowed.vocab, lengths))


# What is remembered is forgotten when it no longer holds.


@pytest.fixture
def nlp() -> Language:
    """A pipeline that has tagged, and so remembers."""
    nlp = make_trained(steps=3)
    encoder_of(nlp).predict(make_docs(nlp.vocab, [50]))
    return nlp


def test_after_an_update_the_vectors_are_those_of_the_network(nlp: Language) -> None:
    docs = make_docs(nlp.vocab, [20, 5])
    before = encoder_of(nlp).predict(docs)
    nlp.update(make_examples(nlp), sgd=nlp.create_optimizer())
    assert_as_plain(encoder_of(nlp), docs)
    assert not numpy.allclose(before[0], encoder_of(nlp).predict(docs)[0], atol=1e-6)


def test_after_a_rehearsal_the_vectors_are_those_of_the_network(nlp: Language) -> None:
    docs = make_docs(nlp.vocab, [20, 5])
    nlp.resume_training()
    before = encoder_of(nlp).predict(docs)
    sgd = Adam(0.01)
    for _ in range(2):  # It learns only where it differs from its teacher.
        nlp.update(make_examples(nlp), sgd=sgd)
        nlp.rehearse(make_examples(nlp), sgd=sgd)
        assert_as_plain(encoder_of(nlp), docs)
    assert not numpy.allclose(before[0], encoder_of(nlp).predict(docs)[0], atol=1e-6)


def test_after_another_initialization_the_vectors_are_those_of_the_network(
    nlp: Language,
) -> None:
    words = ["Entirely", "other", "words"]
    nlp.initialize(lambda: make_examples(nlp, [(words, ["ADV", "ADJ", "NNS"])]))
    assert_as_plain(encoder_of(nlp), [make_doc(nlp, words), *make_docs(nlp.vocab, [9])])


def test_with_and_after_averages_the_vectors_are_those_of_the_network(
    nlp: Language,
) -> None:
    docs = make_docs(nlp.vocab, [20, 5])
    optimizer = Adam(0.01, use_averages=True)
    for _ in range(3):
        nlp.update(make_examples(nlp), sgd=optimizer)
    with nlp.use_params(optimizer.averages):
        assert_as_plain(encoder_of(nlp), docs)
        averaged = encoder_of(nlp).predict(docs)
    assert_as_plain(encoder_of(nlp), docs)
    assert not numpy.allclose(averaged[0], encoder_of(nlp).predict(docs)[0], atol=1e-6)


def test_after_loading_other_weights_the_vectors_are_those_of_the_network(
    nlp: Language, tmp_path: Path
) -> None:
    docs = make_docs(nlp.vocab, [20, 5])
    other = make_trained(seed=1, steps=5)
    nlp.from_bytes(other.to_bytes())
    assert_as_plain(encoder_of(nlp), docs)
    make_trained(seed=2, steps=5).to_disk(tmp_path)
    nlp.from_disk(tmp_path)
    assert_as_plain(encoder_of(nlp), docs)


@pytest.mark.parametrize(
    "duplicate",
    [
        lambda encoder: encoder.copy(),
        copy.deepcopy,
        lambda encoder: pickle.loads(pickle.dumps(encoder.shims[0])),
    ],
)
def test_a_copy_remembers_nothing(nlp: Language, duplicate: Any) -> None:
    encoder = encoder_of(nlp)
    copied = duplicate(encoder)
    shim = copied.shims[0] if isinstance(copied, Model) else copied
    assert encoder.shims[0]._derived is not None and shim._derived is None


@pytest.mark.parametrize("round_trip", ROUND_TRIPS)
def test_a_copy_that_is_trained_is_not_mistaken_for_the_original(
    nlp: Language, round_trip: Any, tmp_path: Path
) -> None:
    docs = make_docs(nlp.vocab, [20, 5])
    copied = round_trip(nlp, tmp_path)
    copied.update(make_examples(copied), sgd=copied.create_optimizer())
    assert_as_plain(encoder_of(nlp), docs)
    assert_as_plain(encoder_of(copied), make_docs(copied.vocab, [20, 5]))


def zero_without_gradients(module: WordCharEncoder) -> None:
    with torch.no_grad():
        module.word_embedding.weight.zero_()


def zero_in_inference_mode(module: WordCharEncoder) -> None:
    with torch.inference_mode():
        module.word_embedding.weight.zero_()


def zero_one_row(module: WordCharEncoder) -> None:
    with torch.no_grad():
        module.word_embedding.weight[3].zero_()


def zero_data(module: WordCharEncoder) -> None:
    module.character_lstm.embedding.weight.data.zero_()


def assign_data(module: WordCharEncoder) -> None:
    weight = module.hidden.weight
    weight.data = torch.zeros_like(weight)


def zero_in_numpy(module: WordCharEncoder) -> None:
    module.layer_norm.weight.detach().numpy()[:] = 0.0


def step_of_torch(module: WordCharEncoder) -> None:
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    optimizer.zero_grad()


def load_state(module: WordCharEncoder) -> None:
    state = module.state_dict()
    module.load_state_dict({name: value + 1.0 for name, value in state.items()})


def replace_parameter(module: WordCharEncoder) -> None:
    weight = module.word_embedding.weight
    module.word_embedding.weight = torch.nn.Parameter(weight.detach() + 1.0)


def replace_layer(module: WordCharEncoder) -> None:
    module.hidden = copy.deepcopy(module.hidden)
    torch.nn.init.zeros_(module.hidden.weight)


@pytest.mark.parametrize(
    "change",
    [
        zero_without_gradients,
        zero_in_inference_mode,
        zero_one_row,
        zero_data,
        assign_data,
        zero_in_numpy,
        step_of_torch,
        load_state,
        replace_parameter,
        replace_layer,
    ],
)
def test_after_a_change_by_torch_the_vectors_are_those_of_the_network(
    nlp: Language, change: Callable[[WordCharEncoder], None]
) -> None:
    docs = [make_doc(nlp, WORDS)]
    encoder = encoder_of(nlp)
    before = encoder.predict(docs)
    change(encoder.shims[0].module)
    assert_as_plain(encoder, docs)
    assert not numpy.allclose(before[0], encoder.predict(docs)[0], atol=1e-6)


def test_what_was_made_of_the_weights_is_kept_until_then(nlp: Language) -> None:
    shim = encoder_of(nlp).shims[0]
    made: List[Any] = []

    def make(module: WordCharEncoder, *arguments: Any) -> List[Any]:
        made.append(arguments)
        return made

    shim.derive(make, 1)
    nlp(make_doc(nlp))
    for argument in (1, 1, 2, 2):
        shim.derive(make, argument)
    assert made == [(1,), (1,), (2,)]  # Tagging has made something else.


def test_without_versions_of_tensors_most_changes_are_noticed(
    nlp: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "count_changes", lambda parameters: ())
    docs = [make_doc(nlp, WORDS)]
    encoder_of(nlp).predict(docs)
    step_of_torch(encoder_of(nlp).shims[0].module)
    assert_as_plain(encoder_of(nlp), docs)


def test_after_other_static_vectors_those_are_read() -> None:
    nlp = spacy.blank("en")
    data = numpy.random.default_rng(0).normal(size=(len(WORDS), 4)).astype("float32")
    keys = [nlp.vocab.strings.add(word) for word in WORDS]
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=data, keys=keys)
    nlp.add_pipe("lstm_tagger", config=small(include_static_vectors=True))
    nlp.initialize(lambda: make_examples(nlp))
    with_spacing(nlp)
    docs = make_docs(nlp.vocab, [40, 0, 5])
    encoder = encoder_of(nlp)
    before = encoder.predict(docs)
    assert_as_plain(encoder, docs)
    nlp.vocab.set_vector(docs[0][0].text, numpy.ones(4, dtype="float32"))
    assert_as_plain(encoder, docs)
    assert not numpy.allclose(before[0], encoder.predict(docs)[0], atol=1e-6)


def test_vectors_of_norms_are_those_of_the_token() -> None:
    """The norm of "'s" is "us" in "let's" and "'s" in "it's"."""
    nlp = spacy.blank("en")
    strings = nlp.vocab.strings
    data = numpy.asarray([[1.0, 0.0], [0.0, 1.0]], dtype="float32")
    keys = [strings.add("us"), strings.add("'s")]
    nlp.vocab.vectors = Vectors(strings=strings, data=data, keys=keys, attr="NORM")
    nlp.add_pipe("lstm_tagger", config=small(include_static_vectors=True))
    nlp.initialize(lambda: make_examples(nlp))
    docs = [nlp.make_doc("it's"), nlp.make_doc("let's go now")]
    together = encoder_of(nlp).predict(docs)
    assert_as_plain(encoder_of(nlp), docs)
    for doc, vectors in zip(docs, together, strict=True):
        alone = encoder_of(nlp).predict([doc])[0]
        numpy.testing.assert_allclose(vectors, alone, atol=1e-5)


def test_a_vector_that_is_no_number_changes_no_other_document() -> None:
    nlp = spacy.blank("en")
    nlp.vocab.set_vector("dog", numpy.asarray([numpy.nan, numpy.inf], dtype="float32"))
    nlp.add_pipe("lstm_tagger", config=small(include_static_vectors=True))
    nlp.initialize(lambda: make_examples(nlp))
    docs = [make_doc(nlp, words) for words, _ in TRAIN_DATA * 100]
    for doc, vectors in zip(docs, encoder_of(nlp).predict(docs), strict=True):
        assert numpy.isfinite(vectors).all(), doc


def test_forms_are_read_in_few_different_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """oneDNN keeps what it has prepared for each shape of a batch."""
    nlp = make_untrained()
    sizes = set()
    read = torch.nn.LSTM.forward

    def count(lstm: torch.nn.LSTM, X: torch.Tensor, *states: Any) -> Any:
        sizes.add(len(X))
        return read(lstm, X, *states)

    monkeypatch.setattr(torch.nn.LSTM, "forward", count)
    words = (f"w{i}" for i in range(20_000))
    for n_forms in range(1, 200):
        doc = Doc(nlp.vocab, words=[next(words) for _ in range(n_forms)])
        get_tagger(nlp).predict([doc])
    assert sizes == {8, 16, 32, 64, 128}


def test_documents_of_another_vocab_are_read_by_its_lower_cased_forms(
    nlp: Language,
) -> None:
    encoder = encoder_of(nlp)
    other = spacy.blank("de").vocab
    # One that has lower-cased forms of its own.
    other.lex_attr_getters[spacy.attrs.LOWER] = lambda string: string[::-1]
    for vocab in (nlp.vocab, other, nlp.vocab):
        assert_as_plain(encoder, make_docs(vocab, [20, 5]))
    assert_as_plain(encoder, make_docs(nlp.vocab, [9]) + make_docs(other, [9]))


# Precisions.


@pytest.fixture(scope="module")
def trained() -> Language:
    return make_trained()


def in_precision(nlp: Language, precision: str) -> Language:
    config: Dict[str, Any] = nlp.config.copy()
    config["components"]["lstm_tagger"]["model"]["tok2vec"]["precision"] = precision
    return load_model_from_config(config).from_bytes(nlp.to_bytes())


def emissions(nlp: Language, docs: List[Doc]) -> NDArray:
    return numpy.concatenate(get_tagger(nlp).model.predict(docs))


@pytest.fixture(scope="module")
def sentences() -> List[Example]:
    """All of the sample treebank."""
    text = "".join(
        path.read_text(encoding="utf8") for path in sorted(SAMPLE.glob("*.conllu"))
    )
    nlp = spacy.blank("en")
    docs = list(conllu_to_docs(text, n_sents=1, no_print=True))
    return [
        Example(Doc(nlp.vocab, words=[token.text for token in doc]), doc)
        for doc in docs
    ]


@pytest.fixture(scope="module")
def sample_tagger(sentences: List[Example]) -> Language:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config=small(width=64))
    nlp.initialize(lambda: sentences)
    sgd = Adam(0.01)
    for _ in range(20):
        for batch in minibatch(sentences, 30):
            nlp.update(batch, sgd=sgd, drop=0.05)
    return nlp


@LOW_PRECISIONS
def test_a_low_precision_gives_the_tags_of_a_high_one(
    sample_tagger: Language, sentences: List[Example], precision: str
) -> None:
    docs = [make_doc(sample_tagger, [t.text for t in eg.y]) for eg in sentences]
    gold = numpy.asarray([token.tag_ for eg in sentences for token in eg.y])
    labels = numpy.asarray(get_tagger(sample_tagger).labels)
    high = labels[emissions(sample_tagger, docs).argmax(axis=1)]
    low = labels[emissions(in_precision(sample_tagger, precision), docs).argmax(axis=1)]
    assert (high == gold).mean() > 0.9
    assert (low == high).mean() >= 0.999
    assert (low == gold).mean() >= (high == gold).mean() - 0.0005


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_a_low_precision_gives_other_scores_than_float32(
    trained: Language, precision: str
) -> None:
    docs = make_docs(trained.vocab, [20, 5])
    low = emissions(in_precision(trained, precision), docs)
    assert not numpy.allclose(low, emissions(trained, docs), atol=1e-4)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_the_tags_do_not_depend_on_the_batch(trained: Language, precision: str) -> None:
    low = in_precision(trained, precision)
    docs = make_docs(low.vocab, [3, 30, 0, 1, 12, 7] * 5)
    together = get_tagger(low).predict(docs)
    for doc, tags in zip(docs, together):
        assert get_tagger(low).predict([doc])[0].tolist() == tags.tolist()


def test_the_precision_can_be_chosen_when_a_pipeline_is_loaded(
    trained: Language, tmp_path: Path
) -> None:
    docs = make_docs(trained.vocab, [20, 5])
    trained.to_disk(tmp_path / "float32")
    loaded = spacy.load(tmp_path / "float32", config={PRECISION: "int8"})
    wanted = emissions(in_precision(trained, "int8"), docs)
    numpy.testing.assert_array_equal(emissions(loaded, docs), wanted)
    loaded.to_disk(tmp_path / "int8")
    reloaded = spacy.load(tmp_path / "int8")
    numpy.testing.assert_array_equal(emissions(reloaded, docs), wanted)


def test_a_precision_that_there_is_not_is_refused() -> None:
    # Versions of spaCy name the value before or after those that are allowed.
    with pytest.raises(
        ValueError, match=r"(?s)^(?=.*precision)(?=.*bfloat16).*\bfloat16"
    ):
        make_untrained(config=small(precision="float16"))
    with pytest.raises(ValueError, match=r"'precision = \"float16\"'.*bfloat16"):
        build_word_char_bilstm(precision="float16")  # type: ignore[arg-type]


@pytest.fixture
def without_int8(monkeypatch: pytest.MonkeyPatch) -> None:
    """A torch that can't multiply integers of 8 bits."""
    monkeypatch.delattr(torch, "_int_mm")


def test_int8_is_refused_where_torch_has_none(
    trained: Language, without_int8: None, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"'precision = \"int8\"'.*torch"):
        build_word_char_bilstm(precision="int8")
    trained.to_disk(tmp_path)
    with pytest.raises(ValueError, match=r"'precision = \"int8\"'.*spacy.load"):
        spacy.load(tmp_path, config={PRECISION: "int8"})
    docs = make_docs(trained.vocab, [9])
    loaded = spacy.load(tmp_path, config={PRECISION: "bfloat16"})
    wanted = emissions(in_precision(trained, "bfloat16"), docs)
    numpy.testing.assert_array_equal(emissions(loaded, docs), wanted)


def test_the_precision_is_chosen_among_those_that_torch_has(without_int8: None) -> None:
    _, seconds = find_fastest(16)
    assert list(seconds) == ["float32", "bfloat16"]


def test_int8_is_missing_where_torch_has_it_for_gpus_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def multiply(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError("'aten::_int_mm' with arguments from the 'CPU'")

    monkeypatch.setattr(torch, "_int_mm", multiply)
    with pytest.raises(ValueError, match=r"'precision = \"int8\"'.*torch"):
        build_word_char_bilstm(precision="int8")


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """The records of spaCy's logger, which does not pass them on."""
    logger = logging.getLogger("spacy")
    logger.addHandler(caplog.handler)
    with caplog.at_level(logging.INFO, logger="spacy"):
        yield caplog
    logger.removeHandler(caplog.handler)


def test_the_choice_of_a_precision_is_logged_once(
    log: pytest.LogCaptureFixture,
) -> None:
    # A width that no other test has, since the choice is made once.
    nlp = make_untrained(config=small(width=22, precision="auto"))
    sgd = Adam(0.01)
    for _ in range(3):
        nlp.update(make_examples(nlp), sgd=sgd, annotates=["lstm_tagger"])
    # A record may be passed on to the root logger, too.
    found = {id(r): r.getMessage() for r in log.records}
    (message,) = [text for text in found.values() if "Tagging in" in text]
    assert all(name in message for name in ("float32", "bfloat16", "int8"))


def test_the_choice_of_a_precision_does_not_change_the_training() -> None:
    """It comes with the first tags, and is not made again."""

    def train() -> Dict[str, NDArray]:
        nlp = make_untrained(config=small(width=18, precision="auto"))
        nlp(make_doc(nlp))
        nlp.update(make_examples(nlp), drop=0.2, sgd=Adam(0.01))
        return all_weights(nlp)

    assert same_weights(train(), train())


@LOW_PRECISIONS
def test_processes_tag_alike_in_every_precision(
    trained: Language, precision: str
) -> None:
    low = in_precision(trained, precision)
    texts = [" ".join(WORDS * 30)] * 2
    # In the same process first, for "auto" to have made its choice.
    wanted = [tags_of(doc) for doc in low.pipe(texts)]
    found = [tags_of(doc) for doc in low.pipe(texts, n_process=2, batch_size=1)]
    assert found == wanted and len(wanted[0]) >= 800


@pytest.mark.parametrize(
    "precision, wanted",
    [("float32", False), ("bfloat16", True), ("int8", False), ("auto", True)],
)
def test_a_gpu_has_mixed_precision_where_the_cpu_has_less_than_float32(
    precision: str, wanted: bool
) -> None:
    assert use_mixed_precision(precision, torch.device("cuda")) == wanted
    # Training on the CPU is in float32.
    assert not use_mixed_precision(precision, torch.device("cpu"))


# Documents are tagged in parts.


def test_documents_in_parts_are_tagged_as_one_by_one(
    trained: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lstm_tagger, "MAX_TOKENS", 10)
    tagger = get_tagger(trained)
    docs = make_docs(trained.vocab, [3, 0, 8, 25, 0, 1, 4, 4, 0])
    for doc, tags, rows in zip(
        docs, tagger.predict(docs), tagger.predict_proba(docs), strict=True
    ):
        assert tags.tolist() == tagger.predict([doc])[0].tolist()
        numpy.testing.assert_allclose(rows, tagger.predict_proba([doc])[0], atol=1e-5)


def test_attributes_of_documents_in_parts_are_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lstm_tagger, "MAX_TOKENS", 10)
    config = {**small(), "confidence_attribute": "parts_confidence"}
    nlp = make_trained(config=config, steps=10)
    docs = list(nlp.pipe([make_doc(nlp, words) for words, _ in TRAIN_DATA]))
    for doc, (words, _) in zip(docs, TRAIN_DATA):
        alone = nlp(make_doc(nlp, words))
        for token, other in zip(doc, alone):
            assert token._.parts_confidence == pytest.approx(
                other._.parts_confidence, abs=1e-5
            )

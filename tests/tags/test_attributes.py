"""Custom attributes: their names, and the values at tokens of Docs that are changed,
cut, joined, copied or stored."""

import pickle
import subprocess
import sys
import uuid
import warnings
from typing import Any, Callable, Dict, Iterator, List, Optional

import numpy
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Token
from spacy.tokens.underscore import Underscore
from spacy.vocab import Vocab
from taggers import configure, few_tags, get_tagger, initialize
from util import make_doc, make_examples, tags_of

from spacy_lstm_tagger.tags.attributes import (
    read_alternatives,
    register_alternatives,
    register_confidence,
    set_alternatives,
    set_confidence,
    store_alternatives,
)

LABELS = ["X", "Y", "Z"]
CONFIDENCE, ALTERNATIVES = "stored_confidence", "stored_alternatives"
VOCAB = Vocab()


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    register_confidence(CONFIDENCE)
    register_alternatives(ALTERNATIVES)
    yield
    Token.remove_extension(CONFIDENCE)
    Token.remove_extension(ALTERNATIVES)


@pytest.fixture
def name() -> Iterator[str]:
    """A name of an attribute of Docs that no other test has, removed afterwards."""
    found = f"allowed_{uuid.uuid4().hex}"
    yield found
    if Doc.has_extension(found):
        Doc.remove_extension(found)


def tag(doc: Doc, seed: int = 0) -> Doc:
    """Store values of its own at each token of a document."""
    rows = numpy.random.default_rng(seed).dirichlet([1.0] * 3, size=len(doc))
    rows = rows.astype("float32")
    set_confidence(doc, CONFIDENCE, rows, rows.argmax(axis=1))
    set_alternatives(doc, ALTERNATIVES, rows, LABELS, 2)
    return doc


def tagged(words: List[str], seed: int = 0, spaces: Any = None) -> Doc:
    return tag(Doc(VOCAB, words=words, spaces=spaces), seed)


def values(tokens: Any) -> List[Any]:
    return [(token._.get(CONFIDENCE), token._.get(ALTERNATIVES)) for token in tokens]


def value(token: Token) -> Optional[Any]:
    """The values of a token, or None if they are an error."""
    try:
        return values([token])[0]
    except ValueError as error:
        assert CONFIDENCE in str(error)
        with pytest.raises(ValueError, match=ALTERNATIVES):
            token._.get(ALTERNATIVES)
        return None


def merge(doc: Doc, start: int, end: int) -> None:
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[start:end])


def split(doc: Doc, i: int) -> None:
    """Split the first character of a token off."""
    text = doc[i].text
    with doc.retokenize() as retokenizer:
        retokenizer.split(
            doc[i], [text[:1], text[1:]], heads=[(doc[i], 0), (doc[i], 0)]
        )


# Documents whose tokens change.


def test_a_merge_and_a_split_shift_no_value_to_another_token() -> None:
    doc = tagged(["I", "am", "there", "now"])
    expected = values(doc)
    merge(doc, 0, 2)
    split(doc, 2)
    assert [token.text for token in doc] == ["I am", "there", "n", "ow"]
    found = [value(token) for token in doc]
    assert found == [None, expected[2], None, None]


def test_tagging_again_gives_changed_tokens_their_values() -> None:
    doc = tagged(["a", "b", "c"])
    merge(doc, 0, 2)
    assert values(tag(doc, seed=1)) == values(tagged(["a b", "c"], seed=1))


WORDS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "ab", "aba", " "]), st.booleans()),
    min_size=1,
    max_size=6,
)
CHANGES = st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(2, 4)))


@settings(max_examples=100)
@given(words=WORDS, changes=CHANGES)
def test_however_tokens_change_each_reads_its_own_value_or_raises(
    words: Any, changes: Any
) -> None:
    doc = tagged([word for word, _ in words], spaces=[space for _, space in words])
    own = {(token.idx, len(token)): found for token, found in zip(doc, values(doc))}
    for is_merge, i, length in changes:
        i %= len(doc)
        if is_merge and i + length <= len(doc):
            merge(doc, i, i + length)
        elif not is_merge and len(doc[i]) > 1:
            split(doc, i)
    for token in doc:
        assert value(token) == own.get((token.idx, len(token)))


# Documents that are cut and joined.


def test_a_document_that_was_cut_out_has_the_values_of_its_tokens() -> None:
    doc = tagged(["a", "b", "c", "d", "e"])
    part = doc[1:4].as_doc(copy_user_data=True)
    assert values(part) == values(doc[1:4])
    assert values(part[1:].as_doc(copy_user_data=True)) == values(doc[2:4])


def test_documents_that_are_joined_keep_their_values_without_a_warning() -> None:
    docs = [tagged(["a", "b"], 1), tagged(["c"], 2), tagged([]), tagged(["a", "b"], 3)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        joined = Doc.from_docs(docs)
    assert values(joined) == [found for doc in docs for found in values(doc)]


def test_tokens_of_an_untagged_document_have_no_value_after_joining() -> None:
    docs = [tagged(["a", "b"]), Doc(VOCAB, words=["c"])]
    assert values(Doc.from_docs(docs)) == [*values(docs[0]), (None, None)]
    docs.reverse()
    assert values(Doc.from_docs(docs)) == [(None, None), *values(docs[1])]


def test_without_its_user_data_a_copy_has_no_values() -> None:
    doc = tagged(["a", "b"])
    assert values(doc[:1].as_doc()) == [(None, None)]


def test_where_the_values_of_what_was_cut_off_fit_too_reading_is_an_error() -> None:
    """spaCy copies the user data of the whole document with a span of it."""
    first, second = tagged(["a", "b"], 1), tagged(["c", "a", "d"], 2)
    second = second[2:].as_doc(copy_user_data=True)
    joined = Doc.from_docs([first[:1].as_doc(copy_user_data=True), second])
    assert [token.text for token in joined] == ["a", "d"]
    with pytest.raises(ValueError, match="joined"):
        values(joined)
    assert values(joined[1:]) == values(second)
    assert values(tag(joined, seed=5)) == values(tagged(["a", "d"], seed=5))


CUTS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 5), st.booleans()),
    max_size=4,
)


@settings(max_examples=150)
@given(texts=st.lists(WORDS, min_size=1, max_size=3), cuts=CUTS)
def test_in_cut_and_joined_documents_a_token_reads_its_own_value_or_raises(
    texts: Any, cuts: Any
) -> None:
    known = []
    for seed, words in enumerate(texts):
        spaces = [space for _, space in words]
        doc = tagged([word for word, _ in words], seed, spaces)
        known.append((doc, values(doc)))
    for is_cut, i, j, spaced in cuts:
        (doc, own), (other, others) = known[i % len(known)], known[j % len(known)]
        start = i % len(doc)
        end = min(start + j + 1, len(doc))
        if is_cut:
            part = doc[start:end].as_doc(copy_user_data=True)
            known.append((part, own[start:end]))
        else:
            joined = Doc.from_docs([doc, other], ensure_whitespace=spaced)
            known.append((joined, own + others))
    for doc, own in known:
        for token, expected in zip(doc, own):
            assert value(token) in (expected, None)


class Entries(dict):
    """User data that counts how often its keys are looked through."""

    n_passes = 0

    def __iter__(self) -> Iterator[Any]:
        self.n_passes += 1
        return super().__iter__()


def test_the_keys_of_a_document_are_looked_through_once_not_for_each_token() -> None:
    """Other components may keep an entry for each token there."""
    doc = tagged(["a"] * 5)
    expected = values(doc)
    doc.user_data = Entries(doc.user_data)
    assert values(doc) == values(doc) == expected
    assert doc.user_data.n_passes <= 1
    doc.user_data["another"] = "entry"
    assert values(doc) == expected
    del doc.user_data["another"]
    assert values(tag(doc, seed=1)) == values(tagged(["a"] * 5, seed=1))


# Documents that are copied and stored.


def through_bytes(doc: Doc) -> Doc:
    return Doc(doc.vocab).from_bytes(doc.to_bytes())


def through_doc_bin(doc: Doc) -> Doc:
    saved = DocBin(docs=[doc], store_user_data=True).to_bytes()
    return next(DocBin().from_bytes(saved).get_docs(Vocab()))


def through_pickle(doc: Doc) -> Doc:
    return pickle.loads(pickle.dumps(doc))


@pytest.mark.parametrize(
    "copied", [through_bytes, through_doc_bin, through_pickle, Doc.copy]
)
def test_a_copy_has_the_values_of_its_tokens_and_can_be_cut_and_joined(
    copied: Callable[[Doc], Doc],
) -> None:
    doc = tagged(["a", "bb", "c"])
    copy = copied(doc)
    expected = values(doc)
    assert values(copy) == expected
    assert values(copy[1:].as_doc(copy_user_data=True)) == expected[1:]
    assert values(copied(Doc.from_docs([copy, copy]))) == expected * 2
    merge(copy, 0, 2)
    assert [value(token) for token in copied(copy)] == [None, expected[2]]


OPINIONS = st.lists(
    st.dictionaries(
        st.text(min_size=1, max_size=4).filter(lambda tag: "\0" not in tag),
        st.floats(0.0, 1.0, width=32, allow_subnormal=False),
        max_size=4,
    ),
    min_size=1,
    max_size=5,
)


@given(OPINIONS)
def test_alternatives_that_are_given_are_read_in_their_order(
    opinions: List[Dict[str, float]],
) -> None:
    doc = Doc(VOCAB, words=["a"] * len(opinions))
    store_alternatives(doc, ALTERNATIVES, opinions)
    expected = [list(opinion.items()) for opinion in opinions]
    assert read_alternatives(doc, ALTERNATIVES) == expected
    assert [token._.get(ALTERNATIVES) for token in doc] == expected


@pytest.mark.parametrize(
    "copied", [through_bytes, through_doc_bin, through_pickle, Doc.copy]
)
def test_a_copy_has_the_alternatives_that_were_given(
    copied: Callable[[Doc], Doc],
) -> None:
    opinions = [{"NN": 0.5, "JJ": 0.25}, {}, {"$": 1.0}]
    doc = Doc(VOCAB, words=["a", " ", "c"])
    store_alternatives(doc, ALTERNATIVES, opinions)
    copy = copied(doc)
    expected = [[("NN", 0.5), ("JJ", 0.25)], [], [("$", 1.0)]]
    assert read_alternatives(copy, ALTERNATIVES) == expected
    cut = copy[1:].as_doc(copy_user_data=True)
    assert read_alternatives(cut, ALTERNATIVES) == expected[1:]


def test_alternatives_take_the_place_of_earlier_ones() -> None:
    doc = tagged(["a", "b"])
    store_alternatives(doc, ALTERNATIVES, [{"NN": 1.0}, {}])
    assert read_alternatives(doc, ALTERNATIVES) == [[("NN", 1.0)], []]


def test_a_document_without_tokens_has_no_alternatives() -> None:
    doc = Doc(VOCAB)
    store_alternatives(doc, ALTERNATIVES, [])
    assert read_alternatives(doc, ALTERNATIVES) == []


def test_where_no_alternatives_were_stored_there_are_none() -> None:
    assert read_alternatives(Doc(VOCAB, words=["a"]), ALTERNATIVES) == [None]


def test_values_that_an_earlier_version_stored_without_offsets_are_an_error() -> None:
    """They can't be told from those of other tokens."""
    doc = Doc(VOCAB, words=["a"])
    doc.user_data[("lstm_tagger", CONFIDENCE)] = numpy.asarray([0.5], dtype="float32")
    with pytest.raises(ValueError, match=f"(?s){CONFIDENCE}.*earlier version"):
        doc[0]._.get(CONFIDENCE)
    assert len(tag(doc).user_data) == 2
    assert values(doc) == values(tagged(["a"]))


def test_an_attribute_of_spans_of_the_same_name_is_another(name: str) -> None:
    doc = tagged(["a", "b"])
    expected = values(doc)
    doc.user_data[("._.", CONFIDENCE, 0, len(doc.text))] = "of a span"
    assert values(doc) == expected


# The attribute of documents that says which tags are allowed.


def test_importing_the_component_registers_no_attribute() -> None:
    code = (
        "import spacy; from spacy.tokens import Doc;"
        "import spacy_lstm_tagger.lstm_tagger, spacy_lstm_tagger.training.augmenters;"
        "nlp = spacy.blank('en');"
        "Doc.set_extension('allowed_tags', default=5);"
        "print(nlp('a')._.allowed_tags)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout.strip() == "5", found.stderr


def test_the_attribute_has_the_name_of_the_config(name: str) -> None:
    nlp = initialize(configure(allowed_tags_attribute=name))
    doc = make_doc(nlp, ["a", "b"])
    assert doc._.get(name) is None
    doc._.set(name, {0: ["Z"]})
    doc.user_data[("._.", "allowed_tags", None, None)] = {1: ["Y"]}
    rows = get_tagger(nlp).predict_proba([doc])[0]
    assert [(row > 0).sum() for row in rows] == [1, 3]
    assert nlp(doc)[0].tag_ == "Z"
    assert nlp.get_pipe_config("lstm_tagger")["allowed_tags_attribute"] == name


def test_without_a_name_no_attribute_is_registered_or_read(name: str) -> None:
    before = dict(Underscore.doc_extensions)
    nlp = initialize(configure(allowed_tags_attribute=None))
    assert Underscore.doc_extensions == before
    doc = make_doc(nlp, ["a"])
    doc.user_data[("._.", "allowed_tags", None, None)] = {0: ["Z"]}
    (rows,) = get_tagger(nlp).predict_proba([doc])
    assert (rows > 0.0).all()


@pytest.mark.parametrize("kind", [{"default": None}, {"getter": len}])
def test_a_document_attribute_of_someone_else_is_not_taken_over(
    name: str, kind: Any
) -> None:
    Doc.set_extension(name, **kind)
    before = Doc.get_extension(name)
    with pytest.raises(ValueError, match=f"(?s)doc._.{name}.*different name"):
        initialize(configure(allowed_tags_attribute=name))
    assert Doc.get_extension(name) == before


def test_two_components_may_share_the_attribute(name: str) -> None:
    first, second = (few_tags(configure(allowed_tags_attribute=name)) for _ in range(2))
    for nlp in (first, second):
        doc = make_doc(nlp, ["a"])
        doc._.set(name, {0: ["Y"]})
        assert tags_of(nlp(doc)) == ["Y"]


def test_a_component_that_is_unpickled_registers_its_attributes(name: str) -> None:
    config = configure(
        allowed_tags_attribute=name,
        confidence_attribute=f"confidence_{name}",
        alternatives_attribute=f"alternatives_{name}",
    )
    saved = pickle.dumps(get_tagger(initialize(config)))
    Doc.remove_extension(name)
    for kind in ("confidence", "alternatives"):
        Token.remove_extension(f"{kind}_{name}")
    pickle.loads(saved)
    assert Doc.has_extension(name)
    for kind in ("confidence", "alternatives"):
        assert Token.remove_extension(f"{kind}_{name}")


def test_processes_read_the_attribute(name: str) -> None:
    nlp = few_tags(configure(allowed_tags_attribute=name))
    docs = [make_doc(nlp, ["a", "b"]) for _ in range(2)]
    for doc in docs:
        doc._.set(name, {1: ["Z"]})
    for doc in nlp.pipe(docs, n_process=2, batch_size=1):
        assert doc[1].tag_ == "Z"
        assert doc._.get(name) == {1: ["Z"]}


def test_documents_stored_before_the_attribute_had_a_setter_are_read(name: str) -> None:
    """By `Doc.set_extension(name, default=None)`, which has the same key."""
    Doc.set_extension(name, default=None)
    doc = Doc(VOCAB, words=["a"])
    doc._.set(name, {0: ["Y"]})
    stored = doc.to_bytes()
    Doc.remove_extension(name)
    nlp = few_tags(configure(allowed_tags_attribute=name))
    loaded = Doc(nlp.vocab).from_bytes(stored)
    assert loaded._.get(name) == {0: ["Y"]}
    assert tags_of(nlp(loaded)) == ["Y"]


def test_training_reads_the_attribute_of_the_component(name: str) -> None:
    losses = []
    for allowed in (None, {0: ["X"]}):
        nlp = few_tags(configure(allowed_tags_attribute=name))
        (example,) = make_examples(nlp, [(["a"], None)])
        example.reference._.set(name, allowed)
        losses.append(nlp.update([example], drop=0.0)["lstm_tagger"])
    assert losses[0] == 0.0
    assert losses[1] > 0.0


def test_a_dictionary_gives_way_to_the_attribute_in_training(name: str) -> None:
    config = configure(allowed_tags_attribute=name, constrain_training=True)
    nlp = initialize(config, tag_dictionary={"a": ["Z"]})
    (example,) = make_examples(nlp, [(["a"], None)])
    assert nlp.update([example], drop=0.0)["lstm_tagger"] == pytest.approx(0.0)
    example.reference._.set(name, {0: ["X"]})
    assert nlp.update([example], drop=0.0)["lstm_tagger"] > 0.1


def test_a_pipeline_keeps_the_name_when_it_is_saved(name: str, tmp_path: Any) -> None:
    initialize(configure(allowed_tags_attribute=name)).to_disk(tmp_path / "saved")
    loaded = get_tagger(spacy.load(tmp_path / "saved"))
    assert loaded.allowed_tags_attribute == name

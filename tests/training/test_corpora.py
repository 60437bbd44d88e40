"""Corpus readers that keep little of a corpus in memory."""

import random
from collections import Counter
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import registry

from spacy_lstm_tagger.training import corpora
from spacy_lstm_tagger.training.corpora import (
    N_OPEN,
    create_mixed_corpus,
    create_sharded_corpus,
    shuffle,
)

NLP = spacy.blank("xx")
Corpus = Callable[[Language], Iterator[Example]]


def texts_of(examples: Any) -> List[str]:
    return [example.reference.text.strip() for example in examples]


# Shards.


def write_shards(folder: Path, n_shards: int, n_docs: int = 3) -> List[str]:
    """Save shards, and return the texts of their documents."""
    folder.mkdir(exist_ok=True)
    texts = []
    for i in range(n_shards):
        docs = [
            Doc(NLP.vocab, words=[f"shard{i}", f"doc{j}"], tags=["NN", "CD"])
            for j in range(n_docs)
        ]
        DocBin(docs=docs).to_disk(folder / f"{i}.spacy")
        texts += texts_of(Example(doc, doc) for doc in docs)
    return texts


@pytest.mark.parametrize("n_shards", [1, N_OPEN - 1, N_OPEN, N_OPEN + 1, 3 * N_OPEN])
def test_each_document_of_all_shards_comes_once(n_shards: int, tmp_path: Path) -> None:
    texts = write_shards(tmp_path, n_shards)
    assert sorted(texts_of(create_sharded_corpus(tmp_path)(NLP))) == sorted(texts)


def test_no_more_than_so_many_shards_are_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shards(tmp_path, 3 * N_OPEN)
    n_open, highest = 0, []
    read_docs = corpora._read_docs

    def count(path: Path, nlp: Language) -> Iterator[Doc]:
        nonlocal n_open
        n_open += 1
        highest.append(n_open)
        yield from read_docs(path, nlp)
        n_open -= 1

    monkeypatch.setattr(corpora, "_read_docs", count)
    list(create_sharded_corpus(tmp_path)(NLP))
    assert len(highest) == 3 * N_OPEN
    assert max(highest) == N_OPEN


def test_shards_are_not_opened_before_they_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shards(tmp_path, 3 * N_OPEN)
    opened = []
    from_disk = DocBin.from_disk

    def record(self: DocBin, path: Path) -> DocBin:
        opened.append(path)
        return from_disk(self, path)

    monkeypatch.setattr(DocBin, "from_disk", record)
    examples = create_sharded_corpus(tmp_path)(NLP)
    next(iter(examples))
    assert len(opened) == 1


def test_documents_come_in_another_order_each_time(tmp_path: Path) -> None:
    write_shards(tmp_path, 12)
    read = create_sharded_corpus(tmp_path)
    random.seed(0)
    assert texts_of(read(NLP)) != texts_of(read(NLP))


def test_documents_of_different_shards_come_mixed(tmp_path: Path) -> None:
    write_shards(tmp_path, 2, n_docs=20)
    random.seed(0)
    shards = [
        text.split()[0] for text in texts_of(create_sharded_corpus(tmp_path)(NLP))
    ]
    changes = sum(one != other for one, other in pairwise(shards))
    assert changes > 5


def test_the_same_seed_gives_the_same_order(tmp_path: Path) -> None:
    write_shards(tmp_path, 12)
    found = []
    for _ in range(2):
        random.seed(0)
        found.append(texts_of(create_sharded_corpus(tmp_path)(NLP)))
    assert found[0] == found[1]


def test_what_is_predicted_has_the_tokens_and_no_annotation(tmp_path: Path) -> None:
    doc = Doc(NLP.vocab, words=["semi-", "dry"], spaces=[False, True], tags=["A", "B"])
    DocBin(docs=[doc]).to_disk(tmp_path / "a.spacy")
    (example,) = create_sharded_corpus(tmp_path)(NLP)
    predicted = [token.text_with_ws for token in example.predicted]
    assert predicted == ["semi-", "dry "]
    assert not example.predicted.has_annotation("TAG")
    assert [token.tag_ for token in example.reference] == ["A", "B"]


def test_a_single_file_is_a_corpus_as_well(tmp_path: Path) -> None:
    texts = write_shards(tmp_path, 1)
    read = create_sharded_corpus(tmp_path / "0.spacy")
    assert sorted(texts_of(read(NLP))) == sorted(texts)


def test_other_files_and_hidden_ones_are_left_alone(tmp_path: Path) -> None:
    texts = write_shards(tmp_path, 2)
    (tmp_path / ".0.spacy.1.tmp").write_bytes(b"half of a shard")
    (tmp_path / ".hidden.spacy").write_bytes(b"half of a shard")
    (tmp_path / "annotation.json").write_text("{}")
    assert len(texts_of(create_sharded_corpus(tmp_path)(NLP))) == len(texts)


# Mixtures.


def make_corpus(name: str, lengths: List[int]) -> Corpus:
    """A corpus of documents that have these numbers of words, and names."""

    def read(nlp: Language) -> Iterator[Example]:
        for i, length in enumerate(lengths):
            doc = Doc(nlp.vocab, words=[f"{name}{i}"] * length)
            yield Example(doc, doc)

    return read


def names_of(examples: Any) -> List[str]:
    """The names of documents, as `make_corpus` gives them."""
    return [example.reference[0].text for example in examples]


LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=8)


@given(
    lengths=st.lists(LENGTHS, min_size=1, max_size=3),
    shares=st.lists(st.floats(0.01, 10.0), min_size=3, max_size=3),
    size=st.integers(1, 30),
)
def test_without_repetition_each_example_comes_once(
    lengths: List[List[int]], shares: List[float], size: int
) -> None:
    parts = {f"corpus{i}_": part for i, part in enumerate(lengths)}
    read = create_mixed_corpus(
        {name: make_corpus(name, part) for name, part in parts.items()},
        dict(zip(parts, shares)),
        shuffle_buffer=size,
        repeat=False,
    )
    expected = [f"{name}{i}" for name, part in parts.items() for i in range(len(part))]
    assert sorted(names_of(read(NLP))) == sorted(expected)


@given(
    lengths=st.tuples(LENGTHS, LENGTHS),
    share=st.floats(0.1, 0.9),
    n=st.integers(1, 200),
)
def test_corpora_give_the_words_of_their_shares(
    lengths: Any, share: float, n: int
) -> None:
    read = create_mixed_corpus(
        {"a": make_corpus("a", lengths[0]), "b": make_corpus("b", lengths[1])},
        {"a": share, "b": 1.0 - share},
        shuffle_buffer=1,
    )
    words: Dict[str, int] = Counter()
    for example in islice(read(NLP), n):
        words[example.reference[0].text[0]] += len(example.reference)
    # Never further off than the longest document.
    longest = max(map(max, lengths))
    assert abs(words["a"] - share * sum(words.values())) <= longest + 1e-6


def test_proportions_need_not_sum_to_one() -> None:
    read = create_mixed_corpus(
        {"a": make_corpus("a", [2]), "b": make_corpus("b", [1])},
        {"a": 3.0, "b": 1.0},
    )
    names = [name[0] for name in names_of(islice(read(NLP), 500))]
    assert abs(2 * names.count("a") - 3 * names.count("b")) < 40


def test_a_corpus_begins_again_where_it_ends() -> None:
    read = create_mixed_corpus({"a": make_corpus("a", [1, 2])}, {"a": 1.0}, 1)
    found = names_of(islice(read(NLP), 5))
    assert found == ["a0", "a1", "a0", "a1", "a0"]


def test_with_a_buffer_of_one_each_corpus_keeps_its_order() -> None:
    read = create_mixed_corpus(
        {"a": make_corpus("a", [1] * 9), "b": make_corpus("b", [3] * 9)},
        {"a": 0.5, "b": 0.5},
        shuffle_buffer=1,
        repeat=False,
    )
    found = names_of(read(NLP))
    for name in "ab":
        part = [text for text in found if text[0] == name]
        assert part == [f"{name}{i}" for i in range(9)]


def test_each_corpus_is_shuffled_whatever_its_share() -> None:
    random.seed(0)
    read = create_mixed_corpus(
        {"a": make_corpus("a", [1] * 50), "b": make_corpus("b", [1] * 50)},
        {"a": 0.1, "b": 0.9},
        shuffle_buffer=50,
    )
    found = [name for name in names_of(islice(read(NLP), 100)) if name[0] == "a"]
    assert len(found) == 10
    # In a buffer of both, they would come from the first few.
    assert max(int(name[1:]) for name in found) > 30


def test_a_mixture_is_not_read_further_than_its_buffer() -> None:
    n_read = 0

    def read_endlessly(nlp: Language) -> Iterator[Example]:
        nonlocal n_read
        while True:
            n_read += 1
            yield from make_corpus("a", [1])(nlp)

    read = create_mixed_corpus({"a": read_endlessly}, {"a": 1.0}, shuffle_buffer=10)
    next(iter(read(NLP)))
    assert n_read == 11


def read_nothing(nlp: Language) -> Iterator[Example]:
    yield from ()


@pytest.mark.parametrize("repeat", [True, False])
def test_a_corpus_without_examples_is_refused_with_its_name(repeat: bool) -> None:
    empty = {"gold": make_corpus("a", [1]), "silver": read_nothing}
    shares = {"gold": 1.0, "silver": 1.0}
    with pytest.raises(ValueError, match="'silver' has no examples"):
        list(create_mixed_corpus(empty, shares, repeat=repeat)(NLP))


def test_a_corpus_that_can_be_read_only_once_is_refused_where_it_would_repeat() -> None:
    examples = make_corpus("a", [1, 1])(NLP)
    read = create_mixed_corpus({"a": lambda nlp: examples}, {"a": 1.0}, 1)
    with pytest.raises(ValueError, match="'a' has no examples"):
        list(islice(read(NLP), 5))


@pytest.mark.parametrize(
    "names, shares, settings, message",
    [
        ([], {}, {}, "at least one"),
        (["a"], {"b": 1.0}, {}, r"corpora \['a'\] in the proportions of \['b'\]"),
        (["a"], {"a": 1.0, "b": 1.0}, {}, r"\['a', 'b'\]"),
        (["a"], {"a": 0.0}, {}, "{'a': 0.0} need to be more than 0"),
        (["a"], {"a": -1.0}, {}, "more than 0"),
        (["a"], {"a": 1.0}, {"shuffle_buffer": 0}, "shuffle_buffer = 0"),
    ],
)
def test_a_mixture_that_makes_no_sense_is_refused(
    names: List[str], shares: Dict[str, float], settings: Any, message: str
) -> None:
    parts = {name: make_corpus(name, [1]) for name in names}
    with pytest.raises(ValueError, match=message):
        create_mixed_corpus(parts, shares, **settings)


def test_a_config_mixes_readers(tmp_path: Path) -> None:
    texts = write_shards(tmp_path, 2)
    reader = {"@readers": "spacy_lstm_tagger.ShardedCorpus.v1", "path": str(tmp_path)}
    config = {
        "@readers": "spacy_lstm_tagger.MixedCorpus.v1",
        "corpora": {"gold": reader, "silver": reader},
        "proportions": {"gold": 0.3, "silver": 0.7},
        "repeat": False,
    }
    read = registry.resolve({"it": config})["it"]
    assert sorted(texts_of(read(NLP))) == sorted(texts * 2)


# Shuffling.


@given(items=st.lists(st.integers(), max_size=40), size=st.integers(1, 50))
def test_shuffling_gives_each_item_once(items: List[int], size: int) -> None:
    assert sorted(shuffle(items, size)) == sorted(items)


@given(n_items=st.integers(0, 40), size=st.integers(1, 50))
def test_shuffling_keeps_no_more_items_than_its_size(n_items: int, size: int) -> None:
    n_taken = 0

    def items() -> Iterator[int]:
        nonlocal n_taken
        for i in range(n_items):
            n_taken += 1
            yield i

    for n_given, _ in enumerate(shuffle(items(), size)):
        # One more is in hand: it takes the place of the one that is given.
        assert n_taken - n_given <= size + 1


def test_shuffling_with_a_buffer_of_one_keeps_the_order() -> None:
    assert list(shuffle(range(9), 1)) == list(range(9))


def test_items_leave_a_buffer_in_random_order() -> None:
    random.seed(0)
    first = Counter(next(shuffle(range(5), 4)) for _ in range(4000))
    assert set(first) == {0, 1, 2, 3}
    assert max(first.values()) - min(first.values()) < 250


def test_what_fits_into_the_buffer_gets_all_orders_alike() -> None:
    random.seed(0)
    orders = Counter(tuple(shuffle(range(3), 3)) for _ in range(6000))
    assert len(orders) == 6
    assert max(orders.values()) - min(orders.values()) < 250

"""What the component keeps of a stream of texts, in memory zones and without them."""

import contextlib
import copy
import gc
import itertools
from pathlib import Path
from typing import Any, ContextManager, Iterable, Iterator, List, Set

import numpy
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from spacy.language import Language
from spacy.strings import StringStore
from spacy.tokens import Doc
from taggers import get_tagger
from util import (
    SMALL,
    TRAIN_DATA,
    assert_as_plain,
    encoder_of,
    make_trained,
    tags_of,
)

from spacy_lstm_tagger.encoder.fast import reading
from spacy_lstm_tagger.encoder.fast.form_cache import FormCache
from spacy_lstm_tagger.encoder.forms import spell_forms
from spacy_lstm_tagger.tags import attributes

pytestmark = pytest.mark.skipif(
    not hasattr(Language, "memory_zone"), reason="spaCy < 3.8 has no memory zones"
)

# The gates of a form in a small tagger: both directions, four gates each, in float32.
WIDTH = 32
FORM_BYTES = 4 * 4 * WIDTH
N_KEPT = 200
# Tags that no other component and no word of English has.
TAGS_OF_ITS_OWN = [(["dogs", "bark"], ["tag-of-dogs", "tag-of-bark"])]
IN_ZONES = pytest.mark.parametrize("in_zones", [True, False])


@pytest.fixture
def bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps so few forms that they are dropped often."""
    defaults = FormCache.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "max_bytes", N_KEPT * FORM_BYTES)


def zone_of(nlp: Language, in_zones: bool) -> ContextManager[Any]:
    return nlp.memory_zone() if in_zones else contextlib.nullcontext()


def new_words() -> Iterator[str]:
    """Yield words without end, each of them once."""
    return ("".join(letters) for letters in itertools.product("aeinorst", repeat=5))


def stream_of_texts(n_batches: int) -> Iterator[List[str]]:
    """Yield batches of texts: new words, words that come back from the batch before and
    from the first one, and words of the training data."""
    words = new_words()
    first = before = list(itertools.islice(words, 30))
    known = [word for sentence, _ in TRAIN_DATA for word in sentence]
    for _ in range(n_batches):
        new = list(itertools.islice(words, 30))
        rows = zip(new, before, first, itertools.cycle(known))
        mixed = list(itertools.chain.from_iterable(rows))
        yield [" ".join(mixed[i : i + 8]) for i in range(0, len(mixed), 8)]
        before = new


def kept_forms(nlp: Language) -> NDArray[numpy.uint64]:
    """Return the keys of what the component has kept."""
    cached = encoder_of(nlp).shims[0]._derived.value._cached
    assert cached is not None
    return cached[1]._kept.forms


def orths_of(docs: Iterable[Doc]) -> Set[int]:
    return {token.orth for doc in docs for token in doc}


@IN_ZONES
def test_a_stream_of_new_words_is_tagged_as_by_a_new_pipeline(
    bounded: None, in_zones: bool
) -> None:
    nlp = make_trained()
    fresh = copy.deepcopy(nlp)
    batches = list(stream_of_texts(20))
    found: List[List[List[str]]] = []
    seen: Set[int] = set()
    for texts in batches:
        with zone_of(nlp, in_zones):
            docs = list(nlp.pipe(texts))
            assert_as_plain(encoder_of(nlp), docs)
            found.append([tags_of(doc) for doc in docs])
            seen.update(orths_of(docs))
        assert len(kept_forms(nlp)) <= N_KEPT
    # It meets them the other way round, and so has kept other forms.
    for texts, tags in zip(reversed(batches), reversed(found), strict=True):
        assert [tags_of(doc) for doc in fresh.pipe(texts)] == tags
    assert len(seen) > 3 * N_KEPT


def test_a_zone_leaves_no_string_behind() -> None:
    nlp = make_trained(config={**SMALL, "alternatives_attribute": "alternatives"})
    n_strings = len(nlp.vocab.strings)
    for texts in stream_of_texts(3):
        with nlp.memory_zone():
            for doc in nlp.pipe(texts):
                assert all(token._.alternatives for token in doc)
        assert len(nlp.vocab.strings) == n_strings
    del doc
    gc.collect()
    assert not len(attributes._KEYS)


def test_only_forms_of_the_present_documents_are_spelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A string of a closed zone is not looked up: what was kept is found by its hash,
    and the string that has this hash again gets it."""
    spelled: List[int] = []

    def spell(orths: NDArray[numpy.uint64], *arguments: Any, **settings: Any) -> Any:
        spelled.extend(orths.tolist())
        return spell_forms(orths, *arguments, **settings)

    monkeypatch.setattr(reading, "spell_forms", spell)
    nlp = make_trained()
    batches = list(stream_of_texts(3))
    for texts in [*batches, *batches]:
        spelled.clear()
        with nlp.memory_zone():
            docs = list(nlp.pipe(texts))
            assert_as_plain(encoder_of(nlp), docs)
            assert orths_of(docs).issuperset(spelled)
    # Nothing is new the second time, though each zone made its strings anew.
    assert spelled == []


@given(st.text(min_size=1), st.lists(st.text(min_size=1), max_size=5))
def test_a_string_has_the_same_hash_in_every_zone(text: str, others: List[str]) -> None:
    """That is why what is kept by a hash is that of its string in each later zone."""
    strings = StringStore(others)
    for other in others:
        with strings.memory_zone():
            strings.add(other)
            assert strings.add(text) == StringStore().add(text)


@pytest.mark.parametrize("exclude", [[], ["vocab"]])
def test_a_document_from_before_a_zone_keeps_the_tags_that_it_got_there(
    tmp_path: Path, exclude: List[str]
) -> None:
    """The tags are strings of the vocab for good, and not only of the zone."""
    make_trained(TAGS_OF_ITS_OWN).to_disk(tmp_path)
    nlp = spacy.load(tmp_path, exclude=exclude)
    doc = nlp.make_doc(" ".join(TAGS_OF_ITS_OWN[0][0]))
    with nlp.memory_zone():
        nlp.get_pipe("lstm_tagger")(doc)
    with nlp.memory_zone():
        nlp("Others get their place")
    assert tags_of(doc) == TAGS_OF_ITS_OWN[0][1]


def test_a_dictionary_that_was_set_in_a_zone_holds_in_others() -> None:
    nlp = make_trained()
    with nlp.memory_zone():
        get_tagger(nlp).set_tag_dictionary({"zyzzyva": ["ADV"]})
    with nlp.memory_zone():
        assert tags_of(nlp("The zyzzyva ate"))[1] == "ADV"

"""Tags that forms may have, in tagging and training: dictionaries and
`doc._.allowed_tags`."""

import copy
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import numpy
import pytest
import spacy
import srsly
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus
from taggers import (
    ARCHITECTURES,
    CRF,
    FEW_TAGS,
    LABELS,
    SOFTMAX,
    bytes_round_trip,
    configure,
    deepcopy_round_trip,
    disk_round_trip,
    enumerate_document,
    few_tags,
    get_tagger,
    initialize,
    pickle_round_trip,
    probabilities,
    random_scores,
)
from thinc.api import Adam
from util import (
    TRAIN_DATA,
    all_weights,
    make_doc,
    make_examples,
    same_weights,
    tags_of,
)

from spacy_lstm_tagger.training.augmenters import join_examples

DICTIONARY = {"a": ["Z"], "b": ["X", "Y"]}
ENTRIES = [{"form": form, "tags": tags} for form, tags in DICTIONARY.items()]


def possible_tags(nlp: Language, words: List[str], allowed: Any = None) -> List[str]:
    """The tags that have a probability, of each token, in one string."""
    rows = probabilities(nlp, words, allowed)
    labels = get_tagger(nlp).labels
    return ["".join(labels[i] for i in row.nonzero()[0]) for row in rows]


# The sources of a dictionary.


@ARCHITECTURES
@pytest.mark.parametrize(
    "entries",
    [DICTIONARY, ENTRIES, iter(ENTRIES)],
    ids=["mapping", "list", "iterator"],
)
def test_forms_in_the_dictionary_get_no_other_tags(
    architecture: str, entries: Any
) -> None:
    entries = copy.copy(entries)
    nlp = initialize(configure(architecture), tag_dictionary=entries)
    assert possible_tags(nlp, ["a", "b", "c", "zz"]) == ["Z", "XY", "XYZ", "XYZ"]
    assert tags_of(nlp(make_doc(nlp, ["a", "a"]))) == ["Z", "Z"]


def test_without_a_dictionary_every_tag_is_possible() -> None:
    nlp = initialize()
    assert possible_tags(nlp, ["a", "b"]) == ["XYZ", "XYZ"]


def test_a_dictionary_distinguishes_upper_and_lower_case() -> None:
    nlp = initialize(tag_dictionary=DICTIONARY)
    assert possible_tags(nlp, ["A", "B"]) == ["XYZ", "XYZ"]


def test_a_form_that_occurs_twice_has_the_tags_of_both_entries() -> None:
    entries = [*ENTRIES, {"form": "a", "tags": ["Y", "Z"]}, {"form": "b", "tags": []}]
    nlp = initialize(tag_dictionary=entries)
    assert possible_tags(nlp, ["a", "b"]) == ["YZ", "XY"]
    get_tagger(nlp).set_tag_dictionary(entries[1:3])
    assert possible_tags(nlp, ["a", "b"]) == ["YZ", "XY"]


@ARCHITECTURES
def test_a_dictionary_can_be_of_lower_cased_forms(architecture: str) -> None:
    given = {"A": ["Z"], "a": ["Y"], "straSSe": ["X"]}
    nlp = initialize(
        configure(architecture), tag_dictionary=given, tag_dictionary_lower=True
    )
    found = possible_tags(nlp, ["a", "A", "STRASSE", "b"])
    assert found == ["YZ", "YZ", "X", "XYZ"]


def test_lower_cased_forms_of_training_data_are_counted_together() -> None:
    data = [(["a", "A", "B", "c"], ["X", "Y", "Z", "Z"]), (["b"], ["!Y"])]
    settings = {"tag_dictionary_min_count": 2, "tag_dictionary_lower": True}
    nlp = initialize(data=data, **settings)
    assert get_tagger(nlp).cfg["tag_dictionary"] == {"a": ["X", "Y"]}
    nlp = initialize(data=data, tag_dictionary={"A": ["Z"]}, **settings)
    assert possible_tags(nlp, ["a", "A", "b"]) == ["Z", "Z", "XYZ"]


def test_the_config_can_ask_for_lower_cased_forms() -> None:
    nlp = spacy.blank("xx")
    nlp.add_pipe("lstm_tagger", config=configure())
    nlp.config["initialize"]["components"]["lstm_tagger"] = {
        "tag_dictionary": {"a": ["Z"]},
        "tag_dictionary_lower": True,
    }
    nlp.initialize(lambda: make_examples(nlp, COUNTED))
    assert possible_tags(nlp, ["A"]) == ["Z"]


def test_setting_a_dictionary_says_whether_its_forms_are_lower_cased() -> None:
    nlp = initialize()
    for lower, expected in ((True, ["Z", "Z"]), (False, ["XYZ", "Z"])):
        get_tagger(nlp).set_tag_dictionary({"A": ["Z"]}, lower=lower)
        assert possible_tags(nlp, ["a", "A"]) == expected


def test_lower_cased_forms_rule_out_tags_in_training_too() -> None:
    nlp = initialize(
        configure(constrain_training=True),
        tag_dictionary={"a": ["Z"]},
        tag_dictionary_lower=True,
    )
    examples = make_examples(nlp, [(["A"], ["Z"])])
    assert nlp.update(examples, drop=0.0)["lstm_tagger"] == pytest.approx(0.0)


COUNTED = [
    (["a", "b", "c", "a"], ["X", "Y", "Z", "Y"]),
    (["a", "b", " "], ["X", "Z", "X"]),
    (["b", " ", " "], ["", "X", "X"]),
    (["c", "d"], ["!X", "Z"]),
]


@pytest.mark.parametrize(
    "min_count, expected",
    [
        (1, {"a": ["X", "Y"], "b": ["Y", "Z"], "c": ["Z"], "d": ["Z"]}),
        (2, {"a": ["X", "Y"], "b": ["Y", "Z"]}),
        (3, {"a": ["X", "Y"]}),
        (4, {}),
    ],
)
def test_a_dictionary_is_built_from_forms_that_are_frequent_in_training_data(
    min_count: int, expected: Dict[str, List[str]]
) -> None:
    """Only what is annotated counts: neither missing nor negated tags."""
    nlp = initialize(data=COUNTED, tag_dictionary_min_count=min_count)
    assert get_tagger(nlp).cfg["tag_dictionary"] == expected
    tags = possible_tags(nlp, ["a", "b", "c", "d", "e"])
    for form, found in zip("abcde", tags):
        assert found == "".join(expected.get(form, LABELS))


def test_a_given_dictionary_goes_before_the_training_data() -> None:
    nlp = initialize(
        data=COUNTED, tag_dictionary={"a": ["Z"]}, tag_dictionary_min_count=2
    )
    assert possible_tags(nlp, ["a", "b", "c"]) == ["Z", "YZ", "XYZ"]


# The reader of JSONL is a generator, which spaCy takes since it uses pydantic 2.
TAKES_GENERATORS = not spacy.schemas.BaseModel.__module__.startswith("pydantic.v1")


@pytest.mark.parametrize(
    "kind",
    [
        "json",
        pytest.param(
            "jsonl",
            marks=pytest.mark.skipif(not TAKES_GENERATORS, reason="spaCy < 3.8.13"),
        ),
    ],
)
def test_the_config_can_name_a_file_with_the_dictionary(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"dictionary.{kind}"
    if kind == "json":
        srsly.write_json(path, DICTIONARY)
    else:
        srsly.write_jsonl(path, ENTRIES)
    nlp = spacy.blank("xx")
    nlp.add_pipe("lstm_tagger", config=configure())
    nlp.config["initialize"]["components"]["lstm_tagger"] = {
        "tag_dictionary": {"@readers": f"srsly.read_{kind}.v1", "path": str(path)}
    }
    nlp.initialize(lambda: make_examples(nlp, FEW_TAGS))
    assert get_tagger(nlp).cfg["tag_dictionary"] == DICTIONARY
    assert possible_tags(nlp, ["a", "b", "c"]) == ["Z", "XY", "XYZ"]


def test_the_config_can_ask_for_a_dictionary_of_the_training_data() -> None:
    nlp = spacy.blank("xx")
    nlp.add_pipe("lstm_tagger", config=configure())
    nlp.config["initialize"]["components"]["lstm_tagger"] = {
        "tag_dictionary_min_count": 2
    }
    nlp.initialize(lambda: make_examples(nlp, COUNTED))
    assert possible_tags(nlp, ["a", "b", "c"]) == ["XY", "YZ", "XYZ"]


def test_initializing_again_without_a_dictionary_removes_it() -> None:
    nlp = initialize(tag_dictionary=DICTIONARY)
    nlp.initialize(lambda: make_examples(nlp, FEW_TAGS))
    assert possible_tags(nlp, ["a", "b"]) == ["XYZ", "XYZ"]


@pytest.mark.parametrize(
    "entries",
    [
        "a",
        5,
        [{"form": "a"}],
        [["a", ["X"]]],
        {"a": "X"},
        {"a": [1]},
    ],
)
def test_what_is_not_a_dictionary_raises_an_error(entries: Any) -> None:
    with pytest.raises(ValueError, match="dictionary"):
        initialize(tag_dictionary=entries)


def test_what_is_not_a_dictionary_is_refused_before_anything_is_initialized() -> None:
    nlp = spacy.blank("xx")
    nlp.add_pipe("lstm_tagger", config=configure())
    tagger, examples = get_tagger(nlp), make_examples(nlp, FEW_TAGS)
    with pytest.raises(ValueError, match="dictionary"):
        tagger.initialize(lambda: examples, nlp=nlp, tag_dictionary={"a": "X"})
    assert tagger.labels == ()


@ARCHITECTURES
def test_an_unknown_tag_in_the_dictionary_raises_an_error_that_names_it(
    architecture: str,
) -> None:
    with pytest.raises(ValueError, match=r"(?s)FOO.*'a'"):
        initialize(configure(architecture), tag_dictionary={"a": ["X", "FOO"]})


# Dictionaries that are saved.


@ARCHITECTURES
@pytest.mark.parametrize(
    "round_trip",
    [disk_round_trip, bytes_round_trip, pickle_round_trip, deepcopy_round_trip],
)
def test_the_dictionary_is_saved_with_the_model(
    tmp_path: Path, architecture: str, round_trip: Callable[[Language, Path], Language]
) -> None:
    nlp = initialize(configure(architecture), tag_dictionary=DICTIONARY)
    loaded = round_trip(nlp, tmp_path)
    assert get_tagger(loaded).cfg["tag_dictionary"] == DICTIONARY
    assert possible_tags(loaded, ["a", "b", "c"]) == ["Z", "XY", "XYZ"]


@pytest.mark.parametrize(
    "round_trip",
    [disk_round_trip, bytes_round_trip, pickle_round_trip, deepcopy_round_trip],
)
def test_that_forms_are_lower_cased_is_saved_with_the_model(
    tmp_path: Path, round_trip: Callable[[Language, Path], Language]
) -> None:
    nlp = initialize(tag_dictionary=DICTIONARY, tag_dictionary_lower=True)
    loaded = round_trip(nlp, tmp_path)
    assert possible_tags(loaded, ["A", "B", "C"]) == ["Z", "XY", "XYZ"]


def test_the_forms_of_a_model_that_does_not_say_are_not_lower_cased() -> None:
    """As of version 0.1.0."""
    nlp = initialize(tag_dictionary=DICTIONARY)
    del get_tagger(nlp).cfg["tag_dictionary_lower"]
    saved = get_tagger(nlp).to_bytes()
    other = initialize(tag_dictionary=DICTIONARY, tag_dictionary_lower=True)
    get_tagger(other).from_bytes(saved)
    assert possible_tags(other, ["a", "A"]) == ["Z", "XYZ"]


def test_loading_a_model_without_a_dictionary_removes_the_present_one() -> None:
    nlp = initialize(tag_dictionary=DICTIONARY)
    get_tagger(nlp).from_bytes(get_tagger(initialize()).to_bytes())
    assert possible_tags(nlp, ["a", "b"]) == ["XYZ", "XYZ"]


def test_processes_know_the_dictionary() -> None:
    nlp = initialize(tag_dictionary=DICTIONARY)
    docs = [make_doc(nlp, ["a", "a"]) for _ in range(4)]
    found = nlp.pipe(docs, n_process=2, batch_size=2)
    assert [tags_of(doc) for doc in found] == [["Z", "Z"]] * 4


# Constraints of one document.


@ARCHITECTURES
def test_a_document_can_say_which_tags_its_tokens_may_have(architecture: str) -> None:
    nlp = initialize(configure(architecture))
    found = possible_tags(nlp, ["a", "b", "c"], {0: ["Y"], 2: ["X", "Z"]})
    assert found == ["Y", "XYZ", "XZ"]


@ARCHITECTURES
def test_what_a_document_says_stands_in_place_of_the_dictionary(
    architecture: str,
) -> None:
    nlp = initialize(configure(architecture), tag_dictionary=DICTIONARY)
    assert possible_tags(nlp, ["a", "b"], {1: ["Z"]}) == ["XYZ", "Z"]
    assert possible_tags(nlp, ["a", "b"], {}) == ["XYZ", "XYZ"]
    assert possible_tags(nlp, ["a", "b"]) == ["Z", "XY"]


@ARCHITECTURES
def test_an_unknown_tag_that_a_document_allows_raises_an_error_that_names_it(
    architecture: str,
) -> None:
    nlp = initialize(configure(architecture))
    doc = make_doc(nlp, ["a", "b"])
    doc._.allowed_tags = {1: ["X", "FOO"]}
    for call in (nlp, lambda doc: get_tagger(nlp).predict_proba([doc])):
        with pytest.raises(ValueError, match="FOO"):
            call(doc)


@pytest.mark.parametrize("position", [-1, 2, "a"])
def test_a_token_that_a_document_does_not_have_raises_an_error(position: Any) -> None:
    nlp = initialize()
    doc = make_doc(nlp, ["a", "b"])
    doc._.allowed_tags = {position: ["X"]}
    with pytest.raises(ValueError, match="allowed_tags"):
        nlp(doc)


def test_a_softmax_takes_the_best_of_the_tags_that_are_allowed() -> None:
    nlp = few_tags(configure(SOFTMAX))
    rows = probabilities(nlp, ["a", "b", "c"])
    doc = make_doc(nlp, ["a", "b", "c"])
    best = rows.argmax(axis=1)
    doc._.allowed_tags = {
        token: [tag for i, tag in enumerate(LABELS) if i != best[token]]
        for token in range(3)
    }
    second = numpy.argsort(-rows, axis=1)[:, 1]
    assert tags_of(nlp(doc)) == [LABELS[i] for i in second]


def test_what_is_allowed_here_changes_tags_there() -> None:
    """Of a CRF, since its tags depend on each other."""
    nlp = few_tags()
    free = probabilities(nlp, ["a", "b"])
    found = probabilities(nlp, ["a", "b"], {0: ["X"]})
    assert not numpy.allclose(found[1], free[1], atol=1e-3)


# Tokens that no tag is left for.


@ARCHITECTURES
@pytest.mark.parametrize("allowed", [{0: []}, {0: [], 1: ["Y"]}])
def test_a_token_without_any_allowed_tag_may_have_all_with_a_warning(
    architecture: str, allowed: Dict[int, List[str]]
) -> None:
    nlp = initialize(configure(architecture))
    doc = make_doc(nlp, ["a", "b"])
    doc._.allowed_tags = allowed
    with pytest.warns(UserWarning, match="allowed"):
        (rows,) = get_tagger(nlp).predict_proba([doc])
    assert rows[0].all()
    with pytest.warns(UserWarning, match="allowed"):
        tags = tags_of(nlp(doc))
    assert set(tags) <= set(LABELS)
    assert 1 not in allowed or tags[1] == "Y"


@ARCHITECTURES
def test_a_form_without_any_tag_in_the_dictionary_may_have_all(
    architecture: str,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nlp = initialize(configure(architecture), tag_dictionary={"a": [], "b": ["X"]})
        assert possible_tags(nlp, ["a", "b"]) == ["XYZ", "X"]


def test_a_form_without_any_tag_in_the_dictionary_gives_a_warning() -> None:
    with pytest.warns(UserWarning):
        nlp = initialize(tag_dictionary={"a": []})
        probabilities(nlp, ["a"])


# Training with a set of allowed tags in the reference.


@ARCHITECTURES
@pytest.mark.parametrize("tag", ["", "!X"])
def test_training_on_no_allowed_tag_is_training_on_none_with_a_warning(
    architecture: str, tag: str
) -> None:
    """An empty set says nothing, and so only what the tag says is learned."""
    found = []
    for allowed in (None, {0: []}):
        nlp = initialize(configure(architecture))
        examples = make_examples(nlp, [(["a", "b"], [tag, "Y"])])
        examples[0].reference._.allowed_tags = allowed
        if allowed is None:
            found.append(nlp.update(examples, drop=0.0)["lstm_tagger"])
        else:
            with pytest.warns(UserWarning, match="allowed"):
                found.append(nlp.update(examples, drop=0.0)["lstm_tagger"])
    assert found[0] > 0.0
    assert found[1] == pytest.approx(found[0])


@ARCHITECTURES
def test_annotation_that_excludes_all_tags_gives_a_warning_and_no_crash(
    architecture: str,
) -> None:
    """The only tag that is allowed is the one that is negated."""
    nlp = initialize(configure(architecture))
    examples = make_examples(nlp, [(["a", "b"], ["!X", "Y"])])
    examples[0].reference._.allowed_tags = {0: ["X"]}
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=RuntimeWarning)
        with pytest.warns(UserWarning, match="allowed"):
            losses = nlp.update(examples, drop=0.0, sgd=Adam(0.01))
    assert numpy.isfinite(losses["lstm_tagger"])
    assert numpy.isfinite(probabilities(nlp, ["a", "b"])).all()


@ARCHITECTURES
def test_what_the_reference_allows_is_learned(architecture: str) -> None:
    nlp = initialize(configure(architecture))
    examples = make_examples(nlp, [(["a", "b"], None)])
    examples[0].reference._.allowed_tags = {0: ["X", "Y"], 1: ["Z"]}
    sgd = Adam(0.01)
    for _ in range(40):
        nlp.update(examples, sgd=sgd)
    rows = probabilities(nlp, ["a", "b"])
    assert rows[0, 2] < 0.05
    assert rows[1, 2] > 0.95


@ARCHITECTURES
def test_a_tag_of_the_reference_says_more_than_what_it_allows(
    architecture: str,
) -> None:
    found = []
    for allowed in (None, {0: ["X", "Y"], 1: ["X"]}):
        nlp = initialize(configure(architecture))
        examples = make_examples(nlp, [(["a", "b"], ["X", "Z"])])
        examples[0].reference._.allowed_tags = allowed
        nlp.update(examples, drop=0.0, sgd=Adam(0.01))
        found.append(all_weights(nlp))
    assert same_weights(*found)


def test_the_softmax_learns_the_likelihood_of_the_set_that_is_allowed() -> None:
    nlp = initialize(configure(SOFTMAX))
    logits = numpy.random.default_rng(0).normal(size=(2, 3))
    examples = make_examples(nlp, [(["a", "b"], ["", "Y"])])
    examples[0].reference._.allowed_tags = {0: ["X", "Z"]}

    def softmax(rows: NDArray) -> NDArray:
        powers = numpy.exp(rows)
        return powers / powers.sum(axis=1, keepdims=True)

    def loss(rows: NDArray) -> float:
        found = softmax(rows)
        return -float(numpy.log(found[0, 0] + found[0, 2]) + numpy.log(found[1, 1]))

    scores = [softmax(logits).astype("float32")]
    _, (gradient,) = get_tagger(nlp).get_loss(examples, scores)
    for index in numpy.ndindex(2, 3):
        ends = []
        for step in (1e-5, -1e-5):
            moved = logits.copy()
            moved[index] += step
            ends.append(loss(moved))
        slope = (ends[0] - ends[1]) / 2e-5
        assert gradient[index] == pytest.approx(slope, abs=1e-5)


@ARCHITECTURES
def test_what_a_reference_allows_can_be_read_from_a_corpus(
    tmp_path: Path, architecture: str
) -> None:
    nlp = initialize(configure(architecture))
    reference = make_doc(nlp, ["a", "b"])
    reference._.allowed_tags = {0: ["X", "Y"], 1: ["Z"]}
    path = tmp_path / "train.spacy"
    DocBin(docs=[reference], store_user_data=True).to_disk(path)
    made = make_examples(nlp, [(["a", "b"], None)])
    made[0].reference._.allowed_tags = {0: ["X", "Y"], 1: ["Z"]}
    losses = [
        nlp.update(examples, sgd=False, drop=0.0)["lstm_tagger"]  # type: ignore[arg-type]
        for examples in (list(Corpus(path)(nlp)), made)
    ]
    assert losses[0] == pytest.approx(losses[1])
    assert losses[0] > 0.0


# Training with a dictionary.


def constrained(architecture: str = CRF, is_asked: bool = True) -> Language:
    config = configure(architecture, constrain_training=is_asked)
    return initialize(config, tag_dictionary=DICTIONARY)


@pytest.fixture(scope="module")
def constrained_crf() -> Iterator[Language]:
    yield constrained()


def test_the_loss_of_a_crf_counts_only_what_the_dictionary_allows(
    constrained_crf: Language,
) -> None:
    scores = random_scores([3])
    examples = make_examples(constrained_crf, [(["a", "b", "c"], ["Z", "X", "X"])])
    loss, gradient = get_tagger(constrained_crf).get_loss(examples, scores)
    emissions = scores[0].astype("float64")
    emissions[0, :2] = emissions[1, 2] = -numpy.inf
    found = enumerate_document(emissions, scores.chain, [[0, 1, 2]])
    (gold,) = (found.tags == [2, 0, 0]).all(axis=1).nonzero()[0]
    assert loss == pytest.approx(-found.log_probabilities[gold], rel=1e-5)
    assert gradient[0][0].tolist() == [0.0, 0.0, 0.0]
    assert gradient[0][1, 2] == 0.0
    assert gradient[0][1, 1] > 0.0


def test_the_gradient_of_a_softmax_is_that_of_what_the_dictionary_allows() -> None:
    nlp = constrained(SOFTMAX)
    examples = make_examples(nlp, [(["a", "b", "c"], ["Z", "X", "X"])])
    scores = [numpy.asarray([[0.2, 0.3, 0.5]] * 3, dtype="float32")]
    _, (gradient,) = get_tagger(nlp).get_loss(examples, scores)
    expected = [[0.0, 0.0, 0.0], [0.4 - 1, 0.6, 0.0], [0.2 - 1, 0.3, 0.5]]
    numpy.testing.assert_allclose(gradient, expected, atol=1e-6)


@ARCHITECTURES
def test_the_dictionary_changes_training_only_if_it_is_asked(
    architecture: str,
) -> None:
    losses = {}
    for is_asked in (False, True):
        nlp = constrained(architecture, is_asked=is_asked)
        examples = make_examples(nlp, [(["b", "c"], ["X", "Z"])])
        losses[is_asked] = nlp.update(examples, drop=0.0)["lstm_tagger"]
    free = initialize(configure(architecture))
    examples = make_examples(free, [(["b", "c"], ["X", "Z"])])
    loss = free.update(examples, drop=0.0)["lstm_tagger"]
    assert losses[False] == pytest.approx(loss)
    assert losses[True] < loss


@ARCHITECTURES
def test_a_form_with_one_tag_teaches_nothing_if_training_is_constrained(
    architecture: str,
) -> None:
    nlp = constrained(architecture)
    before = all_weights(nlp)
    losses = nlp.update(make_examples(nlp, [(["a"], ["Z"])]), sgd=Adam(0.01))
    assert losses["lstm_tagger"] == pytest.approx(0.0, abs=1e-9)
    assert same_weights(all_weights(nlp), before)


@ARCHITECTURES
@pytest.mark.parametrize("tag", ["X", "!Z"])
def test_a_gold_tag_that_the_dictionary_rules_out_is_learned_with_a_warning(
    architecture: str, tag: str
) -> None:
    """For "a" there is only Z. The token is then free, as without a dictionary."""
    nlp, free = constrained(architecture), initialize(configure(architecture))
    data = [(["a"], [tag])]
    with pytest.warns(UserWarning, match="allowed"):
        loss = nlp.update(make_examples(nlp, data), drop=0.0)["lstm_tagger"]
    expected = free.update(make_examples(free, data), drop=0.0)["lstm_tagger"]
    assert expected > 0.0
    assert loss == pytest.approx(expected)


@ARCHITECTURES
def test_what_a_reference_allows_replaces_the_dictionary_in_training_too(
    architecture: str,
) -> None:
    """For "b" it has X and Y, for "a" only Z."""
    losses = []
    for nlp in (constrained(architecture), initialize(configure(architecture))):
        examples = make_examples(nlp, [(["b", "a", "c"], ["", "", "X"])])
        examples[0].reference._.allowed_tags = {0: ["X", "Z"], 1: ["Y", "Z"]}
        losses.append(nlp.update(examples, drop=0.0)["lstm_tagger"])
    assert losses[0] == pytest.approx(losses[1])


@ARCHITECTURES
def test_unknown_forms_are_free_in_training(architecture: str) -> None:
    nlp, free = constrained(architecture), initialize(configure(architecture))
    data = [(["c", "zz"], ["X", "Y"])]
    loss = nlp.update(make_examples(nlp, data), drop=0.0)["lstm_tagger"]
    expected = free.update(make_examples(free, data), drop=0.0)["lstm_tagger"]
    assert loss == pytest.approx(expected)


@ARCHITECTURES
def test_with_label_smoothing_what_is_ruled_out_gets_no_share(
    architecture: str,
) -> None:
    config = configure(architecture, constrain_training=True, label_smoothing=0.1)
    nlp = initialize(config, tag_dictionary=DICTIONARY)
    before = all_weights(nlp)
    # Nothing is left to share with.
    nlp.update(make_examples(nlp, [(["a"], ["Z"])]), sgd=Adam(0.01))
    assert same_weights(all_weights(nlp), before)


@ARCHITECTURES
@pytest.mark.parametrize("is_constrained", [False, True])
def test_training_with_a_dictionary_of_its_data_learns_its_data(
    architecture: str, is_constrained: bool
) -> None:
    config = configure(architecture, constrain_training=is_constrained)
    nlp = initialize(config, TRAIN_DATA, tag_dictionary_min_count=1)
    examples = make_examples(nlp)
    sgd = Adam(0.01)
    for _ in range(30):
        nlp.update(examples, sgd=sgd)
    docs = [make_doc(nlp, words) for words, _ in TRAIN_DATA]
    assert [tags_of(doc) for doc in nlp.pipe(docs)] == [tags for _, tags in TRAIN_DATA]


@ARCHITECTURES
def test_documents_of_nothing_have_no_constraints(architecture: str) -> None:
    nlp = constrained(architecture)
    doc = make_doc(nlp, [])
    doc._.allowed_tags = {}
    assert tags_of(nlp(doc)) == []
    data: Any = [([], None), (["b"], ["X"]), ([], None)]
    losses = nlp.update(make_examples(nlp, data), drop=0.0)
    assert losses["lstm_tagger"] > 0.0
    docs: List[Doc] = [make_doc(nlp, words) for words, _ in data]
    assert [len(doc) for doc in nlp.pipe(docs)] == [0, 1, 0]


@pytest.mark.parametrize("entries", [{5: ["X"]}, {"a": ["W"]}, {"a": "X"}, [{"a": 1}]])
def test_a_dictionary_that_is_refused_leaves_the_present_one(entries: Any) -> None:
    nlp = few_tags()
    tagger = get_tagger(nlp)
    tagger.set_tag_dictionary({"a": ["Z"]})
    with pytest.raises(ValueError, match="tag"):
        tagger.set_tag_dictionary(entries)
    assert tagger.cfg["tag_dictionary"] == {"a": ["Z"]}
    assert nlp(make_doc(nlp, ["a"]))[0].tag_ == "Z"


def test_a_pipeline_without_a_dictionary_is_loaded_without_one() -> None:
    nlp, other = few_tags(), few_tags()
    data = get_tagger(other).to_bytes()
    get_tagger(nlp).set_tag_dictionary({"a": ["Z"]})
    get_tagger(nlp).from_bytes(data)
    assert get_tagger(nlp).cfg["tag_dictionary"] == {}
    assert probabilities(nlp, ["a"])[0].min() > 0.0


@pytest.mark.parametrize(
    "given",
    [
        ["X"],
        {0: "X"},
        {0: 5},
        {0: None},
        {0: [1, "X"]},
        {0: [["X"]]},
        {True: ["X"]},
        {False: ["X"]},
        {1.0: ["X"]},
        {5: ["X"]},
    ],
)
def test_allowed_tags_of_another_form_are_an_error(given: Any) -> None:
    nlp = few_tags()
    doc = make_doc(nlp, ["a", "b"])
    doc._.allowed_tags = given
    with pytest.raises(ValueError, match="allowed_tags"):
        nlp(doc)
    (example,) = make_examples(nlp, [(["a", "b"], None)])
    example.reference._.allowed_tags = given
    with pytest.raises(ValueError, match="allowed_tags"):
        nlp.update([example])
    with pytest.raises(ValueError, match="allowed_tags"):
        join_examples(nlp, [example, example], gold_preproc=True)


def test_positions_of_tokens_may_be_numbers_of_numpy() -> None:
    nlp = few_tags()
    doc = make_doc(nlp, ["a", "b"])
    doc._.allowed_tags = {numpy.int64(1): ["Z"]}
    assert nlp(doc)[1].tag_ == "Z"

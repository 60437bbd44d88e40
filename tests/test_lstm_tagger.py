"""The component: labels, annotations, losses, and tagging of all kinds."""

import copy
import pickle
import re
import subprocess
import sys
import textwrap
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy
import pytest
import spacy
import torch
from numpy.typing import NDArray
from spacy.language import Language
from spacy.lookups import Lookups
from spacy.matcher import Matcher
from spacy.pipeline import Tagger
from spacy.pipeline.tagger import tagger_score
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab
from taggers import get_tagger
from thinc.api import Adam, Model
from util import (
    SMALL,
    TESTS,
    TRAIN_DATA,
    all_weights,
    encoder_of,
    make_doc,
    make_examples,
    make_trained,
    make_untrained,
    run_script,
    same_weights,
    tag_all,
    tags_of,
)

from spacy_lstm_tagger.lstm_tagger import LSTMTagger

WORDS, TAGS = TRAIN_DATA[0]
Data = Sequence[Tuple[List[str], Optional[List[str]]]]


def blank(**settings: Any) -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config=copy.deepcopy({**SMALL, **settings}))
    return nlp


def initialized(data: Data, **settings: Any) -> Language:
    return make_untrained(data, {**SMALL, **settings})


def softmax(logits: NDArray) -> NDArray:
    powers = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


# The factory.


def test_the_factory_has_the_meta_of_spacys_tagger() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger")
    nlp.add_pipe("tagger")
    ours, stock = nlp.get_pipe_meta("lstm_tagger"), nlp.get_pipe_meta("tagger")
    assert ours.assigns == stock.assigns == ["token.tag"]
    assert ours.requires == stock.requires
    assert ours.retokenizes == stock.retokenizes
    assert ours.default_score_weights == {
        "tag_acc": 1.0,
        "pos_acc": 0.0,
        "tag_micro_p": None,
        "tag_micro_r": None,
        "tag_micro_f": None,
    }
    assert ours.scores == list(ours.default_score_weights)
    # Older versions of spaCy name fewer.
    assert set(ours.scores) >= set(stock.scores)
    assert ours.default_score_weights.items() >= stock.default_score_weights.items()


def test_the_settings_of_spacys_tagger_have_its_defaults() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger")
    nlp.add_pipe("tagger")
    ours, stock = nlp.get_pipe_config("lstm_tagger"), nlp.get_pipe_config("tagger")
    for config in (ours, stock):
        del config["model"], config["factory"]
    assert ours.items() >= stock.items()
    cfg = nlp.get_pipe("tagger").cfg  # type: ignore[attr-defined]
    assert get_tagger(nlp).cfg.items() >= cfg.items()


def test_the_component_is_a_tagger_with_the_scorer_of_spacys() -> None:
    tagger = get_tagger(blank())
    assert isinstance(tagger, Tagger)
    assert tagger.scorer is tagger_score


def test_evaluate_reports_tag_acc(shared_trained: Language) -> None:
    data = [*TRAIN_DATA[1:], (WORDS, ["X", *TAGS[1:]])]
    n_tokens = sum(len(words) for words, _ in TRAIN_DATA)
    scores = shared_trained.evaluate(make_examples(shared_trained, data))
    assert scores["tag_acc"] == pytest.approx(1 - 1 / n_tokens)


def test_another_scorer_can_be_configured() -> None:
    nlp = spacy.blank("en")
    scorer = {"@scorers": "spacy.morphologizer_scorer.v1"}
    tagger = nlp.add_pipe("lstm_tagger", config={"scorer": scorer})
    assert tagger.scorer is not tagger_score  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "setting, value",
    [
        ("label_smoothing", -0.1),
        ("label_smoothing", 1.0),
        ("label_smoothing", 2.0),
        ("label_smoothing", float("nan")),
        ("temperature", 0.0),
        ("temperature", -1.0),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("n_alternatives", 0),
    ],
)
def test_a_setting_out_of_range_is_refused_when_the_component_is_made(
    setting: str, value: float
) -> None:
    settings: Dict[str, Any] = {setting: value}
    with pytest.raises(ValueError, match=f"tagger.*{setting} = {value}"):
        LSTMTagger(Vocab(), Model("any", lambda *_: None), **settings)


def test_a_label_smoothing_too_great_for_the_labels_is_refused_before_training() -> (
    None
):
    """With seven tags, all of them are wanted alike at 6/7."""
    assert initialized(TRAIN_DATA, label_smoothing=0.85)
    with pytest.raises(ValueError, match=r"7 tags.*label_smoothing = 0\.9.* 6/7"):
        initialized(TRAIN_DATA, label_smoothing=0.9)


# Labels.


def test_labels_are_the_sorted_tags_of_all_examples() -> None:
    """spaCy's own components see only ten examples when their layers are built."""
    data: Data = [(["the"], ["DET"])] * 20 + [(["odd"], ["ADJ"])]
    assert get_tagger(initialized(data)).labels == ("ADJ", "DET")


def test_labels_given_to_initialize_are_kept_in_their_order() -> None:
    nlp = blank()
    get_tagger(nlp).initialize(
        lambda: make_examples(nlp), nlp=nlp, labels=["Z", "NN", "A"]
    )
    assert get_tagger(nlp).labels == ("Z", "NN", "A")
    assert get_tagger(nlp).label_data == ("Z", "NN", "A")


def test_labels_added_before_initialize_come_first() -> None:
    nlp = blank()
    assert get_tagger(nlp).add_label("ZZ") == 1
    assert get_tagger(nlp).add_label("ZZ") == 0
    nlp.initialize(lambda: make_examples(nlp, [(["a"], ["DET"])]))
    assert get_tagger(nlp).labels == ("ZZ", "DET")


def test_labels_can_not_be_added_after_initialize() -> None:
    with pytest.raises(ValueError, match="E922"):
        get_tagger(initialized(TRAIN_DATA)).add_label("NEW")


def test_a_label_has_to_be_a_string() -> None:
    with pytest.raises(ValueError, match="E187"):
        get_tagger(blank()).add_label(9)  # type: ignore[arg-type]


def test_initialize_without_any_tag_raises_the_error_of_spacys_tagger() -> None:
    with pytest.raises(ValueError, match="E143"):
        initialized([(["a"], None)])


@pytest.mark.parametrize("labels", [None, ["NN"], iter(["NN"])])
def test_initializing_with_a_single_tag_gives_a_warning(labels: Any) -> None:
    nlp = blank()
    examples = make_examples(nlp, [(["dog", "a"], ["NN", "!NN"]), (["cat"], None)])
    with pytest.warns(UserWarning, match="lstm_tagger.*'NN'"):
        get_tagger(nlp).initialize(lambda: examples, nlp=nlp, labels=labels)
    assert get_tagger(nlp).labels == ("NN",)


def test_initializing_with_two_tags_gives_no_warning() -> None:
    nlp = blank()
    get_tagger(nlp).add_label("X")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nlp.initialize(lambda: make_examples(nlp, [(["a"], ["DET"])]))


def test_initialize_wants_a_function_that_gives_examples() -> None:
    tagger = get_tagger(blank())
    for wrong in ([], lambda: []):
        with pytest.raises(TypeError, match="E930"):
            tagger.initialize(wrong)  # type: ignore[arg-type]


def test_a_negated_tag_is_not_a_label() -> None:
    data: Data = [(["the", "cat"], ["DET", "!VB"]), (["runs"], ["VB"])]
    assert get_tagger(initialized(data)).labels == ("DET", "VB")


def test_a_tag_that_only_occurs_negated_is_a_label() -> None:
    data: Data = [(["the", "cat"], ["DET", "!NN"])]
    assert get_tagger(initialized(data)).labels == ("DET", "NN")


def test_another_prefix_can_mark_negated_tags() -> None:
    data: Data = [(["the", "cat"], ["!DET", "~NN"])]
    nlp = initialized(data, neg_prefix="~")
    assert get_tagger(nlp).labels == ("!DET", "NN")


def test_a_tag_that_is_nothing_but_the_prefix_is_a_tag() -> None:
    """Some treebanks tag punctuation with itself."""
    data: Data = [(["go", "!"], ["VB", "!"])]
    nlp = initialized(data)
    assert get_tagger(nlp).labels == ("!", "VB")
    for _ in range(30):
        nlp.update(make_examples(nlp, data))
    assert tags_of(nlp(make_doc(nlp, ["go", "!"]))) == ["VB", "!"]


# What training makes of annotations.


def loss_of(nlp: Language, data: Data) -> Tuple[float, List[NDArray]]:
    """The loss and its gradient where all labels are equally probable."""
    tagger = get_tagger(nlp)
    n_labels = len(tagger.labels)
    scores = [
        numpy.full((len(words), n_labels), 1 / n_labels, dtype="float32")
        for words, _ in data
    ]
    return tagger.get_loss(make_examples(nlp, data), scores)


def test_a_token_without_a_tag_has_no_gradient() -> None:
    nlp = initialized(TRAIN_DATA)
    loss, (gradient,) = loss_of(nlp, [(WORDS, ["DET", "", "V", "", "NN"])])
    assert loss > 0
    assert not gradient[[1, 3]].any()
    assert gradient[[0, 2, 4]].all()


def test_tokens_without_tags_are_tagged_by_what_others_taught(
    trained: Language,
) -> None:
    before = tag_all(trained)
    for _ in range(5):
        trained.update(make_examples(trained, [(WORDS, ["", "NN", "", "", ""])]))
    assert tag_all(trained) == before


def test_a_misaligned_token_has_no_gradient() -> None:
    nlp = initialized([(["can", "not", "go"], ["MD", "RB", "VB"])])
    example = Example(
        Doc(nlp.vocab, words=["cannot", "go"], spaces=[True, False]),
        Doc(
            nlp.vocab,
            words=["can", "not", "go"],
            spaces=[False, True, False],
            tags=["MD", "RB", "VB"],
        ),
    )
    scores = [numpy.full((2, 3), 1 / 3, dtype="float32")]
    _, (gradient,) = get_tagger(nlp).get_loss([example], scores)
    assert not gradient[0].any()
    assert gradient[1].all()


def test_a_token_split_by_the_tokenizer_learns_from_the_tag_of_the_whole() -> None:
    nlp = initialized([(["cannot", "go"], ["MD", "VB"])])
    example = Example(
        Doc(nlp.vocab, words=["can", "not", "go"], spaces=[False, True, False]),
        Doc(nlp.vocab, words=["cannot", "go"], tags=["MD", "VB"]),
    )
    scores = [numpy.full((3, 2), 0.5, dtype="float32")]
    _, (gradient,) = get_tagger(nlp).get_loss([example], scores)
    assert gradient.tolist() == [[-0.5, 0.5], [-0.5, 0.5], [0.5, -0.5]]


def test_a_negated_tag_lowers_that_tag_and_leaves_the_others() -> None:
    nlp = initialized(TRAIN_DATA)
    labels = get_tagger(nlp).labels
    _, (gradient,) = loss_of(nlp, [(["dog"], ["!NN"])])
    expected = [1 / len(labels) if label == "NN" else 0.0 for label in labels]
    assert gradient[0].tolist() == pytest.approx(expected)


def test_training_on_a_negated_tag_makes_it_improbable() -> None:
    data: Data = [(["a", "b"], ["X", "Y"]), (["b"], ["!X"]), (["a"], ["!Y"])]
    nlp = initialized(data)
    for _ in range(50):
        nlp.update(make_examples(nlp, data[1:]))
    assert tags_of(nlp(make_doc(nlp, ["a"]))) == ["X"]
    assert tags_of(nlp(make_doc(nlp, ["b"]))) == ["Y"]


def test_negated_tags_and_label_smoothing_go_together() -> None:
    nlp = initialized(TRAIN_DATA, label_smoothing=0.05)
    labels = get_tagger(nlp).labels
    _, (gradient,) = loss_of(nlp, [(["dog", "ran"], ["!NN", "V"])])
    expected = [1 / len(labels) if label == "NN" else 0.0 for label in labels]
    assert gradient[0].tolist() == pytest.approx(expected)
    assert gradient[1].all()
    nlp.update(make_examples(nlp, [(["dog", "ran"], ["!NN", "V"])]))


def test_an_unknown_tag_raises_an_error_that_names_it_and_the_component() -> None:
    nlp = initialized(TRAIN_DATA)
    with pytest.raises(ValueError, match=r"lstm_tagger.*'FOO'"):
        nlp.update(make_examples(nlp, [(["a"], ["FOO"])]))
    with pytest.raises(ValueError, match=r"lstm_tagger.*'!FOO'"):
        nlp.update(make_examples(nlp, [(["a"], ["!FOO"])]))


@pytest.mark.parametrize(
    "data",
    [
        [],
        [([], None)],
        [([], None), ([], None)],
        [(["the", "dog"], None)],
        [(["the", "dog"], ["", ""]), ([], None)],
        [([" ", "\n", "\t"], None)],
    ],
    ids=["no_docs", "empty_doc", "empty_docs", "untagged", "mixed", "whitespace"],
)
def test_a_batch_with_nothing_annotated_changes_no_weight(data: Data) -> None:
    nlp = initialized(TRAIN_DATA)
    before = all_weights(nlp)
    losses: Dict[str, float] = {}
    nlp.update(make_examples(nlp, data), losses=losses, sgd=Adam(0.01))
    assert losses.get("lstm_tagger", 0.0) == 0.0
    assert same_weights(all_weights(nlp), before)


def test_empty_and_untagged_documents_in_a_batch_change_nothing_for_the_others() -> (
    None
):
    losses: List[Dict[str, float]] = [{}, {}]
    more: Data = [([], None), (["the", "dog"], None), *TRAIN_DATA, ([], None)]
    for data, record in zip((TRAIN_DATA, more), losses):
        nlp = initialized(TRAIN_DATA)
        for _ in range(3):
            nlp.update(make_examples(nlp, data), losses=record)
    assert losses[1]["lstm_tagger"] == pytest.approx(losses[0]["lstm_tagger"], rel=1e-4)


def test_tagged_whitespace_is_learned() -> None:
    data: Data = [
        (["the", " ", "dog"], ["DT", "_SP", "NN"]),
        (["\n", "cats"], ["_SP", "NN"]),
    ]
    nlp = initialized(data)
    for _ in range(30):
        nlp.update(make_examples(nlp, data))
    assert tags_of(nlp(make_doc(nlp, ["dog", "\n\n", "the"])))[1] == "_SP"


@pytest.mark.parametrize("words", [[], [" "], ["\n", "\t "], [" "] * 700])
def test_documents_of_nothing_or_whitespace_are_tagged(
    shared_trained: Language, words: List[str]
) -> None:
    doc = shared_trained(make_doc(shared_trained, words))
    assert [token.text for token in doc] == words
    assert all(token.tag_ for token in doc)


def test_update_without_examples_in_a_list_raises_the_error_of_spacys_tagger() -> None:
    nlp = initialized(TRAIN_DATA)
    with pytest.raises(TypeError, match="E978"):
        get_tagger(nlp).update([make_doc(nlp)])  # type: ignore[list-item]


# The loss.


def negative_log_likelihood(
    logits: NDArray, tags: List[str], labels: Tuple[str, ...], smoothing: float
) -> float:
    """An independent implementation: -sum of target times log probability, where the
    other tags share the probability `smoothing`."""
    log_probabilities = numpy.log(softmax(logits.astype("float64")))
    total = 0.0
    for row, tag in zip(log_probabilities, tags):
        for label, log_probability in zip(labels, row):
            other = smoothing / (len(labels) - 1)
            total -= (1 - smoothing if label == tag else other) * log_probability
    return total


@pytest.mark.parametrize("smoothing", [0.0, 0.05, 0.3])
def test_the_gradient_is_that_of_the_exact_negative_log_likelihood(
    smoothing: float,
) -> None:
    nlp = initialized(TRAIN_DATA, label_smoothing=smoothing)
    tagger = get_tagger(nlp)
    rng = numpy.random.default_rng(0)
    logits = rng.normal(size=(len(WORDS), len(tagger.labels)))
    scores = [softmax(logits).astype("float32")]
    _, (gradient,) = tagger.get_loss(make_examples(nlp, [(WORDS, TAGS)]), scores)
    step = 1e-5
    for index in numpy.ndindex(*logits.shape):
        ends = []
        for sign in (1, -1):
            moved = logits.copy()
            moved[index] += sign * step
            ends.append(negative_log_likelihood(moved, TAGS, tagger.labels, smoothing))
        slope = (ends[0] - ends[1]) / (2 * step)
        assert gradient[index] == pytest.approx(slope, abs=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_gradient_of_all_weights_agrees_with_finite_differences(
    smoothing: float,
) -> None:
    """Along the gradient of each torch parameter, through the whole model: forms,
    windows and the output layer."""
    data = [*TRAIN_DATA, ([" ", "dog", "\n"], ["NN", "NN", "V"])]
    config = copy.deepcopy(SMALL)
    config["model"]["tok2vec"].update(window=5, window_overlap=1)
    nlp = make_untrained(data, {**config, "label_smoothing": smoothing})
    tagger = get_tagger(nlp)
    # It starts at zero, and would pass on no gradient.
    output = tagger.model.get_ref("softmax")
    shape = output.get_param("W").shape
    weights = numpy.random.default_rng(0).normal(scale=0.3, size=shape)
    output.set_param("W", weights.astype("float32"))
    shim: Any = encoder_of(nlp).shims[0]
    module = shim.module

    examples = make_examples(nlp, data)
    nlp.update(examples, sgd=False, drop=0.0)  # type: ignore[arg-type]

    def total() -> float:
        # Logits: only in training there is a softmax.
        scores = tagger.model.predict([example.predicted for example in examples])
        return sum(
            negative_log_likelihood(
                numpy.asarray(rows),
                [token.tag_ for token in example.reference],
                tagger.labels,
                smoothing,
            )
            for rows, example in zip(scores, examples)
        )

    step = 2e-3
    for parameter in module.parameters():
        gradient = parameter.grad.numpy().copy()
        direction = gradient / max(numpy.linalg.norm(gradient), 1e-12)
        start = parameter.data.clone()
        ends = []
        for sign in (1, -1):
            moved = start.numpy() + sign * step * direction
            parameter.data.copy_(torch.from_numpy(moved))
            shim.set_module(module)  # Nothing else tells it that weights have changed.
            ends.append(total())
        parameter.data.copy_(start)
        slope = (ends[0] - ends[1]) / (2 * step)
        assert slope == pytest.approx((gradient * direction).sum(), rel=0.02, abs=2e-3)


def test_the_loss_is_nothing_where_all_tags_are_certain() -> None:
    nlp = initialized(TRAIN_DATA)
    labels = get_tagger(nlp).labels
    certain = [[float(label == tag) for label in labels] for tag in TAGS]
    scores = [numpy.asarray(certain, dtype="float32")]
    loss, (gradient,) = get_tagger(nlp).get_loss(
        make_examples(nlp, [(WORDS, TAGS)]), scores
    )
    assert loss == 0.0
    assert not gradient.any()


def test_the_loss_is_added_to_what_is_recorded_and_falls() -> None:
    nlp = initialized(TRAIN_DATA)
    losses = {"lstm_tagger": 100.0}
    sgd = Adam(0.01)
    nlp.update(make_examples(nlp), losses=losses, sgd=sgd)
    first = losses["lstm_tagger"] - 100.0
    assert first > 0
    for _ in range(20):
        last = nlp.update(make_examples(nlp), sgd=sgd)["lstm_tagger"]
    assert last < first / 2


def test_weights_that_are_not_numbers_raise_a_clear_error() -> None:
    nlp = initialized(TRAIN_DATA)
    for parameter in encoder_of(nlp).shims[0].module.parameters():
        parameter.data.fill_(float("nan"))
    with pytest.raises(ValueError, match=r"(?i)nan"):
        nlp.update(make_examples(nlp))


def test_a_loss_that_is_not_a_number_raises_an_error_that_names_the_component() -> None:
    nlp = initialized(TRAIN_DATA)
    tagger = get_tagger(nlp)
    scores = [numpy.full((len(WORDS), len(tagger.labels)), numpy.nan, dtype="f")]
    with pytest.raises(ValueError, match=r"lstm_tagger.*NaN"):
        tagger.get_loss(make_examples(nlp, [(WORDS, TAGS)]), scores)


def test_only_rehearsal_needs_the_private_name_that_spacy_keeps_a_model_by(
    trained: Language,
) -> None:
    del get_tagger(trained)._rehearsal_model
    trained.update(make_examples(trained))
    assert tag_all(trained) == [tags for _, tags in TRAIN_DATA]
    with pytest.raises(RuntimeError, match="_rehearsal_model"):
        get_tagger(trained).rehearse(make_examples(trained))


# Tags that are there already, and other components.


def test_a_tag_that_is_set_is_kept_without_overwrite(shared_trained: Language) -> None:
    doc = Doc(shared_trained.vocab, words=WORDS, tags=["", "X", "", "Y", ""])
    assert tags_of(shared_trained(doc)) == [TAGS[0], "X", TAGS[2], "Y", TAGS[4]]


def test_a_tag_that_is_set_is_replaced_with_overwrite(trained: Language) -> None:
    get_tagger(trained).cfg["overwrite"] = True
    doc = Doc(trained.vocab, words=WORDS, tags=["", "X", "", "Y", ""])
    assert tags_of(trained(doc)) == TAGS


def test_set_annotations_takes_one_document_as_well(shared_trained: Language) -> None:
    tagger = get_tagger(shared_trained)
    doc = make_doc(shared_trained)
    (tag_ids,) = tagger.predict([doc])
    assert tags_of(doc) == [""] * len(doc)
    tagger.set_annotations(doc, [tag_ids])
    assert tags_of(doc) == TAGS


# A warning where the tags that are found have no effect.


def count_warnings(call: Callable[[], Any], match: str) -> int:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return sum(re.search(match, str(w.message)) is not None for w in caught)


def make_tagged(nlp: Language) -> Doc:
    return Doc(nlp.vocab, words=WORDS, tags=["X"] * len(WORDS))


def test_documents_that_have_tags_already_give_one_warning(trained: Language) -> None:
    """It says which component it is, and what to do."""
    found = r"(?s)lstm_tagger.*overwrite = true.*remove"
    docs = [make_tagged(trained) for _ in range(5)]
    n_first = count_warnings(lambda: list(trained.pipe(docs, batch_size=2)), found)
    assert n_first == 1
    assert count_warnings(lambda: trained(make_tagged(trained)), found) == 0


def test_the_warning_is_not_given_again_by_what_came_back(trained: Language) -> None:
    with pytest.warns(UserWarning, match="overwrite"):
        trained(make_tagged(trained))
    for copied in (pickle.loads(pickle.dumps(trained)), copy.deepcopy(trained)):
        assert count_warnings(lambda nlp=copied: nlp(make_tagged(nlp)), ".") == 0


def test_a_tagger_behind_another_one_gives_the_warning(trained: Language) -> None:
    source = make_trained(LOWER)
    trained.add_pipe("lstm_tagger", name="later", source=source)
    examples = make_examples(trained)
    assert count_warnings(lambda: trained.evaluate(examples), "later.*tags") == 1


def test_there_is_no_warning_with_overwrite() -> None:
    nlp = initialized(TRAIN_DATA, overwrite=True)
    assert count_warnings(lambda: nlp(make_tagged(nlp)), ".") == 0


@pytest.mark.parametrize(
    "words, tags", [([], None), (WORDS, None), (WORDS, ["", "X", "", "Y", ""])]
)
def test_there_is_no_warning_where_what_is_found_has_an_effect(
    trained: Language, words: List[str], tags: Optional[List[str]]
) -> None:
    """Tags of single tokens may well be meant to stay."""
    doc = Doc(trained.vocab, words=words, tags=tags)
    assert count_warnings(lambda: trained(doc), ".") == 0


def test_training_and_evaluation_on_tagged_references_give_no_warning() -> None:
    nlp = initialized(TRAIN_DATA)
    with warnings.catch_warnings():
        # Not those of other categories: with torch 2.4, thinc's calls of it give some.
        warnings.simplefilter("error", UserWarning)
        for _ in range(2):
            nlp.update(make_examples(nlp), annotates=["lstm_tagger"])
        nlp.evaluate(make_examples(nlp))


LOWER: Data = [(words, [tag.lower() for tag in tags]) for words, tags in TRAIN_DATA]


def train_two(overwrite: bool) -> Language:
    """Two taggers that learned different tags: the second one's are lower-case."""
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", name="upper", config=copy.deepcopy(SMALL))
    config = {**copy.deepcopy(SMALL), "overwrite": overwrite}
    nlp.add_pipe("lstm_tagger", name="lower", config=config)
    upper, lower = make_examples(nlp), make_examples(nlp, LOWER)
    get_tagger(nlp, "upper").initialize(lambda: upper, nlp=nlp)
    get_tagger(nlp, "lower").initialize(lambda: lower, nlp=nlp)
    sgd = nlp.create_optimizer()
    sgd.learn_rate = 0.01
    for _ in range(60):
        get_tagger(nlp, "upper").update(upper, sgd=sgd)
        get_tagger(nlp, "lower").update(lower, sgd=sgd)
    return nlp


@pytest.mark.parametrize("overwrite", [False, True])
def test_of_two_taggers_the_later_one_writes_only_with_overwrite(
    overwrite: bool,
) -> None:
    nlp = train_two(overwrite)
    assert tags_of(nlp(make_doc(nlp))) == (LOWER[0][1] if overwrite else TAGS)
    with nlp.select_pipes(disable="upper"):
        assert tags_of(nlp(make_doc(nlp))) == LOWER[0][1]


def test_two_taggers_trained_together_keep_their_own_losses() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", name="one", config=copy.deepcopy(SMALL))
    nlp.add_pipe("lstm_tagger", name="two", config=copy.deepcopy(SMALL))
    sgd = nlp.initialize(lambda: make_examples(nlp))
    losses = nlp.update(make_examples(nlp), sgd=sgd, losses={})
    assert losses["one"] > 0
    assert losses["two"] > 0
    first = losses["two"]
    nlp.update(make_examples(nlp), sgd=sgd, losses=losses, exclude=["one"])
    assert losses["two"] > first


@pytest.mark.parametrize(
    "order", [("tagger", "lstm_tagger"), ("lstm_tagger", "tagger")]
)
def test_spacys_tagger_and_ours_work_in_one_pipeline(order: Tuple[str, str]) -> None:
    nlp = spacy.blank("en")
    for name in order:
        nlp.add_pipe(name, config=copy.deepcopy(SMALL) if "lstm" in name else {})
    sgd = nlp.initialize(lambda: make_examples(nlp))
    sgd.learn_rate = 0.01
    for _ in range(40):
        losses = nlp.update(make_examples(nlp), sgd=sgd, losses={})
    assert losses.keys() == {"tagger", "lstm_tagger"}
    assert tag_all(nlp) == [tags for _, tags in TRAIN_DATA]


# Ways to tag.


def test_tagging_before_initialization_asks_for_it() -> None:
    with pytest.raises(ValueError, match="E109"):
        blank()("Too early")


def test_one_document_in_place_of_a_list_is_a_list_of_one(
    shared_trained: Language,
) -> None:
    tagger = get_tagger(shared_trained)
    doc = make_doc(shared_trained)
    for call in (tagger.predict, tagger.predict_proba):
        (found,), (expected,) = call(doc), call([doc])
        numpy.testing.assert_array_equal(found, expected)
    assert tagger.k_best(doc, 2) == tagger.k_best([doc], 2)
    tagger.set_annotations(doc, tagger.predict(doc))
    assert tags_of(doc) == TAGS


def test_documents_may_come_from_a_generator() -> None:
    nlp = make_trained(config={**SMALL, "confidence_attribute": "from_generator"})
    tagger = get_tagger(nlp)
    docs = [make_doc(nlp, words) for words, _ in TRAIN_DATA]
    found = tagger.predict(doc for doc in docs)
    assert len(tagger.predict_proba(doc for doc in docs)) == len(docs)
    assert len(tagger.k_best((doc for doc in docs), 1)) == len(docs)
    tagger.set_annotations((doc for doc in docs), found)
    assert [tags_of(doc) for doc in docs] == [tags for _, tags in TRAIN_DATA]


@pytest.mark.parametrize("method", ["predict", "predict_proba", "k_best"])
@pytest.mark.parametrize("kind", ["Span", "Token", "str"])
def test_what_is_no_document_raises_an_error_that_says_what_was_given(
    shared_trained: Language, method: str, kind: str
) -> None:
    doc = make_doc(shared_trained)
    given = {"Span": [doc[1:3]], "Token": doc[1:3], "str": "The dog"}[kind]
    arguments = (2,) if method == "k_best" else ()
    with pytest.raises(TypeError, match=rf"lstm_tagger.*'{kind}'.*Doc"):
        getattr(get_tagger(shared_trained), method)(given, *arguments)


TEXTS = [" ".join(words) for words, _ in TRAIN_DATA] + ["", "Two  spaces \n"]


@pytest.fixture
def expected(shared_trained: Language) -> List[List[str]]:
    return [tags_of(shared_trained(text)) for text in TEXTS]


@pytest.mark.parametrize("batch_size", [1, 2, 1000])
def test_pipe_gives_what_single_calls_give(
    shared_trained: Language, expected: List[List[str]], batch_size: int
) -> None:
    docs = list(shared_trained.pipe(TEXTS, batch_size=batch_size))
    assert [doc.text for doc in docs] == TEXTS
    assert [tags_of(doc) for doc in docs] == expected
    assert expected[: len(TRAIN_DATA)] == [tags for _, tags in TRAIN_DATA]


def test_pipe_takes_documents(
    shared_trained: Language, expected: List[List[str]]
) -> None:
    docs = shared_trained.pipe(shared_trained.make_doc(text) for text in TEXTS)
    assert [tags_of(doc) for doc in docs] == expected


def test_pipe_of_nothing_gives_nothing(shared_trained: Language) -> None:
    assert list(shared_trained.pipe([])) == []
    assert list(get_tagger(shared_trained).pipe([])) == []


def test_pipe_keeps_the_context_of_tuples(
    shared_trained: Language, expected: List[List[str]]
) -> None:
    tuples = [(text, {"id": i}) for i, text in enumerate(TEXTS)]
    out = list(shared_trained.pipe(tuples, as_tuples=True, batch_size=2))
    assert [context["id"] for _, context in out] == list(range(len(TEXTS)))
    assert [tags_of(doc) for doc, _ in out] == expected


def test_an_error_handler_drops_the_documents_that_fail(
    trained: Language, monkeypatch: pytest.MonkeyPatch, expected: List[List[str]]
) -> None:
    tagger = get_tagger(trained)
    predict = LSTMTagger.predict

    def fail_at_green(self: LSTMTagger, docs: Any) -> Any:
        docs = list(docs)
        if any("green" in doc.text for doc in docs):
            raise RuntimeError("green")
        return predict(self, docs)

    monkeypatch.setattr(LSTMTagger, "predict", fail_at_green)
    with pytest.raises(RuntimeError, match="green"):
        list(trained.pipe(TEXTS))
    failed: List[Tuple[str, List[str]]] = []
    tagger.set_error_handler(
        lambda name, component, docs, error: failed.append(
            (name, [doc.text for doc in docs])
        )
    )
    docs = list(trained.pipe(TEXTS, batch_size=1))
    assert failed == [("lstm_tagger", [TEXTS[3]])]
    assert [tags_of(doc) for doc in docs] == expected[:3] + expected[4:]


def test_a_disabled_tagger_sets_no_tags_and_an_enabled_one_does_again(
    trained: Language,
) -> None:
    with trained.select_pipes(disable=["lstm_tagger"]):
        assert not trained(TEXTS[0]).has_annotation("TAG")
    assert tags_of(trained(TEXTS[0])) == TAGS
    docs = trained.pipe([TEXTS[0]], disable=["lstm_tagger"])
    assert not next(iter(docs)).has_annotation("TAG")


def test_threads_get_the_tags_that_one_thread_gets(shared_trained: Language) -> None:
    """thinc's shim switches a shared module between training and evaluation mode:
    with three threads, some predictions ran with dropout on."""
    texts = [" ".join(words * 5) for words, _ in TRAIN_DATA] * 5
    alone = [tags_of(shared_trained(text)) for text in texts]

    def tag(_: int) -> List[List[str]]:
        return [tags_of(shared_trained(text)) for text in texts]

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(tag, range(6)))
    assert all(result == alone for result in results)


def test_threads_tag_without_dropout_while_another_one_trains(
    trained: Language,
) -> None:
    """The weights stay, since nothing is learned from untagged documents, but all
    the training's passes have dropout."""
    words, _ = TRAIN_DATA[2]
    docs = [make_doc(trained, words * 10)]
    model: Model = get_tagger(trained).model
    alone = model.predict(docs)[0]
    untagged = make_examples(trained, [(words * 10, None)])

    def train(_: int) -> None:
        for _ in range(30):
            get_tagger(trained).update(untagged, drop=0.2, sgd=False)  # type: ignore[arg-type]

    def predict(_: int) -> List[NDArray]:
        return [model.predict(docs)[0] for _ in range(30)]

    with ThreadPoolExecutor(3) as pool:
        trainer = pool.submit(train, 0)
        results = list(pool.map(predict, range(2)))
        trainer.result()
    for scores in (scores for result in results for scores in result):
        numpy.testing.assert_allclose(scores, alone, atol=1e-5)


FORKED = """
    import multiprocessing
    import sys

    import torch

    from util import TRAIN_DATA, make_doc, make_trained, tags_of

    # As many threads as a user has: a fork does not inherit them.
    torch.set_num_threads(4)
    multiprocessing.set_start_method("fork")
    config = {"model": {"tok2vec": {"width": 256, "depth": 1}}}
    nlp = make_trained(config=config, steps=2)
    words = [word for words, _ in TRAIN_DATA for word in words] * 40
    assert len(words) >= 800
    texts = [" ".join(words)] * 4
    if "parent" in {when}:
        alone = [tags_of(doc) for doc in nlp.pipe(texts)]
    forked = [tags_of(doc) for doc in nlp.pipe(texts, n_process=2, batch_size=1)]
    if "parent" not in {when}:
        alone = [tags_of(doc) for doc in nlp.pipe(texts)]
    assert forked == alone
    print("same", len(forked))
"""


@pytest.mark.parametrize("when", ["child first", "parent first"])
def test_forked_processes_tag_long_documents(when: str) -> None:
    """They deadlock on documents of 800 tokens, if torch has several threads."""
    assert run_script(FORKED.replace("{when}", repr(when))).split() == ["same", "4"]


def test_spawned_processes_tag(tmp_path: Path) -> None:
    script = f"""
    import multiprocessing
    import sys

    sys.path.insert(0, {str(TESTS)!r})
    from util import TRAIN_DATA, make_trained, tags_of

    if __name__ == "__main__":
        multiprocessing.set_start_method("spawn")
        nlp = make_trained()
        texts = [" ".join(words) for words, _ in TRAIN_DATA] * 2
        docs = nlp.pipe(texts, n_process=2, batch_size=3)
        assert [tags_of(doc) for doc in docs] == [tags for _, tags in TRAIN_DATA] * 2
        print("same")
    """
    path = tmp_path / "spawn.py"
    path.write_text(textwrap.dedent(script))
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=600
    )
    assert done.stdout.strip() == "same", done.stderr


# Downstream.


def add_downstream(nlp: Language) -> None:
    """An attribute ruler from tags to parts of speech, and a lemmatizer that looks
    them up in a table."""
    ruler: Any = nlp.add_pipe("attribute_ruler")
    parts = {"NN": "NOUN", "NNS": "NOUN", "V": "VERB"}
    for tag in ("ADJ", "ADV", "DET", "NN", "NNS", "PRON", "V"):
        pos = parts.get(tag, tag)
        ruler.add([[{"TAG": tag}]], {"POS": pos})
    lemmatizer: Any = nlp.add_pipe("lemmatizer", config={"mode": "rule"})
    lookups = Lookups()
    lookups.add_table("lemma_rules", {"noun": [["s", ""]], "verb": []})
    lookups.add_table("lemma_exc", {"verb": {"ate": ["eat"], "saw": ["see"]}})
    lookups.add_table("lemma_index", {"noun": ["apple", "bird"], "verb": ["eat"]})
    lemmatizer.initialize(lookups=lookups)


def test_the_attribute_ruler_reads_the_tags(trained: Language) -> None:
    add_downstream(trained)
    doc = trained("The dog ate the apple")
    assert [t.pos_ for t in doc] == ["DET", "NOUN", "VERB", "DET", "NOUN"]


def test_the_lemmatizer_reads_the_parts_of_speech_made_from_the_tags(
    trained: Language,
) -> None:
    add_downstream(trained)
    # "saw" is looked up as a verb, "birds" and "apples" as nouns.
    assert trained("A cat saw the old house")[2].lemma_ == "see"
    assert trained("Small birds often sing")[1].lemma_ == "bird"
    assert trained("She likes green apples")[3].lemma_ == "apple"


def test_the_matcher_finds_tags(shared_trained: Language) -> None:
    matcher = Matcher(shared_trained.vocab)
    matcher.add("NP", [[{"TAG": "DET"}, {"TAG": "ADJ", "OP": "?"}, {"TAG": "NN"}]])
    doc = shared_trained("A cat saw the old house")
    spans = {doc[start:end].text for _, start, end in matcher(doc)}
    assert spans == {"A cat", "the old house"}
    assert doc.has_annotation("TAG")


def test_the_whole_pipeline_works_in_a_pipe_after_a_round_trip(
    trained: Language, tmp_path: Path
) -> None:
    add_downstream(trained)
    trained.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    docs = list(loaded.pipe(TEXTS))
    assert docs[0][2].tag_ == "V"
    assert docs[0][2].pos_ == "VERB"
    assert docs[0][2].lemma_ == "eat"


def test_the_pipeline_analysis_finds_no_problem() -> None:
    nlp = blank()
    nlp.add_pipe("attribute_ruler")
    analysis = nlp.analyze_pipes()
    assert analysis["problems"]["lstm_tagger"] == []
    assert analysis["attrs"]["token.tag"]["assigns"] == ["lstm_tagger"]

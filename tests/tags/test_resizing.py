"""Tags that are added to a tagger that was trained without them."""

from pathlib import Path
from typing import Any, Callable, List

import numpy
import pytest
import spacy
from spacy.language import Language
from taggers import (
    ARCHITECTURES,
    CRF,
    PARAMETERS,
    bytes_round_trip,
    chain_node,
    configure,
    deepcopy_round_trip,
    disk_round_trip,
    get_tagger,
    initialize,
    model_copy_round_trip,
    output_node,
    pickle_round_trip,
    probabilities,
    randomize,
)
from thinc.api import Adam
from util import (
    TRAIN_DATA,
    all_weights,
    make_doc,
    make_examples,
    make_trained,
    same_weights,
    tag_all,
    tags_of,
)

from spacy_lstm_tagger.tags.crf_layer import Decoding

OLD_TAGS = [tags for _, tags in TRAIN_DATA]
NEW_DATA = [
    (["Zip", "zaps", "the", "dog"], ["XX", "YY", "DET", "NN"]),
    (["They", "zap", "zip"], ["PRON", "YY", "XX"]),
]


def configure_resizable(architecture: str, **settings: Any) -> Any:
    return configure(architecture, {"resizable": True}, **settings)


def make_resizable(architecture: str = CRF, **settings: Any) -> Language:
    """A tagger with random scores, which can have more tags than those of the data."""
    config = configure_resizable(architecture, **settings)
    return randomize(initialize(config, TRAIN_DATA))


def add_labels(nlp: Language, labels: Any = ("XX", "YY")) -> None:
    for label in labels:
        assert get_tagger(nlp).add_label(label) == 1


def train(nlp: Language, data: Any, sgd: Any, steps: int = 40) -> None:
    examples = make_examples(nlp, data)
    for _ in range(steps):
        nlp.update(examples, sgd=sgd)


def tag(nlp: Language, data: Any) -> List[List[str]]:
    return [tags_of(nlp(make_doc(nlp, words))) for words, _ in data]


# What is asked for.


@ARCHITECTURES
def test_by_default_labels_can_not_be_added_after_initialize(architecture: str) -> None:
    nlp = initialize(configure(architecture))
    labels = get_tagger(nlp).labels
    with pytest.raises(ValueError, match="E922"):
        get_tagger(nlp).add_label("XX")
    assert get_tagger(nlp).labels == labels
    assert not get_tagger(nlp).is_resizable


@ARCHITECTURES
def test_a_model_that_is_resizable_has_what_spacy_asks_for(architecture: str) -> None:
    nlp = make_resizable(architecture)
    assert get_tagger(nlp).is_resizable
    assert callable(get_tagger(nlp).model.attrs["resize_output"])


@ARCHITECTURES
def test_labels_can_be_added_before_initialize_as_always(architecture: str) -> None:
    nlp = spacy.blank("xx")
    nlp.add_pipe("lstm_tagger", config=configure_resizable(architecture))
    add_labels(nlp, ["XX"])
    nlp.initialize(lambda: make_examples(nlp, [(["a"], ["DET"])]))
    assert get_tagger(nlp).labels == ("XX", "DET")
    assert probabilities(nlp, ["a"]).shape == (1, 2)


@ARCHITECTURES
def test_to_be_resizable_changes_nothing_else(architecture: str) -> None:
    plain = make_trained(config=configure(architecture), steps=5)
    resizable = make_trained(config=configure_resizable(architecture), steps=5)
    for words, _ in TRAIN_DATA:
        numpy.testing.assert_allclose(
            probabilities(resizable, words), probabilities(plain, words), atol=1e-6
        )


# What adding a label does.


@ARCHITECTURES
def test_added_labels_come_last_and_have_scores_of_their_own(architecture: str) -> None:
    nlp = make_resizable(architecture)
    labels = get_tagger(nlp).labels
    add_labels(nlp)
    assert get_tagger(nlp).labels == (*labels, "XX", "YY")
    rows = probabilities(nlp, ["The", "dog"])
    assert rows.shape == (2, len(labels) + 2)
    assert rows.all()
    numpy.testing.assert_allclose(rows.sum(axis=1), 1.0, atol=1e-5)
    assert get_tagger(nlp).model.get_dim("nO") == len(labels) + 2


@ARCHITECTURES
def test_a_label_that_is_there_already_changes_nothing(architecture: str) -> None:
    nlp = make_resizable(architecture)
    before, labels = all_weights(nlp), get_tagger(nlp).labels
    assert get_tagger(nlp).add_label(labels[0]) == 0
    assert get_tagger(nlp).labels == labels
    assert same_weights(all_weights(nlp), before)


def test_a_label_has_to_be_a_string() -> None:
    with pytest.raises(ValueError, match="E187"):
        get_tagger(make_resizable()).add_label(9)  # type: ignore[arg-type]


@ARCHITECTURES
def test_what_was_learned_of_the_old_tags_is_kept(architecture: str) -> None:
    nlp = make_resizable(architecture)
    n_old = len(get_tagger(nlp).labels)
    output = output_node(nlp)
    weights, bias = output.get_param("W").copy(), output.get_param("b").copy()
    add_labels(nlp)
    assert output_node(nlp).get_param("W").shape == (n_old + 2, weights.shape[1])
    numpy.testing.assert_array_equal(output_node(nlp).get_param("W")[:n_old], weights)
    numpy.testing.assert_array_equal(output_node(nlp).get_param("b")[:n_old], bias)


def test_the_scores_of_old_pairs_of_tags_are_kept() -> None:
    nlp = make_resizable()
    n_old = len(get_tagger(nlp).labels)
    before = {name: chain_node(nlp).get_param(name).copy() for name in PARAMETERS}
    add_labels(nlp)
    for name in PARAMETERS:
        found = chain_node(nlp).get_param(name)
        assert found.shape == (n_old + 2,) * found.ndim
        old = found[(slice(n_old),) * found.ndim]
        numpy.testing.assert_array_equal(old, before[name])


@ARCHITECTURES
def test_the_odds_of_old_tag_sequences_are_kept(architecture: str) -> None:
    """New sequences take the same share from all of them."""
    nlp = make_resizable(architecture)
    words = ["The", "dog"]
    (before,) = get_tagger(nlp).k_best([make_doc(nlp, words)], 1000)
    add_labels(nlp, ["XX"])
    (after,) = get_tagger(nlp).k_best([make_doc(nlp, words)], 1000)
    found = {tuple(tags): log for tags, log in after if "XX" not in tags}
    lost = [log - found[tuple(tags)] for tags, log in before]
    assert len(found) == len(before)
    assert min(lost) > 0.0
    numpy.testing.assert_allclose(lost, lost[0], atol=1e-4)


def test_tags_are_decoded_as_before() -> None:
    model = {"resizable": True, "decoding": "posterior", "sentences": True}
    nlp = randomize(initialize(configure(CRF, model), TRAIN_DATA))
    before = get_tagger(nlp).model.predict([make_doc(nlp)]).decoding
    add_labels(nlp)
    after = get_tagger(nlp).model.predict([make_doc(nlp)]).decoding
    assert before == after == Decoding(posterior=True, by_sentence=True)


def test_the_weights_of_the_encoder_are_kept() -> None:
    nlp = make_resizable()
    encoder = get_tagger(nlp).model.get_ref("tok2vec")
    doc = make_doc(nlp)
    (before,) = encoder.predict([doc])
    add_labels(nlp)
    assert get_tagger(nlp).model.get_ref("tok2vec") is encoder
    numpy.testing.assert_array_equal(encoder.predict([doc])[0], before)


@ARCHITECTURES
def test_a_label_that_was_added_can_be_used_at_once(architecture: str) -> None:
    """In what a document allows, and in a dictionary."""
    nlp = make_resizable(architecture)
    add_labels(nlp)
    doc = make_doc(nlp, ["The", "dog"])
    doc._.allowed_tags = {0: ["XX"], 1: ["YY"]}
    assert tags_of(nlp(doc)) == ["XX", "YY"]
    get_tagger(nlp).set_tag_dictionary({"dog": ["YY"]})
    assert tags_of(nlp(make_doc(nlp, ["dog"]))) == ["YY"]


@ARCHITECTURES
def test_a_dictionary_still_holds_after_a_label_was_added(architecture: str) -> None:
    nlp = initialize(
        configure_resizable(architecture),
        TRAIN_DATA,
        tag_dictionary={"dog": ["DET", "NN"]},
    )
    add_labels(nlp, ["XX"])
    rows = probabilities(nlp, ["dog", "unheard"])
    labels = get_tagger(nlp).labels
    assert {labels[i] for i in rows[0].nonzero()[0]} == {"DET", "NN"}
    assert rows[1].all()


# Training goes on.


@ARCHITECTURES
def test_old_tags_keep_their_accuracy_and_new_ones_are_learned(
    architecture: str,
) -> None:
    nlp = make_trained(config=configure_resizable(architecture), steps=40)
    assert tag_all(nlp) == OLD_TAGS
    with pytest.raises(ValueError, match="XX"):
        nlp.update(make_examples(nlp, NEW_DATA))
    add_labels(nlp)
    train(nlp, [*TRAIN_DATA, *NEW_DATA], Adam(0.01))
    assert tag_all(nlp) == OLD_TAGS
    assert tag(nlp, NEW_DATA) == [tags for _, tags in NEW_DATA]


@ARCHITECTURES
def test_training_goes_on_with_the_same_optimizer_and_its_averages(
    architecture: str,
) -> None:
    nlp = initialize(configure_resizable(architecture), TRAIN_DATA)
    sgd = Adam(0.01, use_averages=True)
    train(nlp, TRAIN_DATA, sgd)
    add_labels(nlp)
    # Nothing is known yet of averages of the new scores.
    with nlp.use_params(sgd.averages):
        assert probabilities(nlp, ["dog"]).shape == (1, 9)
    train(nlp, [*TRAIN_DATA, *NEW_DATA], sgd, steps=60)
    assert tag_all(nlp) == OLD_TAGS
    assert tag(nlp, NEW_DATA) == [tags for _, tags in NEW_DATA]
    with nlp.use_params(sgd.averages):
        assert tag_all(nlp) == OLD_TAGS
        assert tag(nlp, NEW_DATA) == [tags for _, tags in NEW_DATA]
    output = output_node(nlp)
    averages = sgd.averages[(output.id, "W")]
    assert averages.shape == output.get_param("W").shape


def test_the_optimizer_averages_the_scores_of_new_pairs_of_tags() -> None:
    nlp = make_resizable()
    sgd = Adam(0.01, use_averages=True)
    train(nlp, TRAIN_DATA, sgd, steps=2)
    add_labels(nlp)
    train(nlp, NEW_DATA, sgd, steps=3)
    node = chain_node(nlp)
    for name in PARAMETERS:
        assert sgd.averages[(node.id, name)].shape == node.get_param(name).shape
    with nlp.use_params(sgd.averages):
        numpy.testing.assert_array_equal(
            node.get_param("transitions"), sgd.averages[(node.id, "transitions")]
        )


@ARCHITECTURES
def test_labels_can_be_added_one_after_the_other_between_updates(
    architecture: str,
) -> None:
    data: Any = [(["a", "b"], ["T0", "T1"])]
    nlp = initialize(configure_resizable(architecture), data)
    sgd = Adam(0.01)
    for i in range(2, 6):
        add_labels(nlp, [f"T{i}"])
        data.append(([f"w{i}", "a"], [f"T{i}", "T0"]))
        train(nlp, data, sgd, steps=2)
    train(nlp, data, sgd, steps=10)
    assert get_tagger(nlp).labels == ("T0", "T1", "T2", "T3", "T4", "T5")
    assert tag(nlp, data)[0] == ["T0", "T1"]
    assert probabilities(nlp, ["a"]).shape == (1, 6)


@ARCHITECTURES
def test_a_gradient_from_before_does_not_break_what_comes_after(
    architecture: str,
) -> None:
    nlp = make_resizable(architecture)
    nlp.update(make_examples(nlp), sgd=False)  # type: ignore[arg-type]
    add_labels(nlp)
    nlp.update(make_examples(nlp, NEW_DATA), sgd=False)  # type: ignore[arg-type]
    get_tagger(nlp).finish_update(Adam(0.01))
    assert numpy.isfinite(probabilities(nlp, ["dog"])).all()


@ARCHITECTURES
def test_a_teacher_without_the_new_tags_can_still_be_rehearsed(
    architecture: str,
) -> None:
    """`resume_training` keeps a copy of the model as it was."""
    nlp = make_trained(config=configure_resizable(architecture), steps=30)
    sgd = nlp.resume_training()
    sgd.learn_rate = 0.005
    add_labels(nlp)
    examples = make_examples(nlp, NEW_DATA)
    rehearsed = make_examples(nlp, [(words, None) for words, _ in TRAIN_DATA])
    for _ in range(40):
        nlp.update(examples, sgd=sgd)
        nlp.rehearse(rehearsed, sgd=sgd)
    assert tag_all(nlp) == OLD_TAGS
    assert tag(nlp, NEW_DATA) == [tags for _, tags in NEW_DATA]


@ARCHITECTURES
def test_initializing_again_keeps_the_labels_that_were_added(architecture: str) -> None:
    nlp = make_resizable(architecture)
    add_labels(nlp)
    labels = get_tagger(nlp).labels
    nlp.initialize(lambda: make_examples(nlp))
    assert get_tagger(nlp).labels == labels
    assert probabilities(nlp, ["dog"]).shape == (1, len(labels))


# Saving and copying.


ROUND_TRIPS = pytest.mark.parametrize(
    "round_trip",
    [
        disk_round_trip,
        bytes_round_trip,
        pickle_round_trip,
        deepcopy_round_trip,
        model_copy_round_trip,
    ],
)


@ARCHITECTURES
@ROUND_TRIPS
def test_a_tagger_with_added_labels_can_be_saved_and_loaded(
    tmp_path: Path, architecture: str, round_trip: Callable[[Language, Path], Language]
) -> None:
    nlp = make_resizable(architecture)
    add_labels(nlp)
    train(nlp, NEW_DATA, Adam(0.01), steps=2)
    loaded = round_trip(nlp, tmp_path)
    assert get_tagger(loaded).labels == get_tagger(nlp).labels
    assert same_weights(all_weights(loaded), all_weights(nlp))
    for words, _ in [*TRAIN_DATA, *NEW_DATA]:
        numpy.testing.assert_array_equal(
            probabilities(loaded, words), probabilities(nlp, words)
        )


@ARCHITECTURES
@ROUND_TRIPS
def test_labels_can_be_added_to_what_came_back(
    tmp_path: Path, architecture: str, round_trip: Callable[[Language, Path], Language]
) -> None:
    """And the original is left alone."""
    nlp = make_resizable(architecture)
    before, labels = all_weights(nlp), get_tagger(nlp).labels
    loaded = round_trip(nlp, tmp_path)
    add_labels(loaded)
    train(loaded, NEW_DATA, Adam(0.01), steps=2)
    assert get_tagger(loaded).labels == (*labels, "XX", "YY")
    assert probabilities(loaded, ["dog"]).shape == (1, len(labels) + 2)
    assert get_tagger(nlp).labels == labels
    assert same_weights(all_weights(nlp), before)
    assert probabilities(nlp, ["dog"]).shape == (1, len(labels))

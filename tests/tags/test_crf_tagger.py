"""The tagger whose tags depend on each other: training, tagging, saving."""

import itertools
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

import numpy
import pytest
import spacy
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from taggers import (
    CRF,
    FEW_TAGS,
    LABELS,
    PARAMETERS,
    ROUND_TRIPS,
    SENTENCE_STARTS,
    SENTENCE_WORDS,
    SENTENCES,
    SOFTMAX,
    AllSequences,
    chain_node,
    configure,
    enumerate_document,
    few_tags,
    get_tagger,
    initialize,
    names,
    output_node,
    random_scores,
    randomize,
    words_in,
)
from thinc.api import SGD, Adam, ConfigValidationError
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

from spacy_lstm_tagger.architectures import build_lstm_crf_tagger
from spacy_lstm_tagger.crf.chain import Chain
from spacy_lstm_tagger.tags.crf_layer import ChainScores

WORDS, TAGS = TRAIN_DATA[0]


def embed_config(architecture: str = CRF, **model: Any) -> Dict[str, Any]:
    """The config of a tagger that sees each word without those around it."""
    embed = {
        "@architectures": "spacy.MultiHashEmbed.v2",
        "width": 16,
        "attrs": ["ORTH"],
        "rows": [50],
        "include_static_vectors": False,
    }
    return {"model": {"@architectures": architecture, "tok2vec": embed, **model}}


def sequences_of(nlp: Language, doc: Doc, groups: Any = None) -> AllSequences:
    """All sequences by the scores that the model of a CRF gives a document."""
    scores = get_tagger(nlp).model.predict([doc])
    assert isinstance(scores, ChainScores)
    groups = [words_in(doc)] if groups is None else groups
    return enumerate_document(scores[0], scores.chain, groups)


# What it learns.


@pytest.mark.parametrize("decoding", ["viterbi", "posterior"])
@pytest.mark.parametrize("sentences", [False, True])
def test_a_crf_learns_its_training_data(decoding: str, sentences: bool) -> None:
    config = configure(model={"decoding": decoding, "sentences": sentences})
    nlp = make_trained(config=config, steps=40)
    assert tag_all(nlp) == [tags for _, tags in TRAIN_DATA]


def alternate(first: str, length: int) -> Any:
    """Tags that take turns: A, B, A, ... All words but the first one look alike."""
    others = {"A": "B", "B": "A"}
    tags = [first]
    while len(tags) < length:
        tags.append(others[tags[-1]])
    return ["x" if i else first.lower() for i in range(length)], tags


def test_a_crf_learns_what_only_the_tag_before_can_tell() -> None:
    """Its model sees no other word. A softmax over the same can't be right more often
    than chance."""
    data = [alternate(first, length) for first in "AB" for length in (3, 4, 6)]
    crf = make_trained(data, embed_config(), steps=60)
    softmax = make_trained(data, embed_config(SOFTMAX), steps=60)
    for first in "AB":
        words, tags = alternate(first, 15)
        assert tags_of(crf(make_doc(crf, words))) == tags
    found = [tags_of(softmax(make_doc(softmax, alternate(f, 15)[0]))) for f in "AB"]
    assert found[0][1:] == found[1][1:]


def test_training_changes_all_scores_of_the_chain() -> None:
    nlp = make_trained(config=configure(), steps=3)
    for name in PARAMETERS:
        assert chain_node(nlp).get_param(name).any()


def test_the_loss_of_a_crf_falls() -> None:
    nlp = initialize(data=TRAIN_DATA)
    sgd = Adam(0.01)
    first = nlp.update(make_examples(nlp), sgd=sgd)["lstm_tagger"]
    for _ in range(20):
        last = nlp.update(make_examples(nlp), sgd=sgd)["lstm_tagger"]
    assert last < first / 2


def test_before_training_the_loss_is_that_of_guessing_each_token_in_nats() -> None:
    nlp = initialize(data=TRAIN_DATA)
    n_tokens = sum(len(words) for words, _ in TRAIN_DATA)
    losses = nlp.update(make_examples(nlp), sgd=False)  # type: ignore[arg-type]
    n_labels = len(get_tagger(nlp).labels)
    expected = n_tokens * numpy.log(n_labels)
    assert losses["lstm_tagger"] == pytest.approx(expected, rel=1e-5)


# The loss, against enumeration.


class Case(NamedTuple):
    """A document, the annotation of its reference, and the tags of each token that
    agree with it."""

    words: List[str]
    tags: Optional[List[str]]
    agree: List[str]
    allowed: Optional[Dict[int, List[str]]] = None


CASES = {
    "full": Case(["a", "b", "c"], ["X", "Y", "Z"], ["X", "Y", "Z"]),
    "one_token": Case(["a"], ["Y"], ["Y"]),
    "missing": Case(["a", "b", "c"], ["X", "", "Z"], ["X", "XYZ", "Z"]),
    "missing_ends": Case(["a", "b", "c"], ["", "Y", ""], ["XYZ", "Y", "XYZ"]),
    "untagged": Case(["a", "b"], None, ["XYZ", "XYZ"]),
    "negated": Case(["a", "b", "c"], ["!X", "Y", ""], ["YZ", "Y", "XYZ"]),
    "all_negated": Case(["a", "b"], ["!Z", "!X"], ["XY", "YZ"]),
    "whitespace": Case(
        ["a", " ", "b", "\n"], ["X", "Y", "Z", ""], ["X", "Y", "Z", "XYZ"]
    ),
    "leading_whitespace": Case([" ", "a", "b"], ["", "Z", "!Y"], ["XYZ", "Z", "XZ"]),
    "only_whitespace": Case([" ", "\n"], ["X", "!Y"], ["X", "XZ"]),
    "allowed": Case(
        ["a", "b", "c"], None, ["XY", "XYZ", "YZ"], {0: ["X", "Y"], 2: ["Y", "Z"]}
    ),
    "tags_and_allowed": Case(
        ["a", "b", "c"],
        ["X", "", "!X"],
        ["X", "XZ", "Y"],
        {0: ["Z"], 1: ["X", "Z"], 2: ["X", "Y"]},
    ),
    "allowed_whitespace": Case(["a", " "], ["Z", ""], ["Z", "XY"], {1: ["X", "Y"]}),
}


def make_example(nlp: Language, case: Case) -> Example:
    (example,) = make_examples(nlp, [(case.words, case.tags)])
    if case.allowed is not None:
        example.reference._.allowed_tags = case.allowed
    return example


def enumerated_loss(
    emissions: NDArray, chain: Chain, case: Case, groups: Any = None
) -> float:
    """The negative logarithm of the probability of all sequences that agree."""
    if groups is None:
        groups = [[i for i, word in enumerate(case.words) if not word.isspace()]]
    found = enumerate_document(emissions, chain, groups)
    agree = [
        all(LABELS[tag] in tags for tag, tags in zip(sequence, case.agree))
        for sequence in found.tags
    ]
    return -float(numpy.log(numpy.exp(found.log_probabilities[agree]).sum()))


def assert_slopes(scores: ChainScores, gradient: ChainScores, loss: Any) -> None:
    """Compare a gradient with finite differences of a loss, which is a function of
    the emissions of one document and the chain."""
    chain = scores.chain.astype("float64")
    parts = [scores[0].astype("float64"), chain.start, chain.transitions, chain.end]
    other = gradient.chain
    found = [gradient[0], other.start, other.transitions, other.end]
    for part, slopes in zip(parts, found):
        expected = numpy.zeros(part.shape)
        for index in numpy.ndindex(*part.shape):
            ends = []
            for moved in (1e-5, -1e-5):
                value = part[index]
                part[index] += moved
                ends.append(loss(parts[0], Chain(*parts[1:])))
                part[index] = value
            expected[index] = (ends[0] - ends[1]) / 2e-5
        numpy.testing.assert_allclose(slopes, expected, atol=1e-5)


@pytest.fixture(scope="module")
def three_tags() -> Language:
    """A tagger of three tags, for tests that set its scores, or need none."""
    return initialize()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_loss_is_that_of_all_sequences_that_agree_with_the_annotation(
    three_tags: Language, case: Case
) -> None:
    scores = random_scores([len(case.words)])
    example = make_example(three_tags, case)
    loss, gradient = get_tagger(three_tags).get_loss([example], scores)
    expected = enumerated_loss(scores[0], scores.chain, case)
    assert loss == pytest.approx(expected, rel=1e-5, abs=1e-9)
    assert isinstance(gradient, ChainScores)
    assert_slopes(
        scores,
        gradient,
        lambda emissions, chain: enumerated_loss(emissions, chain, case),
    )


def test_the_loss_of_a_batch_is_the_sum_of_those_of_its_documents(
    three_tags: Language,
) -> None:
    tagger = get_tagger(three_tags)
    cases = [*CASES.values(), Case([], None, []), CASES["full"]]
    scores = random_scores([len(case.words) for case in cases])
    examples = [make_example(three_tags, case) for case in cases]
    loss, gradient = tagger.get_loss(examples, scores)
    alone = [
        tagger.get_loss([example], ChainScores([rows], scores.chain, scores.decoding))
        for example, rows in zip(examples, scores)
    ]
    assert loss == pytest.approx(sum(part for part, _ in alone))
    for rows, (_, other) in zip(gradient, alone):
        numpy.testing.assert_allclose(rows, other[0], atol=1e-6)
    for name in PARAMETERS:
        parts = [getattr(other.chain, name) for _, other in alone]  # type: ignore[attr-defined]
        found = getattr(gradient.chain, name)  # type: ignore[attr-defined]
        numpy.testing.assert_allclose(found, sum(parts), atol=1e-6)


def test_a_misaligned_token_may_have_any_tag(three_tags: Language) -> None:
    vocab = three_tags.vocab
    example = Example(
        Doc(vocab, words=["cannot", "go"], spaces=[True, False]),
        Doc(
            vocab,
            words=["can", "not", "go"],
            spaces=[False, True, False],
            tags=["X", "Y", "Z"],
        ),
    )
    scores = random_scores([2])
    loss, _ = get_tagger(three_tags).get_loss([example], scores)
    case = Case(["cannot", "go"], None, ["XYZ", "Z"])
    assert loss == pytest.approx(enumerated_loss(scores[0], scores.chain, case))


def test_allowed_tags_of_the_predicted_document_do_not_matter_in_training(
    three_tags: Language,
) -> None:
    scores = random_scores([3])
    example = make_example(three_tags, CASES["missing"])
    example.predicted._.allowed_tags = {0: ["Y"], 1: ["Y"]}
    loss, _ = get_tagger(three_tags).get_loss([example], scores)
    expected = enumerated_loss(scores[0], scores.chain, CASES["missing"])
    assert loss == pytest.approx(expected)


def test_allowed_tags_follow_the_alignment_of_the_tokens(three_tags: Language) -> None:
    """Their positions are those of the reference."""
    vocab = three_tags.vocab
    reference = Doc(vocab, words=["a", "bc", "d"], spaces=[True, True, False])
    reference._.allowed_tags = {1: ["X", "Y"], 2: ["Y", "Z"]}
    predicted = Doc(
        vocab, words=["a", "b", "c", "d"], spaces=[True, False, True, False]
    )
    scores = random_scores([4])
    loss, _ = get_tagger(three_tags).get_loss([Example(predicted, reference)], scores)
    case = Case(["a", "b", "c", "d"], None, ["XYZ", "XY", "XY", "YZ"])
    assert loss == pytest.approx(enumerated_loss(scores[0], scores.chain, case))


def test_with_label_smoothing_a_random_sequence_is_wanted_now_and_then() -> None:
    nlp = initialize(configure(label_smoothing=0.1))
    scores = random_scores([3])
    example = make_example(nlp, CASES["full"])
    loss, gradient = get_tagger(nlp).get_loss([example], scores)
    weight = 0.1 * 3 / 2

    def expected(emissions: NDArray, chain: Chain) -> float:
        gold = enumerated_loss(emissions, chain, CASES["full"])
        sequences = enumerate_document(emissions, chain, [[0, 1, 2]])
        return (1 - weight) * gold - weight * sequences.log_probabilities.mean()

    assert loss == pytest.approx(expected(scores[0], scores.chain), rel=1e-5)
    assert isinstance(gradient, ChainScores)
    assert_slopes(scores, gradient, expected)


def test_an_unknown_tag_raises_an_error_that_names_it_and_the_component() -> None:
    nlp = initialize(data=TRAIN_DATA)
    with pytest.raises(ValueError, match=r"lstm_tagger.*'FOO'"):
        nlp.update(make_examples(nlp, [(["a"], ["FOO"])]))


def test_an_unknown_tag_among_those_allowed_raises_an_error_that_names_it(
    three_tags: Language,
) -> None:
    (example,) = make_examples(three_tags, [(["a"], None)])
    example.reference._.allowed_tags = {0: ["X", "FOO"]}
    with pytest.raises(ValueError, match="FOO"):
        three_tags.update([example])


@pytest.mark.parametrize(
    "data",
    [
        [([], None)],
        [(["the", "dog"], None), ([], None)],
        [([" ", "\n"], None)],
    ],
    ids=["empty", "untagged", "whitespace"],
)
def test_a_batch_with_nothing_annotated_changes_no_weight(data: Any) -> None:
    nlp = initialize(data=TRAIN_DATA)
    before = all_weights(nlp)
    losses = nlp.update(make_examples(nlp, data), sgd=Adam(0.01))
    assert losses.get("lstm_tagger", 0.0) == 0.0
    assert same_weights(all_weights(nlp), before)


def test_training_on_a_negated_tag_makes_it_improbable() -> None:
    nlp = few_tags()
    for _ in range(40):
        nlp.update(make_examples(nlp, [(["a", "b"], ["!Y", "!X"])]), sgd=Adam(0.01))
    (rows,) = get_tagger(nlp).predict_proba([make_doc(nlp, ["a", "b"])])
    assert rows[0, 1] < 0.05
    assert rows[1, 0] < 0.05


# The gradient, through the whole model.


@pytest.mark.parametrize("name", ["start", "transitions", "end", "W", "b"])
def test_the_gradient_of_each_output_weight_agrees_with_finite_differences(
    name: str,
) -> None:
    nlp = few_tags()
    case = CASES["missing"]
    node = chain_node(nlp) if name in PARAMETERS else output_node(nlp)
    nlp.update([make_example(nlp, case)], drop=0.0, sgd=False)  # type: ignore[arg-type]
    weights, gradient = node.get_param(name).copy(), node.get_grad(name).copy()
    indices = list(numpy.ndindex(*weights.shape))[:12]
    for index in indices:
        ends = []
        for step in (1e-2, -1e-2):
            moved = weights.copy()
            moved[index] += step
            node.set_param(name, moved)
            scores = get_tagger(nlp).model.predict([make_doc(nlp, case.words)])
            ends.append(enumerated_loss(scores[0], scores.chain, case))
        slope = (ends[0] - ends[1]) / 2e-2
        assert gradient[index] == pytest.approx(slope, abs=1e-3)
    assert gradient.any()


def test_gradients_add_up_until_the_optimizer_takes_them() -> None:
    nlp = few_tags()
    gradients = []
    for batch in (FEW_TAGS[:1], FEW_TAGS[1:], FEW_TAGS):
        examples = make_examples(nlp, batch)
        nlp.update(examples, drop=0.0, sgd=False)  # type: ignore[arg-type]
        node = chain_node(nlp)
        gradients.append({name: node.get_grad(name).copy() for name in PARAMETERS})
    for name in PARAMETERS:
        # After the second batch there are two, after the third one twice as much.
        numpy.testing.assert_allclose(
            gradients[2][name], 2 * gradients[1][name], atol=1e-5
        )
        assert not numpy.allclose(gradients[0][name], gradients[1][name])
    before = {name: chain_node(nlp).get_param(name).copy() for name in PARAMETERS}
    get_tagger(nlp).finish_update(SGD(0.1, grad_clip=0.0))
    for name in PARAMETERS:
        step = before[name] - chain_node(nlp).get_param(name)
        numpy.testing.assert_allclose(step, 0.1 * gradients[2][name], atol=1e-5)
        assert not chain_node(nlp).get_grad(name).any()


def test_the_optimizer_averages_the_scores_of_the_chain() -> None:
    nlp = few_tags()
    sgd = Adam(0.05, use_averages=True)
    for _ in range(5):
        nlp.update(make_examples(nlp, FEW_TAGS), sgd=sgd)
    node = chain_node(nlp)
    present = {name: node.get_param(name).copy() for name in PARAMETERS}
    with nlp.use_params(sgd.averages):
        for name in PARAMETERS:
            average = sgd.averages[(node.id, name)]
            numpy.testing.assert_array_equal(node.get_param(name), average)
            assert not numpy.allclose(average, present[name])
        scores = get_tagger(nlp).model.predict([make_doc(nlp, ["a", "b"])])
        numpy.testing.assert_array_equal(
            scores.chain.transitions, sgd.averages[(node.id, "transitions")]
        )
    for name in PARAMETERS:
        numpy.testing.assert_array_equal(node.get_param(name), present[name])


# Tagging, against enumeration.


@pytest.mark.parametrize(
    "words", [["a"], ["a", "b", "c", "zzz", "a"], ["a", " ", "b"], ["\n", "a", "\t"]]
)
def test_tags_are_the_most_probable_sequence(
    three_tags: Language, words: List[str]
) -> None:
    for seed in range(5):
        nlp = randomize(three_tags, seed)
        doc = make_doc(nlp, words)
        expected = names(sequences_of(nlp, doc).best())
        assert tags_of(nlp(doc)) == expected


def test_posterior_tags_are_the_most_probable_ones_of_each_token() -> None:
    nlp = initialize(configure(model={"decoding": "posterior"}))
    words = ["a", "b", "c", "b"]
    for seed in range(5):
        randomize(nlp, seed)
        marginals = sequences_of(nlp, make_doc(nlp, words)).marginals(3)
        expected = names(marginals.argmax(axis=1))
        assert tags_of(nlp(make_doc(nlp, words))) == expected
        (rows,) = get_tagger(nlp).predict_proba([make_doc(nlp, words)])
        assert names(rows.argmax(axis=1)) == expected


@pytest.mark.parametrize(
    "decoding, expected", [("viterbi", ["X", "X"]), ("posterior", ["X", "Y"])]
)
def test_the_best_sequence_need_not_have_the_best_tags(
    decoding: str, expected: List[str]
) -> None:
    """X X has a probability of 0.4, Y Y and Z Y of 0.3 each."""
    nlp = few_tags(configure(model={"decoding": decoding}))
    for name in ("W", "b"):
        output_node(nlp).set_param(name, output_node(nlp).get_param(name) * 0)
    transitions = numpy.full((3, 3), -50.0, dtype="float32")
    transitions[0, 0] = numpy.log(0.4)
    transitions[1, 1] = transitions[2, 1] = numpy.log(0.3)
    chain_node(nlp).set_param("transitions", transitions)
    for name in ("start", "end"):
        chain_node(nlp).set_param(name, numpy.zeros(3, dtype="float32"))
    assert tags_of(nlp(make_doc(nlp, ["a", "b"]))) == expected


def test_an_unknown_decoding_raises_an_error() -> None:
    nlp = spacy.blank("en")
    with pytest.raises(ConfigValidationError, match=r"(?s)decoding.*greedy"):
        nlp.add_pipe("lstm_tagger", config=configure(model={"decoding": "greedy"}))
    tok2vec = get_tagger(initialize()).model.get_ref("tok2vec")
    with pytest.raises(ValueError, match=r"greedy.*viterbi"):
        build_lstm_crf_tagger(tok2vec, decoding="greedy")  # type: ignore[arg-type]


def test_another_decoding_can_be_asked_for_after_training(tmp_path: Path) -> None:
    few_tags(configure(model={"decoding": "viterbi"})).to_disk(tmp_path)
    override = {"components.lstm_tagger.model.decoding": "posterior"}
    nlp = spacy.load(tmp_path, config=override)
    scores = get_tagger(nlp).model.predict([make_doc(nlp, ["a", "b"])])
    assert scores.decoding.posterior


def test_the_tagger_that_is_added_without_a_config_has_no_crf() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger")
    config = nlp.get_pipe_config("lstm_tagger")
    assert config["model"]["@architectures"] == SOFTMAX


# Whitespace.


@pytest.mark.parametrize("decoding", ["viterbi", "posterior"])
def test_whitespace_changes_no_tag_of_another_token(decoding: str) -> None:
    nlp = initialize(configure(model={"decoding": decoding}))
    words = ["a", "b", "c", "b", "a"]
    spaced = ["\n", "a", " ", "b", "c", "\t", " \n", "b", "a", " "]
    for seed in range(5):
        doc = randomize(nlp, seed)(make_doc(nlp, spaced))
        found = [token.tag_ for token in doc if not token.is_space]
        assert found == tags_of(nlp(make_doc(nlp, words)))


def test_the_probabilities_of_whitespace_do_not_depend_on_the_chain() -> None:
    nlp = few_tags()
    tagger = get_tagger(nlp)
    doc = make_doc(nlp, ["a", " ", "b"])
    (before,) = tagger.predict_proba([doc])
    for name in PARAMETERS:
        chain_node(nlp).set_param(name, chain_node(nlp).get_param(name) * -3)
    (after,) = tagger.predict_proba([doc])
    numpy.testing.assert_array_equal(after[1], before[1])
    assert not numpy.allclose(after[0], before[0])


# Sentences.


WHOLE = [[0, 1, 2, 3, 4]]


def make_sentences(nlp: Language, starts: Optional[List[Optional[bool]]] = None) -> Doc:
    """A document with sentences, or without."""
    return Doc(nlp.vocab, words=SENTENCE_WORDS, sent_starts=starts)


@pytest.mark.parametrize(
    "is_asked, starts, groups",
    [
        (True, SENTENCE_STARTS, SENTENCES),
        (True, [True, None, True, None, None], SENTENCES),
        (True, [None, None, True, None, None], SENTENCES),
        (True, None, WHOLE),
        (True, [True, False, False, False, False], WHOLE),
        (False, SENTENCE_STARTS, WHOLE),
    ],
    ids=["set", "half_set", "one_set", "unset", "one_sentence", "not_asked"],
)
def test_chains_are_sentences_where_they_are_set_and_the_config_asks(
    is_asked: bool, starts: Any, groups: List[List[int]]
) -> None:
    nlp = initialize(configure(model={"sentences": is_asked}))
    for seed in range(3):
        # A large scale, so that the ends of sentences matter.
        randomize(nlp, seed, scale=2.0)
        doc = make_sentences(nlp, starts)
        expected = sequences_of(nlp, doc, groups)
        (rows,) = get_tagger(nlp).predict_proba([doc])
        numpy.testing.assert_allclose(rows, expected.marginals(3), atol=1e-5)
        assert tags_of(nlp(doc)) == names(expected.best())


@pytest.mark.parametrize(
    "is_asked, starts, groups",
    [
        (True, SENTENCE_STARTS, SENTENCES),
        (True, None, WHOLE),
        (False, SENTENCE_STARTS, WHOLE),
    ],
    ids=["set", "unset", "not_asked"],
)
def test_training_sees_the_sentences_that_tagging_sees(
    three_tags: Language, is_asked: bool, starts: Any, groups: List[List[int]]
) -> None:
    case = Case(SENTENCE_WORDS, None, ["X", "Y", "Z", "XYZ", "X"])
    reference = Doc(
        three_tags.vocab, words=SENTENCE_WORDS, tags=["X", "Y", "Z", "", "X"]
    )
    example = Example(make_sentences(three_tags, starts), reference)
    scores = random_scores([5], by_sentence=is_asked)
    loss, gradient = get_tagger(three_tags).get_loss([example], scores)
    expected = enumerated_loss(scores[0], scores.chain, case, groups)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert isinstance(gradient, ChainScores)
    assert_slopes(
        scores,
        gradient,
        lambda emissions, chain: enumerated_loss(emissions, chain, case, groups),
    )


def test_the_sentences_of_the_reference_do_not_matter(three_tags: Language) -> None:
    case = Case(SENTENCE_WORDS, None, ["X", "Y", "Z", "X", "X"])
    reference = Doc(
        three_tags.vocab,
        words=SENTENCE_WORDS,
        tags=["X", "Y", "Z", "X", "X"],
        sent_starts=SENTENCE_STARTS,
    )
    scores = random_scores([5], by_sentence=True)
    example = Example(make_sentences(three_tags), reference)
    loss, _ = get_tagger(three_tags).get_loss([example], scores)
    expected = enumerated_loss(scores[0], scores.chain, case, WHOLE)
    assert loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "words, starts, groups",
    [
        (["a", " ", "b"], [True, True, False], [[0], [2]]),
        (["a", " ", "b"], [True, True, True], [[0], [2]]),
        ([" ", "a", "b"], [True, False, True], [[1], [2]]),
        ([" ", "\n", "a"], [True, True, False], [[2]]),
    ],
)
def test_whitespace_can_begin_or_make_a_sentence(
    words: List[str], starts: List[bool], groups: List[List[int]]
) -> None:
    nlp = few_tags(configure(model={"sentences": True}))
    doc = Doc(nlp.vocab, words=words, sent_starts=starts)
    expected = sequences_of(nlp, doc, groups)
    (rows,) = get_tagger(nlp).predict_proba([doc])
    numpy.testing.assert_allclose(rows, expected.marginals(3), atol=1e-5)


def test_sentences_of_a_component_before_the_tagger_are_chains() -> None:
    nlp = few_tags(configure(model={"sentences": True}))
    nlp.add_pipe("sentencizer", first=True)
    doc = nlp(make_doc(nlp, ["a", "b", ".", "c", "a"]))
    alone = sequences_of(nlp, doc, [[0, 1, 2], [3, 4]])
    assert tags_of(doc) == names(alone.best())


# Documents of all lengths.


def test_documents_of_nothing_are_tagged() -> None:
    nlp = few_tags()
    assert tags_of(nlp(make_doc(nlp, []))) == []
    docs = list(nlp.pipe([make_doc(nlp, []), make_doc(nlp, ["a"]), make_doc(nlp, [])]))
    assert [len(tags_of(doc)) for doc in docs] == [0, 1, 0]
    assert docs[1][0].tag_ in LABELS


def test_empty_documents_in_a_batch_change_nothing_for_the_others() -> None:
    losses = []
    for more in ([], [([], None)]):
        nlp = few_tags()
        data = [*more, *FEW_TAGS, *more]
        losses.append(nlp.update(make_examples(nlp, data), drop=0.0)["lstm_tagger"])
        texts = [make_doc(nlp, words) for words, _ in data]
        found = [tags_of(doc) for doc in nlp.pipe(texts) if len(doc)]
        assert found == [tags_of(nlp(make_doc(nlp, words))) for words, _ in FEW_TAGS]
    assert losses[0] == pytest.approx(losses[1])


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_batches_give_what_documents_give_alone(batch_size: int) -> None:
    nlp = randomize(initialize(data=TRAIN_DATA))
    docs = [make_doc(nlp, words) for words, _ in TRAIN_DATA]
    found = [tags_of(doc) for doc in nlp.pipe(docs, batch_size=batch_size)]
    assert found == tag_all(nlp)


def test_a_document_of_twenty_thousand_tokens_gets_its_best_sequence() -> None:
    nlp = few_tags(embed_config(), seed=1)
    rng = numpy.random.default_rng(0)
    words = rng.choice([chr(code) for code in range(97, 123)], size=20_000).tolist()
    doc = make_doc(nlp, words)
    scores = get_tagger(nlp).model.predict([doc])
    emissions, chain = scores[0].astype("float64"), scores.chain.astype("float64")
    best = chain.start + emissions[0]
    for row in emissions[1:]:
        best = (best[:, None] + chain.transitions).max(axis=0) + row
    tags = [LABELS.index(tag) for tag in tags_of(nlp(doc))]
    found = emissions[numpy.arange(len(tags)), tags].sum()
    found += chain.start[tags[0]] + chain.end[tags[-1]]
    found += chain.transitions[tags[:-1], tags[1:]].sum()
    assert found == pytest.approx((best + chain.end).max(), abs=1e-3)
    assert len(set(tags)) == 3


def test_more_tags_than_the_plain_algorithm_takes_can_be_trained_and_tagged() -> None:
    tags = [f"T{i}" for i in range(600)]
    data = [(["u", "v", "w"], tags[:3]), (["x", "y", "z"], tags[300:303])]
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config=embed_config())
    examples = make_examples(nlp, data)
    get_tagger(nlp).initialize(lambda: examples, nlp=nlp, labels=tags)
    sgd = Adam(0.05)
    for _ in range(25):
        nlp.update(examples, sgd=sgd)
    found = [tags_of(nlp(make_doc(nlp, words))) for words, _ in data]
    assert found == [tags for _, tags in data]


# Rehearsal.


def expected_pairs(sequences: AllSequences, n_labels: int = 3) -> NDArray:
    found = numpy.zeros((n_labels, n_labels))
    for tags, log_probability in zip(*sequences):
        for pair in itertools.pairwise(tags):
            found[pair] += numpy.exp(log_probability)
    return found


def test_rehearsal_moves_the_chain_to_what_the_teacher_expects() -> None:
    nlp = few_tags()
    words = ["a", "b", "c"]
    nlp.resume_training()
    teacher = sequences_of(nlp, make_doc(nlp, words))
    randomize(nlp, seed=1)
    student = sequences_of(nlp, make_doc(nlp, words))
    before = {name: chain_node(nlp).get_param(name).copy() for name in PARAMETERS}
    sgd = SGD(0.1, grad_clip=0.0)
    get_tagger(nlp).rehearse(make_examples(nlp, [(words, None)]), sgd=sgd)
    differences = {
        "start": student.marginals(3)[0] - teacher.marginals(3)[0],
        "transitions": expected_pairs(student) - expected_pairs(teacher),
        "end": student.marginals(3)[-1] - teacher.marginals(3)[-1],
    }
    for name, difference in differences.items():
        step = before[name] - chain_node(nlp).get_param(name)
        numpy.testing.assert_allclose(step, 0.1 * difference, atol=1e-5)


def test_rehearsal_leads_back_to_the_marginals_of_the_teacher() -> None:
    nlp = make_trained(FEW_TAGS, configure(), steps=20)
    docs = [make_doc(nlp, words) for words, _ in FEW_TAGS]
    examples = make_examples(nlp, [(words, None) for words, _ in FEW_TAGS])
    sgd = nlp.resume_training()
    sgd.learn_rate = 0.01
    teacher = numpy.concatenate(get_tagger(nlp).predict_proba(docs))
    for _ in range(15):
        nlp.update(make_examples(nlp, [(["a", "b", "c"], ["Z", "X", "X"])]), sgd=sgd)
    drifted = numpy.concatenate(get_tagger(nlp).predict_proba(docs))
    for _ in range(40):
        nlp.rehearse(examples, sgd=sgd)
    found = numpy.concatenate(get_tagger(nlp).predict_proba(docs))
    assert numpy.abs(drifted - teacher).max() > 0.5
    assert numpy.abs(found - teacher).max() < 0.2


def test_a_model_that_agrees_with_the_teacher_learns_nothing_from_it() -> None:
    nlp = few_tags()
    nlp.resume_training()
    before = all_weights(nlp)
    examples = make_examples(nlp, [(["a", " ", "b"], None), ([], None)])
    get_tagger(nlp).rehearse(examples, sgd=SGD(0.1, grad_clip=0.0))
    for name, weights in all_weights(nlp).items():
        numpy.testing.assert_allclose(weights, before[name], atol=1e-6)


def test_rehearsal_of_documents_of_nothing_changes_no_weight() -> None:
    nlp = few_tags()
    nlp.resume_training()
    before = all_weights(nlp)
    nlp.rehearse(make_examples(nlp, [([], None)]), sgd=Adam(0.1))
    assert same_weights(all_weights(nlp), before)


# Saving and copying.


@pytest.mark.parametrize("round_trip", ROUND_TRIPS)
def test_a_round_trip_keeps_the_scores_of_the_chain_and_all_tags(
    tmp_path: Path, round_trip: Any
) -> None:
    config = configure(model={"decoding": "posterior", "sentences": True})
    nlp = randomize(initialize(config, TRAIN_DATA))
    loaded = round_trip(nlp, tmp_path)
    for name in PARAMETERS:
        numpy.testing.assert_array_equal(
            chain_node(loaded).get_param(name), chain_node(nlp).get_param(name)
        )
    doc = Doc(nlp.vocab, words=WORDS, sent_starts=[True, False, True, False, False])
    other = Doc(loaded.vocab, words=WORDS, sent_starts=[1, 0, 1, 0, 0])
    (expected,) = get_tagger(nlp).predict_proba([doc])
    (found,) = get_tagger(loaded).predict_proba([other])
    numpy.testing.assert_array_equal(found, expected)
    assert tags_of(loaded(other)) == tags_of(nlp(doc))
    assert tag_all(loaded) == tag_all(nlp)


@pytest.mark.parametrize("round_trip", ROUND_TRIPS)
def test_training_what_came_back_leaves_the_original_alone(
    tmp_path: Path, round_trip: Any
) -> None:
    nlp = few_tags()
    before = all_weights(nlp)
    loaded = round_trip(nlp, tmp_path)
    loaded.update(make_examples(loaded, FEW_TAGS), sgd=Adam(0.01))
    assert same_weights(all_weights(nlp), before)
    for name in PARAMETERS:
        assert not numpy.array_equal(
            chain_node(loaded).get_param(name), chain_node(nlp).get_param(name)
        )


def test_loading_a_crf_into_a_softmax_raises_an_error() -> None:
    nlp = few_tags()
    other = initialize(configure(SOFTMAX))
    with pytest.raises(ValueError, match="lstm_tagger"):
        get_tagger(other).from_bytes(get_tagger(nlp).to_bytes())

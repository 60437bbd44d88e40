"""Temperatures that make probabilities right as often as they say."""

import re
from pathlib import Path
from typing import Any, List, Sequence, Tuple

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.training import Example
from taggers import (
    ARCHITECTURES,
    ENCODER,
    SOFTMAX,
    bytes_round_trip,
    configure,
    few_tags,
    get_tagger,
    output_node,
    randomize,
)
from thinc.api import Model
from util import (
    TRAIN_DATA,
    make_doc,
    make_examples,
    run_spacy,
    small,
    tag_all,
    write_corpus,
)

# Adds the commands to spaCy's, as its entry point does.
import spacy_lstm_tagger.cli  # noqa: F401
from spacy_lstm_tagger.evaluation.calibration import (
    Calibration,
    fit_temperature,
    measure,
    score_examples,
)


def make_sampled(nlp: Language, temperature: float, n: int = 400) -> List[Example]:
    """Sentences whose tags are drawn from what the tagger says at a temperature."""
    rng = numpy.random.default_rng(0)
    tagger = get_tagger(nlp)
    sentences = [rng.choice(["a", "b", "c"], size=4).tolist() for _ in range(n)]
    docs = [eg.predicted for eg in make_examples(nlp, [(w, None) for w in sentences])]
    present, tagger.temperature = tagger.temperature, temperature
    rows = tagger.predict_proba(docs)
    tagger.temperature = present
    drawn = [
        [str(rng.choice(tagger.labels, p=p / p.sum())) for p in found.astype("float64")]
        for found in rows
    ]
    return make_examples(nlp, list(zip(sentences, drawn)))


def test_the_calibration_error_is_the_mean_distance_of_groups() -> None:
    confidence = numpy.asarray([0.95, 0.91, 0.55, 1.0])
    is_correct = numpy.asarray([True, False, True, True])
    found = Calibration(confidence, is_correct, 0.0)
    # Three tokens of 0.9 or more, two of them right; one of 0.5 or more that is right.
    expected = (abs(0.95 + 0.91 + 1.0 - 2) + abs(0.55 - 1)) / 4
    assert found.error == pytest.approx(expected)


@ARCHITECTURES
@pytest.mark.parametrize("temperature", [0.5, 2.5])
def test_the_temperature_that_the_data_was_made_with_is_found(
    architecture: str, temperature: float
) -> None:
    nlp = randomize(few_tags(configure(architecture)))
    examples = make_sampled(nlp, temperature)
    scored = score_examples(get_tagger(nlp), examples, batch_size=100)
    found = fit_temperature(scored)
    assert found == pytest.approx(temperature, rel=0.15)
    before, after = measure(scored, 1.0), measure(scored, found)
    assert after.error < before.error
    assert after.loss < before.loss


@ARCHITECTURES
def test_scores_that_are_kept_give_the_probabilities_of_any_temperature(
    architecture: str,
) -> None:
    nlp = few_tags(configure(architecture, temperature=0.7))
    tagger = get_tagger(nlp)
    data = [(["a", "b", " ", "c"], ["X", "Y", "Z", "Y"]), (["c", "b"], ["Z", "X"])]
    examples = make_examples(nlp, data)
    scored = score_examples(tagger, examples, batch_size=1)
    for temperature in (0.7, 1.0, 3.0):
        tagger.temperature = temperature
        rows = numpy.concatenate(
            tagger.predict_proba([eg.predicted for eg in examples])
        )
        gold = [tagger.labels.index(tag) for _, tags in data for tag in tags]
        found = measure(scored, temperature)
        numpy.testing.assert_allclose(found.confidence, rows.max(axis=1), rtol=1e-4)
        loss = -numpy.log(rows[numpy.arange(len(gold)), gold]).mean()
        assert found.loss == pytest.approx(loss, rel=1e-4)


def test_tokens_without_a_tag_and_with_unknown_ones_are_left_out() -> None:
    nlp = few_tags()
    examples = make_examples(nlp, [(["a", "b", "c"], ["X", "", "!Y"])])
    scored = score_examples(get_tagger(nlp), examples, batch_size=1)
    assert len(measure(scored, 1.0).confidence) == 1


def test_data_without_tags_is_an_error() -> None:
    nlp = few_tags()
    examples = make_examples(nlp, [(["a"], None)])
    with pytest.raises(ValueError, match="no token of the data has a gold tag"):
        score_examples(get_tagger(nlp), examples, batch_size=1)


def test_the_command_saves_a_pipeline_with_the_temperature_and_the_same_tags(
    shared_trained: Language, tmp_path: Path
) -> None:
    shared_trained.to_disk(tmp_path / "model")
    write_corpus(shared_trained, tmp_path / "dev.spacy")
    data, output = tmp_path / "dev.spacy", tmp_path / "calibrated"
    run_spacy("lstm-tagger", "calibrate", tmp_path / "model", data, output)
    nlp = spacy.load(output)
    # All tags are right: the surer, the better.
    assert get_tagger(nlp).temperature < 0.8
    assert tag_all(nlp) == tag_all(shared_trained)
    # A second time, nothing gets better.
    again = run_spacy("lstm-tagger", "calibrate", output, data, tmp_path / "again")
    assert "Saved pipeline" in again
    kept = get_tagger(spacy.load(tmp_path / "again")).temperature
    assert kept <= get_tagger(nlp).temperature


def make_constant(probabilities: Sequence[float], temperature: float = 1.0) -> Language:
    """A tagger that gives every token the same probabilities of X, Y and Z at a
    temperature of 1."""
    nlp = few_tags(configure(SOFTMAX, temperature=temperature))
    node = output_node(nlp)
    node.set_param("W", numpy.zeros_like(node.get_param("W")))
    node.set_param("b", numpy.log(numpy.asarray(probabilities, dtype="float32")))
    return nlp


def calibrate(nlp: Language, data: Any, folder: Path) -> Tuple[Language, str]:
    """The pipeline that the command makes of another one, and what it prints."""
    nlp.to_disk(folder / "model")
    write_corpus(nlp, folder / "dev.spacy", data)
    paths = folder / "model", folder / "dev.spacy", folder / "calibrated"
    printed = run_spacy("lstm-tagger", "calibrate", *paths, "--gold-preproc")
    return spacy.load(folder / "calibrated"), printed


def test_a_temperature_at_which_gold_tags_are_more_probable_is_kept_whatever_the_error(
    tmp_path: Path,
) -> None:
    # The first tag is as frequent as it is probable: the calibration error is 0 at a
    # temperature of 1 only. The other two are not.
    nlp = make_constant([0.6, 0.3, 0.1])
    data = [(["a"] * 10, ["X"] * 6 + ["Y"] + ["Z"] * 3)]
    scored = score_examples(get_tagger(nlp), make_examples(nlp, data), batch_size=1)
    found = fit_temperature(scored)
    before, after = measure(scored, 1.0), measure(scored, found)
    assert before.error == pytest.approx(0.0, abs=1e-6)
    assert after.error > 0.05
    assert after.loss < before.loss
    saved, _ = calibrate(nlp, data, tmp_path)
    assert get_tagger(saved).temperature == pytest.approx(found) != 1.0


def test_a_temperature_at_which_gold_tags_are_less_probable_is_not_kept(
    tmp_path: Path,
) -> None:
    # All tags are right, so that the lowest temperature is best: that of the pipeline
    # is lower than those that are looked at.
    nlp = make_constant([0.6, 0.3, 0.1], temperature=0.05)
    saved, printed = calibrate(nlp, [(["a", "b"], ["X", "X"])], tmp_path)
    assert get_tagger(saved).temperature == 0.05
    assert "The temperature stays 0.050" in printed


def test_the_command_runs_the_network_once_for_each_batch(
    shared_trained: Language, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: List[int] = []
    predict = Model.predict

    def count(model: Model, docs: Any) -> Any:
        calls.append(len(docs))
        return predict(model, docs)

    nlp = bytes_round_trip(shared_trained, tmp_path)
    nlp.config["nlp"]["batch_size"] = 4
    monkeypatch.setattr(Model, "predict", count)
    calibrate(nlp, TRAIN_DATA, tmp_path)
    assert calls == [4, 2]


def make_listening() -> Language:
    """A trained pipeline whose tagger reads what the component before it leaves."""
    encoder = {"@architectures": ENCODER, **small()["model"]["tok2vec"]}
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": encoder["width"]}
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": encoder})
    model = {"@architectures": SOFTMAX, "tok2vec": listener}
    nlp.add_pipe("lstm_tagger", config={"model": model})
    examples = make_examples(nlp)
    sgd = nlp.initialize(lambda: examples)
    sgd.learn_rate = 0.01
    for _ in range(20):
        nlp.update(examples, sgd=sgd)
    return nlp


def test_the_command_runs_the_components_before_the_tagger(tmp_path: Path) -> None:
    nlp = make_listening()
    losses = []
    for words, tags in TRAIN_DATA:
        doc = nlp(make_doc(nlp, words))
        (rows,) = get_tagger(nlp).predict_proba([doc])
        losses += [
            -numpy.log(row[get_tagger(nlp).labels.index(t)])
            for row, t in zip(rows, tags)
        ]
    _, printed = calibrate(nlp, TRAIN_DATA, tmp_path)
    found = re.search(r"^1\.000 .* (\d\.\d+)", printed, re.MULTILINE)
    assert found is not None
    assert float(found.group(1)) == pytest.approx(numpy.mean(losses), abs=1e-3)

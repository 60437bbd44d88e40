"""Temperatures that make probabilities right as often as they say."""

from pathlib import Path
from typing import List

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.training import Example
from taggers import ARCHITECTURES, configure, few_tags, get_tagger, randomize
from util import make_examples, run_spacy, tag_all, write_corpus

# Adds the commands to spaCy's, as its entry point does.
import spacy_lstm_tagger.cli  # noqa: F401
from spacy_lstm_tagger.evaluation.calibration import (
    Calibration,
    fit_temperature,
    measure,
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
    tagger = get_tagger(nlp)
    found = fit_temperature(tagger, examples, batch_size=100)
    assert found == pytest.approx(temperature, rel=0.15)
    assert tagger.temperature == 1.0
    before = measure(tagger, examples, batch_size=100)
    tagger.temperature = found
    after = measure(tagger, examples, batch_size=100)
    assert after.error < before.error
    assert after.loss < before.loss


def test_tokens_without_a_tag_and_with_unknown_ones_are_left_out() -> None:
    nlp = few_tags()
    examples = make_examples(nlp, [(["a", "b", "c"], ["X", "", "!Y"])])
    assert len(measure(get_tagger(nlp), examples, batch_size=1).confidence) == 1


def test_data_without_tags_is_an_error() -> None:
    nlp = few_tags()
    with pytest.raises(ValueError, match="no token of the data has a gold tag"):
        measure(get_tagger(nlp), make_examples(nlp, [(["a"], None)]), batch_size=1)


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

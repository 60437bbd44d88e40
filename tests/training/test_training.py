"""Training the component with spaCy: the loop, its options, and their results."""

import copy
import io
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import numpy
import pytest
import spacy
import torch
from numpy.typing import NDArray
from spacy.cli.train import train as spacy_train
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.training.loop import train, train_while_improving
from spacy.util import fix_random_seed, registry
from thinc.api import Adam, Config, Model, Optimizer
from util import (
    SMALL,
    TRAIN_DATA,
    all_weights,
    encoder_of,
    make_doc,
    make_examples,
    make_trained,
    make_untrained,
    same_weights,
    small,
    tag_all,
    tags_of,
    torch_weights,
    write_corpus,
)

from spacy_lstm_tagger.encoder.network.word_char_encoder import WordCharEncoder

TOY = TRAIN_DATA[:2]
ALL_TAGS = [tags for _, tags in TRAIN_DATA]


def make_config(tmp_path: Path, **training: Any) -> Config:
    """The config of a training that takes a second."""
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config=copy.deepcopy(SMALL))
    path = write_corpus(nlp, tmp_path / "corpus.spacy")
    config = nlp.config
    config["corpora"] = {
        name: {"@readers": "spacy.Corpus.v1", "path": str(path), "gold_preproc": True}
        for name in ("train", "dev")
    }
    settings: Dict[str, Any] = {
        "max_steps": 60,
        "eval_frequency": 30,
        "patience": 0,
        "dropout": 0.1,
        "optimizer": {"@optimizers": "Adam.v1", "learn_rate": 0.01},
        "batcher": {"@batchers": "spacy.batch_by_sequence.v1", "size": 3},
        "logger": {"@loggers": "spacy.ConsoleLogger.v1"},
        **training,
    }
    config["training"] = {**config["training"], **settings}
    return config


def run_training(config: Config, output: Optional[Path] = None) -> Language:
    """Train as `spacy train` does, and return the pipeline."""
    if output:
        output.mkdir()
    nlp = init_nlp(config)
    train(nlp, output, stdout=io.StringIO(), stderr=io.StringIO())
    return nlp


class Record:
    """Optimizers that trained, and the dropout of each pass through the encoder."""

    def __init__(self) -> None:
        self.optimizers: List[Optimizer] = []
        self.dropout: List[float] = []


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Iterator[Record]:
    found = Record()
    forward = WordCharEncoder.forward

    def recording_forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        found.dropout.append(kwargs["dropout"])
        return forward(self, *args, **kwargs)

    def make_optimizer(use_averages: bool) -> Optimizer:
        found.optimizers.append(Adam(0.01, use_averages=use_averages))
        return found.optimizers[-1]

    monkeypatch.setattr(WordCharEncoder, "forward", recording_forward)
    registry.optimizers.register("recorded_adam.v1", func=make_optimizer)
    yield found


def saved_weights(path: Path) -> Dict[str, NDArray]:
    """The torch weights in a directory."""
    return torch_weights(spacy.load(path))


# Learning.


def test_the_toy_set_of_the_tutorial_is_learned() -> None:
    nlp = make_trained(TOY)
    assert tags_of(nlp("The dog ate the apple")) == ["DET", "NN", "V", "DET", "NN"]
    assert tags_of(nlp("Everybody read that book")) == ["NN", "V", "DET", "NN"]


def test_the_toy_set_is_learned_with_the_default_settings() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger")
    sgd = nlp.initialize(lambda: make_examples(nlp, TOY))
    for _ in range(40):
        nlp.update(make_examples(nlp, TOY), sgd=sgd)
    assert tags_of(nlp("The dog ate the apple")) == ["DET", "NN", "V", "DET", "NN"]


def test_words_that_look_alike_are_told_apart_by_their_context() -> None:
    """A table from words to tags would not do."""
    data = [
        (["I", "can", "fish"], ["PRON", "MD", "VB"]),
        (["The", "can", "broke"], ["DET", "NN", "VB"]),
        (["We", "can", "can", "fish"], ["PRON", "MD", "VB", "NN"]),
    ]
    nlp = make_trained(data, steps=100)
    assert [tags_of(nlp(make_doc(nlp, words))) for words, _ in data] == [
        tags for _, tags in data
    ]


def test_unknown_words_are_tagged_by_their_characters() -> None:
    stems = ["walk", "talk", "jump", "cook", "help", "pull", "push", "kick", "bark"]
    data = [([stem + "ed"], ["VBD"]) for stem in stems]
    data += [([stem + "ing"], ["VBG"]) for stem in stems]
    nlp = make_trained(data)
    assert tags_of(nlp(make_doc(nlp, ["played"]))) == ["VBD"]
    assert tags_of(nlp(make_doc(nlp, ["playing"]))) == ["VBG"]


def test_spacy_train_learns_and_saves_a_pipeline(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    config.to_disk(tmp_path / "config.cfg")
    spacy_train(tmp_path / "config.cfg", tmp_path / "out")
    for name in ("model-best", "model-last"):
        nlp = spacy.load(tmp_path / "out" / name)
        assert tag_all(nlp) == ALL_TAGS
        assert nlp.meta["performance"]["tag_acc"] == 1.0


# Averages.


def averages_of(optimizer: Optimizer, nlp: Language) -> Dict[str, NDArray]:
    shim = encoder_of(nlp).shims[0]
    assert optimizer.averages is not None
    return {
        name: optimizer.averages[(shim.id, name)]  # type: ignore[index]
        for name in torch_weights(nlp)
    }


def make_averaging_config(tmp_path: Path, use_averages: bool = True) -> Config:
    return make_config(
        tmp_path,
        max_steps=20,
        eval_frequency=10,
        optimizer={
            "@optimizers": "recorded_adam.v1",
            "use_averages": use_averages,
        },
    )


def test_with_use_averages_the_saved_weights_are_the_averages(
    tmp_path: Path, record: Record
) -> None:
    nlp = run_training(make_averaging_config(tmp_path), tmp_path / "out")
    averages = averages_of(record.optimizers[-1], nlp)
    saved = saved_weights(tmp_path / "out" / "model-last")
    last = torch_weights(nlp)
    for name in averages:
        numpy.testing.assert_allclose(saved[name], averages[name], atol=1e-6)
    assert not numpy.allclose(last["layer_norm.weight"], saved["layer_norm.weight"])


def test_without_use_averages_the_saved_weights_are_the_last_ones(
    tmp_path: Path, record: Record
) -> None:
    config = make_averaging_config(tmp_path, use_averages=False)
    nlp = run_training(config, tmp_path / "out")
    saved = saved_weights(tmp_path / "out" / "model-last")
    assert same_weights(saved, torch_weights(nlp))


def test_with_use_averages_evaluation_sees_the_averages_and_training_does_not(
    tmp_path: Path, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate = Language.evaluate
    seen: List[Tuple[Dict[str, NDArray], Dict[str, NDArray]]] = []

    def recording_evaluate(self: Language, *args: Any, **kwargs: Any) -> Any:
        averages = averages_of(record.optimizers[-1], self)
        seen.append((torch_weights(self), copy.deepcopy(averages)))
        return evaluate(self, *args, **kwargs)

    monkeypatch.setattr(Language, "evaluate", recording_evaluate)
    nlp = run_training(make_averaging_config(tmp_path))
    assert len(seen) > 1
    for evaluated, averages in seen:
        for name in averages:
            numpy.testing.assert_allclose(evaluated[name], averages[name], atol=1e-6)
    last = averages_of(record.optimizers[-1], nlp)
    assert not same_weights(torch_weights(nlp), last)


def test_use_params_changes_predictions_and_puts_the_weights_back() -> None:
    nlp = make_untrained()
    sgd = Adam(0.01, use_averages=True)
    for _ in range(5):
        nlp.update(make_examples(nlp), sgd=sgd)
    model: Model = nlp.get_pipe("lstm_tagger").model  # type: ignore[attr-defined]
    docs = [make_doc(nlp)]
    before, weights = model.predict(docs)[0], all_weights(nlp)
    with nlp.use_params(sgd.averages):
        averaged = model.predict(docs)[0]
        assert not numpy.allclose(before, averaged)
    assert same_weights(all_weights(nlp), weights)
    numpy.testing.assert_array_equal(model.predict(docs)[0], before)


# Rehearsal and going on.


def test_rehearsal_changes_the_weights_of_the_torch_module() -> None:
    nlp = make_trained(steps=5)
    sgd = nlp.resume_training()
    for _ in range(5):
        nlp.update(make_examples(nlp, TOY), sgd=sgd)
    before = all_weights(nlp)
    losses = nlp.rehearse(make_examples(nlp), sgd=Adam(0.01), losses={})
    after = all_weights(nlp)
    assert losses["lstm_tagger"] > 0
    changed = [
        name for name in before if not numpy.array_equal(before[name], after[name])
    ]
    for part in ("word_embedding", "character_lstm", "bilstm", "layer_norm"):
        assert any(name.startswith(part) for name in changed)


def test_rehearsal_brings_predictions_back_to_those_of_the_first_model() -> None:
    nlp = make_trained()
    nlp.resume_training()
    model: Model = nlp.get_pipe("lstm_tagger").model  # type: ignore[attr-defined]
    docs = [make_doc(nlp, words) for words, _ in TRAIN_DATA]

    def probabilities() -> NDArray:
        return numpy.concatenate(model(docs, is_train=True)[0])

    first = probabilities()
    wrong = [(words, ["NN"] * len(words)) for words, _ in TRAIN_DATA]
    for _ in range(3):
        nlp.update(make_examples(nlp, wrong), sgd=Adam(0.01))
    distance = numpy.abs(probabilities() - first).sum()
    sgd = Adam(0.01)
    for _ in range(30):
        nlp.rehearse(
            make_examples(nlp, [(words, None) for words, _ in TRAIN_DATA]), sgd=sgd
        )
    assert numpy.abs(probabilities() - first).sum() < distance / 4


def test_rehearsal_without_a_first_model_does_nothing() -> None:
    nlp = make_untrained()
    before = all_weights(nlp)
    nlp.rehearse(make_examples(nlp), sgd=Adam(0.01))
    assert same_weights(all_weights(nlp), before)


def test_training_can_go_on_with_a_loaded_pipeline(tmp_path: Path) -> None:
    make_trained(steps=5).to_disk(tmp_path)
    nlp = spacy.load(tmp_path)
    sgd = nlp.resume_training()
    sgd.learn_rate = 0.01
    first = nlp.update(make_examples(nlp), sgd=sgd)["lstm_tagger"]
    for _ in range(60):
        last = nlp.update(make_examples(nlp), sgd=sgd)["lstm_tagger"]
    assert last < first / 10
    assert tag_all(nlp) == ALL_TAGS


def test_going_on_after_loading_is_the_same_as_going_on_without() -> None:
    nlp = make_trained(steps=5)
    loaded = spacy.blank("en")
    loaded.add_pipe("lstm_tagger", config=copy.deepcopy(SMALL))
    loaded.from_bytes(nlp.to_bytes())
    for pipeline in (nlp, loaded):
        sgd = Adam(0.01)
        for _ in range(3):
            pipeline.update(make_examples(pipeline), sgd=sgd)
    assert same_weights(all_weights(nlp), all_weights(loaded))


def test_initializing_again_forgets_what_was_learned() -> None:
    nlp = make_trained()
    fix_random_seed(0)
    nlp.initialize(lambda: make_examples(nlp))
    assert same_weights(all_weights(nlp), all_weights(make_untrained(seed=0)))


# Components from and beside others.


def test_a_component_can_be_sourced_from_another_pipeline() -> None:
    source = make_trained()
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("lstm_tagger", source=source, name="copied")
    assert tag_all(nlp) == ALL_TAGS
    assert same_weights(all_weights(nlp, "copied"), all_weights(source))


def test_a_config_can_source_a_component_and_freeze_it(tmp_path: Path) -> None:
    make_trained().to_disk(tmp_path / "source")
    config = make_config(
        tmp_path, frozen_components=["frozen"], max_steps=10, eval_frequency=10
    )
    components = config["components"]
    components["frozen"] = {
        "source": str(tmp_path / "source"),
        "component": "lstm_tagger",
    }
    config["nlp"]["pipeline"] = ["frozen", "lstm_tagger"]
    nlp = run_training(config, tmp_path / "out")
    original = all_weights(spacy.load(tmp_path / "source"))
    loaded = spacy.load(tmp_path / "out" / "model-last")
    for pipeline in (nlp, loaded):
        assert same_weights(all_weights(pipeline, "frozen"), original)
    assert not same_weights(all_weights(nlp), original)
    assert tag_all(loaded) == ALL_TAGS


def test_a_sourced_component_can_be_trained_further(tmp_path: Path) -> None:
    make_trained(steps=10).to_disk(tmp_path / "source")
    config = make_config(tmp_path)
    config["components"]["lstm_tagger"] = {"source": str(tmp_path / "source")}
    config["initialize"]["components"] = {}
    nlp = run_training(config)
    assert not same_weights(
        all_weights(nlp), all_weights(spacy.load(tmp_path / "source"))
    )
    assert tag_all(nlp) == ALL_TAGS


def test_an_excluded_component_is_not_updated() -> None:
    nlp = make_untrained()
    before = all_weights(nlp)
    losses = nlp.update(
        make_examples(nlp), sgd=Adam(0.01), exclude=["lstm_tagger"], losses={}
    )
    assert "lstm_tagger" not in losses
    assert same_weights(all_weights(nlp), before)


class TagReader:
    """Records the tags it finds on the documents that it is trained with."""

    def __init__(self) -> None:
        self.tags: List[List[str]] = []

    def __call__(self, doc: Doc) -> Doc:
        return doc

    def initialize(self, get_examples: Any, **kwargs: Any) -> None:
        pass

    def update(self, examples: List[Example], **kwargs: Any) -> Dict[str, float]:
        self.tags += [tags_of(example.predicted) for example in examples]
        return {}


@Language.factory("tests_tag_reader")
def make_tag_reader(nlp: Language, name: str) -> TagReader:
    return TagReader()


@pytest.mark.parametrize("annotates", [["lstm_tagger"], []])
def test_later_components_train_on_the_tags_of_an_annotating_one(
    tmp_path: Path, annotates: List[str]
) -> None:
    make_trained().to_disk(tmp_path / "source")
    config = make_config(
        tmp_path,
        annotating_components=annotates,
        frozen_components=["lstm_tagger"],
        max_steps=2,
        eval_frequency=2,
    )
    config["components"]["lstm_tagger"] = {"source": str(tmp_path / "source")}
    config["components"]["reader"] = {"factory": "tests_tag_reader"}
    config["nlp"]["pipeline"] = ["lstm_tagger", "reader"]
    reader: Any = run_training(config).get_pipe("reader")
    assert reader.tags
    for tags in reader.tags:
        assert tags in (ALL_TAGS if annotates else [[""] * len(tags)])


# Gradients, seeds and dropout.


def gradients(nlp: Language) -> Dict[str, NDArray]:
    module = encoder_of(nlp).shims[0].module
    return {
        name: parameter.grad.numpy().copy()
        for name, parameter in module.named_parameters()
    }


def close(one: Dict[str, NDArray], other: Dict[str, NDArray]) -> bool:
    return all(numpy.allclose(one[name], other[name], atol=1e-5) for name in one)


def learn_a_little() -> Language:
    """The output layer starts at zero, and passes no gradient to the encoder."""
    return make_trained(steps=3)


def test_gradients_of_several_updates_add_up() -> None:
    whole, parts = learn_a_little(), learn_a_little()
    whole.update(make_examples(whole), sgd=False)  # type: ignore[arg-type]
    for start in (0, 2, 4):
        examples = make_examples(parts, TRAIN_DATA[start : start + 2])
        parts.update(examples, sgd=False)  # type: ignore[arg-type]
    assert close(gradients(whole), gradients(parts))
    for nlp in (whole, parts):
        nlp.get_pipe("lstm_tagger").finish_update(Adam(0.01))  # type: ignore[attr-defined]
    one, other = all_weights(whole), all_weights(parts)
    # Adam divides small gradients by themselves, which leaves more of a difference.
    assert all(numpy.allclose(one[name], other[name], atol=1e-3) for name in one)


def test_weights_wait_for_the_last_of_accumulated_gradients() -> None:
    nlp = learn_a_little()
    before = all_weights(nlp)
    nlp.update(make_examples(nlp), sgd=False)  # type: ignore[arg-type]
    assert same_weights(all_weights(nlp), before)
    nlp.get_pipe("lstm_tagger").finish_update(Adam(0.01))  # type: ignore[attr-defined]
    assert not same_weights(all_weights(nlp), before)


def test_an_optimizer_gets_a_gradient_once() -> None:
    nlp = learn_a_little()
    sgd = Adam(0.01)
    nlp.update(make_examples(nlp), sgd=sgd)
    before = all_weights(nlp)
    nlp.get_pipe("lstm_tagger").finish_update(Adam(0.01))  # type: ignore[attr-defined]
    assert same_weights(torch_weights(nlp), {k: before[k] for k in torch_weights(nlp)})


def test_spacy_train_accumulates_gradients(tmp_path: Path) -> None:
    nlp = run_training(make_config(tmp_path, accumulate_gradient=2))
    assert tag_all(nlp) == ALL_TAGS


def test_the_same_seed_and_data_give_the_same_weights_to_the_last_bit(
    tmp_path: Path,
) -> None:
    config = make_config(tmp_path, dropout=0.1, seed=7, max_steps=15)
    first, second = run_training(config), run_training(config)
    assert same_weights(all_weights(first), all_weights(second))
    assert first.to_bytes(exclude=["vocab"]) == second.to_bytes(exclude=["vocab"])
    config["training"]["seed"] = 8
    assert not same_weights(all_weights(first), all_weights(run_training(config)))


@pytest.mark.parametrize("rate", [0.0, 0.15])
def test_the_dropout_of_the_training_reaches_the_torch_module(
    tmp_path: Path, record: Record, rate: float
) -> None:
    run_training(make_config(tmp_path, dropout=rate, max_steps=4, eval_frequency=4))
    assert set(record.dropout) == {rate}


def test_a_dropout_schedule_reaches_the_torch_module(record: Record) -> None:
    """The loop takes one, though the schema of this spaCy's configs does not."""
    nlp = make_untrained()
    record.dropout.clear()
    steps = train_while_improving(
        nlp,
        Adam(0.01),
        [(0, make_examples(nlp))] * 4,
        lambda: (0.0, {}),
        dropout=iter([0.2, 0.1, 0.05, 0.0]),  # type: ignore[arg-type]
        eval_frequency=1,
        accumulate_gradient=1,
        patience=0,
        max_steps=0,
        exclude=[],
        annotating_components=[],
        before_update=None,
    )
    assert len(list(steps)) == 4
    assert record.dropout == [0.2, 0.1, 0.05, 0.0]


def gradient_with(drop: float, seed: int, **settings: Any) -> Dict[str, NDArray]:
    nlp = make_trained(config=small(**settings), steps=3)
    fix_random_seed(seed)
    nlp.update(make_examples(nlp), drop=drop, sgd=False)  # type: ignore[arg-type]
    return gradients(nlp)


def test_without_dropout_gradients_do_not_depend_on_chance() -> None:
    assert close(gradient_with(0.0, seed=1), gradient_with(0.0, seed=2))


@pytest.mark.parametrize("kind", ["word_dropout", "input_dropout", "layer_dropout"])
def test_each_kind_of_dropout_changes_gradients_and_can_be_turned_off(
    kind: str,
) -> None:
    off = {"word_dropout": 0.0, "input_dropout": 0.0, "layer_dropout": 0.0}
    without = gradient_with(0.4, seed=1, **off)
    assert close(without, gradient_with(0.0, seed=2, **off))
    one = gradient_with(0.4, seed=1, **{**off, kind: 1.0})
    other = gradient_with(0.4, seed=2, **{**off, kind: 1.0})
    assert not close(one, without)
    assert not close(one, other)


@pytest.mark.parametrize("drop", [0.2, 0.5, 0.9])
def test_the_default_network_trains_with_any_dropout(drop: float) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger")
    examples = make_examples(nlp)
    sgd = nlp.initialize(lambda: examples)
    before = nlp.update(examples, sgd=sgd, drop=drop)["lstm_tagger"]
    for _ in range(3):
        after = nlp.update(examples, sgd=sgd, drop=drop)["lstm_tagger"]
    assert 0.0 < after < before


def test_predictions_are_made_without_dropout() -> None:
    nlp = make_trained(steps=3)
    nlp.update(make_examples(nlp), drop=0.2, sgd=False)  # type: ignore[arg-type]
    model: Model = nlp.get_pipe("lstm_tagger").model  # type: ignore[attr-defined]
    docs = [make_doc(nlp)]
    torch.manual_seed(1)
    first = model.predict(docs)[0]
    torch.manual_seed(2)
    numpy.testing.assert_array_equal(model.predict(docs)[0], first)


def test_the_first_model_teaches_without_dropout() -> None:
    nlp = make_untrained()
    examples = make_examples(nlp)
    nlp.update(examples, drop=0.2, sgd=nlp.create_optimizer())
    sgd = nlp.resume_training()
    nlp.get_pipe("lstm_tagger").rehearse(examples, drop=0.2, sgd=sgd)  # type: ignore
    teacher = nlp.get_pipe("lstm_tagger")._rehearsal_model  # type: ignore[attr-defined]
    docs = [example.predicted for example in examples]
    once, again = (teacher.begin_update(docs)[0] for _ in range(2))
    assert all(numpy.array_equal(a, b) for a, b in zip(once, again))

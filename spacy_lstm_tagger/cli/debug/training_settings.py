"""The settings of a training that the checks of `debug lstm-tagger` are given."""

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional

from thinc.api import Config

ENCODER = "spacy_lstm_tagger.WordCharBiLSTM.v1"
# Their batches have up to `size` words; those of others have no number of words.
BATCHERS = ("spacy.batch_by_padded.v1", "spacy.batch_by_words.v1")


@dataclass(frozen=True)
class TrainingSettings:
    """The settings of a training that matter most.

    dropout (float): The dropout of the training.
    pretraining_dropout (Optional[float]): That of the pretraining, None for none.
    ignored_weights (Optional[str]): The file of pretrained weights that spaCy does not
        read, since the config has no pretraining. None for none.
    dropout_times (Dict[str, float]): `input_dropout` and `layer_dropout` of the
        encoder. Empty if it is not ours.
    learn_rate (Optional[float]): The learning rate, or the highest of a schedule. None
        if it is not known.
    is_constant (bool): Whether the learning rate stays the same.
    use_averages (bool): Whether the trained weights are averaged.
    batch_words (Optional[int]): The most words between two updates of the weights.
        None if it is not known.
    patience (int): After so many steps without a better score, training ends. 0 for
        never.
    eval_frequency (int): The number of steps between two evaluations.
    max_steps (int): The most steps. 0 for no limit.
    max_epochs (int): The most passes over the training data. 0 for no limit, -1 for a
        corpus that is streamed.
    """

    dropout: float
    pretraining_dropout: Optional[float]
    ignored_weights: Optional[str]
    dropout_times: Dict[str, float]
    learn_rate: Optional[float]
    is_constant: bool
    use_averages: bool
    batch_words: Optional[int]
    patience: int
    eval_frequency: int
    max_steps: int
    max_epochs: int


def read_training_settings(config: Config, owner: str) -> TrainingSettings:
    """Read the settings of a config.

    config (Config): The config, complete and interpolated.
    owner (str): The component that has the encoder.
    """
    training = config["training"]
    encoder = _find_encoder(config["components"][owner]) or {}
    rate = training["optimizer"].get("learn_rate")
    pretraining = config.get("pretraining", {})
    weights = config["initialize"]["init_tok2vec"]
    return TrainingSettings(
        dropout=training["dropout"],
        pretraining_dropout=pretraining.get("dropout"),
        ignored_weights=None if pretraining else weights,
        dropout_times={
            name: encoder[name]
            for name in ("input_dropout", "layer_dropout")
            if name in encoder
        },
        learn_rate=_find_highest(rate),
        is_constant=not isinstance(rate, dict),
        use_averages=bool(training["optimizer"].get("use_averages")),
        batch_words=_find_batch_words(training),
        patience=training["patience"],
        eval_frequency=training["eval_frequency"],
        max_steps=training["max_steps"],
        max_epochs=training["max_epochs"],
    )


def _find_encoder(section: Mapping[str, Any]) -> Optional[Mapping[str, Any]]:
    """Return the first section of an encoder of ours in a section."""
    if section.get("@architectures") == ENCODER:
        return section
    below = (value for value in section.values() if isinstance(value, dict))
    return next(filter(None, map(_find_encoder, below)), None)


def _find_highest(rate: Any) -> Optional[float]:
    if not isinstance(rate, dict):
        return rate
    names = ("initial_rate", "base_rate", "max_rate", "start", "stop", "rate")
    numbers = [rate[name] for name in names if isinstance(rate.get(name), (int, float))]
    return max(numbers, default=None)


def _find_batch_words(training: Mapping[str, Any]) -> Optional[int]:
    batcher = training["batcher"]
    if batcher.get("@batchers") not in BATCHERS:
        return None
    highest = _find_highest(batcher["size"])
    return None if highest is None else int(highest * training["accumulate_gradient"])

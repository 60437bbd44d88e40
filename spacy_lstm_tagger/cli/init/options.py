"""The options that a config is made for."""

import shlex
from dataclasses import dataclass, fields
from enum import Enum
from typing import Optional, Tuple


class Optimizations(str, Enum):
    """The properties of a tagger that may matter most."""

    efficiency = "efficiency"
    accuracy = "accuracy"


@dataclass(frozen=True)
class Options:
    """The options of `init lstm-tagger`.

    lang (str): The code of the language.
    pipeline (Tuple[str, ...]): The names of the components.
    optimize (Optimizations): What matters most.
    train (Optional[str]): The path of the training data.
    dev (Optional[str]): That of the development data.
    vectors (Optional[str]): The name or path of a pipeline with vectors.
    crf (bool): Whether the tags depend on each other.
    gpu (bool): Whether it trains on a GPU.
    pretraining (bool): Whether the encoder learns from raw text first.
    distillation (bool): Whether it learns from a larger pipeline, too.
    transformer (Optional[str]): The name or path of a transformer that reads the text
        beside the encoder.
    """

    lang: str = "en"
    pipeline: Tuple[str, ...] = ("lstm_tagger",)
    optimize: Optimizations = Optimizations.accuracy
    train: Optional[str] = None
    dev: Optional[str] = None
    vectors: Optional[str] = None
    crf: bool = False
    gpu: bool = False
    pretraining: bool = False
    distillation: bool = False
    transformer: Optional[str] = None

    def as_command(self, file: str) -> str:
        """Return the command that writes a config with these options to a file."""
        words = ["python", "-m", "spacy", "init", "lstm-tagger", file]
        for field in fields(self):
            value = getattr(self, field.name)
            if value == field.default and field.name != "lang":
                continue
            words.append(f"--{field.name}")
            if isinstance(value, Optimizations):
                words.append(value.value)
            elif isinstance(value, tuple):
                words.append(",".join(value))
            elif isinstance(value, str):
                words.append(value)
        return shlex.join(words)

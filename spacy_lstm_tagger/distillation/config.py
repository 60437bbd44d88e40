"""The config of a student: that of a tagger, with a teacher's data beside its own."""

import copy
from pathlib import Path
from types import MappingProxyType
from typing import Any, Collection, Dict, Iterable, List, Mapping

from spacy.training import Example
from spacy.util import dict_to_dot
from thinc.api import Config

from ..tags.negation import split_negation

SHUFFLE_BUFFER = 2000
BUILD_VOCABULARY = "spacy_lstm_tagger.build_vocabulary.v1"
TAGGER = "lstm_tagger"
# Stands for a setting that is not there, unlike any value.
MISSING = object()


def make_student_config(
    config: Config,
    silver: Path,
    labels: Path,
    *,
    gold_share: float,
    sourced: Mapping[str, Dict[str, Any]] = MappingProxyType({}),
) -> Config:
    """Return the config of a student: its training data is streamed, and mixed with the
    texts that a teacher has annotated.

    config (Config): The config of a tagger, complete and not interpolated.
    silver (Path): The folder of the annotated texts.
    labels (Path): The JSON file with the tags of both.
    gold_share (float): The share of the words that come from the tagger's own training
        data, between 0 and 1.
    sourced (Mapping[str, Dict[str, Any]]): The sections of components that come from
        other pipelines. They keep what they have learned. A tagger does not, since the
        teacher may have other tags.
    RAISES (ValueError): If the config can't be changed like this.
    """
    student = config.copy()
    names = _find_taggers(student)
    _check(student, names)
    _check_others(student, sourced)
    kept = {name: section for name, section in sourced.items() if name not in names}
    student["components"].update(kept)
    gold = _find_corpus(student)
    before_init = student["initialize"].get("before_init")
    if before_init is not None and before_init["@callbacks"] != BUILD_VOCABULARY:
        raise ValueError(
            f"[initialize.before_init] is taken by '{before_init['@callbacks']}': the "
            f"vocabulary of a student is built there, from all of its data. Use a "
            f"config without it."
        )
    corpora = {
        "gold": gold,
        "silver": {
            "@readers": "spacy_lstm_tagger.ShardedCorpus.v1",
            "path": str(silver),
        },
    }
    mixed = {
        "@readers": "spacy_lstm_tagger.MixedCorpus.v1",
        "corpora": corpora,
        "proportions": {"gold": gold_share, "silver": 1.0 - gold_share},
        "shuffle_buffer": SHUFFLE_BUFFER,
        "repeat": True,
    }
    student["corpora"]["train"] = mixed
    student["training"]["train_corpus"] = "corpora.train"
    student["training"]["max_epochs"] = -1
    once = {**copy.deepcopy(mixed), "shuffle_buffer": 1, "repeat": False}
    student["initialize"]["before_init"] = {
        "@callbacks": BUILD_VOCABULARY,
        "corpus": once,
        "max_docs": None,
    }
    for name in names:
        settings = student["initialize"]["components"].setdefault(name, {})
        settings["labels"] = {
            "@readers": "spacy.read_labels.v1",
            "path": str(labels),
            "require": True,
        }
    return student


def find_changes(path: Path, student: Config) -> List[str]:
    """Return the names of the settings of a student that a file does not have, or has
    other values of.

    path (Path): The config that a student was trained with. If it is not there, nothing
        has changed.
    student (Config): The config of a student, not interpolated.
    RAISES (ValueError): If the file is no config.
    """
    if not path.exists():
        return []
    before = dict_to_dot(Config().from_disk(path, interpolate=False))
    # As it is in a file: variables within texts are written in another way.
    now = dict_to_dot(Config().from_str(student.to_str(), interpolate=False))
    names = sorted(before.keys() | now.keys())
    return [n for n in names if before.get(n, MISSING) != now.get(n, MISSING)]


def collect_tags(examples: Iterable[Example], config: Config) -> List[str]:
    """Return the tags of examples, in alphabetical order. What a token is known not to
    be (neg_prefix) is the same tag.

    config (Config): The config of a tagger, complete and interpolated.
    """
    prefix = config["components"][_find_taggers(config)[0]]["neg_prefix"]
    tags = {token.tag_ for example in examples for token in example.reference}
    return sorted({split_negation(tag, prefix)[0] for tag in tags if tag})


def _find_taggers(config: Config) -> List[str]:
    names = [
        name
        for name, component in config["components"].items()
        if component.get("factory") == TAGGER
    ]
    if not names:
        raise ValueError(
            f"None of the components {list(config['components'])} is an '{TAGGER}', "
            f"which learns from a teacher."
        )
    return names


def _check(config: Config, names: List[str]) -> None:
    """Raise a ValueError for settings that would not do what they say."""
    if config["training"]["max_epochs"] == -1:
        raise ValueError(
            "Its training data is streamed ('max_epochs = -1'), as that of a student's "
            "config. Use the config of a tagger."
        )
    pretrained = config.interpolate()["initialize"]["init_tok2vec"]
    if pretrained is not None:
        raise ValueError(
            f"[initialize] 'init_tok2vec = {pretrained}' was trained with another "
            f"vocabulary than that of a student, which has the words of all of its "
            f"data. Set it to null."
        )
    for name in names:
        settings = config["initialize"]["components"].get(name, {})
        if settings.get("tag_dictionary_min_count") is not None:
            raise ValueError(
                f"[initialize.components.{name}] 'tag_dictionary_min_count' counts in "
                f"a sample of data that is streamed. Give 'tag_dictionary' instead."
            )


def _check_others(config: Config, sourced: Collection[str]) -> None:
    """Raise a ValueError for components that can't be trained beside a student."""
    frozen = config["training"]["frozen_components"]
    trained = [
        name
        for name, component in config["components"].items()
        if "model" in component
        and component["factory"] not in (TAGGER, "tok2vec")
        and name not in frozen
        and name not in sourced
    ]
    if trained:
        raise ValueError(
            f"Can't make a student with the components {trained}: their labels can't "
            f"be collected from data that is streamed. Leave them out, and put the "
            f"trained tagger into their pipeline."
        )


def _find_corpus(config: Config) -> Dict[str, Any]:
    name = config["training"]["train_corpus"]
    section, _, key = name.partition(".")
    if section != "corpora" or not isinstance(config["corpora"].get(key), dict):
        raise ValueError(
            f"'train_corpus = {name}' names no section of [corpora] with a reader."
        )
    return config["corpora"][key]

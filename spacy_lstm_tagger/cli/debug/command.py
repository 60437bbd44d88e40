"""The command `debug lstm-tagger`."""

import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Optional, Set, Tuple, cast

from spacy import util
from spacy.language import Language
from spacy.training import Example
from spacy.util import registry, resolve_dot_names
from thinc.api import Config, Model, fix_random_seed
from wasabi import MESSAGES, Printer

from ...compat import training_schema
from ...encoder.shim import AveragingShim
from ...encoder.vocabulary import Vocabulary
from ...training.build_vocabulary import build_vocabulary, find_encoders
from ..terminal import user_errors
from .language_checks import check_language
from .tag_checks import TAG_CHECKS
from .tag_data import collect_tag_data
from .tagger_data import TaggerData
from .text_checks import TEXT_CHECKS, check_sizes
from .training_checks import check_training
from .training_settings import read_training_settings

FACTORY = "lstm_tagger"
CHECKS = [check_sizes, check_language, *TAG_CHECKS, *TEXT_CHECKS, check_training]
JOIN_AUGMENTER = "spacy_lstm_tagger.join_sentences.v1"

Corpus = Callable[[Language], Iterable[Example]]


def debug_lstm_tagger(
    msg: Printer, config_path: Path, overrides: Dict[str, Any]
) -> None:
    """Check the data of a config and print what is found. Exit with 1 if a tagger
    can't be trained with it.

    msg (Printer): Prints the findings.
    config_path (Path): Path to the config.
    overrides (Dict[str, Any]): Settings to change in it.
    """
    with user_errors(msg, f"Can't use the config '{config_path}'"):
        raw_config = util.load_config(config_path, overrides=overrides)
        # As in `train`, settings that are missing get their defaults.
        nlp = util.load_model_from_config(raw_config, auto_fill=True)
        config = nlp.config.interpolate()
        training = registry.resolve(config["training"], schema=training_schema())
    names = [n for n in nlp.pipe_names if nlp.get_pipe_meta(n).factory == FACTORY]
    if not names:
        msg.fail(
            f"None of the components {nlp.pipe_names} has the factory '{FACTORY}'",
            exits=1,
        )
    if training["seed"] is not None:
        fix_random_seed(training["seed"])
    msg.divider("Data file validation")
    with user_errors(msg, f"Can't read the corpora of '{config_path}'"):
        train, dev = _read_corpora(nlp, config, training, msg)
    msg.good("Corpus is loadable")
    advice: List[str] = []
    for name in names:
        with user_errors(msg, f"Can't read the labels of '{name}'"):
            labels = _find_labels(nlp, config, name)
        tagger = _describe(nlp, config, training, name, labels, train, dev)
        msg.divider(f"Part-of-speech Tagging: {name}")
        for check in CHECKS:
            advice.extend(check(msg, tagger))
    _print_summary(msg, advice)


def _read_corpora(
    nlp: Language, config: Config, training: Dict[str, Any], msg: Printer
) -> Tuple[List[Example], List[Example]]:
    with nlp.select_pipes(enable=[]):
        # The tokenizer may need it. The components don't, and could fail.
        nlp.initialize(sgd=training["optimizer"])
    dot_names = [training["train_corpus"], training["dev_corpus"]]
    if _augmenter(config, training) is not None:
        # Variants of examples are not more data.
        config = config.copy()
        util.dot_to_object(config, dot_names[0])["augmenter"] = None
        msg.info("Training examples are counted without those of the augmenter")
    train_corpus, dev_corpus = resolve_dot_names(config, dot_names)
    return list(train_corpus(nlp)), list(dev_corpus(nlp))


def _augmenter(config: Config, training: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    section = config
    for key in training["train_corpus"].split("."):
        # One reader may return several corpora, which have no sections.
        section = section.get(key, {})
    return section.get("augmenter")


def _describe(
    nlp: Language,
    config: Config,
    training: Dict[str, Any],
    name: str,
    labels: Optional[Set[str]],
    train: List[Example],
    dev: List[Example],
) -> TaggerData:
    settings = nlp.get_pipe(name).cfg  # type: ignore[attr-defined]
    neg_prefix = settings["neg_prefix"]
    owner, encoder = _find_encoder(nlp, name)
    (train_corpus,) = resolve_dot_names(config, [training["train_corpus"]])
    return TaggerData(
        name=name,
        earlier_taggers=[] if settings["overwrite"] else _find_earlier(nlp, name),
        train=collect_tag_data(train, neg_prefix=neg_prefix),
        dev=collect_tag_data(dev, neg_prefix=neg_prefix),
        labels=labels,
        neg_prefix=neg_prefix,
        vocabulary=_find_vocabulary(nlp, encoder, train_corpus),
        window=None if encoder is None else encoder.attrs["settings"].window,
        joins=(_augmenter(config, training) or {}).get("@augmenters") == JOIN_AUGMENTER,
        lang=config["nlp"]["lang"],
        stop_words=nlp.Defaults.stop_words,
        training=read_training_settings(config, owner),
    )


def _find_earlier(nlp: Language, name: str) -> List[str]:
    """Return the components before this one that set tags."""
    before = nlp.pipe_names[: nlp.pipe_names.index(name)]
    return [n for n in before if "token.tag" in nlp.get_pipe_meta(n).assigns]


def _find_encoder(nlp: Language, name: str) -> Tuple[str, Optional[Model]]:
    """Return the encoder of a component, or the one that it listens to, and the
    component that has it."""
    owners = [name]
    for other, component in nlp.components:
        if name in getattr(component, "listening_components", []):
            owners.append(other)
    for owner in owners:
        model = nlp.get_pipe(owner).model  # type: ignore[attr-defined]
        for encoder in find_encoders(model):
            return owner, encoder
    return name, None


def _find_vocabulary(
    nlp: Language, encoder: Optional[Model], train_corpus: Corpus
) -> Vocabulary:
    """Return the vocabulary that the encoder will have. An encoder that is not ours
    has none: it will know the words that it has seen in training."""
    docs = (example.predicted for example in train_corpus(nlp))
    if encoder is None:
        return build_vocabulary(docs)
    # That of a pretrained or sourced encoder, or that of the callback.
    present = getattr(cast(AveragingShim, encoder.shims[0]).module, "vocabulary", None)
    vocabulary = present or encoder.attrs["vocabulary"]
    return vocabulary or encoder.attrs["build_vocabulary"](docs)


def _find_labels(nlp: Language, config: Config, name: str) -> Optional[Set[str]]:
    """Return the labels that the component has or is given, None if it has none yet
    and will take those of the data."""
    settings = config["initialize"]["components"].get(name, {})
    labels = registry.resolve(settings).get("labels")
    labels = labels or nlp.get_pipe(name).labels  # type: ignore[attr-defined]
    return set(labels) if labels else None


def _print_summary(msg: Printer, advice: List[str]) -> None:
    msg.divider("Summary")
    for text in dict.fromkeys(advice):
        msg.text(f"- {text}")
    # Before the messages below are counted themselves.
    kinds = (MESSAGES.GOOD, MESSAGES.WARN, MESSAGES.FAIL)
    n_passed, n_warnings, n_errors = (msg.counts[kind] for kind in kinds)
    if n_passed:
        msg.good(_number(n_passed, "check") + " passed")
    if n_warnings:
        msg.warn(_number(n_warnings, "warning"))
    if n_errors:
        msg.fail(_number(n_errors, "error"))
        sys.exit(1)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"

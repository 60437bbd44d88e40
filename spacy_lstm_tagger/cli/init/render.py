"""The text of a config."""

import json
import re
import textwrap
from typing import Any, Dict, List, Optional

import jinja2
import spacy
from spacy.cli import init_config
from spacy.language import Language
from spacy.util import combine_score_weights
from thinc.api import Config

from .corpus_size import CorpusSize
from .options import Optimizations, Options

ENCODER_WIDTH = "${components.tok2vec.model.width}"
# The component of spaCy that sets UPOS by rules for tags.
RULER = "attribute_ruler"


def _as_comment(text: str) -> str:
    """Wrap a paragraph as lines of a comment."""
    return textwrap.fill(
        " ".join(text.split()),
        width=88,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _as_json(value: Any) -> str:
    """Format a value as spaCy does in configs."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader(__package__),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters.update({"as_comment": _as_comment, "json": _as_json})


def render_config(options: Options, file: str, size: Optional[CorpusSize]) -> str:
    """Write a config that is complete: `init fill-config` adds nothing to it.

    options (Options): What it is made for.
    file (str): The name of its file, which its comments mention.
    size (Optional[CorpusSize]): The size of the training data, if that is known.
    RAISES (ImportError): If spaCy does not have the language, or the language needs
        packages that are not installed.
    RAISES (ValueError): If a component can't be configured, or if options exclude each
        other.
    """
    nlp = spacy.blank(options.lang)
    names = [*options.pipeline]
    # A morphologizer predicts UPOS, which rules would overwrite.
    has_upos = size is not None and size.has_upos
    maps_upos = has_upos and (RULER in names or "morphologizer" not in names)
    if maps_upos and RULER not in names:
        names.append(RULER)
    others = _configure_others(options.lang, names)
    is_shared = others.pop("tok2vec", None) is not None
    if options.transformer is not None and (is_shared or options.pretraining):
        raise ValueError(
            f"Can't put the transformer '{options.transformer}' beside an encoder that "
            f"other components share, or that is pretrained. Leave out "
            f"'--pretraining', and the components that read token vectors."
        )
    if options.distillation:
        _check_student(options, others)
    pipeline = [*(["tok2vec"] if is_shared else []), *names]
    sections = {
        "tokenizer": _format("nlp.tokenizer", nlp.config["nlp"]["tokenizer"]),
        "initialize_tokenizer": _format(
            "initialize.tokenizer", nlp.config["initialize"]["tokenizer"]
        ),
        "score_weights": _format(
            "training.score_weights", _combine_weights(nlp, pipeline)
        ),
        "components": {
            name: _format(f"components.{name}", others[name]) for name in others
        },
    }
    text = ENVIRONMENT.get_template("config.cfg.jinja").render(
        command=options.as_command(file),
        file=file,
        lang=options.lang,
        pipeline=pipeline,
        train=options.train,
        dev=options.dev,
        vectors=options.vectors,
        crf=options.crf,
        gpu=options.gpu,
        pretraining=options.pretraining,
        distillation=options.distillation,
        transformer=options.transformer,
        efficiency=options.optimize is Optimizations.efficiency,
        shared=is_shared,
        maps_upos=maps_upos,
        is_whole=any("model" in config for config in others.values()),
        is_small=size is not None and size.is_small,
        is_large=size is not None and size.is_large,
        sections=sections,
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _check_student(options: Options, others: Dict[str, Any]) -> None:
    """Raise a ValueError for what a student can't be or have."""
    if options.transformer is not None:
        raise ValueError(
            f"Can't make a student of the transformer '{options.transformer}': it is "
            f"what students learn from. Leave out '--distillation'."
        )
    if options.pretraining:
        raise ValueError(
            "Can't make a student whose encoder is pretrained: each has a vocabulary "
            "of its own. Leave out '--pretraining' or '--distillation'."
        )
    trained = [name for name, config in others.items() if "model" in config]
    if trained:
        raise ValueError(
            f"Can't make a student with the components {trained}, which can't learn "
            f"from raw text that a teacher has tagged. Leave them out, and put the "
            f"trained tagger into their pipeline."
        )


def _configure_others(lang: str, pipeline: List[str]) -> Dict[str, Any]:
    """Return the configs of the components beside ours as `spacy init config` makes
    them, where they listen to our encoder, which is then among them."""
    names = [name for name in pipeline if name != "lstm_tagger"]
    if not names:
        return {}
    components = init_config(lang=lang, pipeline=names)["components"]
    if "tok2vec" in components:
        width = "${components.tok2vec.model.encode.width}"
        components = json.loads(json.dumps(components).replace(width, ENCODER_WIDTH))
    return components


def _combine_weights(nlp: Language, pipeline: List[str]) -> Dict[str, Any]:
    """Return the weights of scores that spaCy gives a pipeline."""
    weights = [nlp.get_factory_meta(name).default_score_weights for name in pipeline]
    return combine_score_weights([scores for scores in weights if scores])


def _format(section: str, settings: Dict[str, Any]) -> str:
    """Format the settings of a section, and of those below it."""
    config: Dict[str, Any] = settings
    for name in reversed(section.split(".")):
        config = {name: config}
    blocks: List[str] = Config(config).to_str(interpolate=False).split("\n\n")
    wanted = (f"[{section}]", f"[{section}.")
    return "\n\n".join(block for block in blocks if block.startswith(wanted)).strip()

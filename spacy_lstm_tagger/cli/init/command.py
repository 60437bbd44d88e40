"""The command `init lstm-tagger`."""

import shlex
from pathlib import Path
from typing import Optional

from spacy.util import get_lang_class, is_package
from wasabi import Printer

from ...files import write_whole
from ..terminal import make_printer, user_errors
from .corpus_size import CorpusSize, measure_corpus
from .options import Options
from .render import render_config

# With more tags, the pairs of them that a CRF computes with take much of the time.
MANY_TAGS = 200


def init_lstm_tagger(
    output: Path, options: Options, *, force_overwrite: bool = False
) -> None:
    """Write a config, and print the commands that come next. Exit with 1 if that can't
    be done.

    output (Path): The file to write, or - for stdout, where nothing else is printed.
    options (Options): What the config is made for.
    force_overwrite (bool): Whether to overwrite the file.
    """
    msg = make_printer()
    is_stdout = str(output) == "-"
    if not is_stdout and output.exists() and not force_overwrite:
        msg.fail(
            "The provided output file already exists. To force overwriting the config "
            "file, set the --force or -F flag.",
            exits=1,
        )
    _check_pipeline(msg, options)
    _check_language(msg, options)
    size = _measure(msg, options.train)
    # Only to see that it can be read.
    _measure(msg, options.dev)
    with user_errors(msg, "Can't make a config with these options"):
        text = render_config(options, output.name, size)
    if is_stdout:
        print(text, end="")
        return
    with user_errors(msg, f"Can't save to '{output}'", (OSError,)):
        output.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(output) as file:
            file.write(text)
    _print_choices(msg, options, size)
    msg.good("Saved config", output)
    _print_next(msg, output, options)


def _check_pipeline(msg: Printer, options: Options) -> None:
    names = options.pipeline
    if "lstm_tagger" not in names or len(set(names)) < len(names):
        msg.fail(
            f"Can't make a config of the components {list(names)}",
            "It needs each name once, and 'lstm_tagger' among them.",
            exits=1,
        )
    if "tok2vec" in names or "transformer" in names:
        msg.fail(
            f"Can't make a config of the components {list(names)}",
            "Leave out 'transformer', and 'tok2vec', which is added where needed.",
            exits=1,
        )


def _check_language(msg: Printer, options: Options) -> None:
    title = f"Can't make a config for the language '{options.lang}'"
    advice = "Languages have codes, such as 'de'. Those that spaCy lacks are 'xx'."
    with user_errors(msg, title, (ImportError,), advice=advice):
        get_lang_class(options.lang)


def _measure(msg: Printer, path: Optional[str]) -> Optional[CorpusSize]:
    if path is None:
        return None
    with user_errors(msg, f"Can't read the data '{path}'"):
        return measure_corpus(Path(path))


def _print_choices(msg: Printer, options: Options, size: Optional[CorpusSize]) -> None:
    msg.info("Generated config specific for your use case")
    msg.text(f"- Language: {options.lang}")
    msg.text(f"- Pipeline: {', '.join(options.pipeline)}")
    msg.text(f"- Optimize for: {options.optimize.value}")
    msg.text(f"- Hardware: {'GPU' if options.gpu else 'CPU'}")
    msg.text(f"- Vectors: {options.vectors}")
    if options.vectors and not _is_there(options.vectors):
        msg.warn(
            f"There is no pipeline '{options.vectors}', neither installed nor as a "
            f"folder: without it, training fails"
        )
    if size is None:
        return
    kind = "small" if size.is_small else "large" if size.is_large else "medium"
    msg.text(
        f"- Training data: {size.n_words:,} words ({kind}) with {size.n_tags} tags"
    )
    if size.has_upos and "morphologizer" not in options.pipeline:
        msg.text("- UPOS: set by the attribute ruler, with rules of the training data")
    if not size.n_tags:
        msg.warn(f"No tags in '{options.train}': look at it with the first command")
    if options.crf and size.n_tags > MANY_TAGS:
        msg.warn(
            f"A CRF computes with {size.n_tags**2:,} pairs of {size.n_tags} tags: with "
            f"1,067 tags, it alone took 0.4 ms for a word in training, and 290 MB for "
            f"4,000 words. Without --crf, tags are about as often right"
        )


def _is_there(model: str) -> bool:
    """Return True if there is a pipeline of this name or path to load."""
    return is_package(model) or Path(model).exists()


def _print_next(msg: Printer, output: Path, options: Options) -> None:
    """Print the commands that look at the data and train."""
    config = str(output)
    paths = [
        *([] if options.train else ["--paths.train", "./train.spacy"]),
        *([] if options.dev else ["--paths.dev", "./dev.spacy"]),
        *(["--paths.raw_text", "./raw.jsonl"] if options.pretraining else []),
    ]
    gpu = ["--gpu-id", "0"] if options.gpu else []
    commands = [["debug", "lstm-tagger", config, *paths]]
    if options.pretraining:
        folder = "training/pretrain"
        commands.append(["pretrain", config, folder, *paths, *gpu])
        paths += ["--paths.init_tok2vec", f"{folder}/model-last.bin"]
    train = ["train", config]
    if options.distillation:
        train = ["lstm-tagger", "distill", "./teacher", config, "./texts.txt"]
    commands.append([*train, "--output", "training", *paths, *gpu])
    msg.text("You can now look at your data, and train your pipeline:")
    for command in commands:
        print(shlex.join(["python", "-m", "spacy", *command]))

"""The pipelines, data and texts that commands are given."""

import io
import os
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import (
    Any,
    ContextManager,
    Dict,
    Iterator,
    List,
    Optional,
    Sequence,
    TextIO,
    Tuple,
)

from spacy import util
from spacy.language import Language
from spacy.pipeline import Tagger
from spacy.training import Corpus, Example
from wasabi import Printer

from ..compat import spacy_cli
from ..texts import parse_json_line
from .terminal import print_warning, user_errors

STANDARD_INPUT = "-"
# Data of other formats ends in this, too.
NO_TOKENS = (
    "It has no .spacy file with a Doc that has tokens. 'spacy convert' and 'spacy "
    "lstm-tagger convert' make such files."
)
# A word with a directory before it, or with the ending of a file after it.
LIKE_A_PATH = re.compile(r"\S*([/\\]\S+|\w\.[A-Za-z]\w{1,5})")


def import_code(msg: Printer, code_path: Optional[Path]) -> None:
    """Import a file with registered functions. Exits with a message if that fails."""
    if code_path is not None:
        with user_errors(msg, "Can't import additional code", (ImportError,)):
            spacy_cli("import_code")(code_path)


def parse_overrides(msg: Printer, arguments: List[str]) -> Dict[str, Any]:
    """Parse settings that override those of a config, such as ["--paths.train",
    "./train.spacy"]. Exits with a message if that fails."""
    title = "Can't read the overrides of settings"
    with user_errors(msg, title, (ImportError,)):
        parse = spacy_cli("parse_config_overrides")
        unknown = spacy_cli("NoSuchOption")
    advice = "They have their section before them, as in --paths.train ./train.spacy"
    with user_errors(msg, title, (unknown,), advice=advice):
        return parse(arguments)


def load_tagger(
    msg: Printer,
    model: str,
    *,
    code_path: Optional[Path],
    use_gpu: int,
    silent: bool = False,
) -> Tuple[Language, Tagger]:
    """Load a pipeline. Exits with a message if there is none, or none that has one
    trained tagger.

    msg (Printer): Prints the messages.
    model (str): The name of an installed pipeline or the path to one.
    code_path (Optional[Path]): A Python file to import before.
    use_gpu (int): The GPU to use, -1 for none.
    silent (bool): Whether to print nothing but errors, since standard output is for
        results.
    RETURNS (Tuple[Language, Tagger]): The pipeline, and its component that sets tags.
    """
    use_code_and_gpu(msg, code_path=code_path, use_gpu=use_gpu, silent=silent)
    return load_another_tagger(msg, model)


def use_code_and_gpu(
    msg: Printer, *, code_path: Optional[Path], use_gpu: int, silent: bool = False
) -> None:
    """Import a file and choose the GPU before pipelines are loaded, as `load_tagger`
    does. Exits with a message if that fails."""
    import_code(msg, code_path)
    with user_errors(msg, f"Can't use GPU {use_gpu}"):
        spacy_cli("setup_gpu")(use_gpu, silent=silent)


def load_another_tagger(msg: Printer, model: str) -> Tuple[Language, Tagger]:
    """Load one more pipeline as `load_tagger` does, with the same code and GPU."""
    from ..evaluation.probabilities import find_tagger

    advice = (
        "It needs to be the name of an installed pipeline, or the path of a saved one, "
        "such as 'training/model-best'."
    )
    title = f"Can't load the pipeline '{model}'"
    with user_errors(msg, title), user_errors(msg, title, (OSError,), advice=advice):
        nlp = util.load_model(model)
    with user_errors(msg, f"Can't use the pipeline '{model}'"):
        tagger = find_tagger(nlp)
    if tagger.model.has_dim("nO") is None:
        msg.fail(
            f"Can't use the pipeline '{model}'",
            f"Its component '{tagger.name}' has not been trained.",
            exits=1,
        )
    return nlp, tagger


def read_examples(
    msg: Printer, data_path: Path, nlp: Language, *, gold_preproc: bool = False
) -> Iterator[Example]:
    """Read data in .spacy format. Exits with a message if it cannot be read or has no
    tokens.

    msg (Printer): Prints the messages.
    data_path (Path): A file, or a directory of files.
    nlp (Language): The pipeline whose tokenizer to use.
    gold_preproc (bool): Whether to use gold sentences and tokens.
    YIELDS (Example): The examples.
    """
    title = f"Can't read the data '{data_path}'"
    is_empty = True
    with user_errors(msg, title):
        for example in Corpus(data_path, gold_preproc=gold_preproc)(nlp):
            is_empty = False
            yield example
    if is_empty:
        msg.fail(title, NO_TOKENS, exits=1)


def check_inputs(msg: Printer, inputs: Sequence[str]) -> None:
    """Exit with a message if inputs can be neither texts nor files. Print a warning on
    those that are texts, but look like files.

    msg (Printer): Prints the message.
    inputs (Sequence[str]): As for `read_texts`.
    """
    for name in inputs:
        if not name.strip():
            msg.fail("Can't tag an empty text", exits=1)
        if os.path.isdir(name):
            msg.fail(f"Can't read '{name}'", "It is a directory.", exits=1)
        if not os.path.exists(name) and LIKE_A_PATH.fullmatch(name):
            print_warning(f"There is no file '{name}': it is tagged as a text")


def read_texts(
    msg: Printer, inputs: Sequence[str], *, max_length: int
) -> Iterator[str]:
    """Read texts one after the other, so that files may be of any size. Exits with a
    message if one can't be read or is too long, or if there are none.

    msg (Printer): Prints the message.
    inputs (Sequence[str]): Texts, files and "-" for standard input. An existing path is
        a file. Each line of files and of standard input is a text; lines of files that
        end in `.jsonl` are objects with a "text". Blank lines are skipped.
    max_length (int): The longest text that the pipeline takes, in characters.
    YIELDS (str): The texts.
    """
    is_empty = True
    for name in inputs:
        for place, text in _read_input(msg, name):
            if len(text) > max_length:
                msg.fail(
                    f"Can't tag {place}",
                    f"It has {len(text)} characters, and the pipeline takes texts of "
                    f"up to {max_length}. Break it up: each line of a file is a text.",
                    exits=1,
                )
            if text.strip():
                is_empty = False
                yield text
    if is_empty:
        msg.fail("There is no text to tag: all lines are blank", exits=1)


def _read_input(msg: Printer, name: str) -> Iterator[Tuple[str, str]]:
    """Yield the texts of an input, and before each what to call it in messages."""
    if name != STANDARD_INPUT and not os.path.exists(name):
        yield f"'{name[:20]}...'", name
        return
    title = "standard input" if name == STANDARD_INPUT else f"'{name}'"
    with user_errors(msg, f"Can't read {title}", (OSError,)):
        file = _open_input(name)
    with file as lines:
        for i, line in enumerate(_read_lines(msg, lines, title), 1):
            place = f"line {i} of {title}"
            text = line.rstrip("\n")
            if name.endswith(".jsonl") and text.strip():
                found = parse_json_line(text)
                if found is None:
                    advice = 'It is not an object with a "text".'
                    msg.fail(f"Can't read {place}", advice, exits=1)
                text = str(found)
            yield place, text


@contextmanager
def _standard_input() -> Iterator[TextIO]:
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="strict")
    yield sys.stdin


def _open_input(name: str) -> ContextManager[TextIO]:
    if name == STANDARD_INPUT:
        return _standard_input()
    return open(name, encoding="utf-8-sig")


def _read_lines(msg: Printer, lines: TextIO, title: str) -> Iterator[str]:
    # Not around what is done with the lines.
    while True:
        try:
            line = lines.readline()
        except UnicodeDecodeError:
            advice = "It is not a text in UTF-8. Convert it, for example with iconv."
            msg.fail(f"Can't read {title}", advice, exits=1)
        if not line:
            return
        yield line

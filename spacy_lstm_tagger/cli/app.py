"""The groups that the commands are added to, and the options that several of them
have."""

import warnings
from pathlib import Path
from typing import Annotated, List, Optional

import typer

from ..compat import spacy_cli

HELP = """Commands of spacy-lstm-tagger."""
CODE_HELP = (
    "Path to Python file with additional code (registered functions) to be imported"
)
INPUT_HELP = (
    "Texts, files, and - for standard input, which is the default. An existing path is "
    "a file, everything else a text. Files and standard input are UTF-8, and each "
    "line is a text of its own; files whose names end in .jsonl have a JSON object "
    'with a "text" in each line. Blank lines are skipped.'
)

Model = Annotated[str, typer.Argument(help="Model name or path")]
Inputs = Annotated[
    Optional[List[str]], typer.Argument(help=INPUT_HELP, metavar="INPUT")
]
CodePath = Annotated[Optional[Path], typer.Option("--code", "-c", help=CODE_HELP)]
GpuId = Annotated[int, typer.Option("--gpu-id", "-g", help="GPU ID or -1 for CPU")]
GoldPreproc = Annotated[
    bool, typer.Option("--gold-preproc", "-G", help="Use gold preprocessing")
]


def _find_group(name: str) -> typer.Typer:
    """Return a group of spaCy's commands. If this spaCy has none of the name, return
    one that is never run, so that spaCy's other commands go on working."""
    try:
        return spacy_cli(name)
    except ImportError as error:
        warnings.warn(f"Some commands are missing: {error}", stacklevel=2)
        return typer.Typer()


debug_cli = _find_group("debug_cli")
init_cli = _find_group("init_cli")
lstm_tagger_cli = typer.Typer(name="lstm-tagger", help=HELP, no_args_is_help=True)
_find_group("app").add_typer(lstm_tagger_cli)

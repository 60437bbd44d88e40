"""The command `lstm-tagger convert`."""

import codecs
from io import BytesIO, TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Iterable, Iterator, List, Optional

import typer
from wasabi import Printer

from ..progress import make_byte_bar
from .app import lstm_tagger_cli
from .terminal import make_printer, user_errors

if TYPE_CHECKING:
    from spacy.tokens import DocBin

COLUMNS_HELP = (
    "What stands in each column, separated by commas: word, tag, upos, and _ for a "
    "column to ignore. Without tag, the tags are those of upos"
)
SEPARATOR_HELP = (
    "Read running text, one sentence per line, with this between a word and its tag: "
    "'/' for word/TAG. By default, files have one word per line"
)
MAX_WORDS_HELP = (
    "Most words of an output file. A larger corpus becomes a directory of such files"
)


@lstm_tagger_cli.command("convert")
def convert_cli(
    input_paths: Annotated[List[Path], typer.Argument(help="Input files")],
    output_dir: Annotated[
        Path, typer.Argument(help="Output directory, which has to exist")
    ],
    columns: Annotated[
        str, typer.Option("--columns", "-c", help=COLUMNS_HELP)
    ] = "word,tag",
    tag_separator: Annotated[
        Optional[str], typer.Option("--tag-separator", "-s", help=SEPARATOR_HELP)
    ] = None,
    encoding: Annotated[
        str, typer.Option("--encoding", "-e", help="Encoding of the input files")
    ] = "utf-8",
    n_sents: Annotated[
        int,
        typer.Option(
            "--n-sents", "-n", min=0, help="Number of sentences per doc (0 to disable)"
        ),
    ] = 1,
    max_words: Annotated[
        int, typer.Option("--max-words", "-w", min=1, help=MAX_WORDS_HELP)
    ] = 500_000,
) -> None:
    """
    Convert tagged text to .spacy files for training: files with one word per line
    and blank lines between sentences, such as TSV or CoNLL-2003, or running text
    with word/TAG. Each file becomes one of the same name in the output directory.
    For CoNLL-U, use `spacy convert`, which also reads what is between the words.
    """
    from ..training.columns import (
        group_sentences,
        pack_documents,
        parse_columns,
        read_columns,
        read_running_text,
    )

    msg = make_printer()
    with user_errors(msg, f"Can't use the columns '{columns}'", (ValueError,)):
        names = parse_columns(columns)
    if tag_separator is not None and (not tag_separator or " " in tag_separator):
        msg.fail(
            f"Can't use the separator '{tag_separator}'",
            "It needs characters, and spaces separate words.",
            exits=1,
        )
    with user_errors(
        msg,
        f"Can't use the encoding '{encoding}'",
        (LookupError,),
        advice="Name it as Python does, for example 'latin-1' or 'cp1252'.",
    ):
        # It knows those of texts alone.
        TextIOWrapper(BytesIO(), encoding)
        if codecs.lookup(encoding).name == "utf-8":
            # Without the mark that some editors put at the beginning of a file.
            encoding = "utf-8-sig"
    outputs = _name_outputs(msg, input_paths, output_dir)
    for input_path, output in zip(input_paths, outputs):
        title = f"Can't convert '{input_path}'"
        with user_errors(msg, title, (ValueError, OSError)):
            lines = _read_lines(input_path, encoding)
            if tag_separator is None:
                sentences = read_columns(lines, names)
            else:
                sentences = read_running_text(lines, names, tag_separator)
            documents = group_sentences(sentences, n_sents)
            n_docs = _write(pack_documents(documents, max_words), output)
        msg.good(f"Generated output file ({n_docs:,} documents): {output}")


def _name_outputs(
    msg: Printer, input_paths: List[Path], output_dir: Path
) -> List[Path]:
    """Find the path of each output. Exits with a message if one cannot be."""
    for path in input_paths:
        if not path.is_file():
            msg.fail("Input file not found", path, exits=1)
    if not output_dir.is_dir():
        advice = f"'{output_dir}' is no directory: make it first."
        msg.fail("Output directory not found", advice, exits=1)
    outputs = [output_dir / f"{path.stem}.spacy" for path in input_paths]
    for i, output in enumerate(outputs):
        if output in outputs[:i]:
            other = input_paths[outputs.index(output)]
            msg.fail(
                f"Can't convert both '{other}' and '{input_paths[i]}'",
                f"Both would become '{output}'. Convert them to different directories.",
                exits=1,
            )
    return outputs


def _read_lines(path: Path, encoding: str) -> Iterator[str]:
    """Read the lines of a file, and show how much of it has been read.

    RAISES (ValueError): If the file is not in the encoding.
    """
    bar = make_byte_bar(path.name, path.stat().st_size)
    with path.open("rb") as file, bar:
        try:
            for line in TextIOWrapper(file, encoding):
                yield line
                bar.update(file.tell() - bar.n)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"Line {_find_undecodable(path, encoding)}: expected {error.encoding}, "
                f"found another encoding. Name it with '--encoding'."
            ) from error
        except UnicodeError as error:
            # UTF-16 and UTF-32 begin with a mark.
            raise ValueError(
                f"Expected {encoding}, found another encoding ({error}). Name it with "
                f"'--encoding'."
            ) from error


def _find_undecodable(path: Path, encoding: str) -> int:
    """Find the number of the first line that is not in the encoding, or that of the
    last one, if it is incomplete. Errors do not tell it, since a file is decoded in
    blocks."""
    decoder = codecs.getincrementaldecoder(encoding)()
    number = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                decoder.decode(line)
            except UnicodeDecodeError:
                return number
    return number


def _write(packages: Iterable["DocBin"], output: Path) -> int:
    """Write packages of documents: one to a file, and several to a directory. What is
    there already is replaced once everything has been written.

    RETURNS (int): The number of documents.
    RAISES (ValueError): If there are no documents.
    """
    with TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as folder:
        directory = Path(folder) / "new"
        directory.mkdir()
        n_docs = n_files = 0
        for n_files, package in enumerate(packages, 1):
            package.to_disk(directory / f"{output.stem}-{n_files:05d}.spacy")
            n_docs += len(package)
        if not n_files:
            raise ValueError("Expected words with their tags, found none.")
        if output.exists():
            output.rename(Path(folder) / "old")
        new = directory if n_files > 1 else next(directory.iterdir())
        new.rename(output)
        return n_docs

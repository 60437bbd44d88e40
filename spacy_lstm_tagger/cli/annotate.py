"""The command `lstm-tagger annotate`."""

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Dict, Iterator, List

import typer
from spacy.language import Language
from spacy.util import load_model
from wasabi import Printer

from ..checksum import checksum_folder
from ..files import check_settings
from ..progress import leave_out_of_estimate, make_byte_bar
from .app import CodePath, GpuId, lstm_tagger_cli
from .inputs import use_code_and_gpu
from .terminal import make_printer, print_warning, user_errors

if TYPE_CHECKING:
    from ..distillation.shards import Annotate, Shard
    from ..distillation.teacher import Teacher

TEACHER_HELP = (
    "Name or path of the pipeline whose tags are learned from. Several, separated by "
    "commas, vote"
)
TEXTS_HELP = (
    "Files or folders of texts: a text in each line (.txt), a JSON object with a "
    '"text" in each line (.jsonl), or documents (.spacy). They may be compressed (.gz, '
    ".xz)"
)
CONFIDENCE_HELP = (
    "Leave out the tags of sentences whose tags have a lower probability on average. "
    "Without a component that finds sentences, each text is one"
)

TeacherName = Annotated[str, typer.Argument(help=TEACHER_HELP)]
Texts = Annotated[List[Path], typer.Argument(help=TEXTS_HELP, metavar="TEXT")]
NAlternatives = Annotated[
    int,
    typer.Option(
        "--n-alternatives", "-k", min=1, help="Most probable tags kept for each token"
    ),
]
MinConfidence = Annotated[
    float, typer.Option("--min-confidence", min=0.0, max=1.0, help=CONFIDENCE_HELP)
]


@lstm_tagger_cli.command("annotate")
def annotate_cli(
    teacher: TeacherName,
    texts: Texts,
    output_dir: Annotated[
        Path, typer.Option("--output", "-o", help="Output directory")
    ],
    n_alternatives: NAlternatives = 3,
    min_confidence: MinConfidence = 0.0,
    code_path: CodePath = None,
    use_gpu: GpuId = -1,
) -> None:
    """
    Tag raw texts with a trained pipeline, as data that another one is trained on:
    .spacy files with the tags and the most probable alternatives. If the command is
    interrupted, the same command goes on from there.
    """
    msg = make_printer()
    use_code_and_gpu(msg, code_path=code_path, use_gpu=use_gpu)
    annotate_texts(
        msg,
        teacher,
        texts,
        output_dir,
        n_alternatives=n_alternatives,
        min_confidence=min_confidence,
    )


def annotate_texts(
    msg: Printer,
    teacher: str,
    texts: List[Path],
    output_dir: Path,
    *,
    n_alternatives: int,
    min_confidence: float,
) -> None:
    """Annotate files of texts that have not been annotated yet. Exits with a message
    if that can't be done.

    msg (Printer): Prints the messages. The others are those of `annotate_cli`.
    """
    from ..distillation.shards import SETTINGS, check_files
    from ..distillation.teacher import annotate
    from ..texts import find_text_files

    with user_errors(msg, "Can't read the texts"):
        _check_output(texts, output_dir)
        files = find_text_files(texts)
        if not files:
            raise ValueError("No files or folders of texts are given.")
        _check_names(files)
    teachers = _load_teachers(msg, teacher)
    if min_confidence > 0.0 and all(teacher.tagger is None for teacher in teachers):
        msg.fail(
            f"Can't leave out what '{teacher}' is unsure of",
            "It has no single 'lstm_tagger' or 'tagger' that knows how probable its "
            "tags are. Leave out '--min-confidence'.",
            exits=1,
        )
    settings = {
        "teachers": [_describe(teacher) for teacher in teachers],
        "n_alternatives": n_alternatives,
        "min_confidence": min_confidence,
    }
    with user_errors(msg, f"Can't annotate to '{output_dir}'"):
        check_files(files, output_dir)
        check_settings(output_dir / SETTINGS, settings)
    work = partial(
        annotate,
        teachers,
        n_alternatives=n_alternatives,
        min_confidence=min_confidence,
    )
    n_words = n_tagged = n_shards = 0
    start = time.monotonic()
    # Of bytes, since nobody knows how many words there will be.
    with make_byte_bar("Annotating", sum(f.stat().st_size for f in files)) as bar:
        for shard in _annotate_files(msg, files, output_dir, teachers[0].nlp, work):
            n_shards += 1
            n_words += shard.n_words
            n_tagged += shard.n_tagged
            if not shard.n_words:
                leave_out_of_estimate(bar, shard.n_bytes)
            speed = n_words / (time.monotonic() - start)
            bar.set_postfix_str(f"{speed:,.0f} words/s", refresh=False)
            bar.update(shard.n_bytes)
    if not n_shards:
        msg.fail("There is no text to annotate: all lines are blank", exits=1)
    if n_words:
        speed = n_words / (time.monotonic() - start)
        msg.good(f"Annotated {n_words:,} words ({speed:,.0f} a second): {output_dir}")
        if not n_tagged:
            print_warning("None of them has a tag: the teacher is unsure, or has none")
        elif min_confidence > 0.0:
            msg.info(f"{n_tagged:,} of them ({n_tagged / n_words:.1%}) have a tag")
    else:
        msg.good(f"All texts are annotated already: {output_dir}")


def _annotate_files(
    msg: Printer, files: List[Path], output_dir: Path, nlp: Language, work: "Annotate"
) -> Iterator["Shard"]:
    from ..distillation.shards import annotate_file

    for file in files:
        with user_errors(msg, f"Can't annotate '{file}'", (ValueError, OSError)):
            yield from annotate_file(file, output_dir, nlp.vocab, work, nlp.max_length)


def _check_output(texts: List[Path], output_dir: Path) -> None:
    """Raise a ValueError if what is written would be read as texts the next time."""
    for path in texts:
        if path.is_dir() and output_dir.resolve().is_relative_to(path.resolve()):
            raise ValueError(
                f"'{output_dir}' is in the folder of texts '{path}', whose files are "
                f"all read, those in its subfolders, too. Name another directory."
            )


def _check_names(files: List[Path]) -> None:
    """Raise a ValueError if two files would have shards of the same names."""
    seen: Dict[str, Path] = {}
    for file in files:
        if file.name in seen:
            raise ValueError(
                f"'{seen[file.name]}' and '{file}' have the same name, after which the "
                f"annotated files are named. Rename one of them."
            )
        seen[file.name] = file


def _load_teachers(msg: Printer, names: str) -> List["Teacher"]:
    from ..distillation.teacher import make_teacher

    teachers = []
    for name in names.split(","):
        with user_errors(msg, f"Can't load the teacher '{name}'"):
            nlp = load_model(name.strip())
            if nlp.path is None:
                raise ValueError("It is not trained. Name a pipeline that is.")
            teachers.append(make_teacher(nlp))
    return teachers


def _describe(teacher: "Teacher") -> Dict[str, Any]:
    """Return what tells a teacher from others, one that was trained anew included."""
    meta = teacher.nlp.meta
    described = {name: meta[name] for name in ("lang", "name", "version")}
    return {**described, "checksum": checksum_folder(teacher.nlp.path)}

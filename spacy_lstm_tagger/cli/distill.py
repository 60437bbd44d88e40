"""The command `lstm-tagger distill`."""

import itertools
import json
import logging
import shutil
from pathlib import Path
from typing import Annotated, Iterator, List, Tuple

import typer
from spacy import util
from spacy.language import Language
from spacy.training import Example
from wasabi import Printer

from ..files import write_whole
from ..progress import show_progress
from .annotate import (
    MinConfidence,
    NAlternatives,
    TeacherName,
    annotate_texts,
)
from .app import CodePath, GpuId, lstm_tagger_cli
from .inputs import NO_TOKENS, parse_overrides, use_code_and_gpu
from .terminal import make_printer, user_errors

SHARE_HELP = (
    "Share of the words of the training that come from the training data of the config"
)
VERBOSE_HELP = "Display more information for debugging purposes"
TEXTS_HELP = (
    "Files or folders of texts, as for 'annotate', then settings to override in the "
    "config, such as --paths.train ./train.spacy"
)


@lstm_tagger_cli.command(
    "distill",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def distill_cli(
    teacher: TeacherName,
    config_path: Annotated[Path, typer.Argument(help="Path to config file")],
    texts: Annotated[List[str], typer.Argument(help=TEXTS_HELP, metavar="TEXT")],
    output_dir: Annotated[
        Path, typer.Option("--output", "-o", help="Output directory")
    ],
    n_alternatives: NAlternatives = 3,
    min_confidence: MinConfidence = 0.0,
    gold_share: Annotated[
        float, typer.Option("--gold-share", min=0.01, max=0.99, help=SHARE_HELP)
    ] = 0.3,
    code_path: CodePath = None,
    use_gpu: GpuId = -1,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-V", "-VV", help=VERBOSE_HELP)
    ] = False,
) -> None:
    """
    Train a tagger on what another pipeline, the teacher, finds in raw texts, besides
    its own training data. The steps are also commands of their own: 'annotate' tags
    the texts, into the folder 'silver' of the output directory, and 'spacy train'
    trains with the config that is saved beside it. If the command is interrupted, the
    same command goes on: texts that are annotated are not annotated again, and a
    training that was not finished begins anew.
    """
    from ..distillation.config import collect_tags, find_changes, make_student_config

    msg = make_printer()
    util.logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    # Once, and first: the config may name functions of the code.
    use_code_and_gpu(msg, code_path=code_path, use_gpu=use_gpu)
    texts, settings = _split_arguments(texts)
    best = output_dir / "model-best"
    silver, labels = output_dir / "silver", output_dir / "labels.json"
    student_path = output_dir / "config.cfg"
    overrides = parse_overrides(msg, settings)
    with user_errors(msg, f"Can't use the config '{config_path}'"):
        if config_path.resolve() == student_path.resolve():
            raise ValueError(
                "The config of the student would take its place. Name another output "
                "directory."
            )
        config = util.load_config(config_path, overrides=overrides)
        nlp = util.load_model_from_config(config, auto_fill=True)
        student = make_student_config(
            nlp.config,
            silver,
            labels,
            gold_share=gold_share,
            sourced=util.get_sourced_components(config),
        )
    paths = [Path(text) for text in texts]
    with user_errors(msg, f"Can't go on in '{output_dir}'"):
        _check_output(output_dir, find_changes(student_path, student), paths)
    with user_errors(msg, f"Can't read the data of '{config_path}'"):
        _check_corpora(nlp)
    annotate_texts(
        msg,
        teacher,
        paths,
        silver,
        n_alternatives=n_alternatives,
        min_confidence=min_confidence,
    )
    if best.exists():
        msg.good(f"The student is trained already: {best}")
        return
    with user_errors(msg, f"Can't read the training data of '{config_path}'"):
        examples = _read_examples(nlp, silver)
        tags = collect_tags(examples, nlp.config.interpolate())
    with write_whole(labels) as file:
        json.dump(tags, file)
    with write_whole(student_path) as file:
        file.write(student.to_str())
    msg.good(f"Saved the config of the student: {student_path}")
    _train(msg, student_path, output_dir, use_gpu)


def _split_arguments(arguments: List[str]) -> Tuple[List[str], List[str]]:
    """Split arguments into texts and the settings that stand after them."""
    for i, argument in enumerate(arguments):
        if argument.startswith("--"):
            return arguments[:i], arguments[i:]
    return arguments, []


def _check_output(output_dir: Path, changed: List[str], texts: List[Path]) -> None:
    """Check that what is in a directory was made of the same.

    changed (List[str]): The settings of the student that are not those of its config.
    texts (List[Path]): Files and folders of texts.
    RAISES (ValueError): If it was not.
    RAISES (OSError): If a file can't be read.
    """
    from ..distillation.shards import find_annotated
    from ..texts import find_text_files

    advice = f"Remove '{output_dir}', or name another directory."
    best, config_path = output_dir / "model-best", output_dir / "config.cfg"
    named = {file.name for file in find_text_files(texts)}
    annotated = find_annotated(output_dir / "silver")
    if annotated - named:
        raise ValueError(
            f"There are annotated texts that are not named now: "
            f"{sorted(annotated - named)}. Name them, too. {advice}"
        )
    if not best.exists():
        return
    if not config_path.exists():
        raise ValueError(f"'{best}' was not made by 'distill'. {advice}")
    advice = f"Remove '{best}' to train anew, or name another directory."
    if changed:
        raise ValueError(
            f"'{best}' was trained with other settings: '{config_path}' has them. Not "
            f"the same: {changed}. {advice}"
        )
    if named - annotated:
        raise ValueError(
            f"'{best}' was trained without {sorted(named - annotated)}. {advice}"
        )


def _check_corpora(nlp: Language) -> None:
    """Check that there is something in the tagger's own data, before hours of work.

    RAISES (ValueError): If there is not.
    """
    config = nlp.config.interpolate()
    names = [config["training"]["train_corpus"], config["training"]["dev_corpus"]]
    for name, corpus in zip(names, util.resolve_dot_names(config, names)):
        if next(iter(corpus(nlp)), None) is None:
            raise ValueError(f"There are no examples in '{name}'. {NO_TOKENS}")


def _read_examples(nlp: Language, silver: Path) -> Iterator[Example]:
    """Read the training data of a tagger, and what the teacher has annotated."""
    from ..training.corpora import create_sharded_corpus

    config = nlp.config.interpolate()
    (gold,) = util.resolve_dot_names(config, [config["training"]["train_corpus"]])
    examples = itertools.chain(gold(nlp), create_sharded_corpus(silver)(nlp))
    yield from show_progress(examples, "Collecting tags", unit="doc")


def _train(msg: Printer, config_path: Path, output_dir: Path, use_gpu: int) -> None:
    """Train as `spacy train` does, and move the pipelines to the output directory once
    they are complete."""
    from spacy.cli.train import train

    unfinished = output_dir / "unfinished"
    if unfinished.exists():
        msg.info(f"A training that was not finished begins anew: {unfinished}")
        shutil.rmtree(unfinished)
    with user_errors(msg, f"Can't train with the config '{config_path}'"):
        train(config_path, unfinished, use_gpu=use_gpu)
    shutil.rmtree(output_dir / "model-last", ignore_errors=True)
    # The best one is the last one: it tells that the training is complete.
    for name in ("model-last", "model-best"):
        (unfinished / name).rename(output_dir / name)
    shutil.rmtree(unfinished)

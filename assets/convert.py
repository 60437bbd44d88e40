"""Bring the data of a project into spaCy's format.

    python assets/convert.py TRAIN DEV TEST OUTPUT

makes the directories `train`, `dev` and `test` in OUTPUT. TRAIN, DEV and TEST are files
or directories of files. CoNLL-U (.conllu) is converted into documents of ten sentences;
files in spaCy's format (.spacy) are copied as they are.
"""

import shutil
from pathlib import Path

import typer
from spacy.cli import convert
from wasabi import msg


def main(train: Path, dev: Path, test: Path, output: Path) -> None:
    """Convert or copy the data. A directory that was made before is made anew."""
    for name, source in (("train", train), ("dev", dev), ("test", test)):
        target = output / name
        # What another source has left there is not to be mixed with this one.
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        bring(source, target)


def bring(source: Path, target: Path) -> None:
    if not source.exists():
        msg.fail(f"Can't find the data '{source}'", exits=1)
    files = sorted(source.rglob("*")) if source.is_dir() else [source]
    spacy_files = [path for path in files if path.suffix == ".spacy"]
    conllu_files = [path for path in files if path.suffix == ".conllu"]
    if not spacy_files and not conllu_files:
        msg.fail(
            f"Can't use the data '{source}': it has no .conllu and no .spacy file",
            "`python -m spacy lstm-tagger convert` makes .spacy files of columns.",
            exits=1,
        )
    for i, path in enumerate(spacy_files):
        shutil.copy(path, target / f"{i}-{path.name}")
    for i, path in enumerate(conllu_files):
        folder = target / str(i)
        convert(path, folder, file_type="spacy", converter="conllu", n_sents=10)
    msg.good(f"'{target}' has the data of '{source}'")


if __name__ == "__main__":
    typer.run(main)

"""Bring the data of a project into spaCy's format.

    python assets/convert.py TRAIN DEV TEST OUTPUT

makes the directories `train`, `dev` and `test` in OUTPUT. TRAIN, DEV and TEST are files
or directories of files. CoNLL-U (.conllu) is converted into documents of ten sentences;
files in spaCy's format (.spacy) are copied as they are.
"""

import shutil
from pathlib import Path
from typing import List

import typer
from spacy.cli import convert
from wasabi import msg


def main(train: Path, dev: Path, test: Path, output: Path) -> None:
    """Convert or copy the data. A directory that was made before is made anew, if all
    of the data is there."""
    sources = {"train": train, "dev": dev, "test": test}
    files = {name: find_files(source, output) for name, source in sources.items()}
    for name, paths in files.items():
        target = output / name
        # What another source has left there is not to be mixed with this one.
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for i, path in enumerate(paths):
            bring(path, target / str(i))
        msg.good(f"'{target}' has the data of '{sources[name]}'")


def find_files(source: Path, output: Path) -> List[Path]:
    if not source.exists():
        msg.fail(f"Can't find the data '{source}'", exits=1)
    inner, outer = source.resolve(), output.resolve()
    if outer in (inner, *inner.parents) or inner in outer.parents:
        msg.fail(
            f"Can't use the data '{source}': '{output}' is overwritten",
            "Move one of them, so that neither is in the other.",
            exits=1,
        )
    paths = sorted(source.rglob("*")) if source.is_dir() else [source]
    files = [p for p in paths if p.is_file() and p.suffix in (".conllu", ".spacy")]
    if not files:
        msg.fail(
            f"Can't use the data '{source}': it has no .conllu and no .spacy file",
            "`python -m spacy lstm-tagger convert` makes .spacy files of columns.",
            exits=1,
        )
    return files


def bring(path: Path, folder: Path) -> None:
    folder.mkdir()
    if path.suffix == ".spacy":
        shutil.copy(path, folder)
    else:
        convert(path, folder, file_type="spacy", converter="conllu", n_sents=10)


if __name__ == "__main__":
    typer.run(main)

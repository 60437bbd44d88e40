"""Corpus readers that keep little of a corpus in memory, whatever its size."""

import random
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, TypeVar

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.training.corpus import walk_corpus

from ..texts import copy_tokens

Corpus = Callable[[Language], Iterable[Example]]
Item = TypeVar("Item")
# Files that are read at the same time, so that what comes from one text, or from texts
# of one kind, does not come in one piece.
N_OPEN = 8


def create_sharded_corpus(path: Path) -> Corpus:
    """Create a reader of a folder of .spacy files, such as `lstm-tagger annotate`
    writes, in random order. A few of the files are in memory at a time. Docs have the
    tokens that they were saved with.

    path (Path): The folder, or one file.
    """

    def read(nlp: Language) -> Iterator[Example]:
        files = list(walk_corpus(path, ".spacy"))
        random.shuffle(files)
        waiting = iter(files)
        opened = [_read_docs(file, nlp) for file in islice(waiting, N_OPEN)]
        while opened:
            i = random.randrange(len(opened))
            doc = next(opened[i], None)
            if doc is not None:
                yield Example(copy_tokens(doc, nlp.vocab), doc)
                continue
            file = next(waiting, None)
            opened[i : i + 1] = [] if file is None else [_read_docs(file, nlp)]

    return read


def create_mixed_corpus(
    corpora: Dict[str, Any],
    proportions: Dict[str, float],
    shuffle_buffer: int = 2000,
    repeat: bool = True,
) -> Corpus:
    """Create a reader that mixes the examples of several corpora.

    corpora (Dict[str, Callable]): Corpus readers by any names.
    proportions (Dict[str, float]): The share of the words that each of them gives.
    shuffle_buffer (int): The number of examples of each corpus that are kept to give a
        random one of them. With 1, they come in the order of their corpora.
    repeat (bool): Whether each corpus begins again where it ends, for a training that
        streams (`max_epochs = -1`). Otherwise each example comes once, and the
        proportions end with the first corpus that ends.
    RAISES (ValueError): If the names differ, or a number is out of range.
    """
    if not corpora or corpora.keys() != proportions.keys():
        raise ValueError(
            f"Can't mix the corpora {sorted(corpora)} in the proportions of "
            f"{sorted(proportions)}: both need the same names, at least one."
        )
    if min(proportions.values()) <= 0.0:
        raise ValueError(f"The proportions {proportions} need to be more than 0.")
    if shuffle_buffer < 1:
        raise ValueError(f"'shuffle_buffer = {shuffle_buffer}' needs to be at least 1.")

    def read(nlp: Language) -> Iterator[Example]:
        # Each for itself: in a buffer of all, a small corpus that is in the order of
        # its sources would hardly be shuffled.
        streams = {}
        for name, corpus in corpora.items():
            examples = _read_corpus(corpus, nlp, name, repeat=repeat)
            streams[name] = shuffle(examples, shuffle_buffer)
        return _mix(streams, proportions)

    return read


def shuffle(items: Iterable[Item], size: int) -> Iterator[Item]:
    """Yield items in random order, of which no more than `size` are kept."""
    kept: List[Item] = []
    for item in items:
        if len(kept) < size:
            kept.append(item)
            continue
        i = random.randrange(size)
        yield kept[i]
        kept[i] = item
    random.shuffle(kept)
    yield from kept


def _mix(
    streams: Dict[str, Iterator[Example]], proportions: Dict[str, float]
) -> Iterator[Example]:
    """Yield the next example of that stream which has given the least so far, compared
    with its proportion."""
    given = dict.fromkeys(streams, 0.0)
    while streams:
        name = min(streams, key=given.__getitem__)
        example = next(streams[name], None)
        if example is None:
            del streams[name]
        else:
            given[name] += len(example.predicted) / proportions[name]
            yield example


def _read_corpus(
    corpus: Corpus, nlp: Language, name: str, *, repeat: bool
) -> Iterator[Example]:
    while True:
        is_empty = True
        for example in corpus(nlp):
            is_empty = False
            yield example
        if is_empty:
            raise ValueError(f"Can't mix corpora: '{name}' has no examples.")
        if not repeat:
            return


def _read_docs(path: Path, nlp: Language) -> Iterator[Doc]:
    yield from DocBin().from_disk(path).get_docs(nlp.vocab)

"""The texts that are tagged. With few imports: processes that measure their memory
read them, too."""

from itertools import chain, cycle, islice
from pathlib import Path
from typing import Iterable, List, NamedTuple, Sequence

import spacy
import srsly
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab


class Text(NamedTuple):
    """The tokens of a text, and whether a space follows each."""

    words: List[str]
    spaces: List[bool]

    def make_doc(self, vocab: Vocab) -> Doc:
        """A document without annotations."""
        return Doc(vocab, words=self.words, spaces=self.spaces)

    def __str__(self) -> str:
        pairs = zip(self.words, self.spaces)
        return "".join(word + " " * space for word, space in pairs)


def read_corpus(path: Path) -> List[Text]:
    docs = DocBin().from_disk(path).get_docs(spacy.blank("xx").vocab)
    return [Text([t.text for t in d], [bool(t.whitespace_) for t in d]) for d in docs]


def write_texts(path: Path, texts: Iterable[Text]) -> None:
    srsly.write_json(path, [list(text) for text in texts])


def read_texts(path: Path) -> List[Text]:
    return [Text(*text) for text in srsly.read_json(path)]


def cut_texts(texts: Sequence[Text], length: int, n_texts: int) -> List[Text]:
    """Texts of as many tokens, cut from others, again and again."""
    words = cycle(chain.from_iterable(text.words for text in texts))
    spaces = cycle(chain.from_iterable(text.spaces for text in texts))
    return [
        Text(list(islice(words, length)), list(islice(spaces, length)))
        for _ in range(n_texts)
    ]


def count_words(texts: Iterable[Text]) -> int:
    return sum(len(text.words) for text in texts)

"""Texts that are too long for a pipeline, in pieces."""

import re
from typing import List

WHITESPACE = re.compile(r"\s")


def cut_text(text: str, max_length: int) -> List[str]:
    """Cut a text after white space, so that no word is cut. Only a run of characters
    without any that is too long is cut within.

    text (str): The text.
    max_length (int): The most characters of a piece.
    RETURNS (List[str]): The pieces, which make up the text. None of them is empty.
    """
    pieces: List[str] = []
    start = 0
    while len(text) - start > max_length:
        end = start + max_length
        # In the piece turned around: the first white space is the last one.
        found = WHITESPACE.search(text[start:end][::-1])
        if found is not None:
            end -= found.start()
        pieces.append(text[start:end])
        start = end
    if start < len(text):
        pieces.append(text[start:])
    return pieces

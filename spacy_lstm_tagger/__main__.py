"""Tag texts with a pipeline: python -m spacy_lstm_tagger PIPELINE TEXT [TEXT ...]"""

from typing import List

import spacy
import typer


def main(pipeline: str, texts: List[str]) -> None:
    """Print the texts as word/TAG.

    pipeline (str): The name of an installed pipeline or the path to one.
    texts (List[str]): The texts.
    """
    for doc in spacy.load(pipeline).pipe(texts):
        print(" ".join(f"{token.text}/{token.tag_}" for token in doc))


if __name__ == "__main__":
    typer.run(main)

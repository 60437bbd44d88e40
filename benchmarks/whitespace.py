"""Count the tags that change when double spaces and newlines are put into texts.

python benchmarks/whitespace.py PIPELINE TEXTS.spacy
"""

import random
from pathlib import Path

import spacy
import typer
from spacy.tokens import DocBin


def main(pipeline: str, corpus: Path, share: float = 0.2, seed: int = 0) -> None:
    """`share` of the spaces between words become two spaces, or newlines."""
    nlp = spacy.load(pipeline)
    generator = random.Random(seed)
    texts = [doc.text for doc in DocBin().from_disk(corpus).get_docs(nlp.vocab)]
    changed_texts = [
        "".join(
            generator.choice(["  ", "\n", " \n\n"])
            if character == " " and generator.random() < share
            else character
            for character in text
        )
        for text in texts
    ]
    n_tokens = n_changed = 0
    for plain, changed in zip(nlp.pipe(texts), nlp.pipe(changed_texts)):
        before = [token for token in plain if not token.is_space]
        after = [token for token in changed if not token.is_space]
        if [token.text for token in before] == [token.text for token in after]:
            n_tokens += len(before)
            n_changed += sum(a.tag != b.tag for a, b in zip(before, after))
    print(f"{n_changed} of {n_tokens} tags changed: {n_changed / n_tokens:.2%}")


if __name__ == "__main__":
    typer.run(main)

"""Documents in CoNLL-U."""

from typing import Any, Iterator, List

from spacy.tokens import Doc, Token


def format_conllu(doc: Doc, name: str) -> str:
    """Return the sentences of a document in CoNLL-U, or the document as one sentence if
    its sentences are not known. What is not set is `_`, and so are heads: whitespace,
    which CoNLL-U has no tokens for, may be among them.

    name (str): The name of the document, which those of its sentences start with.
    """
    sentences: List[Any] = [doc]
    if doc.has_annotation("SENT_START"):
        sentences = list(doc.sents)
    found = [sentence for sentence in sentences if any(find_words(sentence))]
    return "".join(
        _format_sentence(sentence, f"{name}-{i}") for i, sentence in enumerate(found, 1)
    )


def _format_sentence(sentence: Any, name: str) -> str:
    text = "".join(
        in_one_line(token.text) + (" " if _has_space_after(token) else "")
        for token in find_words(sentence)
    )
    lines = [f"# sent_id = {name}", f"# text = {text.strip()}"]
    for i, token in enumerate(find_words(sentence), 1):
        misc = "" if _has_space_after(token) else "SpaceAfter=No"
        fields = [
            *(str(i), token.text, token.lemma_, token.pos_, token.tag_),
            *(str(token.morph), "", "", "", misc),
        ]
        lines.append("\t".join(in_one_line(field) or "_" for field in fields))
    return "\n".join(lines) + "\n\n"


def find_words(tokens: Any) -> Iterator[Token]:
    """Yield the tokens of a document or a span that are not whitespace."""
    return (token for token in tokens if not token.is_space)


def _has_space_after(token: Token) -> bool:
    doc, i = token.doc, token.i + 1
    return bool(token.whitespace_) or (i < len(doc) and doc[i].is_space)


def in_one_line(text: str) -> str:
    """Return a text with a space for all white space that is next to each other."""
    # Tokens that were merged may have whitespace in them.
    return " ".join(text.split())

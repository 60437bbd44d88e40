"""The command `lstm-tagger tag`."""

from typing import Annotated, List

import typer

from .app import CodePath, GpuId, Model, lstm_tagger_cli
from .inputs import load_tagger
from .terminal import make_printer


@lstm_tagger_cli.command("tag")
def tag_cli(
    model: Model,
    texts: Annotated[List[str], typer.Argument(help="Texts to tag")],
    code_path: CodePath = None,
    use_gpu: GpuId = -1,
) -> None:
    """
    Tag texts and print them as tables, with the probability of each tag.
    """
    from ..evaluation.probabilities import tag_probabilities

    msg = make_printer()
    if not all(texts):
        msg.fail("Can't tag an empty text", exits=1)
    nlp, tagger = load_tagger(msg, model, code_path=code_path, use_gpu=use_gpu)
    docs = list(nlp.pipe(texts))
    confidences = tag_probabilities(tagger, docs, batch_size=nlp.batch_size)
    for doc, confidence in zip(docs, confidences):
        msg.divider(doc.text)
        rows = [(t.text, t.tag_, f"{p:.2f}") for t, p in zip(doc, confidence)]
        msg.table(rows, header=("Token", "Tag", "Probability"), divider=True)

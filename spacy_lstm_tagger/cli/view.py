"""The command `lstm-tagger view`."""

from pathlib import Path
from typing import Annotated

import typer

from ..progress import show_progress
from .app import CodePath, GpuId, Inputs, Model, lstm_tagger_cli
from .inputs import STANDARD_INPUT, check_inputs, load_tagger, read_texts
from .outputs import open_output
from .terminal import make_printer


@lstm_tagger_cli.command("view")
def view_cli(
    model: Model,
    inputs: Inputs = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Output HTML file")
    ] = Path("tags.html"),
    min_confidence: Annotated[
        float,
        typer.Option(
            "--min-confidence",
            "-m",
            help="Probability below which a tag is marked as uncertain",
            min=0.0,
            max=1.0,
        ),
    ] = 0.8,
    code_path: CodePath = None,
    use_gpu: GpuId = -1,
) -> None:
    """
    Tag texts and draw their tags as colored labels, in an HTML file to look at in a
    browser. Labels of uncertain tags are striped and show the probability.
    """
    from ..evaluation.probabilities import tag_texts
    from ..rendering import render

    msg = make_printer()
    inputs = inputs or [STANDARD_INPUT]
    check_inputs(msg, inputs)
    with open_output(msg, output) as file:
        nlp, tagger = load_tagger(msg, model, code_path=code_path, use_gpu=use_gpu)
        texts = read_texts(msg, inputs, max_length=nlp.max_length)
        tagged = tag_texts(nlp, tagger, texts)
        docs, confidences = zip(*show_progress(tagged, "Tagging", unit="text"))
        html = render(
            docs,
            page=True,
            jupyter=False,
            options={"min_confidence": min_confidence},
            confidences=confidences,
        )
        # displaCy's page does not say which encoding it has.
        file.write(str(html).encode("ascii", "xmlcharrefreplace").decode("ascii"))
    msg.good(f"Saved tags to {output}")

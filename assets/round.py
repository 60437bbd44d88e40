"""Round the weights of a pipeline to numbers that bfloat16 has. Two of four bytes are
zero then, so that its package is half as large.

    python assets/round.py MODEL OUTPUT

MODEL is the pipeline, OUTPUT the directory of the one that is made. Its files have the
same format, and load as any other.
"""

from pathlib import Path
from typing import Annotated

import spacy
import torch
import typer
from thinc.api import Model
from thinc.types import FloatsXd
from wasabi import msg


def main(model: Annotated[Path, typer.Argument(exists=True)], output: Path) -> None:
    """Load the pipeline, round its weights, and save it."""
    nlp = spacy.load(model)
    for _, component in nlp.components:
        network = getattr(component, "model", None)
        if isinstance(network, Model):
            round_weights(network)
    nlp.to_disk(output)
    msg.good(f"Rounded the weights of '{model}': {output}")


def round_weights(model: Model) -> None:
    """Round all weights of a model in place, those of torch and of thinc."""
    for node in model.walk():
        for name in node.param_names:
            if node.has_param(name):
                node.set_param(name, round_array(node.get_param(name)))
        for shim in node.shims:
            for parameter in shim.module.parameters():
                parameter.data.copy_(parameter.data.bfloat16())


def round_array(array: FloatsXd) -> FloatsXd:
    return torch.from_numpy(array).bfloat16().float().numpy()


if __name__ == "__main__":
    typer.run(main)

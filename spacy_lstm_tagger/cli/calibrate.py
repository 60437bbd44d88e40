"""The command `lstm-tagger calibrate`."""

from pathlib import Path
from typing import Annotated

import typer

from ..progress import show_progress
from .app import CodePath, GoldPreproc, GpuId, Model, lstm_tagger_cli
from .inputs import load_tagger, read_examples
from .terminal import make_printer, user_errors


@lstm_tagger_cli.command("calibrate")
def calibrate_cli(
    model: Model,
    data_path: Annotated[
        Path,
        typer.Argument(help="Location of binary development data in .spacy format"),
    ],
    output: Annotated[Path, typer.Argument(help="Directory to save to")],
    code_path: CodePath = None,
    use_gpu: GpuId = -1,
    gold_preproc: GoldPreproc = False,
) -> None:
    """
    Fit the temperature of a trained pipeline's tagger, so that its probabilities
    say how often it is right, and save the pipeline with it, or as it is if the
    gold tags are no more probable with it. Tags stay the same, unless a CRF takes
    the most probable tag of each token. Expects data that the pipeline was not
    trained on.
    """
    from ..evaluation.calibration import fit_temperature, measure, score_examples
    from ..evaluation.probabilities import NoTagsError
    from ..lstm_tagger import LSTMTagger

    msg = make_printer()
    nlp, tagger = load_tagger(msg, model, code_path=code_path, use_gpu=use_gpu)
    if not isinstance(tagger, LSTMTagger):
        msg.fail(
            f"Can't calibrate '{tagger.name}'",
            "It is not an 'lstm_tagger'. Only those have a temperature.",
            exits=1,
        )
    with user_errors(msg, f"Can't save to '{output}'", (OSError,)):
        output.mkdir(parents=True, exist_ok=True)
    read = read_examples(msg, data_path, nlp, gold_preproc=gold_preproc)
    examples = list(show_progress(read, "Reading", unit="doc"))
    # The components before the tagger may set what it reads.
    with nlp.select_pipes(enable=nlp.pipe_names[: nlp.pipe_names.index(tagger.name)]):
        shown = show_progress(examples, "Annotating", unit="doc")
        for doc, example in zip(nlp.pipe(eg.predicted for eg in shown), examples):
            example.predicted = doc
    with user_errors(msg, f"Can't calibrate '{tagger.name}'", (NoTagsError,)):
        scored = score_examples(
            tagger,
            show_progress(examples, "Scoring tags", unit="doc"),
            batch_size=nlp.batch_size,
        )
    temperatures = (tagger.temperature, fit_temperature(scored))
    before, after = (measure(scored, temperature) for temperature in temperatures)
    rows = [
        (f"{temperature:.3f}", f"{found.error:.4f}", f"{found.loss:.4f}")
        for temperature, found in zip(temperatures, (before, after))
    ]
    header = ("Temperature", "Calibration error", "Loss per token")
    msg.table(rows, header=header, divider=True)
    # The loss decides, since that is what was fitted: the calibration error can rise
    # although the gold tags become more probable.
    if after.loss < before.loss:
        tagger.temperature = temperatures[1]
    else:
        msg.warn(
            f"The temperature stays {tagger.temperature:.3f}: with the other one, the "
            f"gold tags are not more probable"
        )
    nlp.get_pipe_config(tagger.name)["temperature"] = tagger.temperature
    with user_errors(msg, f"Can't save to '{output}'", (OSError,)):
        nlp.to_disk(output)
    msg.good(f"Saved pipeline to {output}")

"""The command `lstm-tagger calibrate`."""

from pathlib import Path

from spacy import util
from spacy.training import Corpus
from wasabi import Printer

from ..evaluation.calibration import fit_temperature, measure, score_examples
from ..evaluation.probabilities import find_tagger
from ..lstm_tagger import LSTMTagger


def calibrate(
    model: str,
    data_path: Path,
    output: Path,
    *,
    gold_preproc: bool = False,
    silent: bool = True,
) -> None:
    """Fit the temperature of a pipeline's tagger, and save the pipeline with it, or
    as it is if its probabilities are no better with it.

    model (str): The name of an installed pipeline or the path to one.
    data_path (Path): Development data in .spacy format.
    output (Path): The directory to save to.
    gold_preproc (bool): Whether to use gold sentences and tokens.
    silent (bool): Whether to print nothing.
    """
    msg = Printer(no_print=silent, pretty=not silent)
    nlp = util.load_model(model)
    tagger = find_tagger(nlp)
    if not isinstance(tagger, LSTMTagger):
        msg.fail(
            f"Can't calibrate '{tagger.name}'",
            "It is not an 'lstm_tagger'. Only those have a temperature.",
            exits=1,
        )
        return
    examples = list(Corpus(data_path, gold_preproc=gold_preproc)(nlp))
    # The components before the tagger may set what it reads.
    with nlp.select_pipes(enable=nlp.pipe_names[: nlp.pipe_names.index(tagger.name)]):
        for example, doc in zip(examples, nlp.pipe(eg.predicted for eg in examples)):
            example.predicted = doc
    scored = score_examples(tagger, examples, batch_size=nlp.batch_size)
    temperatures = (tagger.temperature, fit_temperature(scored))
    before, after = (measure(scored, temperature) for temperature in temperatures)
    rows = [
        (f"{temperature:.3f}", f"{found.error:.4f}", f"{found.loss:.4f}")
        for temperature, found in zip(temperatures, (before, after))
    ]
    header = ("Temperature", "Calibration error", "Loss per token")
    msg.table(rows, header=header, divider=True)
    # What was fitted decides: the calibration error can rise where the gold tags
    # become more probable.
    if after.loss < before.loss:
        tagger.temperature = temperatures[1]
    else:
        msg.warn(
            f"The temperature stays {tagger.temperature:.3f}: with the other one, the "
            f"gold tags are not more probable"
        )
    nlp.get_pipe_config(tagger.name)["temperature"] = tagger.temperature
    nlp.to_disk(output)
    msg.good(f"Saved pipeline to {output}")

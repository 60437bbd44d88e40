"""The rates of dropout inside the encoder."""


def repeat_dropout(dropout: float, times: float) -> float:
    """Return the rate of dropout that is applied several times over: the share of what
    is dropped at least once.

    dropout (float): The rate of each.
    times (float): How often it is applied.
    RAISES (ValueError): If nothing would be left after dropout.
    """
    if not 0.0 <= dropout < 1.0:
        raise ValueError(
            f"Can't train with a dropout of {dropout}: it needs to be at least 0 and "
            f"less than 1. Set [training] dropout to 0.1, which the defaults of "
            f"'input_dropout' and 'layer_dropout' are fitted to."
        )
    rate = 1.0 - (1.0 - dropout) ** times
    if rate == 1.0:
        raise ValueError(
            f"Can't train with a dropout of {dropout} that is applied {times} times: "
            f"nothing would be left. Lower [training] dropout, or the 'input_dropout' "
            f"and 'layer_dropout' of the encoder."
        )
    return rate

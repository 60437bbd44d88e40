"""The private names of other libraries that the package needs, all in one place."""

from typing import Any, Optional

from thinc.api import Model


def find_rehearsal_model(pipe: Any) -> Optional[Model]:
    """Return the copy of its model that `Language.resume_training` has left in a
    component, or None. spaCy writes it there under a private name.

    RAISES (RuntimeError): If this version of spaCy has no such name.
    """
    if not hasattr(pipe, "_rehearsal_model"):
        raise RuntimeError(
            "Can't rehearse: this version of spaCy doesn't keep the model as it was "
            "before training as '_rehearsal_model'. Install spaCy 3."
        )
    model: Optional[Model] = pipe._rehearsal_model
    return model

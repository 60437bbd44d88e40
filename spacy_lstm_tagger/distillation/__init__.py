"""From raw text to training data: the tags that a teacher gives it. Knows pipelines and
their taggers, and what `tags` and `evaluation` offer, but no `torch`."""

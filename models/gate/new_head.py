"""A head that nobody trained: what the model has and its checkpoint lacks is made at random on loading.

Libraries warn of it and go on, and a settings file that names the right class hides it from every check
that reads settings only. The loader itself is asked what it missed: it knows under which names older
checkpoints keep their tensors, which a comparison of names in the file would get wrong. It loads to the
device ``meta``, which holds shapes and no numbers, so that no second copy of the weights is in memory.
"""

from pathlib import Path
from typing import Any

from models.gate.verdicts import Finding


def new_head(folder: Path) -> list[str]:
    """Names of the tensors that loading the cross-encoder in ``folder`` makes at random."""
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging

    loader: Any = AutoModelForSequenceClassification
    # Its own report of the same would come a second time, to the terminal.
    said = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        _, report = loader.from_pretrained(
            str(folder),
            device_map="meta",
            local_files_only=True,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    finally:
        logging.set_verbosity(said)
    # A tensor of another shape is not used either: (name, shape in the file, shape in the model).
    reshaped = {str(each[0]) for each in report["mismatched_keys"]}
    return sorted({*report["missing_keys"], *reshaped})


def new_parameters(names: list[str]) -> Finding:
    """The finding ``new_parameters``.

    >>> new_parameters(["classifier.weight"])
    Finding(value=1.0, note='made at random: classifier.weight')
    """
    return Finding(
        float(len(names)), f"made at random: {', '.join(names)}" if names else "all are in the file"
    )

"""What whoever has the library, and nothing of this project, does with a saved student: open it and score."""

import json
import subprocess
import sys

CODE = """
import json, sys, sentence_transformers
model = getattr(sentence_transformers, sys.argv[1])(sys.argv[2], device="cpu")
scores = model.similarity(model.encode_query([sys.argv[3]]), model.encode_document(sys.argv[4:]))
print(json.dumps(scores[0].tolist()))
"""


def library_scores(kind, folder, query, passages):
    """Scores of the passages by the model of this class, opened in a new process."""
    command = [sys.executable, "-c", CODE, kind, str(folder), query, *passages]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

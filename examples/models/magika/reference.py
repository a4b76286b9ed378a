"""Magika's own program, file by file: the answer of the model, before rules for single kinds."""

import io

import numpy as np
from magika import Magika
from magika.types.seekable import Seekable


def run(model, rows):
    magika = Magika(model_dir=model)
    config = magika._model_config
    found = []
    for row in rows:
        features = Magika._extract_features_from_seekable(
            Seekable(io.BytesIO(row["content"])),
            config.beg_size,
            config.mid_size,
            config.end_size,
            config.padding_token,
            config.block_size,
            config.use_inputs_at_offsets,
        )
        scores = np.asarray(magika._get_raw_predictions([(row["path"], features)]))[0]
        found.append({"scores": scores, "kind": str(magika._target_labels_space[int(scores.argmax())])})
    return found

"""A plain script, as people write it first: the baseline for `catalogd --once`.

    python tools/bench/baseline_script.py FOLDER MODEL.onnx DATABASE

One process, file by file: `Image.verify`, open again, convert, resize, a batch of one, sha256, and one row in its own
transaction. Files that Pillow cannot open are skipped.
"""

import hashlib
import sqlite3
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

SIZE = (128, 128)  # the input of the default bundle


def main() -> None:
    """Embed all files of a folder."""
    root, model, database_path = map(Path, sys.argv[1:])
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    database = sqlite3.connect(database_path)
    database.execute("CREATE TABLE image(path TEXT, sha256 TEXT, vector BLOB)")
    for path in sorted(root.rglob("*")):
        try:
            with Image.open(path) as image:
                image.verify()
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGB").resize(SIZE, Image.Resampling.BICUBIC))
        except Exception:
            continue
        vector = session.run(None, {name: pixels[None]})[0][0]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        database.execute("INSERT INTO image VALUES (?, ?, ?)", (str(path), digest, vector.tobytes()))
        database.commit()


if __name__ == "__main__":
    main()

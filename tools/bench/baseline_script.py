"""The script that people write first: what `catalogd --once` has to beat.

    python tools/bench/baseline_script.py FOLDER MODEL.onnx DATABASE

One process and one file after another: `Image.verify`, open it again, convert, resize, a batch of one, sha256, and one
row that is committed at once. What does not open is left out.
"""

import hashlib
import sqlite3
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

SIZE = (128, 128)  # of the default bundle


def main() -> None:
    """Embed all of a folder."""
    root, model, database = map(Path, sys.argv[1:])
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    rows = sqlite3.connect(database)
    rows.execute("CREATE TABLE image(path TEXT, sha256 TEXT, vector BLOB)")
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
        rows.execute("INSERT INTO image VALUES (?, ?, ?)", (str(path), digest, vector.tobytes()))
        rows.commit()


if __name__ == "__main__":
    main()

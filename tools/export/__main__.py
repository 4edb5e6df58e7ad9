"""`python -m tools.export FAMILY:NAME --out FOLDER`: export a PyTorch model as an attested bundle for catalogd.

FAMILY:NAME is one of
  open_clip:ViT-B-32@laion2b_s34b_b79k      a configuration and a pretrained tag
  timm:vit_small_patch14_dinov2.lvd142m     any encoder
  transformers:google/siglip2-base-patch16-224@REVISION     a repository, or a folder of the same layout
  uform:FOLDER                              config.json, torch_weight.pt, tokenizer.json
"""

import argparse
import logging
import sys
from pathlib import Path
from typing import get_args

from models.bundle.folder import Precision
from tools.export.families import FAMILIES, load_source
from tools.export.make import ExportOptions, make_bundle
from tools.export.shortcut import jpegs_below
from tools.export.source import ExportError


def parse_options(command_line: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", metavar="FAMILY:NAME", help=f"the family is one of {', '.join(FAMILIES)}")
    parser.add_argument("--out", type=Path, required=True, help="folder of the bundle; must not exist")
    parser.add_argument("--weights", type=Path, help="a checkpoint on disk, instead of the published weights")
    parser.add_argument("--seed", type=int, help="random weights with this seed, for tests")
    parser.add_argument("--precision", choices=get_args(Precision), default="fp32")
    parser.add_argument("--threshold", type=float, default=0.999, help="minimum cosine to PyTorch in float32")
    parser.add_argument("--pictures-only", action="store_true", help="without the text tower")
    parser.add_argument("--licence", default="", help="of the weights, where the source does not name it")
    parser.add_argument("--jpegs", type=Path, help="folder of your own JPEGs that decide on scaled decoding")
    parser.add_argument("--strangers", type=int, default=200, help="drawn pictures that calibrate near duplicates")
    return parser.parse_args(command_line)


def main(command_line: list[str] | None = None) -> int:
    """Export; return 0, or 2 with the reason on stderr."""
    arguments = parse_options(command_line)
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    logging.getLogger("export").setLevel(logging.INFO)
    options = ExportOptions(
        precision=arguments.precision,
        threshold=arguments.threshold,
        strangers=arguments.strangers,
        licence=arguments.licence,
        jpegs=tuple(jpegs_below(arguments.jpegs)) if arguments.jpegs else (),
    )
    try:
        source = load_source(arguments.model, arguments.weights, arguments.seed, words=not arguments.pictures_only)
        bundle = make_bundle(source, arguments.out, options)
    except ExportError as error:
        print(f"{arguments.model}: {error}", file=sys.stderr)
        return 2
    text = f", text of {bundle.text.length} tokens" if bundle.text else ""
    print(f"{bundle.folder}: {bundle.id}, {bundle.dims} numbers a picture{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The decoders of others and their versions, which pixels depend on. Looked up when imported: once, in the process that
workers are forked from.
"""

from importlib.metadata import version

DECODERS = " ".join(f"{name} {version(name)}" for name in ("pillow", "simplejpeg", "pillow-heif"))

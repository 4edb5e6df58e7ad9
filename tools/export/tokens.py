"""Convert a source's tokeniser to tokenizer.json and cleaning steps, or raise an error."""

from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, processors

from models.bundle.text_cleaning import CleaningStep
from tools.export.source import ExportError

BASIC_CLEANING: tuple[CleaningStep, ...] = ("tidy", "html")
# open_clip's functions that clean a string before tokenisation.
CLEANING: dict[str, tuple[CleaningStep, ...]] = {
    "_clean_lower": (*BASIC_CLEANING, "spaces", "lower"),
    "_clean_whitespace": (*BASIC_CLEANING, "spaces"),
    "_clean_canonicalize": (*BASIC_CLEANING, "punctuation", "lower", "spaces"),
}
TOKEN_PATTERN = r"(?i:{special}|'s|'t|'re|'ve|'m|'ll|'d)|[\p{{L}}]+|[\p{{N}}]|[^\s\p{{L}}\p{{N}}]+"


def cleaning_steps(clean: Any) -> tuple[CleaningStep, ...]:
    """Return the steps of an open_clip cleaning function. Raises ExportError for another function."""
    name = getattr(clean, "__name__", repr(clean))
    if name not in CLEANING:
        raise ExportError(f"the tokeniser cleans its strings by {name}, which is not known here")
    return CLEANING[name]


def tokenizer_from_backend(tokenizer: Any, length: int) -> str:
    """Return tokenizer.json of a transformers tokeniser, cut at `length`. Raises ExportError without a fast one."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ExportError(f"{type(tokenizer).__name__} does not run on `tokenizers`, and is not known here")
    copy = Tokenizer.from_str(backend.to_str())
    copy.no_padding()
    copy.enable_truncation(length)
    return str(copy.to_str())


def tokenizer_from_simple(tokenizer: Any, length: int) -> str:
    """Return tokenizer.json of open_clip's SimpleTokenizer: CLIP's byte pairs, to the same ids. Raises ExportError."""
    if tokenizer.reduction_fn is not None:
        raise ExportError("the tokeniser drops words by chance (reduction_mask): leave that option out")
    start, end = ((tokenizer.decoder[at], at) for at in (tokenizer.sot_token_id, tokenizer.eot_token_id))
    merges = sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.get)
    special = [tokenizer.decoder[at] for at in tokenizer.all_special_ids]
    made = Tokenizer(
        models.BPE(
            vocab=tokenizer.encoder,
            merges=[pair for pair in merges if len(pair) == 2],
            end_of_word_suffix="</w>",
        )
    )
    pieces = Regex(TOKEN_PATTERN.format(special="|".join(special)))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(pieces, behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.add_special_tokens([AddedToken(token, normalized=False) for token in special])
    made.post_processor = processors.TemplateProcessing(
        single=f"{start[0]} $A {end[0]}", pair=None, special_tokens=[start, end]
    )
    made.enable_truncation(length)
    return str(made.to_str())

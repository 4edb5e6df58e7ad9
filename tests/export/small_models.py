"""A small variant of each family, built from its configuration with seeded random weights. Nothing is downloaded."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from tools.export.families import load_source
from tools.export.source import ExportSource
from tools.export.strings import GOLDEN_STRINGS

SEED, SIDE, LENGTH = 7, 64, 24
SPECIAL = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
CLIP_TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}


def open_clip_folder(folder: Path, preprocess: dict[str, Any], **model: Any) -> str:
    """The layout that open_clip writes itself."""
    config = {"model_cfg": model, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return f"open_clip:local-dir:{folder}"


def open_clip_clip(folder: Path) -> ExportSource:
    """OpenAI's CLIP: shortest edge, crop, byte pairs."""
    vision = {"image_size": SIDE, "layers": 2, "width": 64, "patch_size": 16, "head_width": 32}
    return loaded(open_clip_folder(folder, {}, embed_dim=32, vision_cfg=vision, text_cfg=CLIP_TEXT))


def open_clip_siglip2(folder: Path) -> ExportSource:
    """SigLIP 2: a timm tower with attention pooling, squashed pictures, Gemma's tokeniser."""
    gemma(folder, "right")
    vision = {
        "image_size": 160,
        "timm_model_name": "test_vit",
        "timm_model_pretrained": False,
        "timm_pool": "map",
        "timm_proj": "none",
    }
    text = {
        "context_length": LENGTH,
        "vocab_size": 600,
        "hf_tokenizer_name": str(folder),
        "tokenizer_kwargs": {"clean": "canonicalize"},
        "width": 64,
        "heads": 2,
        "layers": 2,
        "no_causal_mask": True,
        "proj_bias": True,
        "pool_type": "last",
    }
    preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
    return loaded(
        open_clip_folder(
            folder, preprocess, embed_dim=64, init_logit_bias=-10, custom_text=True, vision_cfg=vision, text_cfg=text
        )
    )


def open_clip_mobileclip2(folder: Path) -> ExportSource:
    """MobileCLIP 2 S0: convolutions and attention, values 0..1, bilinear."""
    vision = {
        "timm_model_name": "fastvit_mci0",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": None,
        "timm_drop": 0.0,
        "timm_drop_path": 0.0,
        "image_size": 64,
    }
    preprocess = {"mean": [0.0] * 3, "std": [1.0] * 3, "interpolation": "bilinear", "resize_mode": "shortest"}
    return loaded(
        open_clip_folder(
            folder,
            preprocess,
            embed_dim=64,
            custom_text=True,
            vision_cfg=vision,
            text_cfg=CLIP_TEXT | {"no_causal_mask": True, "layers": 1},
        )
    )


def timm_vit(folder: Path) -> ExportSource:
    """A plain encoder whose crop is smaller than what is resized (crop_pct 0.9)."""
    from tools.export.families import timm

    return timm.load("vit_tiny_patch16_224", None, SEED, img_size=SIDE, depth=2)


def transformers_clip(folder: Path) -> ExportSource:
    """CLIP as transformers builds it, with its processor on tensors and its own tokeniser."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPTokenizer

    parts = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision = parts | {"image_size": SIDE, "patch_size": 16}
    vocabulary, merges = byte_pairs()
    text = parts | {"vocab_size": len(vocabulary), "max_position_embeddings": LENGTH, "eos_token_id": 1}
    CLIPConfig(text_config=text, vision_config=vision, projection_dim=32).save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": 72}, crop_size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    CLIPTokenizer(vocab=vocabulary, merges=merges).save_pretrained(folder)
    return loaded(f"transformers:{folder}")


def transformers_siglip2(folder: Path) -> ExportSource:
    """SigLIP 2 of a fixed size: squashed pictures, tokens without a mask."""
    from transformers import SiglipConfig, SiglipImageProcessor

    parts = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision = parts | {"image_size": SIDE, "patch_size": 16}
    text = parts | {"vocab_size": 600, "max_position_embeddings": LENGTH, "projection_size": 64}
    SiglipConfig(text_config=text, vision_config=vision).save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    SiglipImageProcessor(size=size, image_mean=[0.5] * 3, image_std=[0.5] * 3).save_pretrained(folder)
    gemma(folder, "left", model_input_names=["input_ids"])
    return loaded(f"transformers:{folder}")


def transformers_dinov2(folder: Path) -> ExportSource:
    """DINOv2: shortest edge 80, crop 70."""
    from transformers import BitImageProcessor, Dinov2Config

    parts = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    Dinov2Config(image_size=70, patch_size=14, **parts).save_pretrained(folder)
    crop = {"height": 70, "width": 70}
    BitImageProcessor(size={"shortest_edge": 80}, crop_size=crop).save_pretrained(folder)
    return loaded(f"transformers:{folder}")


def transformers_dinov3(folder: Path) -> ExportSource:
    """DINOv3: values are resized, not bytes."""
    from transformers import DINOv3ViTConfig, DINOv3ViTImageProcessor

    parts = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    DINOv3ViTConfig(image_size=SIDE, patch_size=16, **parts).save_pretrained(folder)
    DINOv3ViTImageProcessor(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return loaded(f"transformers:{folder}")


def uform(folder: Path) -> ExportSource:
    """UForm: an image and a text encoder of one's own, with masks."""
    text = {
        "model_type": "bert",
        "dim": 64,
        "context_dim": 64,
        "vocab_size": 600,
        "padding_idx": 0,
        "num_layers": 2,
        "num_heads": 2,
        "embedding_dim": 32,
        "multimodal_layers_ids": [],
        "head_one_neuron": True,
        "pooling": "mean",
        "max_position_embeddings": LENGTH,
    }
    image = {
        "dim": 64,
        "patch_size": 16,
        "image_size": SIDE,
        "num_layers": 2,
        "num_heads": 2,
        "embedding_dim": 32,
        "pooling": "cls",
        "normalization_means": [0.481, 0.457, 0.408],
        "normalization_deviations": [0.268, 0.261, 0.275],
    }
    (folder / "config.json").write_text(json.dumps({"text_encoder": text, "image_encoder": image}))
    word_pieces().save(str(folder / "tokenizer.json"))
    return loaded(f"uform:{folder}")


def loaded(model: str) -> ExportSource:
    """The source as the command line would get it."""
    return load_source(model, None, SEED)


BUILDERS: dict[str, Callable[[Path], ExportSource]] = {
    build.__name__: build
    for build in (
        open_clip_clip,
        open_clip_siglip2,
        open_clip_mobileclip2,
        timm_vit,
        transformers_clip,
        transformers_siglip2,
        transformers_dinov2,
        transformers_dinov3,
        uform,
    )
}


def gemma(folder: Path, side: str, **options: Any) -> None:
    """Gemma's kind of tokeniser: byte pairs over sentences, bytes for the unknown; the vocabulary is learned here."""
    from transformers import GemmaTokenizer

    made = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    made.normalizer = normalizers.Replace(" ", "▁")
    made.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    every = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=[*SPECIAL, *every], show_progress=False)
    made.train_from_iterator([text.lower() for text in GOLDEN_STRINGS[:20]], trainer)
    config = json.loads(made.to_str())["model"]
    merges = [tuple(pair) for pair in config["merges"]]
    tokenizer = GemmaTokenizer(
        vocab=config["vocab"],
        merges=merges,
        add_bos_token=False,
        add_eos_token=True,
        padding_side=side,
        **options,
    )
    tokenizer.save_pretrained(folder)


def byte_pairs() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """CLIP's kind of vocabulary, learned from the hard strings."""
    made = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = ["<|startoftext|>", "<|endoftext|>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        special_tokens=[*special, *letters, *(letter + "</w>" for letter in letters)],
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    made.train_from_iterator([text.lower() for text in GOLDEN_STRINGS[:20]], trainer)
    config = json.loads(made.to_str())["model"]
    return config["vocab"], [tuple(pair) for pair in config["merges"]]


def word_pieces() -> Tokenizer:
    """BERT's kind of tokeniser, as UForm's multilingual models use."""
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    made.train_from_iterator(
        GOLDEN_STRINGS[:20], trainers.WordPieceTrainer(vocab_size=600, special_tokens=special, show_progress=False)
    )
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair=None, special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made

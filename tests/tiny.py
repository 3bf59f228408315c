"""Models of random weights, a few thousand numbers each, that diffusers takes for whole ones."""

import json
from pathlib import Path
from typing import Any

import torch

SD1, SD2, XL = "Stable Diffusion 1", "Stable Diffusion 2", "Stable Diffusion XL"

WIDTH, WIDTH_2 = 16, 24
"""Of the text encoders: that of Stable Diffusion 1 and the first of XL; that of 2 and the second of XL."""

LEVELS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


def save_tokenizer(folder: Path) -> None:
    from transformers import CLIPTokenizer

    letters = [*"abcdefghijklmnopqrstuvwxyz,", *(letter + "</w>" for letter in "abcdefghijklmnopqrstuvwxyz,")]
    vocabulary = {token: index for index, token in enumerate([*letters, "<|startoftext|>", "<|endoftext|>"])}
    CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=20).save_pretrained(folder)


def tiny_text_encoder(hidden_size: int = WIDTH, *, layers: int = 3, projected: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=56,
        hidden_size=hidden_size,
        intermediate_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        max_position_embeddings=20,
        bos_token_id=54,
        eos_token_id=55,
        pad_token_id=55,
        projection_dim=hidden_size,
    )
    encoder = (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return encoder


def tiny_unet(in_channels: int = 4, family: str = SD1) -> Any:
    from diffusers import UNet2DConditionModel

    differing: dict[str, Any] = {
        SD1: {"cross_attention_dim": WIDTH, "attention_head_dim": 4},
        SD2: {"cross_attention_dim": WIDTH_2, "attention_head_dim": (2, 4), "use_linear_projection": True},
        XL: {
            "cross_attention_dim": WIDTH + WIDTH_2,
            "attention_head_dim": (2, 4),
            "use_linear_projection": True,
            "transformer_layers_per_block": (1, 2),
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 6 * 8 + WIDTH_2,
        },
    }
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=in_channels,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=4,
        **differing[family],
    )


def tiny_vae(latent_channels: int = 4) -> Any:
    from diffusers import AutoencoderTiny

    widths = (8, 8, 8, 8)
    return AutoencoderTiny(
        encoder_block_out_channels=widths, decoder_block_out_channels=widths, latent_channels=latent_channels
    )


def tiny_kl(*, force_upcast: bool = True) -> Any:
    """The kind of VAE that Stable Diffusion has."""
    from diffusers import AutoencoderKL

    blocks = {"down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4}
    widths = (4, 4, 4, 4)
    return AutoencoderKL(block_out_channels=widths, norm_num_groups=2, force_upcast=force_upcast, **blocks)


def tiny_pipeline(in_channels: int = 4, family: str = SD1, vae: Any = None) -> Any:
    import diffusers

    torch.manual_seed(0)
    parts = {
        "vae": vae or tiny_vae(),
        "tokenizer": None,
        "unet": tiny_unet(in_channels, family),
        "feature_extractor": None,
    }
    if family == XL:
        return diffusers.StableDiffusionXLPipeline(
            **parts,
            text_encoder=tiny_text_encoder(),
            text_encoder_2=tiny_text_encoder(WIDTH_2, layers=4, projected=True),
            tokenizer_2=None,
            scheduler=diffusers.EulerDiscreteScheduler(**LEVELS, timestep_spacing="leading"),
            add_watermarker=False,
        )
    return diffusers.StableDiffusionPipeline(
        **parts,
        text_encoder=tiny_text_encoder(WIDTH if family == SD1 else WIDTH_2),
        scheduler=diffusers.PNDMScheduler(
            **LEVELS,
            skip_prk_steps=True,
            set_alpha_to_one=False,
            prediction_type="epsilon" if family == SD1 else "v_prediction",
        ),
        safety_checker=None,
        requires_safety_checker=False,
    )


def save_model(folder: Path, in_channels: int = 4, family: str = SD1, vae: Any = None) -> Path:
    tiny_pipeline(in_channels, family, vae).save_pretrained(folder)
    index = json.loads((folder / "model_index.json").read_text())
    for tokenizer in ("tokenizer", "tokenizer_2") if family == XL else ("tokenizer",):
        save_tokenizer(folder / tokenizer)
        index[tokenizer] = ["transformers", "CLIPTokenizer"]
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def save_lora(path: Path, *, seed: int, text_encoder: bool = True, prefix: str = "", family: str = SD1) -> Path:
    """Write a LoRA of random weights; a `prefix` names text encoder layers as transformers 4 did."""
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    tensors = {}
    parts = {"unet": (tiny_unet(family=family), ["to_q", "to_v"])}
    if text_encoder:
        parts["text_encoder"] = (tiny_text_encoder(WIDTH_2 if family == SD2 else WIDTH), ["q_proj", "v_proj"])
        if family == XL:
            second = tiny_text_encoder(WIDTH_2, layers=4, projected=True)
            parts["text_encoder_2"] = (second, ["q_proj", "v_proj"])
    for name, (part, layers) in parts.items():
        part.add_adapter(LoraConfig(r=2, lora_alpha=2, init_lora_weights=False, target_modules=layers))
        state = convert_state_dict_to_diffusers(get_peft_model_state_dict(part))
        inner = prefix if name == "text_encoder" else ""
        tensors |= {f"{name}.{inner}{key}": tensor.contiguous() for key, tensor in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    return path

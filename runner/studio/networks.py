"""The architectures of studio-tiny, their sizes, and the noise schedule that they are trained on.

Three diffusers and transformers models in their stock classes, so that stock pipelines load them. Two choices make a
UNet this small follow its prompt: the prompt's pooled embedding is added to the time embedding, and it scales and
shifts every residual block. Cross-attention alone was too weak a path.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderTiny, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.utils import logging as diffusers_logging
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel
from transformers.utils import logging as transformers_logging

from runner.studio.tokenizer import PROMPT_LENGTH, load_tokenizer

LATENT_CHANNELS = 4

LATENT_FACTOR = 8
"""Pixels per latent, in each direction."""

NATIVE_SIZE = 256
"""Width and height in pixels that the model is trained for, and draws unless asked otherwise."""

TEXT_WIDTH = 96

TRAIN_TIMESTEPS = 1000

SCHEDULER: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": TRAIN_TIMESTEPS,
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
}
"""Stable Diffusion 1's noise schedule; every scheduler of diffusers is made from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Networks:
    """The UNet and the text encoder, which are trained together. Untyped: diffusers and transformers have no stubs."""

    unet: Any
    text_encoder: Any

    def parameters(self) -> list[nn.Parameter]:
        """Return every parameter of both, in a fixed order."""
        return [*self.unet.parameters(), *self.text_encoder.parameters()]

    def save(self, folder: Path) -> None:
        """Write both in fp32 to `unet/` and `text_encoder/` inside a folder."""
        self.unet.save_pretrained(folder / "unet")
        self.text_encoder.save_pretrained(folder / "text_encoder")


def build_networks(vocabulary: int, *, seed: int) -> Networks:
    """Return untrained networks for a tokenizer of `vocabulary` entries.

    Token embeddings start nearly one-hot (drawn wide, N(0, 0.5), against CLIP's 0.02): words differ from the first step.
    """
    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        sample_size=NATIVE_SIZE // LATENT_FACTOR,
        layers_per_block=1,
        block_out_channels=(32, 64, 96),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=8,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
    )
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=TEXT_WIDTH,
            intermediate_size=4 * TEXT_WIDTH,
            num_hidden_layers=4,
            num_attention_heads=4,
            max_position_embeddings=PROMPT_LENGTH,
            hidden_act="quick_gelu",
            projection_dim=TEXT_WIDTH,
            bos_token_id=vocabulary - 2,
            eos_token_id=vocabulary - 1,
            pad_token_id=vocabulary - 1,
        )
    )
    embeddings = inner_text_model(text_encoder).embeddings
    nn.init.normal_(embeddings.token_embedding.weight, std=0.5)
    nn.init.normal_(embeddings.position_embedding.weight, std=0.1)
    return Networks(unet=unet, text_encoder=text_encoder)


def load_networks(folder: Path) -> Networks:
    """Load the networks that `Networks.save` or packing wrote, in fp32.

    Raises:
        OSError: the folder lacks `unet/` or `text_encoder/`.
    """
    unet = UNet2DConditionModel.from_pretrained(folder / "unet", local_files_only=True)
    unet.register_to_config(sample_size=NATIVE_SIZE // LATENT_FACTOR)
    text_encoder = CLIPTextModel.from_pretrained(folder / "text_encoder", local_files_only=True, dtype=torch.float32)
    return Networks(unet=unet, text_encoder=text_encoder)


def build_autoencoder(*, seed: int) -> Any:
    """Return an untrained VAE: 8 pixels per latent each way, 4 channels, 32 channels inside at every level."""
    torch.manual_seed(seed)
    return AutoencoderTiny(
        encoder_block_out_channels=(32, 32, 32, 32),
        decoder_block_out_channels=(32, 32, 32, 32),
        num_encoder_blocks=(0, 2, 2, 2),
        num_decoder_blocks=(2, 2, 2, 1),
        latent_channels=LATENT_CHANNELS,
    )


def deepen_decoder(autoencoder: Any, blocks: Sequence[int]) -> Any:
    """Return a VAE with more blocks in its decoder, which decodes as before until it is trained.

    A block ends in a rectifier around its residual. A new one, put after another, whose last convolution is zero hands
    on what it gets. Depth is cheap where the picture is small: the first two of four levels have 1/64 and 1/16 of its pixels.

    Args:
        autoencoder: from `build_autoencoder` or `load_autoencoder`; stays as it is.
        blocks: how many blocks each level is to have, the smallest first; none fewer than it has.
    """
    had = autoencoder.config.num_decoder_blocks
    deeper = AutoencoderTiny.from_config(autoencoder.config, num_decoder_blocks=tuple(blocks)).eval()
    deeper.encoder.load_state_dict(autoencoder.encoder.state_dict())
    old, new = iter(autoencoder.decoder.layers), iter(deeper.decoder.layers)
    around = 2  # layers before the first block, and after a level's last one
    for level in range(len(blocks)):
        for _ in range(around + had[level]):
            next(new).load_state_dict(next(old).state_dict())
        for _ in range(blocks[level] - had[level]):
            last = next(new).conv[-1]
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
    next(new).load_state_dict(next(old).state_dict())
    return deeper


def blend_decoders(one: Any, other: Any, share: float) -> Any:
    """Return a VAE whose decoder's weights lie between those of two decoders that were trained on from the same weights.

    What such decoders do lies between as well (Wortsman et al. 2022, "Model soups"), so that softness is dialled without
    training again.

    Args:
        one: a VAE; stays as it is, and lends its encoder.
        other: a VAE of the same architecture; stays as it is.
        share: how far from `one` to `other`, 0 to 1.
    """
    blended = copy.deepcopy(one)
    far = other.decoder.state_dict()
    blended.decoder.load_state_dict(
        {name: torch.lerp(near, far[name], share) for name, near in one.decoder.state_dict().items()}
    )
    return blended


def load_autoencoder(folder: Path) -> Any:
    """Load the VAE in fp32 from `vae/` inside a folder."""
    return load_vae(folder / "vae")


def load_vae(folder: Path) -> Any:
    """Load a VAE in fp32 from a folder of its own."""
    return AutoencoderTiny.from_pretrained(folder, local_files_only=True).eval()


def build_pipeline(folder: Path, networks: Networks | None = None) -> Any:
    """Return a StableDiffusionPipeline in fp32 from a folder's parts, with `networks` instead of the folder's if given."""
    parts = networks or load_networks(folder)
    pipeline = StableDiffusionPipeline(
        vae=load_autoencoder(folder),
        text_encoder=parts.text_encoder.eval(),
        tokenizer=load_tokenizer(folder),
        unet=parts.unet.eval(),
        scheduler=DDIMScheduler.from_config(SCHEDULER),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def count_parameters(module: Any) -> int:
    """Return how many numbers a network holds."""
    return sum(parameter.numel() for parameter in module.parameters())


def inner_text_model(text_encoder: Any) -> Any:
    """Return the module that holds `embeddings` and `final_layer_norm`: transformers 5 put it on the encoder itself."""
    return getattr(text_encoder, "text_model", text_encoder)


def quiet_libraries() -> None:
    """Keep diffusers and transformers to errors: their progress bars and hints about torchvision hide ours."""
    diffusers_logging.set_verbosity_error()
    transformers_logging.set_verbosity_error()
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()

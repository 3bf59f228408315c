"""A pipeline of diffusers written as one file, under the names that Stability AI's own code gives to tensors."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
AROUND = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
CODEC = {
    "mid_block.resnets.0": "mid.block_1",
    "mid_block.resnets.1": "mid.block_2",
    "mid_block.attentions.0": "mid.attn_1",
    "conv_norm_out": "norm_out",
    "conv_shortcut": "nin_shortcut",
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}
OPEN_CLIP = {
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.token_embedding": "token_embedding",
    "final_layer_norm": "ln_final",
    "encoder.layers": "transformer.resblocks",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


def save_one_file(pipeline: Any, path: Path) -> Path:
    from safetensors.torch import save_file

    tensors = dict(unet_tensors(pipeline.unet)) | dict(vae_tensors(pipeline.vae))
    second = getattr(pipeline, "text_encoder_2", None)
    if second is not None:
        tensors |= clip_tensors(pipeline.text_encoder, "conditioner.embedders.0.transformer.text_model.")
        tensors |= open_clip_tensors(second, "conditioner.embedders.1.model.")
    elif pipeline.unet.config.use_linear_projection:  # Stable Diffusion 2
        tensors |= open_clip_tensors(pipeline.text_encoder, "cond_stage_model.model.")
    else:
        tensors |= clip_tensors(pipeline.text_encoder, "cond_stage_model.transformer.text_model.")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path


def renamed(name: str, names: dict[str, str]) -> str:
    for theirs, ours in names.items():
        name = name.replace(theirs, ours)
    return name


def unet_tensors(unet: Any) -> Iterator[tuple[str, torch.Tensor]]:
    layers = unet.config.layers_per_block
    for name, tensor in unet.state_dict().items():
        yield f"model.diffusion_model.{unet_name(name, layers, set(unet.state_dict()))}", tensor


def unet_name(name: str, layers: int, names: set[str]) -> str:
    if found := re.match(r"down_blocks\.(\d+)\.(resnets|attentions|downsamplers)\.(\d+)\.(.*)", name):
        block, kind, layer, rest = int(found[1]), found[2], int(found[3]), found[4]
        if kind == "downsamplers":
            return f"input_blocks.{(layers + 1) * (block + 1)}.0.{rest.replace('conv', 'op')}"
        place = (layers + 1) * block + layer + 1
        return (
            f"input_blocks.{place}.0.{renamed(rest, RESNET)}" if kind == "resnets" else f"input_blocks.{place}.1.{rest}"
        )
    if found := re.match(r"up_blocks\.(\d+)\.(resnets|attentions|upsamplers)\.(\d+)\.(.*)", name):
        block, kind, layer, rest = int(found[1]), found[2], int(found[3]), found[4]
        if kind == "upsamplers":
            attends = any(other.startswith(f"up_blocks.{block}.attentions") for other in names)
            return f"output_blocks.{(layers + 1) * block + layers}.{2 if attends else 1}.{rest}"
        place = (layers + 1) * block + layer
        return (
            f"output_blocks.{place}.0.{renamed(rest, RESNET)}"
            if kind == "resnets"
            else f"output_blocks.{place}.1.{rest}"
        )
    if found := re.match(r"mid_block\.(resnets|attentions)\.(\d+)\.(.*)", name):
        if found[1] == "attentions":
            return f"middle_block.1.{found[3]}"
        return f"middle_block.{2 * int(found[2])}.{renamed(found[3], RESNET)}"
    return renamed(name, AROUND)


def vae_tensors(vae: Any) -> Iterator[tuple[str, torch.Tensor]]:
    last = len(vae.config.up_block_types) - 1
    for name, tensor in vae.state_dict().items():
        theirs = re.sub(r"down_blocks\.(\d+)\.resnets", r"down.\1.block", name)
        theirs = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", theirs)
        theirs = re.sub(r"up_blocks\.(\d+)\.resnets", lambda at: f"up.{last - int(at[1])}.block", theirs)
        theirs = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda at: f"up.{last - int(at[1])}.upsample", theirs)
        weighs = "attentions" in name and tensor.ndim == 2
        yield f"first_stage_model.{renamed(theirs, CODEC)}", tensor[:, :, None, None] if weighs else tensor


def clip_tensors(encoder: Any, prefix: str) -> dict[str, torch.Tensor]:
    return {f"{prefix}{name.removeprefix('text_model.')}": tensor for name, tensor in encoder.state_dict().items()}


def open_clip_tensors(encoder: Any, prefix: str) -> dict[str, torch.Tensor]:
    ours = {name.removeprefix("text_model."): tensor for name, tensor in encoder.state_dict().items()}
    theirs = {}
    for name, tensor in ours.items():
        if name == "text_projection.weight":
            theirs["text_projection"] = tensor.T
        elif ".q_proj." in name:
            joined = torch.cat([ours[name.replace("q_proj", each)] for each in ("q_proj", "k_proj", "v_proj")])
            whose, _, kind = name.partition(".self_attn.q_proj.")
            theirs[f"{renamed(whose, OPEN_CLIP)}.attn.in_proj_{kind}"] = joined
        elif ".k_proj." not in name and ".v_proj." not in name:
            theirs[renamed(name, OPEN_CLIP)] = tensor
    return {prefix + name: tensor for name, tensor in theirs.items()}

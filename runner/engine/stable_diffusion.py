"""One Stable Diffusion model in memory, over the stock pipelines of diffusers. Importing this imports torch.

Everything is computed in 32-bit floats, whatever the weights are stored in. The text encoder, the U-Net and the VAE are
loaded once and shared by the three pipelines; pipelines and schedulers are built for each picture, which takes under a
millisecond and leaves nothing behind for the next.
"""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import diffusers
import tomesd
import torch
from PIL import Image
from safetensors import SafetensorError

from runner.engine.clip_checker import ClipChecker
from runner.engine.folders import ModelFolder, pick
from runner.engine.pictures import initial_image, repaint_mask
from runner.engine.quiet import hush
from runner.engine.safety import Checker, rule_of
from runner.engine.schedulers import INVERSE, scheduler_for
from runner.errors import EngineError
from runner.nouns import Generation

hush()

PIPELINES: Final = {
    "text2img": diffusers.StableDiffusionPipeline,
    "img2img": diffusers.StableDiffusionImg2ImgPipeline,
    "inpaint": diffusers.StableDiffusionInpaintPipeline,
}

VAES: Final = ("AutoencoderKL", "AutoencoderTiny", "AsymmetricAutoencoderKL")

MERGED_SHARE: Final = 0.5
"""Share of tokens that tomesd merges: the most that its authors recommend."""

MERGED_DOWNSAMPLE: Final = 2
"""Attention down to half of the latents' resolution is merged. At tomesd's own 1, a model without attention at full
resolution, such as studio-tiny, would not be touched."""


class StableDiffusion:
    """A loaded model, with the LoRAs of the last picture still on it and the last custom VAE still at hand."""

    def __init__(self, folder: ModelFolder, device: str, threads: int) -> None:
        self._folder = folder
        self._device = device
        self._threads = threads
        self._base = _load_model(folder, device)
        self._loras: tuple[str, ...] = ()
        self._vae: tuple[str, Any] = ("", None)
        self._clip_checker: ClipChecker | None = None

    def checker(self) -> Checker | None:
        """Return what looks at this model's pictures: its own rule, or its safety checker; None when it has neither.

        Raises:
            EngineError: it is there and cannot be loaded.
        """
        rule = rule_of(self._folder.path)
        if rule is None and self._folder.has_safety_checker():
            self._clip_checker = self._clip_checker or ClipChecker(self._folder.path, self._device)
            return self._clip_checker
        return rule

    def picture(self, generation: Generation) -> Image.Image:
        """Return one picture.

        Raises:
            EngineError: the model, or diffusers with this model, cannot do what is asked; or numbers left the range of
                32-bit floats on the way.
        """
        torch.set_num_threads(self._threads)
        self._check(generation)
        inputs = _input_images(generation)
        self._wear(generation.loras)
        pipeline = self._pipeline(generation)
        if generation.endpoint != "text2img" and int(generation.num_inference_steps * generation.strength) < 1:
            picture = self._reconstruct(pipeline, inputs["image"], generation)
        else:
            picture = self._denoise(pipeline, inputs, generation)
        if generation.endpoint == "inpaint":
            return Image.composite(picture, inputs["image"], inputs["mask_image"])
        return picture

    def _check(self, generation: Generation) -> None:
        where, config = f"{generation.endpoint} with {generation.model_id}", self._base.unet.config
        if generation.width % 8 or generation.height % 8:
            size = f"{generation.width}×{generation.height}"
            raise EngineError(f"{where}: a size of {size} is not divisible by 8; send multiples of 8")
        layers = self._base.text_encoder.config.num_hidden_layers
        if not 1 <= generation.clip_skip <= layers:
            raise EngineError(
                f"clip_skip: {generation.clip_skip} is not a layer of this model's text encoder, which has {layers}; "
                f"1 takes the last and {layers} the first: send 1 to {layers}"
            )
        if generation.scheduler == INVERSE and generation.endpoint != "text2img":
            raise EngineError(
                f"scheduler: {INVERSE} turns a picture into noise and denoises nothing, so {generation.endpoint} has "
                "no picture to give; the other 17 schedulers denoise: send one of these, or use text2img, where what "
                f"{INVERSE} makes is noise"
            )
        if config.in_channels != config.out_channels and generation.endpoint != "inpaint":
            raise EngineError(
                f"{where}: the model is an inpainting model, whose U-Net reads {config.in_channels} channels (latents, "
                "mask and masked image); it does inpaint alone: send it there, or choose another model_id"
            )

    def _pipeline(self, generation: Generation) -> Any:
        components = dict(self._base.components)
        components["vae"] = self._named_vae(generation.vae)
        pipeline = PIPELINES[generation.endpoint](**components, requires_safety_checker=False)
        pipeline.set_progress_bar_config(disable=True)
        # set afterwards: the pipelines' constructors correct the config of a model's own scheduler, and expect one
        pipeline.scheduler = scheduler_for(
            generation.scheduler,
            self._base.scheduler.config,
            use_karras_sigmas=generation.use_karras_sigmas,
            algorithm_type=generation.algorithm_type,
        )
        return pipeline

    def _named_vae(self, name: str) -> Any:
        """Return the model's own VAE, or the one of that name; only the last of these stays in memory."""
        if not name:
            return self._base.vae
        if self._vae[0] != name:
            folder = pick(name, self._folder.vaes(), "vae", f"a VAE of model {self._folder.model_id!r}")
            vae = _load_vae(name, folder)
            if vae.config.latent_channels != self._base.vae.config.latent_channels:
                raise EngineError(
                    f"vae: {name!r} has {vae.config.latent_channels} latent channels, and model "
                    f"{self._folder.model_id!r} works with {self._base.vae.config.latent_channels}; send a VAE that "
                    "has as many, or leave vae out for the model's own"
                )
            self._vae = (name, vae.to(self._device))
        return self._vae[1]

    def _wear(self, loras: tuple[tuple[str, float], ...]) -> None:
        """Put these LoRAs on the model, with their strengths, and take all others off.

        Loading one takes a tenth of a second and more, so those of the last picture stay on: from one strength to the
        next, nothing is loaded.
        """
        names = tuple(name for name, _ in loras)
        if names != self._loras:
            if self._loras:
                self._base.unload_lora_weights()
            self._loras = ()
            self._load_loras(names)
        if loras:
            self._base.set_adapters([_adapter(index) for index in range(len(loras))], [weight for _, weight in loras])

    def _load_loras(self, names: tuple[str, ...]) -> None:
        there = self._folder.loras()
        files = [pick(name, there, "lora_model", f"a LoRA of model {self._folder.model_id!r}") for name in names]
        try:
            for index, file in enumerate(files):
                self._load_lora(file, _adapter(index))
        except EngineError:
            # one of them may have been loaded by half
            self._base = _load_model(self._folder, self._device)
            raise
        self._loras = names

    def _load_lora(self, file: Path, adapter: str) -> None:
        unfit = (
            f"lora_model: {file.stem!r} does not fit model {self._folder.model_id!r}; a LoRA trained on such a model, "
            "in a safetensors file as diffusers or kohya writes it, is needed: send another, or leave it out"
        )
        try:
            with warnings.catch_warnings():
                # peft takes a second LoRA for a mistake; here it is what was asked for
                warnings.filterwarnings("ignore", "Already found a `peft_config` attribute", UserWarning)
                self._base.load_lora_weights(
                    file.parent, weight_name=file.name, adapter_name=adapter, local_files_only=True
                )
        except Exception as error:  # a foreign file can make diffusers, peft and safetensors fail in any way
            raise EngineError(f"{unfit} ({type(error).__name__})") from error
        if not any(adapter in adapters for adapters in self._base.get_list_adapters().values()):
            raise EngineError(unfit)

    def _denoise(self, pipeline: Any, inputs: Mapping[str, Image.Image], generation: Generation) -> Image.Image:
        arguments: dict[str, Any] = dict(inputs)
        if generation.endpoint != "img2img":
            arguments |= {"width": generation.width, "height": generation.height}
        if generation.endpoint != "text2img":
            arguments["strength"] = generation.strength
        try:
            with _merged_tokens(pipeline.unet, generation), _skippable_layers(pipeline.text_encoder):
                decoded = pipeline(
                    prompt=generation.prompt,
                    negative_prompt=generation.negative_prompt,
                    num_inference_steps=generation.num_inference_steps,
                    guidance_scale=generation.guidance_scale,
                    clip_skip=generation.clip_skip - 1 or None,
                    generator=torch.Generator("cpu").manual_seed(generation.seed),
                    callback_on_step_end=_watch(generation),
                    output_type="pt",
                    **arguments,
                ).images
        except ValueError as error:  # how the pipelines and schedulers of diffusers refuse what they are asked
            raise EngineError(
                f"{_described(generation)}: diffusers refuses this ({error}); change what it names and send it again"
            ) from error
        return _finished(pipeline, decoded, generation)

    def _reconstruct(self, pipeline: Any, image: Image.Image, generation: Generation) -> Image.Image:
        """Return the initial image as the VAE keeps it: what denoising would start from, had it a step."""
        generator = torch.Generator("cpu").manual_seed(generation.seed)
        with torch.no_grad():
            encoded = pipeline.vae.encode(pipeline.image_processor.preprocess(image).to(self._device))
            latents = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.sample(generator)
            decoded = pipeline.vae.decode(latents, return_dict=False)[0]
        return _finished(pipeline, pipeline.image_processor.postprocess(decoded, output_type="pt"), generation)


def _load_model(folder: ModelFolder, device: str) -> Any:
    kind = folder.index().get("_class_name")
    allowed = [pipeline.__name__ for pipeline in PIPELINES.values()]
    if kind not in allowed:
        raise EngineError(
            f"model_id: {folder.model_id!r} is a folder for {kind}; this engine drives {', '.join(allowed)}: "
            "choose a model of Stable Diffusion 1 or 2"
        )
    try:
        pipeline = diffusers.StableDiffusionPipeline.from_pretrained(
            folder.path,
            dtype=torch.float32,
            local_files_only=True,
            requires_safety_checker=False,
            safety_checker=None,
            feature_extractor=None,
            image_encoder=None,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise EngineError(
            f"model_id: {folder.model_id!r} cannot be loaded ({_first_line(error)}); a complete folder in the "
            "diffusers format is needed: copy or convert the model again"
        ) from error
    try:
        return pipeline.to(device)
    except (RuntimeError, AssertionError) as error:  # what torch raises for no such word, and for no such hardware
        raise EngineError(
            f"device: {device!r} cannot take model {folder.model_id!r} ({_first_line(error)}); cpu, cuda, cuda:1 or mps is "
            "allowed where this machine has it: start again with another --device"
        ) from error


def _load_vae(name: str, folder: Path) -> Any:
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["_class_name"]
        if kind in VAES:
            return getattr(diffusers, kind).from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise EngineError(
            f"vae: {name!r} cannot be loaded ({_first_line(error)}); a VAE's folder in the diffusers format is needed: "
            "copy it again, or leave vae out for the model's own"
        ) from error
    raise EngineError(
        f"vae: {name!r} is of class {kind!r}; {', '.join(VAES)} fit Stable Diffusion: send another, or leave vae out "
        "for the model's own"
    )


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]


def _input_images(generation: Generation) -> dict[str, Image.Image]:
    match generation.endpoint:
        case "text2img":
            return {}
        case "img2img":
            return {"image": initial_image(generation)}
        case "inpaint":
            return {"image": initial_image(generation), "mask_image": repaint_mask(generation)}


def _watch(generation: Generation) -> Callable[..., dict[str, torch.Tensor]]:
    """Return a callback that stops at the first step whose latents are not numbers any more."""

    def check(_pipeline: Any, step: int, _timestep: Any, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if not tensors["latents"].isfinite().all():
            raise EngineError(
                f"{_described(generation)}: the latents are not finite after run {step + 1} of the model, so there "
                "is no picture; lower guidance_scale or LoRA strengths, or choose another scheduler"
            )
        return tensors

    return check


def _finished(pipeline: Any, decoded: torch.Tensor, generation: Generation) -> Image.Image:
    if not decoded.isfinite().all():
        raise EngineError(
            f"{_described(generation)}: the VAE's output is not finite, so there is no picture; choose another vae, or "
            "lower guidance_scale or LoRA strengths"
        )
    processor = pipeline.image_processor
    picture: Image.Image = processor.numpy_to_pil(processor.pt_to_numpy(decoded))[0]
    return picture


def _described(generation: Generation) -> str:
    loras = "".join(f", LoRA {name} {strength:g}" for name, strength in generation.loras)
    return (
        f"{generation.endpoint} with {generation.model_id}, {generation.scheduler or 'its own scheduler'}, "
        f"{generation.num_inference_steps} steps, guidance {generation.guidance_scale:g}{loras}"
    )


def _adapter(index: int) -> str:
    """Return peft's name for the LoRA at that position: file names can hold characters that peft refuses."""
    return f"lora_{index}"


@contextmanager
def _merged_tokens(unet: Any, generation: Generation) -> Iterator[None]:
    """Merge similar tokens in attention while this lasts, if the generation asks for it (Bolya and Hoffman 2023)."""
    if not generation.tomesd:
        yield
        return
    tomesd.apply_patch(unet, ratio=MERGED_SHARE, max_downsample=MERGED_DOWNSAMPLE)
    # tomesd would otherwise draw which tokens to keep from the process's own generator, whose state anyone may change
    unet._tome_info["args"]["generator"] = torch.Generator(unet.device).manual_seed(generation.seed)  # noqa: SLF001
    try:
        yield
    finally:
        tomesd.remove_patch(unet)


@contextmanager
def _skippable_layers(text_encoder: Any) -> Iterator[None]:
    """Give the text encoder the `text_model` that diffusers reads for clip_skip, where transformers 5 has it no more.

    The attribute goes past `torch.nn.Module`, which would take it for a child, and lasts for the call alone: while it
    is there, diffusers takes LoRA keys that begin with `text_model.` literally, and finds no place for them.
    """
    if hasattr(text_encoder, "text_model"):
        yield
        return
    object.__setattr__(text_encoder, "text_model", text_encoder)
    try:
        yield
    finally:
        object.__delattr__(text_encoder, "text_model")

"""The second VAE of studio-tiny: how a decoder is trained, what ships, and what `vae: crisp` does to a picture."""

import asyncio
import base64
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from typer.testing import CliRunner

from runner.engine.diffusion import DiffusionEngine
from runner.server import create_app, running
from runner.shipped import shipped
from runner.studio.__main__ import app
from runner.studio.decoder import TASTES, Taste, edge_loss, fidelity, gradient_energy, train_decoder
from runner.studio.fitting import CropPlan, Fit, Keeping
from runner.studio.latents import draw_scenes, pixels
from runner.studio.networks import blend_decoders, build_autoencoder, deepen_decoder, load_autoencoder, load_vae
from runner.studio.packing import pack_vae
from runner.studio.scenes import random_scene

pytestmark = pytest.mark.local

MODEL = shipped("models", "studio-tiny")
CRISP = MODEL / "vaes" / "crisp"
WEIGHTS = "diffusion_pytorch_model.safetensors"
BODY: dict[str, Any] = {
    "key": "",
    "model_id": "studio-tiny",
    "prompt": "a red house, on the grass, blue sky",
    "width": 256,
    "height": 256,
    "num_inference_steps": 21,
    "guidance_scale": 5,
    "scheduler": "DDIMScheduler",
    "seed": 7,
    "enhance_prompt": "no",
    "base64": "yes",
}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


def encoder_of(autoencoder: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in autoencoder.encoder.state_dict().items()}


def same(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


# --- training ---------------------------------------------------------------------------------------------------------


def test_a_decoders_training_lowers_its_loss_and_leaves_the_encoder_as_it_was() -> None:
    autoencoder = build_autoencoder(seed=1)
    before, factor = encoder_of(autoencoder), autoencoder.config.scaling_factor
    losses: list[float] = []
    plan = CropPlan(steps=200, crops_a_step=1, crop=32, warmup=1)
    trained = train_decoder(
        autoencoder, draw_scenes(1, 2, random_scene), plan, lambda _, loss: losses.append(loss), size=32
    )
    assert losses[1] < losses[0] - 0.05
    assert same(encoder_of(trained), before)
    assert same(encoder_of(autoencoder), before)
    assert trained.config.scaling_factor == factor


def test_a_decoders_training_repeats_to_the_bit() -> None:
    plan = CropPlan(steps=3, crops_a_step=1, crop=32, warmup=1)
    scenes = draw_scenes(2, 2, random_scene)
    once, again = (
        train_decoder(build_autoencoder(seed=1), scenes, plan, lambda *_: None, size=64).state_dict() for _ in range(2)
    )
    assert same(once, again)
    assert not same(once, build_autoencoder(seed=1).state_dict())


def test_a_decoders_training_that_was_killed_and_run_again_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = CropPlan(steps=4, crops_a_step=1, crop=32, warmup=1)
    scenes, keeping = draw_scenes(2, 2, random_scene), Keeping(path=tmp_path / "fit.pt", every=0)
    whole = train_decoder(build_autoencoder(seed=1), scenes, plan, lambda *_: None, size=64).state_dict()

    class KilledError(Exception):
        """The run ends here."""

    def die(self: Fit, path: Path) -> None:
        save(self, path)
        if self.step == 2:
            raise KilledError

    save = Fit.save
    monkeypatch.setattr(Fit, "save", die)
    with pytest.raises(KilledError):
        train_decoder(build_autoencoder(seed=1), scenes, plan, lambda *_: None, size=64, keeping=keeping)
    monkeypatch.undo()
    again = train_decoder(build_autoencoder(seed=1), scenes, plan, lambda *_: None, size=64, keeping=keeping)
    assert same(again.state_dict(), whole)


def test_a_deeper_decoder_decodes_as_before_and_has_more_to_learn_with() -> None:
    autoencoder = build_autoencoder(seed=1)
    deeper = deepen_decoder(autoencoder, (3, 4, 2, 1))
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        assert torch.equal(autoencoder.decode(latents).sample, deeper.decode(latents).sample)
    assert same(encoder_of(deeper), encoder_of(autoencoder))
    assert [module.config.num_decoder_blocks for module in (autoencoder, deeper)] == [(2, 2, 2, 1), (3, 4, 2, 1)]


def test_a_blended_decoder_lies_between_two_and_each_end_is_one_of_them() -> None:
    one, other = build_autoencoder(seed=1), build_autoencoder(seed=2)
    near, between, far = (blend_decoders(one, other, share) for share in (0, 0.25, 1))
    assert same(near.state_dict(), one.state_dict())
    assert same(far.decoder.state_dict(), other.decoder.state_dict())
    ends = zip(one.decoder.state_dict().values(), other.decoder.state_dict().values(), strict=True)
    lerped = [first.lerp(second, 0.25) for first, second in ends]
    found = between.decoder.state_dict().values()
    assert all(torch.equal(value, expected) for value, expected in zip(found, lerped, strict=True))
    assert all(same(encoder_of(vae), encoder_of(one)) for vae in (near, between, far))


def test_the_command_blend_writes_a_vae_between_two_others_and_keeps_how_it_does(tmp_path: Path) -> None:
    one, other = build_autoencoder(seed=1), build_autoencoder(seed=2)
    for name, vae in (("one", one), ("other", other)):
        vae.save_pretrained(tmp_path / "vaes" / name)
    asked = ["blend", "one", "other", "--work", str(tmp_path), "--share", "0.25", "--name", "between", "--count", "1"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert same(load_vae(tmp_path / "vaes" / "between").state_dict(), blend_decoders(one, other, 0.25).state_dict())
    line = json.loads((tmp_path / "fidelity.jsonl").read_text())
    assert (line["vae"], line["between"], line["share"], line["seed"]) == ("between", ["one", "other"], 0.25, 20261123)
    assert done.stdout == (
        f"between: {line['psnr']:.2f} dB, {line['edges']:.1%} of the drawings' gradient energy, on 1 unseen drawings\n"
    )


def test_the_faithful_taste_forgives_a_soft_edge_that_the_crisp_one_does_not() -> None:
    crisp = torch.full((1, 3, 32, 32), -0.2)
    crisp[..., 16:] = 0.2
    soft = crisp.clone()
    soft[..., 14:18] = torch.tensor([-0.15, -0.05, 0.05, 0.15])
    losses = {name: edge_loss(soft, crisp, taste).item() for name, taste in TASTES.items()}
    assert losses["crisp"] > 1.5 * losses["faithful"] > 0


def test_a_soft_edge_costs_several_times_as_much_as_the_same_error_spread_evenly() -> None:
    crisp = torch.full((1, 3, 32, 32), -1.0)
    crisp[..., 16:] = 1.0
    soft = crisp.clone()
    soft[..., 14:18] = torch.tensor([-0.75, -0.25, 0.25, 0.75])
    even = crisp + (soft - crisp).abs().mean()
    assert edge_loss(crisp, crisp).item() == 0
    assert edge_loss(soft, crisp) > 5 * edge_loss(even, crisp)
    assert gradient_energy(soft) < 0.25 * gradient_energy(crisp)


def test_a_calm_taste_charges_for_every_edge_even_a_true_one() -> None:
    crisp = torch.full((1, 3, 32, 32), -1.0)
    crisp[..., 16:] = 1.0
    calm = Taste(energy=0.0, squared=8.0, calm=2.0)
    assert edge_loss(crisp, crisp, calm).item() == pytest.approx(2 * gradient_energy(crisp))


def test_a_vae_is_packed_under_its_own_name_in_half_precision_without_the_place_it_came_from(tmp_path: Path) -> None:
    build_autoencoder(seed=1).save_pretrained(tmp_path / "work" / "fine")
    pack_vae(tmp_path / "work" / "fine", tmp_path / "model")
    packed = tmp_path / "model" / "vaes" / "fine"
    assert {value.dtype for value in load_file(packed / WEIGHTS).values()} == {torch.float16}
    assert str(tmp_path) not in (packed / "config.json").read_text(encoding="utf-8")
    assert json.loads((packed / "config.json").read_text(encoding="utf-8"))["_class_name"] == "AutoencoderTiny"
    assert [path.stat().st_mode & 0o777 for path in (packed, packed / WEIGHTS)] == [0o755, 0o644]


# --- the VAE that ships -----------------------------------------------------------------------------------------------


def test_crisp_has_the_encoder_of_studio_tiny_to_the_byte_and_another_decoder() -> None:
    own, crisp = load_file(MODEL / "vae" / WEIGHTS), load_file(CRISP / WEIGHTS)
    assert own.keys() == crisp.keys()
    changed = {name for name in own if own[name].numpy().tobytes() != crisp[name].numpy().tobytes()}
    assert {name.split(".")[0] for name in own} == {"encoder", "decoder"}
    assert {name.split(".")[0] for name in changed} == {"decoder"}


def test_crisp_is_small_and_its_settings_are_those_of_the_models_own_vae() -> None:
    own, crisp = (json.loads((folder / "config.json").read_text()) for folder in (MODEL / "vae", CRISP))
    assert crisp == own
    assert sum(path.stat().st_size for path in CRISP.iterdir()) < 1_000_000


def test_crisp_brings_unseen_drawings_back_with_sharper_edges_and_no_worse() -> None:
    scenes = draw_scenes(6, 4242, random_scene)
    own = fidelity(load_autoencoder(MODEL), scenes)
    crisp = fidelity(load_vae(CRISP), scenes)
    assert crisp.edges > 1.5 * own.edges
    assert crisp.edges < 1.1
    assert crisp.psnr > own.psnr


# --- `vae` in a request -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engine() -> DiffusionEngine:
    return DiffusionEngine(shipped("models"))


def answer(engine: DiffusionEngine, **more: Any) -> httpx.Response:
    async def session() -> httpx.Response:
        app = create_app(engine)
        transport = httpx.ASGITransport(app=app)
        async with running(app), httpx.AsyncClient(transport=transport, base_url="http://target") as http:
            return await http.post("/api/v1/enterprise/text2img", json=BODY | more, timeout=120)

    return asyncio.run(session())


def picture(reply: httpx.Response) -> Image.Image:
    said = reply.json()
    assert said["status"] == "success", said
    return Image.open(io.BytesIO(base64.b64decode(said["output"][0]))).convert("RGB")


def test_crisp_sharpens_the_edges_of_the_same_picture_and_null_is_the_models_own(engine: DiffusionEngine) -> None:
    unnamed, null, crisp = (picture(answer(engine, **more)) for more in ({}, {"vae": None}, {"vae": "crisp"}))
    assert null.tobytes() == unnamed.tobytes()
    own, sharp = pixels([unnamed]), pixels([crisp])
    assert gradient_energy(sharp) > 1.3 * gradient_energy(own)
    assert (sharp - own).abs().mean().item() < 0.1


def test_a_vae_that_is_not_there_is_refused_with_those_that_there_are(engine: DiffusionEngine) -> None:
    reply = answer(engine, vae="krisp")
    assert reply.status_code == 400
    assert reply.json()["message"] == (
        "vae: 'krisp' is not a VAE of model 'studio-tiny'; there are crisp: send one of these"
    )

"""Each of the 18 schedulers samples the distribution that its model was trained on.

The model here is exact. Where the data is Gaussian, every latent drawn from N(MEAN, SPREAD²), the best possible noise
prediction is a formula, and so is what a scheduler must arrive at. A scheduler that reads the model's output wrongly,
shows it the wrong noise level or adds too much noise ends at another mean or another spread.
"""

import json
from typing import Any

import pytest
import torch

from runner.engine.schedulers import INVERSE, SCHEDULERS, scheduler_for
from runner.errors import EngineError
from runner.shipped import shipped

pytestmark = [
    pytest.mark.local,
    # diffusers 0.42 hands tensors to numpy in a way that numpy 2 is going to change
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]

CONFIG: dict[str, Any] = {
    "_class_name": "PNDMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
}
MEAN, SPREAD = 0.8, 0.6
SHAPE = (4, 4, 32, 32)
DENOISING = [name for name in SCHEDULERS if name != INVERSE]
ADAPTED = ["IPNDMScheduler", "KarrasVeScheduler", "ScoreSdeVeScheduler"]
ALPHAS_SQUARED = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2, 0)


def scheduler(name: str, *, karras: bool = False, algorithm: str = "none", **config: Any) -> Any:
    return scheduler_for(name, {**CONFIG, **config}, use_karras_sigmas=karras, algorithm_type=algorithm)


def exact_model(latents: Any, timestep: Any, prediction_type: str) -> Any:
    """Return the best prediction from latents α·x0 + s·n, where x0 is drawn from N(MEAN, SPREAD²)."""
    place = float(timestep)
    low, high = ALPHAS_SQUARED[int(place)], ALPHAS_SQUARED[min(int(place) + 1, 999)]
    sigmas = ((1 - low) / low).sqrt(), ((1 - high) / high).sqrt()
    sigma = float(sigmas[0].log().lerp(sigmas[1].log(), place % 1).exp())
    alpha = (1 + sigma**2) ** -0.5
    s = alpha * sigma
    noise = s * (latents - alpha * MEAN) / (alpha**2 * SPREAD**2 + s**2)
    clean = (latents - s * noise) / alpha
    return {"epsilon": noise, "sample": clean, "v_prediction": alpha * noise - s * clean}[prediction_type]


def denoise(sampler: Any, latents: Any, start: int, seed: int) -> Any:
    """Run the loop that the stock pipelines run, from a position in the timesteps."""
    takes_generator = "generator" in sampler.step.__code__.co_varnames
    keywords = {"generator": torch.Generator().manual_seed(seed)} if takes_generator else {}
    prediction_type = getattr(sampler, "tested_prediction_type", "epsilon")
    for timestep in sampler.timesteps[start:]:
        shown = sampler.scale_model_input(latents, timestep)
        output = exact_model(shown, timestep, prediction_type)
        latents = sampler.step(output, timestep, latents, **keywords, return_dict=False)[0]
    return latents


def sampled(sampler: Any, steps: int, seed: int = 0) -> Any:
    """Sample as text2img does: from noise alone."""
    sampler.set_timesteps(steps)
    noise = torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed)) * sampler.init_noise_sigma
    return denoise(sampler, noise, 0, seed + 1)


def resampled(sampler: Any, steps: int, strength: float) -> Any:
    """Sample as img2img does: from clean data, brought to the noise level at which the strength starts."""
    generator = torch.Generator().manual_seed(5)
    sampler.set_timesteps(steps)
    start = (steps - int(steps * strength)) * sampler.order
    sampler.set_begin_index(start)
    clean = MEAN + SPREAD * torch.randn(SHAPE, generator=generator)
    noise = torch.randn(SHAPE, generator=generator)
    return denoise(sampler, sampler.add_noise(clean, noise, sampler.timesteps[start : start + 1].repeat(4)), start, 6)


def test_the_names_are_those_of_the_schema_in_its_order() -> None:
    schema = json.loads(shipped("schemas", "parameters.schema.json").read_text(encoding="utf-8"))
    assert tuple(schema["$defs"]["scheduler"]["enum"]) == SCHEDULERS


@pytest.mark.parametrize("name", [name for name in DENOISING if name != "LCMScheduler"])
def test_a_scheduler_samples_the_data_from_noise(name: str) -> None:
    latents = sampled(scheduler(name), 41)
    assert (float(latents.mean()), float(latents.std())) == pytest.approx((MEAN, SPREAD), abs=0.06)


def test_lcm_draws_an_undistilled_model_towards_the_mean() -> None:
    """It expects a model distilled to give a sample at once; this one gives the mean of what is possible."""
    latents = sampled(scheduler("LCMScheduler"), 41)
    assert float(latents.mean()) == pytest.approx(MEAN, abs=0.05)
    assert 0.3 < float(latents.std()) < SPREAD


def test_ddim_inverse_turns_data_into_noise() -> None:
    sampler = scheduler(INVERSE)
    sampler.set_timesteps(41)
    clean = MEAN + SPREAD * torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))
    latents = denoise(sampler, clean, 0, 2)
    assert (float(latents.mean()), float(latents.std())) == pytest.approx((0, 1), abs=0.15)


@pytest.mark.parametrize("name", ADAPTED)
@pytest.mark.parametrize("strength", [0.3, 0.7, 1.0])
def test_an_adapted_scheduler_samples_the_data_from_noised_data(name: str, strength: float) -> None:
    latents = resampled(scheduler(name), 41, strength)
    assert (float(latents.mean()), float(latents.std())) == pytest.approx((MEAN, SPREAD), abs=0.05)


@pytest.mark.parametrize("name", ADAPTED)
@pytest.mark.parametrize("prediction_type", ["v_prediction", "sample"])
def test_an_adapted_scheduler_reads_what_the_model_predicts(name: str, prediction_type: str) -> None:
    sampler = scheduler(name, prediction_type=prediction_type)
    sampler.tested_prediction_type = prediction_type
    latents, expected = sampled(sampler, 21), sampled(scheduler(name), 21)
    assert torch.allclose(latents, expected, atol=1e-3)


def test_an_adapted_scheduler_refuses_a_prediction_that_it_does_not_know() -> None:
    sampler = scheduler("KarrasVeScheduler", prediction_type="flow")
    with pytest.raises(
        ValueError, match="prediction_type 'flow' is unknown; epsilon, v_prediction and sample are known"
    ):
        sampled(sampler, 21)


@pytest.mark.parametrize("name", ADAPTED)
def test_a_schedule_that_ends_in_pure_noise_stays_finite(name: str) -> None:
    sampler = scheduler(name, rescale_betas_zero_snr=True)
    sampler.set_timesteps(21)
    latents = torch.ones(SHAPE) * sampler.init_noise_sigma
    for timestep in sampler.timesteps:
        assert sampler.scale_model_input(latents, timestep).isfinite().all()
        latents = sampler.step(torch.ones(SHAPE), timestep, latents, return_dict=False)[0]
        assert latents.isfinite().all()


@pytest.mark.parametrize("name", ADAPTED)
def test_the_model_is_shown_noise_levels_that_it_was_trained_on(name: str) -> None:
    sampler = scheduler(name)
    sampler.set_timesteps(21)
    assert len(sampler.timesteps) == {"IPNDMScheduler": 21, "KarrasVeScheduler": 41, "ScoreSdeVeScheduler": 42}[name]
    assert sampler.timesteps.max() == pytest.approx(999)
    assert sampler.timesteps.min() >= 0
    largest = float(((1 - ALPHAS_SQUARED[-1]) / ALPHAS_SQUARED[-1]).sqrt())
    assert max(getattr(sampler, "_levels", [0])) <= largest * 1.001


@pytest.mark.parametrize("steps", [2, 21, 23, 31, 41, 50])
def test_each_predictor_step_is_that_of_reverse_diffusion(steps: int) -> None:
    """From σ to the next lower σ', latents move by σ² - σ'² along the score and gain that variance, at last none."""
    sampler = scheduler("ScoreSdeVeScheduler")
    sampler.set_timesteps(steps)
    sigmas = [*sampler._levels[::2], 0.0]
    latents, noise = torch.ones(SHAPE), torch.full(SHAPE, 0.5)
    drawn = torch.randn(SHAPE, generator=torch.Generator().manual_seed(4))
    for step in range(steps):
        sampler.set_begin_index(2 * step + 1)
        variance = sigmas[step] ** 2 - sigmas[step + 1] ** 2
        expected = latents - variance * noise / sigmas[step] + (variance**0.5 * drawn if step + 1 < steps else 0)
        generator = torch.Generator().manual_seed(4)
        assert torch.allclose(
            sampler.step(noise, None, latents, generator=generator)[0], expected, rtol=1e-3, atol=1e-3
        )


@pytest.mark.parametrize("name", ["KarrasVeScheduler", "ScoreSdeVeScheduler"])
def test_noise_comes_from_the_generator_alone(name: str) -> None:
    torch.manual_seed(0)
    untouched = torch.get_rng_state()
    first = sampled(scheduler(name), 21, seed=3)
    assert torch.equal(torch.get_rng_state(), untouched)
    torch.manual_seed(99)
    assert torch.equal(sampled(scheduler(name), 21, seed=3), first)
    assert not torch.equal(sampled(scheduler(name), 21, seed=4), first)


@pytest.mark.parametrize("name", ADAPTED)
def test_a_scheduler_can_run_again(name: str) -> None:
    """A pipeline that is called twice sets the timesteps twice; nothing of the first run is left."""
    sampler = scheduler(name)
    assert torch.equal(sampled(sampler, 21), sampled(sampler, 21))


@pytest.mark.parametrize("name", ["KarrasVeScheduler", "ScoreSdeVeScheduler"])
def test_geometric_levels_need_two_steps(name: str) -> None:
    message = "1 steps are too few for geometric noise levels; two are the fewest"
    with pytest.raises(ValueError, match=message):
        scheduler(name).set_timesteps(1)


SPACED_AS_KARRAS = {
    "LMSDiscreteScheduler",
    "EulerDiscreteScheduler",
    "DPMSolverMultistepScheduler",
    "HeunDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "DPMSolverSinglestepScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "UniPCMultistepScheduler",
    "DEISMultistepScheduler",
}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_karras_sigmas_space_the_levels_of_schedulers_that_can(name: str) -> None:
    plain, karras = scheduler(name), scheduler(name, karras=True)
    for sampler in (plain, karras):
        sampler.set_timesteps(21)
    differ = len(plain.timesteps) != len(karras.timesteps) or not torch.equal(plain.timesteps, karras.timesteps)
    assert differ == (name in SPACED_AS_KARRAS)


def test_karras_sigmas_take_the_place_of_another_spacing_of_the_model() -> None:
    chosen = scheduler("EulerDiscreteScheduler", karras=True, use_exponential_sigmas=True)
    assert (chosen.config.use_karras_sigmas, chosen.config.use_exponential_sigmas) == (True, False)
    kept = scheduler("EulerDiscreteScheduler", use_exponential_sigmas=True)
    assert (kept.config.use_karras_sigmas, kept.config.use_exponential_sigmas) == (False, True)


def test_the_algorithm_is_the_one_asked_for_or_the_models_own() -> None:
    name, models_own = "DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}
    assert scheduler(name).config.algorithm_type == "dpmsolver++"
    assert scheduler(name, **models_own).config.algorithm_type == "sde-dpmsolver++"
    assert scheduler(name, algorithm="dpmsolver+++", **models_own).config.algorithm_type == "dpmsolver++"


def test_the_algorithm_is_for_the_multistep_solver_alone() -> None:
    name = "DPMSolverSinglestepScheduler"
    own = scheduler(name, algorithm="dpmsolver+++", algorithm_type="sde-dpmsolver++")
    assert own.config.algorithm_type == "sde-dpmsolver++"


def test_no_name_means_the_models_own() -> None:
    assert type(scheduler("")).__name__ == "PNDMScheduler"
    assert type(scheduler("", _class_name="DDIMScheduler")).__name__ == "DDIMScheduler"


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(EngineError) as refusal:
        scheduler("EulerScheduler")
    assert str(refusal.value) == (
        f"scheduler: 'EulerScheduler' is not one that this engine drives; allowed are {', '.join(SCHEDULERS)}: "
        "send one of these"
    )
    with pytest.raises(EngineError, match=r"^scheduler: 'EDMEulerScheduler', the own one of the model, is not one"):
        scheduler("", _class_name="EDMEulerScheduler")


# --- what the documents say of each ---------------------------------------------------------------------------------------


def said(name: str) -> Any:
    schema = json.loads(shipped("schemas", "parameters.schema.json").read_text(encoding="utf-8"))
    return schema["$defs"]["scheduler"]["x-schedulers"][name]


@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_table_says_how_often_the_model_is_called_and_whether_noise_is_drawn_on_the_way(name: str) -> None:
    calls, ends = [], []
    for seed in (1, 2):
        sampler = scheduler(name)
        sampler.set_timesteps(21)
        start = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0)) * sampler.init_noise_sigma
        ends.append(denoise(sampler, start, 0, seed))
        calls.append(len(sampler.timesteps))
    more = {"one call more at the start": 1, "one call in the last step": -1}
    expected = 21 * said(name)["calls"] + sum(count for words, count in more.items() if words in said(name)["note"])
    assert (calls, not torch.equal(*ends)) == ([expected, expected], said(name)["stochastic"])


@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_table_says_which_take_karras_sigmas(name: str) -> None:
    taken = [
        getattr(scheduler(name, karras=asked), "config", {}).get("use_karras_sigmas", False) for asked in (True, False)
    ]
    assert taken == [said(name)["karras"], False]


def test_the_shipped_model_takes_every_scheduler_without_a_warning() -> None:
    import logging

    from runner.engine.quiet import Sieve

    config = json.loads((shipped("models") / "studio-tiny" / "scheduler" / "scheduler_config.json").read_text())
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign] - a list for a stream
    handler.addFilter(Sieve())
    logging.getLogger("diffusers").addHandler(handler)
    try:
        for name in SCHEDULERS:
            scheduler_for(name, config, use_karras_sigmas=True, algorithm_type="none")
    finally:
        logging.getLogger("diffusers").removeHandler(handler)
    assert lines == []

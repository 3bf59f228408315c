"""Three schedulers of diffusers, fitted to the stock Stable Diffusion pipelines.

The pipelines speak one protocol: `set_timesteps`, then for each of `timesteps` a `scale_model_input`, the model, and a
`step`; `add_noise` brings a clean picture to a timestep's noise level. IPNDM, KarrasVe and ScoreSdeVe were written for
other models and other loops. Each adapter here holds the scheduler of diffusers, leaves the sampling rule to it, and
does the translation: what the pipeline's state means, what the model is shown, how its output is read.

Notation. A Stable Diffusion model was trained on variance-preserving latents x = α·x0 + s·n, with α² + s² = 1 and
α² = `alphas_cumprod[t]`. The same latents divided by α are variance-exploding: x/α = x0 + σ·n, with σ = s/α. Both σ and
t name one noise level; between the trained timesteps, t is interpolated over log σ, as k-diffusion does.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from diffusers import DDPMScheduler, IPNDMScheduler, KarrasVeScheduler, ScoreSdeVeScheduler

SMALLEST_ALPHA_SQUARED: Final = 2.0**-24
"""Where a schedule ends in pure noise (zero terminal SNR), σ would be infinite; diffusers' own Euler stops here too."""


class TrainedLevels:
    """The noise levels that a model was trained on, and what it predicts, read off its scheduler's config."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        trained = DDPMScheduler.from_config(config)
        self.alphas_squared: torch.Tensor = trained.alphas_cumprod.double().clamp(min=SMALLEST_ALPHA_SQUARED)
        self._log_sigmas = (((1 - self.alphas_squared) / self.alphas_squared).log() / 2).numpy()
        self._prediction_type: str = trained.config.prediction_type

    def __len__(self) -> int:
        return len(self.alphas_squared)

    @property
    def smallest_sigma(self) -> float:
        """Return σ at timestep 0."""
        return math.exp(self._log_sigmas[0])

    @property
    def largest_sigma(self) -> float:
        """Return σ at the last timestep."""
        return math.exp(self._log_sigmas[-1])

    def timestep(self, sigma: float) -> float:
        """Return the timestep of a noise level, between two trained ones where it falls between them."""
        return float(np.interp(math.log(sigma), self._log_sigmas, np.arange(len(self))))

    def noise(self, output: torch.Tensor, latents: torch.Tensor, alpha: float, s: float) -> torch.Tensor:
        """Return the noise n that a model's output says is in the variance-preserving latents that it was shown."""
        match self._prediction_type:
            case "epsilon":
                return output
            case "v_prediction":  # v = α·n - s·x0 (Salimans and Ho 2022, appendix D)
                return alpha * output + s * latents
            case "sample":
                return (latents - alpha * output) / s
            case other:
                raise ValueError(f"prediction_type {other!r} is unknown; epsilon, v_prediction and sample are known")


class FourthOrderMultistep:
    """IPNDM: the linear multistep rule of PNDM without its warm-up (Zhang and Chen 2022; Liu et al. 2022).

    Algorithm: past noise predictions are combined with the coefficients of the fourth-order Adams-Bashforth method
    (55, -59, 37, -9)/24, lower orders for the first three steps, and put into the transfer of DDIM (Liu et al. 2022,
    section 3).

    Translation: diffusers' `IPNDMScheduler` assumes a model of another repository, trained on s = sin²(πt/2) with t in
    [0, 1] and predicting v. Here its `betas`, which are the s of each step, and its `alphas` are those of the trained
    timesteps, and the noise n is handed to it as v = (n - s·x)/α, from which it recovers n.
    """

    order = 1
    init_noise_sigma = 1.0

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._trained = TrainedLevels(config)
        self._inner = IPNDMScheduler(num_train_timesteps=len(self._trained))
        self._index = 0
        self.timesteps = torch.empty(0, dtype=torch.long)

    def set_timesteps(self, num_inference_steps: int, device: str | torch.device | None = None) -> None:
        """Space the steps evenly from the last trained timestep; the step after the last ends without noise."""
        timesteps = torch.linspace(len(self._trained) - 1, 0, num_inference_steps + 1)[:-1].round().long()
        alphas_squared = torch.cat([self._trained.alphas_squared[timesteps], torch.ones(1, dtype=torch.float64)])
        self._inner.set_timesteps(num_inference_steps)
        self._inner.alphas = alphas_squared.sqrt().float()
        self._inner.betas = (1 - alphas_squared).sqrt().float()
        self.timesteps = timesteps.to(device)
        self.set_begin_index(0)

    def set_begin_index(self, begin_index: int = 0) -> None:
        """Start at that position of `timesteps`: img2img and inpaint leave the first ones out."""
        self._index = begin_index
        self._inner.set_begin_index(begin_index)

    def scale_model_input(self, sample: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:  # noqa: ARG002 - protocol
        """Return the latents as they are: they are variance-preserving already."""
        return sample

    def step(
        self,
        model_output: torch.Tensor,
        timestep: torch.Tensor,
        sample: torch.Tensor,
        return_dict: bool = False,  # noqa: ARG002, FBT001, FBT002 - the pipelines pass it, as False
    ) -> tuple[torch.Tensor]:
        """Return the latents of the next timestep."""
        alpha, s = float(self._inner.alphas[self._index]), float(self._inner.betas[self._index])
        noise = self._trained.noise(model_output, sample, alpha, s)
        self._index += 1
        return (self._inner.step((noise - s * sample) / alpha, timestep, sample).prev_sample,)

    def add_noise(self, original_samples: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """Return α·x0 + s·n at the noise level of some timesteps, one for each sample."""
        alphas_squared = self._trained.alphas_squared[timesteps.long().cpu()].to(original_samples).view(-1, 1, 1, 1)
        return alphas_squared.sqrt() * original_samples + (1 - alphas_squared).sqrt() * noise


class VarianceExploding:
    """What KarrasVe and ScoreSdeVe share: the pipeline's state is x0 + σ·n, the model is shown it divided by √(1 + σ²).

    Each step of both samplers runs the model twice, so `timesteps` has two entries for a step and `order` is 2. Both
    run over geometrically spaced σ, the spacing of Song et al. 2021 (section 3.4; Karras et al. 2022, table 1, VE).
    """

    order = 2

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._trained = TrainedLevels(config)
        self._levels: tuple[float, ...] = ()
        self._index = 0
        self.timesteps = torch.empty(0)
        self.init_noise_sigma = self._trained.largest_sigma

    def set_begin_index(self, begin_index: int = 0) -> None:
        """Start at that position of `timesteps`: img2img and inpaint leave the first ones out."""
        self._index = begin_index

    def scale_model_input(self, sample: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:  # noqa: ARG002 - protocol
        """Return the latents as the model knows them, variance-preserving."""
        return sample / math.sqrt(1 + self._levels[self._index] ** 2)

    def add_noise(self, original_samples: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """Return x0 + σ·n at the noise level of some timesteps, one for each sample."""
        nearest = [int((self.timesteps - timestep).abs().argmin()) for timestep in timesteps]
        sigmas = torch.tensor([self._levels[index] for index in nearest]).to(original_samples)
        return original_samples + sigmas.view(-1, 1, 1, 1) * noise

    def _set_levels(self, levels: Sequence[float], device: str | torch.device | None) -> None:
        """Take σ of each run of the model, in order."""
        self._levels = tuple(levels)
        self._index = 0
        self.timesteps = torch.tensor([self._trained.timestep(sigma) for sigma in levels], device=device)

    def _geometric_levels(self, num_inference_steps: int) -> list[float]:
        if num_inference_steps < 2:
            raise ValueError(f"{num_inference_steps} steps are too few for geometric noise levels; two are the fewest")
        smallest, largest = self._trained.smallest_sigma, self._trained.largest_sigma
        ratio = (smallest / largest) ** (1 / (num_inference_steps - 1))
        return [largest * ratio**step for step in range(num_inference_steps)]

    def _noise(self, model_output: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
        sigma = self._levels[self._index]
        alpha = 1 / math.sqrt(1 + sigma**2)
        return self._trained.noise(model_output, alpha * sample, alpha, alpha * sigma)


class StochasticHeun(VarianceExploding):
    """KarrasVe: Heun's second-order steps with added noise, "churn" (Karras et al. 2022, algorithm 2).

    A step raises the noise from σ to σ̂ = (1 + γ)σ, takes an Euler step to the next σ, and, unless that is 0, corrects
    it with the slope found there. S_churn = 80 and S_noise = 1.007 are diffusers' defaults; noise is added between
    S_tmin = 0.05 and an S_tmax that keeps σ̂ within what the model was trained on.

    Translation: diffusers' `KarrasVeScheduler` adds the noise before the model runs, where the pipelines call nothing;
    here it is added at the end of the step before, which is the same moment of the algorithm; the first step, above
    S_tmax, has none. Its `step` takes -n for a model output. Its own levels, which square σ, are not used.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._inner = KarrasVeScheduler(s_max=self._trained.largest_sigma / math.sqrt(2))  # γ is √2 - 1 at the most
        self._sigmas: list[float] = []
        self._start = self._slope = torch.empty(0)

    def set_timesteps(self, num_inference_steps: int, device: str | torch.device | None = None) -> None:
        """List σ̂ of each step, with the next step's σ between them, where the correction runs the model."""
        self._inner.set_timesteps(num_inference_steps)
        self._sigmas = self._geometric_levels(num_inference_steps)
        levels = []
        for sigma in self._sigmas:
            levels += [sigma, self._churned(sigma)]
        self._set_levels(levels[1:], device)

    def step(
        self,
        model_output: torch.Tensor,
        timestep: torch.Tensor,  # noqa: ARG002 - the position in `timesteps` says more: levels may repeat
        sample: torch.Tensor,
        generator: torch.Generator | None = None,
        return_dict: bool = False,  # noqa: ARG002, FBT001, FBT002 - the pipelines pass it, as False
    ) -> tuple[torch.Tensor]:
        """Return the latents after an Euler step, or after its correction with noise added for the next step."""
        slope = self._noise(model_output, sample)
        step, correcting = divmod(self._index, 2)
        next_sigma = self._sigmas[step + 1] if step + 1 < len(self._sigmas) else 0.0
        if correcting:
            churned = self._levels[self._index - 1]
            better = self._inner.step_correct(-slope, churned, next_sigma, self._start, sample, self._slope)
            latents, _ = self._inner.add_noise_to_input(better.prev_sample, next_sigma, generator)
        else:
            taken = self._inner.step(-slope, self._levels[self._index], next_sigma, sample)
            self._start, self._slope = sample, taken.derivative
            latents = taken.prev_sample
        self._index += 1
        return (latents.to(sample.dtype),)  # the noise that diffusers draws is 32 bits wide

    def _churned(self, sigma: float) -> float:
        _, churned = self._inner.add_noise_to_input(torch.zeros(1), sigma, torch.Generator())
        return float(churned)


class PredictorCorrector(VarianceExploding):
    """ScoreSdeVe: predictor-corrector sampling of the variance-exploding SDE (Song et al. 2021, algorithm 2).

    At each σ, one step of annealed Langevin dynamics (algorithm 4; signal-to-noise ratio 0.15, diffusers' default)
    corrects the latents, then a reverse-diffusion step (appendix E) takes them to the next lower σ. The last step takes
    the mean, without its noise. All noise comes from the generator that the pipeline hands to `step`.

    Translation: diffusers' `ScoreSdeVeScheduler` has `step_correct` and `step_pred` and no `step`; here they take
    turns. The score that they expect is -n/σ.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._inner = ScoreSdeVeScheduler(
            num_train_timesteps=len(self._trained),
            sigma_min=self._trained.smallest_sigma,
            sigma_max=self._trained.largest_sigma,
        )

    def set_timesteps(self, num_inference_steps: int, device: str | torch.device | None = None) -> None:
        """List each σ twice: once for the corrector, once for the predictor."""
        levels = self._geometric_levels(num_inference_steps)
        self._inner.set_timesteps(num_inference_steps)
        self._inner.set_sigmas(num_inference_steps)
        self._set_levels([sigma for sigma in levels for _ in range(2)], device)

    def step(
        self,
        model_output: torch.Tensor,
        timestep: torch.Tensor,  # noqa: ARG002 - the position in `timesteps` says more: each level is there twice
        sample: torch.Tensor,
        generator: torch.Generator | None = None,
        return_dict: bool = False,  # noqa: ARG002, FBT001, FBT002 - the pipelines pass it, as False
    ) -> tuple[torch.Tensor]:
        """Return the corrected latents, or those of the next lower σ."""
        score = -self._noise(model_output, sample) / self._levels[self._index]
        step, predicting = divmod(self._index, 2)
        self._index += 1
        if not predicting:
            corrected = self._inner.step_correct(score, sample, generator=generator).prev_sample
            return (corrected.to(sample.dtype),)  # the noise that diffusers draws is 32 bits wide
        remaining = len(self._levels) // 2 - 1 - step
        # diffusers finds the level by rounding (steps - 1) times this down; the half keeps it off the edge
        moment = (remaining + 0.5) / (len(self._levels) // 2 - 1)
        predicted = self._inner.step_pred(score, moment, sample, generator=generator)
        return ((predicted.prev_sample if remaining else predicted.prev_sample_mean).to(sample.dtype),)

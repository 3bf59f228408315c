"""Requests: their routes and bodies, what is asked in every spelling, and complaints in the service's words."""

import base64
import math
from typing import Any

import pytest
from wired import no_image

from runner import wire
from runner.nouns import ENDPOINTS, Request
from runner.schema import endpoint_schema

DEFAULTS = endpoint_schema("text2img").defaults


def test_every_route_stands_under_every_base_and_fetch_takes_its_id_either_way() -> None:
    assert wire.ROUTES["inpaint"] == (
        "/api/v1/enterprise/inpaint",
        "/api/v1/enterprise/images/inpaint",
        "/api/v6/inpaint",
        "/api/v6/images/inpaint",
    )
    assert wire.ROUTES["fetch"] == (
        "/api/v1/enterprise/fetch",
        "/api/v1/enterprise/fetch/{request_id}",
        "/api/v1/enterprise/images/fetch",
        "/api/v1/enterprise/images/fetch/{request_id}",
        "/api/v6/fetch",
        "/api/v6/fetch/{request_id}",
        "/api/v6/images/fetch",
        "/api/v6/images/fetch/{request_id}",
    )
    assert set(wire.ROUTES) == {*ENDPOINTS, *wire.HOUSEKEEPING, "fetch", "fetch_by_track_id"}


def test_a_body_is_the_parameters_and_the_key_with_null_for_a_seed_to_be_drawn() -> None:
    request = Request(endpoint="text2img", parameters={"prompt": "a house", "seed": None, "width": 512}, repeat=3)

    assert wire.body(request, key="abc", load=no_image) == {
        "prompt": "a house",
        "seed": None,
        "width": 512,
        "key": "abc",
    }


def test_local_images_travel_as_base64_and_ask_for_base64_back() -> None:
    files = {"aa": b"first", "bb": b"second"}
    parameters = {"init_image": "sha256:aa", "mask_image": "sha256:bb", "base64": "no", "prompt": "sha256:aa"}

    sent = wire.body(Request(endpoint="inpaint", parameters=parameters), key="", load=files.__getitem__)

    assert sent == {
        "init_image": base64.b64encode(b"first").decode(),
        "mask_image": base64.b64encode(b"second").decode(),
        "base64": "yes",
        "prompt": "sha256:aa",
        "key": "",
    }


def test_a_linked_image_travels_as_its_link() -> None:
    parameters = {"init_image": "https://pictures.example/cat.png", "base64": "no"}

    sent = wire.body(Request(endpoint="img2img", parameters=parameters), key="k", load=no_image)

    assert sent == {**parameters, "key": "k"}


def test_an_id_that_could_be_read_as_a_path_is_named_in_the_body_alone() -> None:
    assert wire.fetch_paths("1234") == ("fetch/1234", "fetch")
    assert wire.fetch_paths("../delete_model") == ("fetch",)
    assert wire.fetch_paths("..") == ("fetch",)


def test_asking_takes_every_spelling_and_writes_the_defaults_out() -> None:
    body = {
        "key": "abc",
        "model_id": "m",
        "prompt": "a house",
        "width": "768",
        "enhance_prompt": False,
        "lora_model": "ink, chalk",
        "lora_strength": [0.5, 1.0],
        "guidance_scale": "7.0",
        "clip_skip": None,
        "vae": None,
    }

    assert wire.ask("text2img", body) == Request(
        endpoint="text2img",
        parameters={
            **DEFAULTS,
            "seed": None,
            "vae": None,
            "model_id": "m",
            "prompt": "a house",
            "width": 768,
            "enhance_prompt": "no",
            "lora_model": "ink,chalk",
            "lora_strength": "0.5,1",
            "guidance_scale": 7,
        },
    )


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param({"prompt": ""}, "prompt is required", id="empty prompt"),
        pytest.param({"prompt": None}, "prompt is required", id="null prompt"),
        pytest.param({"width": 255}, "width must be between 256 and 1024", id="narrow"),
        pytest.param({"width": "wide"}, "width must be between 256 and 1024", id="word for a number"),
        pytest.param({"width": [512]}, "width must be between 256 and 1024", id="list for a number"),
        pytest.param({"width": True}, "width must be between 256 and 1024", id="boolean for a number"),
        pytest.param({"height": 513}, "height must be divisible by 8", id="odd height"),
        pytest.param({"height": 512.5}, "height must be divisible by 8", id="half a pixel"),
        pytest.param({"samples": 5}, "samples must be between 1 and 4", id="samples"),
        pytest.param({"guidance_scale": 0}, "guidance_scale must be between 1 and 20", id="guidance"),
        pytest.param({"guidance_scale": math.nan}, "guidance_scale must be between 1 and 20", id="not a number"),
        pytest.param({"guidance_scale": "1e999"}, "guidance_scale must be between 1 and 20", id="infinity"),
        pytest.param({"seed": "9" * 5000}, "seed must be between 0 and 4294967295", id="a number of 5000 digits"),
        pytest.param(
            {"num_inference_steps": 30}, "num_inference_steps: 30 is not one of 21, 31, 41 (text2img)", id="steps"
        ),
        pytest.param(
            {"prompt": "a \ud800 house"},
            "prompt: not valid Unicode text; send text without lone surrogates",
            id="half a character",
        ),
        pytest.param({"prompt": {"a": 1}}, "prompt: {'a': 1} is not one value (text2img)", id="mapping for a text"),
        pytest.param(
            {"lora_model": "ink"}, "lora_model needs lora_strength beside it; add it (text2img)", id="lonely LoRA"
        ),
        pytest.param(
            {"guidence_scale": 7},
            "'guidence_scale' is no parameter of text2img; did you mean 'guidance_scale'?",
            id="typing error",
        ),
    ],
)
def test_a_complaint_is_in_the_services_words(changes: dict[str, Any], complaint: str) -> None:
    assert wire.ask("text2img", {"model_id": "m", "prompt": "p", **changes}) == [complaint]


def test_all_complaints_come_at_once() -> None:
    assert wire.ask("inpaint", {"prompt": "p", "width": 100, "seed": -1, "algorithm_type": "dpmsolver++"}) == [
        "model_id is required",
        "init_image is required",
        "mask_image is required",
        "width must be between 256 and 1024",
        "seed must be between 0 and 4294967295",
        (
            "algorithm_type 'dpmsolver+++' goes with DPMSolverMultistepScheduler alone, not with none; "
            "leave it out (none) or change the scheduler (inpaint)"
        ),
    ]


def test_a_body_of_a_thousand_unknown_names_gets_a_short_answer() -> None:
    complaints = wire.ask("text2img", {f"{index}{'x' * 10_000}": 1 for index in range(1000)})

    assert isinstance(complaints, list)
    assert len(complaints) < 30
    assert max(map(len, complaints)) < 600


@pytest.mark.parametrize("body", [None, [], "text", 5])
def test_a_body_that_is_no_object_is_one_complaint(body: object) -> None:
    assert wire.ask("text2img", body) == ["the body must be a JSON object"]

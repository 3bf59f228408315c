"""What an endpoint accepts: the lists of its page, one spelling for each value, complaints in words."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from runner.nouns import ENDPOINTS, Endpoint, Value
from runner.schema import (
    LONGEST_REMEMBERED,
    REMEMBERED,
    BodyValidator,
    Misfit,
    bundled,
    did_you_mean,
    endpoint_schema,
    registry,
    schema_names,
)

SCHEDULERS = (
    "DDPMScheduler DDIMScheduler PNDMScheduler LMSDiscreteScheduler EulerDiscreteScheduler "
    "EulerAncestralDiscreteScheduler DPMSolverMultistepScheduler HeunDiscreteScheduler KDPM2DiscreteScheduler "
    "DPMSolverSinglestepScheduler KDPM2AncestralDiscreteScheduler UniPCMultistepScheduler DDIMInverseScheduler "
    "DEISMultistepScheduler IPNDMScheduler KarrasVeScheduler ScoreSdeVeScheduler LCMScheduler"
).split()

PAGE = (
    "model_id prompt negative_prompt init_image mask_image width height samples num_inference_steps safety_checker "
    "safety_checker_type enhance_prompt guidance_scale strength tomesd use_karras_sigmas algorithm_type vae "
    "lora_strength lora_model scheduler seed webhook track_id clip_skip base64 temp"
).split()
"""The body attributes of the service's inpainting page, without the key."""

INPAINT = endpoint_schema("inpaint")
LEAST: dict[str, Value] = {"model_id": "studio-tiny", "prompt": "a house", "init_image": "a.png", "mask_image": "b.png"}


# --- the page's lists ----------------------------------------------------------------------------------------------


def test_inpaint_has_every_attribute_of_the_page_and_no_other() -> None:
    assert sorted(INPAINT.properties) == sorted(PAGE)


def test_the_other_routes_differ_by_their_images_and_flags() -> None:
    flags = {"panorama", "self_attention", "upscale", "highres_fix"}
    assert set(endpoint_schema("img2img").properties) == set(PAGE) - {"mask_image"}
    assert set(endpoint_schema("text2img").properties) == set(PAGE) - {"mask_image", "init_image", "strength"} | flags


def test_required_are_the_model_the_prompt_and_the_images_of_the_route() -> None:
    required = {name: endpoint_schema(name).required for name in ENDPOINTS}
    assert required == {
        "text2img": ("model_id", "prompt"),
        "img2img": ("model_id", "prompt", "init_image"),
        "inpaint": ("model_id", "prompt", "init_image", "mask_image"),
    }


def test_the_eighteen_schedulers_are_listed_in_the_order_of_the_page() -> None:
    assert INPAINT.properties["scheduler"]["enum"] == SCHEDULERS
    assert len(SCHEDULERS) == 18


@pytest.mark.parametrize(
    ("name", "options", "default"),
    [
        ("num_inference_steps", [21, 31, 41], 21),
        ("safety_checker", ["yes", "no"], "yes"),
        ("safety_checker_type", ["sensitive_content_text", "blur", "pixelate", "black"], "sensitive_content_text"),
        ("enhance_prompt", ["yes", "no"], "yes"),
        ("tomesd", ["yes", "no"], "yes"),
        ("use_karras_sigmas", ["yes", "no"], "yes"),
        ("algorithm_type", ["none", "dpmsolver+++"], "none"),
        ("base64", ["yes", "no"], "no"),
        ("temp", ["yes", "no"], "no"),
    ],
)
def test_options_and_their_defaults_are_those_of_the_page(name: str, options: list[object], default: object) -> None:
    assert INPAINT.properties[name]["enum"] == options
    assert INPAINT.defaults[name] == default


@pytest.mark.parametrize(
    ("name", "low", "high", "default"),
    [
        ("width", 256, 1024, 512),
        ("height", 256, 1024, 512),
        ("samples", 1, 4, 1),
        ("guidance_scale", 1, 20, 7.5),
        ("strength", 0, 1, 0.7),
        ("clip_skip", 1, 8, 1),
        ("seed", 0, 2**32 - 1, None),
    ],
)
def test_ranges_are_those_of_the_page(name: str, low: float, high: float, default: object) -> None:
    declared = INPAINT.properties[name]
    assert (declared["minimum"], declared["maximum"], declared.get("default")) == (low, high, default)
    assert [INPAINT.misfit(name, value) is None for value in (low, high, low - 1, high + 1)] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("name", ["vae", "seed", "webhook", "track_id"])
def test_what_may_be_null_is_null_by_default(name: str) -> None:
    assert INPAINT.misfit(name, None) is None
    assert name not in INPAINT.defaults


@pytest.mark.parametrize(
    ("strengths", "fits"),
    [
        *((fitting, True) for fitting in ("0.1", "1", "0.45,0.55", "1.0")),
        *((wrong, False) for wrong in ("0.09", "1.1", "0", "", "0.5,", "-0.5", "0.5 0.6")),
    ],
)
def test_each_lora_strength_lies_between_a_tenth_and_one(strengths: str, fits: bool) -> None:
    assert (INPAINT.misfit("lora_strength", strengths) is None) == fits


# --- the files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", schema_names())
def test_a_schema_file_is_a_valid_2020_12_schema_whose_references_lead_somewhere(name: str) -> None:
    document = registry().contents(f"{name}.schema.json")
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(document)
    Draft202012Validator.check_schema(bundled(name))
    resolver = registry().resolver(base_uri=f"{name}.schema.json")
    for reference in _references(document):
        assert resolver.lookup(reference).contents


def _references(node: object) -> list[str]:
    if isinstance(node, list):
        return [found for item in node for found in _references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [found for item in node.values() for found in _references(item)]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_bundled_schema_refers_to_no_other_file(endpoint: Endpoint) -> None:
    assert _references(bundled(endpoint)) == []


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_parameter_is_described_and_its_default_fits(endpoint: Endpoint) -> None:
    schema = endpoint_schema(endpoint)
    for name, declared in schema.properties.items():
        assert declared["title"]
        assert declared["description"].endswith(".")
        assert "default" not in declared or schema.misfit(name, declared["default"]) is None


def test_an_unknown_schema_is_a_missing_file() -> None:
    with pytest.raises(FileNotFoundError, match=r"schemas/txt2img\.schema\.json is missing"):
        bundled("txt2img")


# --- spelling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "spelled"),
    [
        ("width", "512", 512),
        ("width", 512.0, 512),
        ("width", " 512 ", 512),
        ("width", "+512", 512),
        ("guidance_scale", "7.50", 7.5),
        ("guidance_scale", 7.0, 7),
        ("guidance_scale", ".5e1", 5),
        ("guidance_scale", "1e1", 10),
        ("num_inference_steps", "21", 21),
        ("seed", "0007", 7),
        ("seed", None, None),
        ("samples", -0.0, 0),
        ("tomesd", True, "yes"),
        ("tomesd", False, "no"),
        ("tomesd", "Yes", "yes"),
        ("tomesd", " no ", "no"),
        ("tomesd", "TRUE", "yes"),
        ("tomesd", "off", "no"),
        ("lora_strength", [0.5, 1.0], "0.5,1"),
        ("lora_strength", "0.50, 1.0", "0.5,1"),
        ("lora_strength", 0.6, "0.6"),
        ("lora_strength", "0.5\n", "0.5"),
        ("lora_model", ["ink", "neon"], "ink,neon"),
        ("lora_model", " ink , neon", "ink,neon"),
        ("lora_model", "2.50", "2.50"),
        ("lora_model", 2, "2"),
        ("algorithm_type", "dpmsolver++", "dpmsolver+++"),
        ("algorithm_type", None, "none"),
        ("prompt", 5, "5"),
        ("prompt", " as it is ", " as it is "),
        ("vae", None, None),
        ("track_id", 7.0, "7"),
    ],
)
def test_a_value_means_the_same_however_it_is_spelled(name: str, value: object, spelled: object) -> None:
    found = INPAINT.spell(name, value)
    assert (found, type(found)) == (spelled, type(spelled))
    assert INPAINT.spell(name, found) == spelled


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("width", True, "true is not a whole number from 256 to 1024"),
        ("width", "0x200", "'0x200' is not a whole number from 256 to 1024"),
        ("width", "1_024", "'1_024' is not a whole number from 256 to 1024"),
        ("width", "٥١٢", "'٥١٢' is not a whole number from 256 to 1024"),
        ("width", "", "'' is not a whole number from 256 to 1024"),
        ("width", None, "null is not a whole number from 256 to 1024"),
        ("width", 500.5, "500.5 is not a whole number from 256 to 1024"),
        ("width", "9" * 5000, f"'{'9' * 56}... is not a whole number from 256 to 1024"),
        ("width", 2**70, f"{2**70} is above the maximum 1024"),
        ("width", 10**400, f"1{'0' * 56}... is above the maximum 1024"),
        ("width", 500, "500 is not divisible by 8"),
        ("guidance_scale", "1e999", "'1e999' is not a number from 1 to 20"),
        ("guidance_scale", "1e2", "100 is above the maximum 20"),
        ("guidance_scale", math.nan, "nan is not a number from 1 to 20"),
        ("guidance_scale", math.inf, "inf is not a number from 1 to 20"),
        ("guidance_scale", "nan", "'nan' is not a number from 1 to 20"),
        ("num_inference_steps", 30, "30 is not one of 21, 31, 41"),
        ("num_inference_steps", True, "true is not one of 21, 31, 41"),
        ("tomesd", 1, "1 is not one of yes, no"),
        ("tomesd", None, "null is not one of yes, no"),
        ("tomesd", "yess", "'yess' is not one of yes, no; did you mean 'yes'?"),
        ("scheduler", "ddim", "'ddim' is not one of the 18 allowed; did you mean 'DDIMScheduler'?"),
        (
            "scheduler",
            "Euler Discrete",
            "'Euler Discrete' is not one of the 18 allowed; did you mean 'EulerDiscreteScheduler'?",
        ),
        ("scheduler", "X", f"'X' is not one of {', '.join(SCHEDULERS)}"),
        ("lora_model", True, "true is not text"),
        ("lora_model", {"ink": 1}, "{'ink': 1} is not one value"),
        ("lora_model", ["ink", None], "['ink', None] is not one value"),
        ("lora_model", "ink,,neon", "'ink,,neon' does not fit; write names, comma-separated"),
        ("lora_strength", [0.5, True], "[0.5, True] is not one value"),
        ("lora_strength", "5e-2", "'0.05' does not fit; write numbers from 0.1 to 1, comma-separated"),
        ("prompt", "", "an empty text is not allowed"),
        ("prompt", "a" * 4001, "the text has 4001 characters, more than the 4000 allowed"),
        ("prompt", "\ud800", "'\\ud800' is not text"),
        ("prompt", True, "true is not text"),
        ("webhook", "ftp://host", "'ftp://host' does not fit; write an http or https URL"),
        ("seed", -1, "-1 is below the minimum 0"),
    ],
)
def test_what_does_not_fit_is_said_in_words(name: str, value: object, complaint: str) -> None:
    assert INPAINT.misfit(name, INPAINT.spell(name, value)) == f"{complaint} (inpaint)"


def test_a_boolean_is_remembered_apart_from_the_number_that_it_equals() -> None:
    schema = endpoint_schema("text2img")
    assert [schema.misfit("samples", value) for value in (1, True, 1.0, True)] == [
        None,
        "true is not a whole number from 1 to 4 (text2img)",
        None,
        "true is not a whole number from 1 to 4 (text2img)",
    ]


def test_a_body_with_a_boolean_is_refused_though_the_number_that_it_equals_is_known_to_fit() -> None:
    assert list(INPAINT.misfits(LEAST | {"samples": 1})) == []
    assert list(INPAINT.misfits(LEAST | {"samples": True})) == [
        Misfit(("samples",), "samples: true is not a whole number from 1 to 4 (inpaint)")
    ]


# --- whole bodies --------------------------------------------------------------------------------------------------

LORA = ("lora_model", "lora_strength")
ALONE = (
    "algorithm_type 'dpmsolver+++' goes with DPMSolverMultistepScheduler alone, not with {}; "
    "leave it out (none) or change the scheduler (inpaint)"
)


@pytest.mark.parametrize(
    ("changes", "misfits"),
    [
        ({}, []),
        ({"prompt": None}, [Misfit(("prompt",), "prompt: null is not text (inpaint)")]),
        (
            {"cfg_scale": 7},
            [Misfit(("cfg_scale",), "'cfg_scale' is no parameter of inpaint; did you mean 'guidance_scale'?")],
        ),
        ({"lora_model": "ink"}, [Misfit(LORA, "lora_model needs lora_strength beside it; add it (inpaint)")]),
        ({"lora_strength": "1"}, [Misfit(LORA, "lora_strength needs lora_model beside it; add it (inpaint)")]),
        (
            {"lora_model": "ink,neon", "lora_strength": "0.5"},
            [
                Misfit(
                    LORA,
                    "lora_strength has 1 value (0.5) and lora_model has 2 values (ink,neon); "
                    "give one strength for each LoRA (inpaint)",
                )
            ],
        ),
        ({"lora_model": "ink,neon", "lora_strength": "0.5,1"}, []),
        (
            {"algorithm_type": "dpmsolver+++", "scheduler": "DDIMScheduler"},
            [Misfit(("algorithm_type", "scheduler"), ALONE.format("DDIMScheduler"))],
        ),
        (
            {"algorithm_type": "dpmsolver+++"},
            [Misfit(("algorithm_type", "scheduler"), ALONE.format("none"))],
        ),
        ({"algorithm_type": "dpmsolver+++", "scheduler": "DPMSolverMultistepScheduler"}, []),
        ({"algorithm_type": "none", "scheduler": "DDIMScheduler"}, []),
    ],
)
def test_a_body_is_checked_as_a_whole(changes: dict[str, Value], misfits: list[Misfit]) -> None:
    assert list(INPAINT.misfits(LEAST | changes)) == misfits


def test_what_is_missing_is_named_in_the_order_of_the_schema() -> None:
    assert [misfit.message for misfit in INPAINT.misfits({"prompt": "a"})] == [
        f"{name} is required by inpaint; add it" for name in ("model_id", "init_image", "mask_image")
    ]


PLAUSIBLE: dict[str, list[Any]] = {
    "lora_model": ["ink", "ink,neon", "ink,,neon", 5],
    "lora_strength": ["0.5", "0.5,1", "0.05", 0.5],
    "scheduler": ["DDIMScheduler", "DPMSolverMultistepScheduler", "DDIM"],
    "algorithm_type": ["none", "dpmsolver+++", "sde"],
    "samples": [1, 4, 5, True, 1.0, "1"],
    "width": [256, 1024, 255, 260, 512.0, math.nan],
    "webhook": ["https://host", "ftp://host", None],
    "seed": [0, 2**32, None, -1],
}


@st.composite
def bodies(draw: st.DrawFn) -> tuple[Endpoint, dict[str, Any]]:
    """Return an endpoint and a body: mostly right, sometimes with something missing, unknown or wrong."""
    endpoint: Endpoint = draw(st.sampled_from(ENDPOINTS))
    schema = endpoint_schema(endpoint)
    least = {name: draw(st.sampled_from(["text", "text", "text", "", 7])) for name in schema.required}
    for name in draw(st.sets(st.sampled_from(sorted(least)), max_size=1)):
        del least[name]
    anything = st.none() | st.booleans() | st.integers(-5, 2000) | st.floats() | st.text(max_size=3) | st.just([1])
    body: dict[str, Any] = {}
    for name in draw(st.sets(st.sampled_from([*schema.properties, "cfg"]), max_size=6)):
        declared = schema.properties.get(name, {})
        body[name] = draw(st.sampled_from(PLAUSIBLE.get(name) or declared.get("enum", ["text"])) | anything)
    return endpoint, least | body


@given(bodies())
@settings(max_examples=400)
def test_a_body_has_no_misfit_exactly_when_json_schema_accepts_it(case: tuple[Endpoint, dict[str, Any]]) -> None:
    endpoint, body = case
    accepted = BodyValidator(bundled(endpoint)).is_valid(body)
    assert (list(endpoint_schema(endpoint).misfits(body)) == []) == accepted
    assert (list(endpoint_schema(endpoint).misfits(dict(reversed(body.items())))) == []) == accepted


@pytest.mark.parametrize("body", [[], "text", None, 5])
def test_a_body_that_is_no_mapping_is_a_type_error_and_no_crash(body: object) -> None:
    assert [error.validator for error in BodyValidator(bundled("text2img")).iter_errors(body)] == ["type"]


# --- what is remembered --------------------------------------------------------------------------------------------


def test_a_server_that_sees_new_prompts_without_end_does_not_grow() -> None:
    schema = endpoint_schema("img2img")
    for number in range(REMEMBERED + 10):
        assert schema.misfit("seed", number) is None
    assert len(schema._fitting) <= REMEMBERED


def test_a_long_text_is_checked_and_not_remembered() -> None:
    picture = "A" * (LONGEST_REMEMBERED + 1)
    assert list(INPAINT.misfits(LEAST | {"init_image": picture, "lora_model": picture, "lora_strength": "1"})) == []
    assert not any(picture in key for memory in (INPAINT._fitting, INPAINT._kept) for key in memory)


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("guidence_scale", ["guidance_scale", "seed"], "; did you mean 'guidance_scale'?"),
        ("SEED", ["guidance_scale", "Seed"], "; did you mean 'Seed'?"),
        ("xyz", ["guidance_scale", "seed"], "; known are guidance_scale, seed"),
    ],
)
def test_a_wrong_name_is_answered_with_the_one_that_was_probably_meant(name: str, known: list[str], meant: str) -> None:
    assert did_you_mean(name, known) == meant

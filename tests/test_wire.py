"""The HTTP contract holds in both directions."""

import base64
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner import wire
from runner.nouns import ENDPOINTS, Concern, Queued, Ready, Refused, Request, Unknown
from runner.schema import endpoint_schema
from runner.wire.words import about_content, concern_of

NOW = 1_700_000_000.0
DEFAULTS = endpoint_schema("text2img").defaults


def answer(status: int, payload: object, headers: dict[str, str] | None = None) -> object:
    return wire.answer(status, headers or {}, payload, now=NOW)


def no_image(hexadecimal: str) -> bytes:
    raise AssertionError(f"no local image was asked for, and {hexadecimal} was loaded")


# --- requests -----------------------------------------------------------------------------------------------------


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


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@st.composite
def parameter(draw: st.DrawFn, name: str, declared: dict[str, Any]) -> Any:
    if "enum" in declared:
        return draw(st.sampled_from(declared["enum"]))
    kinds = declared["type"]
    if "null" in kinds and draw(st.booleans()):
        return None
    if name == "lora_model":
        return draw(st.sampled_from(["ink", "ink,chalk"]))
    if name == "webhook":
        return "https://hook.example/" + draw(st.sampled_from(["", "made"]))
    if "integer" in kinds:
        step = declared.get("multipleOf", 1)
        return draw(st.integers(declared["minimum"] // step, declared["maximum"] // step)) * step
    if "number" in kinds:
        return draw(st.floats(declared["minimum"], declared["maximum"]))
    return draw(TEXT)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    endpoint = draw(st.sampled_from(ENDPOINTS))
    schema = endpoint_schema(endpoint)
    parameters: dict[str, Any] = {"seed": None, **schema.defaults}
    for name, declared in schema.properties.items():
        if name in schema.required or draw(st.booleans()):
            parameters[name] = draw(parameter(name, dict(declared)))
    parameters.pop("lora_strength", None)
    if "lora_model" in parameters:
        parameters["lora_strength"] = ",".join("0.5" for _ in parameters["lora_model"].split(","))
    if parameters["algorithm_type"] != "none":
        parameters["scheduler"] = "DPMSolverMultistepScheduler"
    return Request(endpoint=endpoint, parameters=parameters)


@given(requests(), TEXT)
def test_whatever_is_asked_arrives_as_it_was_asked(request: Request, key: str) -> None:
    assert wire.ask(request.endpoint, wire.body(request, key=key, load=no_image)) == request


@given(st.binary(min_size=1), st.sampled_from(["", "data:image/png;base64,", "data:image/png;base64, "]))
def test_an_image_arrives_as_it_was_sent(data: bytes, prefix: str) -> None:
    assert wire.decode_image(prefix + wire.encode_image(data)) == data


@pytest.mark.parametrize("text", ["", "data:image/png;base64,", "not base64!", "sha256:00", "é"])
def test_text_that_is_not_base64_is_no_image(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        wire.decode_image(text)


# --- replies ------------------------------------------------------------------------------------------------------

SUCCESS = {
    "status": "success",
    "generationTime": 2.92,
    "id": 302455,
    "output": ["https://cdn.example/a-0.png", "https://cdn.example/a-1.png"],
    "proxy_links": ["https://proxy.example/a-0.png"],
    "nsfw_content_detected": "",
    "meta": {"seed": 7, "W": 512},
}


def test_a_success_is_ready() -> None:
    assert answer(200, SUCCESS) == Ready(
        remote_id="302455",
        outputs=("https://cdn.example/a-0.png", "https://cdn.example/a-1.png"),
        meta={"seed": 7, "W": 512},
        seconds=2.92,
    )


def test_base64_outputs_are_marked_as_such() -> None:
    assert answer(200, {"status": "Success", "id": "ab", "output": ["/9j/4AAQ"]}) == Ready(
        remote_id="ab", outputs=("/9j/4AAQ",), encoded=True
    )


def test_proxy_links_stand_in_when_the_output_is_empty() -> None:
    assert answer(200, SUCCESS | {"output": []}) == Ready(
        remote_id="302455",
        outputs=("https://proxy.example/a-0.png",),
        meta={"seed": 7, "W": 512},
        seconds=2.92,
    )


def test_processing_is_queued_with_its_eta_and_fetch_address() -> None:
    payload = {
        "status": "processing",
        "eta": "20.5",
        "messege": "Try to fetch request after seconds estimated",
        "fetch_result": "https://api.example/api/v1/enterprise/fetch/12202888",
        "id": "12202888",
        "output": [],
        "future_links": ["https://cdn.example/later.png"],
    }

    assert answer(200, payload) == Queued(
        remote_id="12202888",
        eta=20.5,
        fetch_result="https://api.example/api/v1/enterprise/fetch/12202888",
        future_links=("https://cdn.example/later.png",),
    )


def test_processing_without_an_id_is_known_by_its_fetch_address() -> None:
    payload = {"status": "processing", "fetch_result": "https://api.example/api/v1/enterprise/fetch/99/"}

    assert answer(202, payload) == Queued(
        remote_id="99", fetch_result="https://api.example/api/v1/enterprise/fetch/99/"
    )


def test_a_success_that_holds_nothing_yet_is_fetched_again() -> None:
    assert answer(200, {"status": "success", "id": 5, "output": []}) == Queued(remote_id="5")


SPOKEN = {"status": "error", "message": "no"}
UNSPOKEN = "<html>no</html>"
STATUSES = [
    (400, SPOKEN, Concern.CELL),
    (401, SPOKEN, Concern.RUN),
    (402, SPOKEN, Concern.RUN),
    (403, SPOKEN, Concern.RUN),
    (404, SPOKEN, Concern.CELL),
    (408, SPOKEN, Concern.LATER),
    (413, SPOKEN, Concern.CELL),
    (422, SPOKEN, Concern.CELL),
    (429, SPOKEN, Concern.LATER),
    (500, SPOKEN, Concern.LATER),
    (503, SPOKEN, Concern.LATER),
    (520, SPOKEN, Concern.LATER),
    (502, SPOKEN, None),
    (504, SPOKEN, None),
    (400, UNSPOKEN, Concern.CELL),
    (401, UNSPOKEN, Concern.RUN),
    (403, UNSPOKEN, Concern.RUN),
    (429, UNSPOKEN, Concern.LATER),
    (301, UNSPOKEN, Concern.RUN),
    (307, UNSPOKEN, Concern.RUN),
    (404, UNSPOKEN, Concern.RUN),
    (405, UNSPOKEN, Concern.RUN),
    (200, UNSPOKEN, None),
    (204, UNSPOKEN, None),
    (500, UNSPOKEN, None),
    (502, UNSPOKEN, None),
    (503, UNSPOKEN, None),
    (504, UNSPOKEN, None),
    (599, UNSPOKEN, None),
]


@pytest.mark.parametrize(("status", "payload", "concern"), STATUSES)
def test_a_status_decides_whom_a_refusal_concerns(status: int, payload: object, concern: Concern | None) -> None:
    reply = answer(status, payload)

    assert (reply.concern if isinstance(reply, Refused) else None) is concern
    assert isinstance(reply, Unknown) == (concern is None)


def test_a_wrong_address_says_what_to_correct() -> None:
    assert answer(404, "<html>") == Refused(
        concern=Concern.RUN,
        message=(
            "HTTP 404 Not Found: nothing that knows the contract answers at this path; the target's "
            "URL ends before the route, as in https://host/api/v1/enterprise: correct it"
        ),
        status=404,
    )


def test_an_answer_that_is_no_json_is_unknown_and_shows_its_beginning() -> None:
    assert answer(502, "<html>" + "x" * 500) == Unknown(
        message=f"HTTP 502 Bad Gateway without a word of the contract: '<html>{'x' * 191}...'"
    )


@pytest.mark.parametrize(
    "payload",
    [
        {"status": "error", "message": "width must be between 256 and 1024"},
        {"status": "error", "messege": "width must be between 256 and 1024"},
        {"status": "FAILED", "message": "", "messege": "width must be between 256 and 1024"},
        {"status": "error", "message": {"width": ["width must be between 256 and 1024"]}},
        {"status": "failed", "error": {"text": "width must be between 256 and 1024"}},
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_a_refusals_words_are_found_wherever_the_service_puts_them(status: int, payload: dict[str, object]) -> None:
    assert answer(status, payload) == Refused(
        concern=Concern.CELL, message="width must be between 256 and 1024", status=status
    )


def test_a_refusal_without_words_says_its_status() -> None:
    assert answer(500, {"status": "error"}) == Refused(
        concern=Concern.LATER, message="HTTP 500 Internal Server Error", status=500
    )


def test_a_prompt_that_is_not_allowed_is_no_reason_to_stop_the_run() -> None:
    assert answer(403, {"status": "error", "message": "NSFW content in prompt"}) == Refused(
        concern=Concern.CELL, message="NSFW content in prompt", status=403
    )


WORDS = [
    (Concern.CELL, "NSFW content detected. Please try again with another prompt"),
    (Concern.CELL, "Your prompt violates our content policy"),
    (Concern.CELL, "The prompt contains banned words"),
    (Concern.RUN, "Invalid API key"),
    (Concern.RUN, "Invalid API_KEY, please try again"),
    (Concern.RUN, "API key not found"),
    (Concern.RUN, "The key field is required."),
    (Concern.RUN, "key is required"),
    (Concern.RUN, "Your key has expired"),
    (Concern.RUN, "Unauthorized"),
    (Concern.LATER, "Queue limit reached for your subscription plan"),
    (Concern.LATER, "You have 15 queued requests, wait for one to finish"),
    (Concern.LATER, "Rate limit exceeded for your API key"),
    (Concern.LATER, "Rate-limit exceeded, upgrade your plan"),
    (Concern.LATER, "Too many requests"),
    (Concern.LATER, "At most 5 requests per second"),
    (Concern.LATER, "Too many concurrent jobs"),
    (Concern.RUN, "You have run out of credits"),
    (Concern.RUN, "Your subscription has expired, try again after renewing"),
    (Concern.RUN, "This model is not available on your plan"),
    (Concern.RUN, "Monthly API limit exceeded"),
    (Concern.RUN, "Insufficient wallet balance"),
    (Concern.RUN, "Your account has been suspended"),
    (Concern.CELL, "width must be between 256 and 1024"),
    (Concern.CELL, "prompt is required"),
    (Concern.CELL, "model_id not found, please try again"),
    (Concern.CELL, "Invalid scheduler"),
    (Concern.CELL, "model 'queue limit' does not load"),
    (Concern.CELL, "no LoRA is named \"your credits\" or 'api key is invalid'"),
    (Concern.CELL, "You can't use that keyword, don't"),
    (Concern.CELL, ""),
    (Concern.LATER, "Try Again"),
    (Concern.LATER, "Server is busy"),
    (Concern.LATER, "Model is loading, wait a few minutes"),
    (Concern.LATER, "The request timed out"),
    (Concern.LATER, "Service temporarily unavailable"),
]


@pytest.mark.parametrize(("concern", "message"), WORDS)
def test_words_decide_where_the_status_does_not(concern: Concern, message: str) -> None:
    assert concern_of(message) is concern
    reply = answer(200, {"status": "error", "message": message})
    assert isinstance(reply, Refused)
    assert reply.concern is concern


@pytest.mark.parametrize(
    ("headers", "field", "seconds"),
    [
        ({}, {}, None),
        ({}, {"retry_after": 12}, 12.0),
        ({}, {"retry_after": "12.5"}, 12.5),
        ({"Retry-After": "7"}, {}, 7.0),
        ({"retry-after": "7"}, {"retry_after": 3}, 3.0),
        ({"RETRY-AFTER": "Tue, 14 Nov 2023 22:13:50 GMT"}, {}, 30.0),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:50 -0000"}, {}, 30.0),
        ({"Retry-After": "Tue, 14 Nov 2023 22:00:00 GMT"}, {}, 0.0),
        ({"Retry-After": "soon"}, {"retry_after": "later"}, None),
        ({"Retry-After": "nan"}, {"retry_after": -3}, None),
        ({"Retry-After": ""}, {"retry_after": True}, None),
        ({"Retry-After": "7"}, {"retry_after": "1m30s"}, 90.0),
        ({}, {"retry_after": "2 minutes, 5 seconds"}, 125.0),
        ({}, {"retry_after": "250ms"}, 0.25),
        ({}, {"retry_after": "2023-11-14T22:13:50Z"}, 30.0),
        ({}, {"retry_after": "2023-11-14T22:13:50+01:00"}, 0.0),
        ({"Retry-After-Ms": "1500"}, {}, 1.5),
        ({"RateLimit-Reset": "12"}, {}, 12.0),
        ({"X-RateLimit-Reset": "1700000030"}, {}, 30.0),
        ({"X-RateLimit-Reset": "12", "Retry-After": "7"}, {}, 7.0),
        ({"Retry-After": "12 parsecs"}, {}, None),
    ],
)
def test_a_hint_when_to_return_is_read_from_body_or_header(
    headers: dict[str, str], field: dict[str, object], seconds: float | None
) -> None:
    assert answer(429, {"status": "error", "message": "full", **field}, headers) == Refused(
        concern=Concern.LATER, message="full", status=429, retry_after=seconds, crowded=True
    )


@pytest.mark.parametrize(
    ("status", "message", "crowded"),
    [
        (429, "come back", True),
        (200, "Queue is full, try again", True),
        (200, "too many concurrent requests", True),
        (200, "the model is loading, try again", False),
        (503, "queue is being restarted", False),
        (500, "internal error", False),
    ],
)
def test_only_too_many_requests_say_that_it_is_crowded(status: int, message: str, crowded: bool) -> None:
    reply = answer(status, {"status": "error", "message": message})
    assert isinstance(reply, Refused)
    assert (reply.concern, reply.crowded) == (Concern.LATER, crowded)


def test_a_housekeeping_answer_is_no_objection() -> None:
    assert wire.objection(200, {}, {"status": "success", "schedulers": []}, now=NOW) is None
    assert wire.objection(200, {}, ["DDIMScheduler"], now=NOW) is None
    assert wire.objection(200, {}, "<html>", now=NOW) == Unknown(
        message="HTTP 200 OK without a word of the contract: '<html>'"
    )


def test_only_a_requests_own_end_settles_it() -> None:
    words = ("success", "failed", "error", "processing")
    assert [wire.settled({"status": word}) for word in words] == [True, True, False, False]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
IDS = TEXT.filter(str.strip) | st.integers(0, 2**63).map(str)
SECONDS = st.none() | st.floats(0, 1e6)
LINKS = TEXT.map(lambda name: f"https://cdn.example/{name}".strip())
META = st.dictionaries(TEXT, JSON, max_size=3)
READY = st.builds(
    Ready,
    remote_id=IDS,
    outputs=st.lists(LINKS, min_size=1, max_size=4).map(tuple),
    encoded=st.just(False),
    meta=META,
    seconds=SECONDS,
) | st.builds(
    Ready,
    remote_id=IDS,
    outputs=st.lists(st.binary(min_size=1).map(wire.encode_image), min_size=1, max_size=4).map(tuple),
    encoded=st.just(True),
    meta=META,
    seconds=SECONDS,
)
QUEUED = st.builds(Queued, remote_id=IDS, eta=SECONDS, fetch_result=st.just("") | LINKS)
REFUSALS = [(status, concern) for status, payload, concern in STATUSES if payload is SPOKEN and concern]


def test_white_space_around_a_link_is_no_part_of_it() -> None:
    reply = answer(200, {"status": "success", "id": 7, "output": [" https://cdn.example/a.png\n", " "]})

    assert isinstance(reply, Ready)
    assert reply.outputs == ("https://cdn.example/a.png",)


@given(READY | QUEUED)
def test_a_yes_arrives_as_it_was_meant(reply: Ready | Queued) -> None:
    payload = wire.success(reply) if isinstance(reply, Ready) else wire.processing(reply, meta={"seed": 1})

    assert answer(200, payload) == reply


@given(st.sampled_from(REFUSALS), TEXT.filter(lambda message: not about_content(message)), SECONDS)
def test_a_no_arrives_as_it_was_meant(said: tuple[int, Concern], message: str, retry_after: float | None) -> None:
    status, concern = said
    refused = Refused(concern=concern, message=message, status=status, retry_after=retry_after, crowded=status == 429)

    assert answer(status, wire.refusal(refused)) == refused


@given(
    st.integers(100, 599),
    JSON | st.dictionaries(st.sampled_from(["status", "id", "output", "eta", "message", "meta"]), JSON),
)
def test_no_answer_is_beyond_judgement(status: int, payload: object) -> None:
    assert isinstance(answer(status, payload), Ready | Queued | Refused | Unknown)


def test_meta_says_what_was_used_in_the_services_names() -> None:
    request = Request(
        endpoint="img2img",
        parameters={
            "prompt": "a house",
            "seed": None,
            "width": 512,
            "height": 768,
            "samples": 2,
            "num_inference_steps": 31,
            "init_image": "https://pictures.example/cat.png",
            "webhook": "https://hook.example",
            "strength": 0.7,
        },
    )

    assert wire.meta(request, prompt="a house, detailed", seed=9, not_applied=["webhook"]) == {
        "prompt": "a house, detailed",
        "negative_prompt": "",
        "scheduler": None,
        "seed": 9,
        "W": 512,
        "H": 768,
        "n_samples": 2,
        "steps": 31,
        "strength": 0.7,
        "not_applied": ["webhook"],
    }

"""Replies: what is ready, queued, refused or unknown, for whom, and when to come back."""

import pytest
from wired import NOW, answer

from runner import wire
from runner.nouns import Concern, Queued, Ready, Refused, Request, Unknown
from runner.wire.words import concern_of

# --- what was made -------------------------------------------------------------------------------------------------


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
    payload = {"status": "processing", "fetch_result": " https://api.example/api/v1/enterprise/fetch/99/\n"}

    assert answer(202, payload) == Queued(
        remote_id="99", fetch_result="https://api.example/api/v1/enterprise/fetch/99/"
    )


def test_a_success_that_holds_nothing_yet_is_fetched_again() -> None:
    assert answer(200, {"status": "success", "id": 5, "output": []}) == Queued(remote_id="5")


def test_only_a_requests_own_end_settles_it() -> None:
    words = ("success", "failed", "error", "processing")
    assert [wire.settled({"status": word}) for word in words] == [True, True, False, False]


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


# --- what was refused ----------------------------------------------------------------------------------------------


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

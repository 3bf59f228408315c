"""The HTTP contract holds in both directions: what was sent arrives as it was meant, and its status says whom it concerns."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wired import answer, no_image

from runner import wire
from runner.nouns import ENDPOINTS, Concern, Queued, Ready, Refused, Request, Unknown
from runner.schema import endpoint_schema
from runner.wire.words import about_content

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


# --- requests ------------------------------------------------------------------------------------------------------


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


# --- statuses ------------------------------------------------------------------------------------------------------


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


# --- replies -------------------------------------------------------------------------------------------------------


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

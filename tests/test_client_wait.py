"""What was accepted is fetched until it is made, refused, or not to be had now."""

import pytest
from asking import KEY, PROCESSING, READY, SUCCESS, Script, refused, wait
from clocks import Time
from starlette.responses import JSONResponse, PlainTextResponse

from runner.client import WithheldError
from runner.nouns import Concern, Queued, Ready, Refused, Unknown


def test_what_was_accepted_is_fetched_after_its_eta_and_then_at_growing_distances() -> None:
    time = Time()
    script = Script(*[{"status": "processing", "id": 12}] * 4, SUCCESS)

    assert wait(script, Queued(remote_id="12", eta=8.0), time) == READY

    assert script.paths == ["fetch/12"] * 5
    assert script.asked[0][2] == {"request_id": "12", "key": KEY}
    assert time.slept[0] == 8.0
    assert [
        base <= pause <= base * 1.2 for base, pause in zip((0.75, 1.125, 1.6875, 2.53), time.slept[1:], strict=True)
    ]
    assert time.slept[1:] == sorted(time.slept[1:])


def test_a_new_eta_and_a_hint_to_return_are_kept_to_and_a_long_eta_is_not_waited_out_blindly() -> None:
    time = Time()
    script = Script(PROCESSING, refused(429, message="slow down", retry_after=33), PROCESSING | {"eta": 5000}, SUCCESS)

    assert wait(script, Queued(remote_id="12"), time) == READY

    assert 0.5 <= time.slept[0] <= 0.6
    assert time.slept[1:] == [8.0, 33.0, 60.0]


def test_a_fetch_that_fails_is_tried_again_because_fetching_costs_nothing() -> None:
    time = Time()
    failures = [PlainTextResponse("gateway", 502), refused(500, message="oops"), refused(200, message="try again")]

    assert wait(Script(*failures, SUCCESS), Queued(remote_id="12"), time) == READY


def test_a_request_that_failed_for_good_is_refused_as_its_words_say() -> None:
    failed = JSONResponse({"status": "failed", "message": "the server failed; try again"})

    assert wait(Script(PROCESSING, failed), Queued(remote_id="12"), Time()) == Refused(
        concern=Concern.LATER, message="the server failed; try again", status=200
    )
    failed = JSONResponse({"status": "failed", "message": "no LoRA 'x'"}, status_code=400)
    assert wait(Script(failed), Queued(remote_id="12"), Time()) == Refused(
        concern=Concern.CELL, message="no LoRA 'x'", status=400
    )


def test_words_about_the_content_of_an_accepted_request_are_its_refusal() -> None:
    flagged = refused(200, message="NSFW content detected")

    assert wait(Script(flagged), Queued(remote_id="12"), Time()) == Refused(
        concern=Concern.CELL, message="NSFW content detected", status=200
    )


@pytest.mark.parametrize("status", [200, 400, 422])
def test_a_no_to_a_fetch_is_none_to_what_was_accepted_which_may_be_paid_for(status: int) -> None:
    reply = wait(Script(refused(status, message="Invalid id")), Queued(remote_id="12"), Time())

    assert reply == Unknown(message="accepted as 12, and not to be fetched: Invalid id")


def test_a_no_to_a_fetch_sends_the_client_to_the_links_that_were_promised() -> None:
    promised = Queued(remote_id="12", future_links=("http://target/images/12-0.png",))

    assert wait(Script(refused(200, message="Invalid id")), promised, Time()) == Ready(
        remote_id="12", outputs=promised.future_links
    )


def test_what_was_accepted_and_is_not_known_any_more_is_unknown_and_not_refused() -> None:
    reply = wait(Script(refused(404, message="no such request")), Queued(remote_id="12"), Time())

    assert reply == Unknown(message="accepted as 12, and not to be fetched: no such request")


@pytest.mark.parametrize("status", [401, 402, 403, 503])
def test_what_was_accepted_and_is_not_given_out_now_is_neither_refused_nor_unknown(status: int) -> None:
    with pytest.raises(WithheldError) as caught:
        wait(Script(refused(status, message="not now")), Queued(remote_id="12"), Time(), seconds=5.0)

    assert str(caught.value) == "accepted as 12, and not given out now: not now; the next run asks for it again"


def test_at_the_deadline_what_is_not_ready_is_still_queued() -> None:
    time, queued = Time(), Queued(remote_id="12", eta=8.0)

    assert wait(Script(PROCESSING), queued, time, seconds=20.0) == queued
    assert time.slept == [8.0, 8.0, 4.0]


def test_even_past_the_deadline_what_is_ready_is_taken() -> None:
    time = Time()

    assert wait(Script(SUCCESS), Queued(remote_id="12", eta=8.0), time, seconds=-5.0) == READY
    assert time.slept == [0.0]


def test_the_servers_own_fetch_address_is_used_only_where_it_is_the_targets() -> None:
    own, foreign = Script(SUCCESS), Script(SUCCESS)

    wait(own, Queued(remote_id="12", fetch_result="http://target/elsewhere/fetch/12"), Time())
    wait(foreign, Queued(remote_id="12", fetch_result="http://thief.example/fetch/12"), Time())

    assert [url for _, url, _ in own.asked] == ["http://target/elsewhere/fetch/12"]
    assert [url for _, url, _ in foreign.asked] == ["http://target/api/v1/enterprise/fetch/12"]


def test_a_service_that_knows_one_form_of_fetch_is_asked_in_that_form() -> None:
    script = Script(PlainTextResponse("Not Found", 404), SUCCESS)

    assert wait(script, Queued(remote_id="12"), Time()) == READY
    assert script.paths == ["fetch/12", "fetch"]

"""The requests of the targets, each written once, by value."""

from __future__ import annotations

from collectors.contract import Facts
from collectors.http.exchange import HttpExchange, split_url
from collectors.http.requests import Requests
from collectors.http.target import HttpTarget
from collectors.secret import Secret
from tests.collectors.targets import http_target

AGENT = "latency-exporter"


def written(requests: Requests, target: HttpTarget) -> bytes:
    return requests.of(target, split_url(target.url), HttpExchange(target, Facts()))


def test_a_request_is_written_once_until_its_target_is_forgotten() -> None:
    requests, target = Requests(AGENT), http_target("http://192.0.2.1/ping", headers=(("X", "1"),))
    first = written(requests, target)
    assert first == HttpExchange(target, Facts()).request(split_url(target.url), AGENT)
    assert written(requests, target) is first
    requests.forget(target)
    again = written(requests, target)
    assert again == first
    assert again is not first


def test_targets_that_differ_have_requests_that_differ() -> None:
    requests = Requests(AGENT)
    one, other = (http_target("http://192.0.2.1/ping", headers=(("X", value),)) for value in "12")
    assert written(requests, one) != written(requests, other)


def test_a_request_with_a_password_is_not_kept() -> None:
    requests, target = Requests(AGENT), http_target("http://192.0.2.1/ping", user="u", password=Secret("hush"))
    first = written(requests, target)
    assert written(requests, target) is not first
    requests.forget(target)

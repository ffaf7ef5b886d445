"""Why the push has a handler of its own: what prometheus_client's own cannot do."""

from inspect import Parameter, signature

from prometheus_client.exposition import basic_auth_handler, tls_auth_handler


def test_theirs_cannot_log_in_and_trust_an_authority_of_its_own() -> None:
    assert "cafile" not in signature(basic_auth_handler).parameters
    assert "username" not in signature(tls_auth_handler).parameters


def test_theirs_trusts_an_authority_only_with_a_certificate_of_the_client() -> None:
    assert signature(tls_auth_handler).parameters["certfile"].default is Parameter.empty

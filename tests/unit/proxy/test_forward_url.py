"""Which upstreams a caller may choose."""

from __future__ import annotations

import pytest

from llmflow_core.config import load_settings
from llmflow_core.errors import ConfigError, Rejected
from llmflow_proxy.forward_url import ForwardUrls
from llmflow_proxy.providers import providers_of
from llmflow_proxy.routes import resolve
from llmflow_proxy.settings import ProxySettings

PUBLIC = ForwardUrls(["public"])


@pytest.mark.parametrize(
    "url",
    [
        "https://oai.helicone.ai/v1",
        "http://gateway.example:8787/v1",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/v1",
    ],
)
def test_public_hosts_are_guarded_but_allowed(url: str) -> None:
    assert PUBLIC.upstream(url).guarded


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001::1",
        "2001:db8::1",
        "not an address",
        "",
    ],
)
def test_addresses_inside_are_refused(address: str) -> None:
    assert not PUBLIC.permits(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_outside_are_allowed(address: str) -> None:
    assert PUBLIC.permits(address)
    assert not ForwardUrls(["10.0.0.0/8"]).permits(address)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/v1",
        "oai.helicone.ai",
        "ftp://host.example/",
        "file:///etc/passwd",
        "https://",
        "https://user:canary@host.example/v1",
        "https://canary@host.example/v1",
        "https://host.example/v1?key=canary",
        "https://host.example/#canary",
        "https://host.example:99999/",
        "https://ho st.example/",
        "https://[::1",
        "http://127.0.0.1:8080/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest/meta-data",
        "https://host.example/" + "x" * 3000,
    ],
)
def test_what_is_no_acceptable_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(Rejected, match=r"^x-llmflow-forward-url: ") as refused:
        PUBLIC.upstream(url)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("allow", "url", "guarded"),
    [
        ("localhost:8787", "http://localhost:8787/v1", False),
        ("LocalHost:8787", "http://LOCALHOST:8787/v1", False),
        ("*.internal", "http://gateway.internal./v1", False),
        ("*.internal", "https://a.b.internal:8443/v1", False),
        ("gateway*", "http://gateway-2/v1", False),
        ("[::1]:8787", "http://[::1]:8787/v1", False),
        ("10.1.0.0/16", "http://10.1.2.3/v1", True),
        ("127.0.0.1", "http://127.0.0.1:9999/v1", True),
        ("10.1.0.0/16", "http://gateway.internal/v1", True),
    ],
)
def test_listed_upstreams(allow: str, url: str, guarded: bool) -> None:
    assert ForwardUrls([allow]).upstream(url).guarded is guarded


@pytest.mark.parametrize(
    ("allow", "url"),
    [
        ("localhost:8787", "http://localhost:8788/v1"),
        ("*.internal", "http://internal.example/v1"),
        ("oai.helicone.ai", "https://evil.example/v1"),
        ("oai.helicone.ai", "https://oai.helicone.ai.evil.example/v1"),
        ("10.1.0.0/16", "http://10.2.0.1/v1"),
        ("none", "https://oai.helicone.ai/v1"),
    ],
)
def test_everything_else_is_refused(allow: str, url: str) -> None:
    with pytest.raises(Rejected, match="LLMFLOW_FORWARD_URL_ALLOW"):
        ForwardUrls([allow]).upstream(url)


@pytest.mark.parametrize("entry", ["http://host", "host/path", "a b", "10.0.0.0/99", "user@host"])
def test_a_wrong_allow_list(entry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMFLOW_FORWARD_URL_ALLOW", f"public, {entry}")
    with pytest.raises(ConfigError, match="LLMFLOW_FORWARD_URL_ALLOW"):
        load_settings(ProxySettings)


def test_the_route_keeps_the_api_and_not_the_headers_of_the_provider() -> None:
    providers = providers_of(ProxySettings(openai_default_headers={"Helicone-Auth": "Bearer configured"}))
    base_url = PUBLIC.upstream("https://oai.helicone.ai/v1").base_url
    route = resolve("/v1/chat/completions", "", {}, providers, "POST", base_url)
    assert (route.target, route.provider.base_url, route.provider.default_headers) == (
        "/v1/chat/completions",
        base_url,
        (),
    )
    assert route.shape is not None
    assert route.provider.keeps_helicone_headers

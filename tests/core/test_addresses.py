"""OLLAMA_HOST by the rules of Ollama's own client."""

from __future__ import annotations

import pytest

from llmhub.core.addresses import host_of, ollama_url
from llmhub.core.errors import ConfigError
from llmhub.core.places import OLLAMA_CLOUD, PlaceKind, place_of


@pytest.mark.parametrize(
    ("value", "url"),
    [
        (None, "http://127.0.0.1:11434"),
        ("", "http://127.0.0.1:11434"),
        ("1.2.3.4", "http://1.2.3.4:11434"),
        (":1234", "http://127.0.0.1:1234"),
        ("1.2.3.4:1234", "http://1.2.3.4:1234"),
        ("example.com", "http://example.com:11434"),
        ("example.com:1234", "http://example.com:1234"),
        (":0", "http://127.0.0.1:0"),
        (":66000", "http://127.0.0.1:11434"),
        (":-1", "http://127.0.0.1:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("[::]", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::1]:1337", "http://[::1]:1337"),
        (" 1.2.3.4 ", "http://1.2.3.4:11434"),
        ('"1.2.3.4"', "http://1.2.3.4:11434"),
        (' " 1.2.3.4 " ', "http://1.2.3.4:11434"),
        ("'1.2.3.4'", "http://1.2.3.4:11434"),
        ("http://1.2.3.4", "http://1.2.3.4:80"),
        ("http://1.2.3.4:4321", "http://1.2.3.4:4321"),
        ("https://1.2.3.4", "https://1.2.3.4:443"),
        ("https://1.2.3.4:66000", "https://1.2.3.4:443"),
        ("https://example.com/ollama", "https://example.com:443/ollama"),
        ("example.com/ollama", "http://example.com:11434/ollama"),
        ("http://127.0.0.1:11434/", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("http://0.0.0.0:11434", "http://127.0.0.1:11434"),
        ("ollama.com", "https://ollama.com:443"),
        ("localhost", "http://localhost:11434"),
        ("HTTP://box", "http://box:80"),
        ("box:", "http://box:11434"),
    ],
)
def test_the_address_that_a_value_means(value: str | None, url: str) -> None:
    assert ollama_url(value) == url


def test_an_address_that_means_itself_stays_as_it_is() -> None:
    assert ollama_url(ollama_url("[::1]:1337")) == ollama_url("[::1]:1337")


def test_another_scheme_is_a_setting_to_correct() -> None:
    with pytest.raises(ConfigError, match="ftp://box"):
        ollama_url("ftp://box")


@pytest.mark.parametrize(
    ("url", "host"),
    [("http://127.0.0.1:11434", "127.0.0.1"), ("http://[::1]:1", "::1"), ("https://ollama.com:443/x", "ollama.com")],
)
def test_the_host_of_an_address(url: str, host: str) -> None:
    assert host_of(url) == host


def test_ollama_com_is_the_cloud_and_a_neighbour_is_not_this_machine() -> None:
    assert place_of("ollama.com") == OLLAMA_CLOUD
    assert place_of("192.168.1.7").kind is PlaceKind.LAN_HOST
    assert place_of("::1").kind is PlaceKind.THIS_MACHINE

"""How the server is reached: its address, TLS, and the token, which goes nowhere else."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from certificates import certificate
from kfp_model_registry import component
from local_registry import LocalRegistry
from registering import register


@pytest.mark.parametrize(
    ("address", "port", "url"),
    [
        ("registry", 8080, "http://registry:8080"),
        ("registry", 443, "https://registry:443"),
        ("registry", 8443, "https://registry:8443"),
        ("registry", 80, "http://registry:80"),
        (" registry ", 8080, "http://registry:8080"),
        ("registry:9090", 8080, "http://registry:9090"),
        ("registry:8443", 8080, "https://registry:8443"),
        ("registry.team-a.svc.cluster.local", 8080, "http://registry.team-a.svc.cluster.local:8080"),
        ("10.0.0.7", 8080, "http://10.0.0.7:8080"),
        ("fd00::7", 8080, "http://[fd00::7]:8080"),
        ("[fd00::7]:8443", 8080, "https://[fd00::7]:8443"),
        ("http://registry", 8080, "http://registry:8080"),
        ("http://registry", 8443, "http://registry:8443"),
        ("http://registry:80", 8080, "http://registry:80"),
        ("https://registry.example.com", 8080, "https://registry.example.com:443"),
        ("https://registry.example.com", 8443, "https://registry.example.com:8443"),
        ("https://registry.example.com:8080", 8080, "https://registry.example.com:8080"),
        ("HTTPS://Registry.example.com/", 8080, "https://registry.example.com:443"),
        ("https://gateway/registries/team-a/", 8080, "https://gateway:443/registries/team-a"),
        ("http://registry:8080/api/model_registry/v1alpha3", 8080, "http://registry:8080"),
        ("https://gateway/mr/api/model_registry/v1/registered_models", 8080, "https://gateway:443/mr"),
        ("my_registry", 8080, "http://my_registry:8080"),
    ],
)
def test_addresses_as_people_write_them(address: str, port: int, url: str) -> None:
    assert component.registry_base_url(address, port) == url


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://registry.example.com:443", True),
        ("http://127.0.0.1:8080", True),
        ("http://127.8.9.10:8080", True),
        ("http://[::1]:8080", True),
        ("http://localhost:8080", True),
        ("http://model-registry:8080", True),
        ("http://model-registry.team-a.svc:8080", True),
        ("http://model-registry.team-a.svc.cluster.local:8080", True),
        ("http://model-registry.team-a.svc.cluster.local.:8080", True),
        ("http://model-registry.team-a:8080", False),
        ("http://example.com:8080", False),
        ("http://svc.example.com:8080", False),
        ("http://registry.svc.example.com:8080", False),
        ("http://registry.svc.cluster.local.example.com:8080", False),
        ("http://10.0.0.7:8080", False),
        ("http://[fd00::7]:8080", False),
        ("http://2130706433:8080", False),
        ("http://0x8080808:8080", False),
        ("http://8.8.2056:8080", False),
    ],
)
def test_where_a_token_may_go(url: str, safe: bool) -> None:
    assert component.may_carry_token(url) is safe


def jwt(**claims: str) -> str:
    """A token as Kubernetes issues it, unsigned."""
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "kid": "k"}, claims, {"no": "signature"})]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


TOKEN = jwt(sub="system:serviceaccount:team-a:pipeline-runner")


@pytest.fixture
def token_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mounted token with the line end that files have."""
    path = tmp_path / "token"
    path.write_text(f"  {TOKEN}\n")
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(path))
    return path


def test_the_mounted_token_is_sent_stripped(token_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LocalRegistry(require_token=TOKEN) as registry:
        assert register(registry.url) == "1"
        assert {request.headers["authorization"] for request in registry.requests} == {f"Bearer {TOKEN}"}
    assert TOKEN not in capsys.readouterr().out


def test_the_service_accounts_token_is_used_where_kfp_mounts_none(tmp_path: Path) -> None:
    account = tmp_path / "account-token"
    account.write_text(TOKEN)
    assert component.bearer_token({}, str(account)) == (TOKEN, [])
    assert component.bearer_token({}, str(tmp_path / "none")) == ("", [])


@pytest.mark.parametrize("content", [None, "", " \n", "two\nlines", "caf\u00e9"])
def test_a_file_that_holds_no_token_is_said_and_passed_over(tmp_path: Path, content: str | None) -> None:
    mounted, account = tmp_path / "mounted", tmp_path / "account"
    account.write_text(TOKEN)
    if content is not None:
        mounted.write_text(content, encoding="utf-8")
    token, (remark,) = component.bearer_token({"KF_PIPELINES_SA_TOKEN_PATH": str(mounted)}, str(account))
    assert token == TOKEN
    assert str(mounted) in remark


def test_in_clear_to_a_name_outside_no_token_goes_and_the_log_says_what_to_write() -> None:
    headers, sender, (remark,) = component.request_headers("http://registry.example.com:8080", TOKEN)
    assert headers == {}
    assert "no token was sent" in sender
    assert "https://" in remark
    assert ".svc.cluster.local" in remark
    assert TOKEN not in remark


def test_401_without_a_token_says_that_none_was_sent() -> None:
    with LocalRegistry(require_token=TOKEN) as registry:
        with pytest.raises(PermissionError, match=r"no token was sent \(none is mounted in this pod\)") as refused:
            register(registry.url)
        assert registry.url in str(refused.value)
        assert len(registry.requests) == 1


def test_403_names_the_service_account_from_the_tokens_own_claims(token_file: Path) -> None:
    with LocalRegistry(forbidden=True) as registry, pytest.raises(PermissionError) as refused:
        register(registry.url)
    assert "service account 'pipeline-runner' of namespace 'team-a'" in str(refused.value)
    assert TOKEN not in str(refused.value)
    assert "Nothing was registered." in str(refused.value)


@pytest.mark.parametrize(
    ("token", "name"),
    [
        (jwt(sub="ada@example.com"), "'ada@example.com'"),
        (jwt(iss="somebody"), "an unknown account (the token has no readable claims)"),
        ("opaque", "an unknown account (the token has no readable claims)"),
        ("a.b.c", "an unknown account (the token has no readable claims)"),
    ],
)
def test_other_tokens_are_named_as_far_as_they_tell(token: str, name: str) -> None:
    assert component.service_account(token) == name


def test_https_with_the_callers_ca(tmp_path: Path) -> None:
    ca, server = certificate(tmp_path / "ours")
    with LocalRegistry(tls=server) as registry:
        assert register(registry.url, registry_ca_path=ca) == "1"
        assert registry.connections == 1


def test_https_with_the_systems_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ca, server = certificate(tmp_path / "ours")
    monkeypatch.setenv("SSL_CERT_FILE", ca)
    with LocalRegistry(tls=server) as registry:
        assert register(registry.url) == "1"


@pytest.mark.parametrize("signer", ["system", "caller", "cluster"])
def test_the_callers_ca_adds_to_the_systems_and_the_clusters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signer: str
) -> None:
    made = {name: certificate(tmp_path / name) for name in ("system", "caller", "cluster")}
    monkeypatch.setenv("SSL_CERT_FILE", made["system"][0])
    bundles = component.trusted_authorities("https://registry", made["caller"][0], made["cluster"][0])
    assert bundles == [made["caller"][0], made["cluster"][0]]
    with LocalRegistry(tls=made[signer][1]) as registry:
        send, close = component.open_session(registry.url, {}, bundles)
        assert send("GET", "/api/model_registry/v1/registered_models", [])["status"] == 200
        close()


def test_an_unreadable_service_ca_of_the_cluster_is_no_reason_to_fail(tmp_path: Path) -> None:
    broken = tmp_path / "service-ca.crt"
    broken.write_text("not a certificate")
    assert component.trusted_authorities("https://registry", "", str(broken)) == []


@pytest.mark.parametrize("mistake", ["another authority", "no authority", "another name"])
def test_a_server_that_cannot_be_trusted_gets_nothing_and_the_error_names_the_cas(
    tmp_path: Path, token_file: Path, mistake: str
) -> None:
    ca, server = certificate(tmp_path / "ours", "127.0.0.2" if mistake == "another name" else "127.0.0.1")
    other, _ = certificate(tmp_path / "other")
    chosen = {"another authority": other, "no authority": "", "another name": ca}[mistake]
    with LocalRegistry(tls=server) as registry:
        with pytest.raises(ConnectionError, match="cannot be trusted") as refused:
            register(registry.url, registry_ca_path=chosen)
        assert registry.requests == []
    assert f"CAs used: the system's{', ' + chosen if chosen else ''}." in str(refused.value)
    assert "registry_ca_path" in str(refused.value)
    assert "Nothing was registered." in str(refused.value)


def test_a_path_prefix_goes_before_the_api() -> None:
    with LocalRegistry(prefix="/registries/team-a") as registry:
        assert register(f"{registry.url}/") == "1"


def test_a_proxy_of_the_environment_does_not_see_requests_in_clear(
    registry: LocalRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalRegistry() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert register(registry.url) == "1"
        assert proxy.requests == []


def test_no_proxy_is_used_for_what_the_environment_excepts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "registry.example")
    assert component.proxy_url("http://registry.example:8080") == ""
    assert component.proxy_url("http://other.example:8080") == "http://proxy:3128"


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_proxy_is_used_for_names_outside_as_the_environment_writes_it(
    registry: LocalRegistry, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("http_proxy", scheme + registry.url.removeprefix("http://"))
    assert register("http://registry.example") == "1"


@pytest.mark.parametrize("user", ["ada:s3cr3t", "s3cr3t"])
def test_an_error_behind_a_proxy_names_the_proxy_without_its_password(
    monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with LocalRegistry() as registry:
        gone = registry.url.removeprefix("http://")
    monkeypatch.setenv("http_proxy", f"http://{user}@{gone}")
    with pytest.raises(ConnectionError, match=rf"through the proxy http://{gone} \(") as refused:
        register("http://registry.example")
    assert "s3cr3t" not in str(refused.value)


def test_an_address_where_nobody_listens_is_an_error_with_address_and_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with LocalRegistry() as registry:
        gone = registry.url
    with pytest.raises(ConnectionError) as refused:
        register(gone)
    message = str(refused.value)
    assert f"The registry at {gone} does not answer" in message
    assert "tries)" in message
    assert "Nothing was registered." in message


def test_no_password_of_a_netrc_file_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password s3cr3t\n")
    monkeypatch.setenv("NETRC", str(netrc))
    ca, server = certificate(tmp_path / "ours")
    with LocalRegistry(tls=server) as registry:
        register(registry.url, registry_ca_path=ca)
        assert {request.headers.get("authorization") for request in registry.requests} == {None}


def test_https_to_a_server_of_plain_http_is_not_blamed_on_a_ca(
    registry: LocalRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(ConnectionError, match=r"plain http.*\([2-9] tries\)"):
        register(registry.url.replace("http://", "https://"))

"""How the server is reached: its address, TLS, and the token, which goes nowhere else."""

# ruff: noqa: D103

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from .certificates import certificate
from .local_registry import LocalRegistry
from .registering import register
from .subject import address, registry, session

Server: Any = address.Server
Token: Any = address.Token
known_server = address.known_server
may_carry_token = address.may_carry_token
mounted_tokens = address.mounted_tokens
proxy_for = address.proxy_for
registry_base_url = address.registry_base_url
trusted_authorities = address.trusted_authorities
opened = registry.opened
Session: Any = session.Session


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
    assert registry_base_url(address, port) == url


@pytest.mark.parametrize(
    ("address", "port", "url"),
    [
        ("registry", 8080, "https://registry:443"),
        ("registry", 9443, "https://registry:9443"),
        ("registry:8080", 8080, "https://registry:8080"),
        ("fd00::7", 8080, "https://[fd00::7]:443"),
        ("http://registry", 8080, "http://registry:8080"),
        ("https://registry:9090", 8080, "https://registry:9090"),
    ],
)
def test_is_secure_is_as_if_https_stood_before_an_address_without_a_scheme(address: str, port: int, url: str) -> None:
    assert registry_base_url(address, port, True) == url


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
    assert may_carry_token(url) is safe


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
    assert [token.text for token in mounted_tokens("", str(account))] == [TOKEN]
    assert mounted_tokens("", str(tmp_path / "none")) == ()


@pytest.mark.parametrize("content", [None, "", " \n", "two\nlines", "two words", "caf\u00e9"])
def test_a_file_that_holds_no_token_is_said_and_passed_over(
    tmp_path: Path, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    mounted, account = tmp_path / "mounted", tmp_path / "account"
    account.write_text(TOKEN)
    if content is not None:
        mounted.write_text(content, encoding="utf-8")
    assert [token.text for token in mounted_tokens(str(mounted), str(account))] == [TOKEN]
    (remark,) = caplog.messages
    assert str(mounted) in remark


def test_a_401_is_answered_once_with_the_accounts_own_token(tmp_path: Path) -> None:
    tokens = (Token("/kfp/token", "kfp-token"), Token("/account/token", TOKEN))
    with LocalRegistry(require_token=TOKEN) as registry:
        session = Session(Server(registry.url, tokens=tokens))
        for _ in range(2):
            assert session.send("GET", "/registered_models", []).status == 200
        session.close()
        sent = [request.headers["authorization"].removeprefix("Bearer ") for request in registry.requests]
        assert sent == ["kfp-token", TOKEN, TOKEN]


def test_a_403_names_only_the_token_that_was_sent() -> None:
    tokens = (Token("/kfp/token", jwt(sub="one")), Token("/account/token", jwt(sub="two")))
    with LocalRegistry(forbidden=True) as registry, opened(Server(registry.url, tokens=tokens)) as held:
        with pytest.raises(PermissionError, match="the token of one") as refused:
            held.listed("/registered_models")
        assert "the token of two" not in str(refused.value)


def test_one_token_at_two_paths_is_tried_once(tmp_path: Path) -> None:
    for name in ("kfp", "account"):
        (tmp_path / name).write_text(TOKEN)
    assert len(mounted_tokens(str(tmp_path / "kfp"), str(tmp_path / "account"))) == 1


def test_two_tokens_that_are_refused_are_both_named_with_their_files_and_audiences(tmp_path: Path) -> None:
    claims = {"sub": "system:serviceaccount:team-a:pipeline-runner"}
    tokens = (
        Token("/kfp/token", jwt(**claims, aud="pipelines.kubeflow.org")),
        Token("/account/token", jwt(**claims, aud="https://kubernetes.default.svc")),
    )
    with LocalRegistry(require_token="another") as registry:
        with pytest.raises(PermissionError) as refused, opened(Server(registry.url, tokens=tokens)) as held:
            held.listed("/registered_models")
        assert len(registry.requests) == 2
    for part in ("/kfp/token", "pipelines.kubeflow.org", "/account/token", "https://kubernetes.default.svc"):
        assert part in str(refused.value)
    assert not [token.text for token in tokens if token.text in str(refused.value)]


def test_in_clear_to_a_name_outside_no_token_goes_and_the_log_says_what_to_write(
    tmp_path: Path, token_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    environment = {"KF_PIPELINES_SA_TOKEN_PATH": str(token_file)}
    server = known_server("http://registry.example.com:8080", "", environment, str(tmp_path))
    assert server.tokens == ()
    assert "in clear" in server.tokenless
    (remark,) = caplog.messages
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
    assert "the token of system:serviceaccount:team-a:pipeline-runner" in str(refused.value)
    assert TOKEN not in str(refused.value)
    assert "Nothing was registered." in str(refused.value)


@pytest.mark.parametrize(
    ("token", "name"),
    [
        (jwt(sub="ada@example.com"), "the token of ada@example.com (/t, audience any)"),
        (jwt(sub="ada@example.com", aud="here"), "the token of ada@example.com (/t, audience here)"),
        (jwt(iss="somebody"), "a token without readable claims (/t)"),
        ("opaque", "a token without readable claims (/t)"),
        ("a.b.c", "a token without readable claims (/t)"),
    ],
)
def test_other_tokens_are_named_as_far_as_they_tell(token: str, name: str) -> None:
    assert str(Token("/t", token)) == name


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
    bundles = trusted_authorities("https://registry", made["caller"][0], made["cluster"][0])
    assert bundles == (made["caller"][0], made["cluster"][0])
    with LocalRegistry(tls=made[signer][1]) as registry:
        session = Session(Server(registry.url, bundles))
        assert session.send("GET", "/registered_models", []).status == 200
        session.close()


def test_an_unreadable_service_ca_of_the_cluster_is_no_reason_to_fail(tmp_path: Path) -> None:
    broken = tmp_path / "service-ca.crt"
    broken.write_text("not a certificate")
    assert trusted_authorities("https://registry", "", str(broken)) == ()


@pytest.mark.parametrize("mistake", ["another authority", "no authority", "another name"])
def test_a_server_that_cannot_be_trusted_gets_nothing_and_the_error_names_the_cas(
    tmp_path: Path, token_file: Path, mistake: str
) -> None:
    ca, server = certificate(tmp_path / "ours", "127.0.0.2" if mistake == "another name" else "127.0.0.1")
    other, _ = certificate(tmp_path / "other")
    chosen = {"another authority": other, "no authority": "", "another name": ca}[mistake]
    with LocalRegistry(tls=server) as registry:
        with pytest.raises(ConnectionError, match="its certificate is not trusted") as refused:
            register(registry.url, registry_ca_path=chosen)
        assert registry.requests == []
    assert f"CAs used: the system's{', ' + chosen if chosen else ''})." in str(refused.value)
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
    assert proxy_for("http://registry.example:8080") == ""
    assert proxy_for("http://other.example:8080") == "http://proxy:3128"


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
    with pytest.raises(ConnectionError, match=rf"through the proxy http://{gone}, does not answer") as refused:
        register("http://registry.example")
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize("status", [403, 404, 502])
def test_an_answer_that_a_proxy_gave_names_the_proxy(
    registry: LocalRegistry, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setenv("http_proxy", registry.url)
    registry.inject((status, "text/plain", b"gateway says no"), times=100)
    with pytest.raises((PermissionError, ConnectionError), match=rf"through the proxy {registry.url},"):
        register("http://registry.example")


def test_a_proxy_that_refuses_the_way_is_not_asked_again_and_keeps_its_credential(
    registry: LocalRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = registry.url.removeprefix("http://")
    monkeypatch.setenv("https_proxy", f"http://s3cr3ttokenabc@{gateway}")
    with pytest.raises(Exception, match=rf"through the proxy http://{gateway}, .*the proxy says") as refused:
        register("https://registry.example")
    assert "s3cr3ttokenabc" not in str(refused.value)


@pytest.mark.parametrize("status", [401, 403, 404, 407])
def test_a_proxy_that_refuses_the_way_is_not_taken_for_the_registry(
    registry: LocalRegistry, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("https_proxy", registry.url)
    registry.inject(status)
    with pytest.raises(RuntimeError, match=rf"the proxy says {status}.* Next: let the proxy pass .* NO_PROXY"):
        register("https://registry.example")
    assert len(registry.requests) == 1


def test_a_mesh_that_denies_access_leads_to_its_policy_and_no_role_binding(registry: LocalRegistry) -> None:
    registry.inject((403, "text/plain", b"RBAC: access denied"))
    with pytest.raises(PermissionError, match=r"AuthorizationPolicy.* sidecar") as refused:
        register(registry.url)
    assert "(a role binding in the registry's namespace)" not in str(refused.value)


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


def test_https_to_a_server_of_plain_http_is_told_at_once(registry: LocalRegistry, waits: list[float]) -> None:
    with pytest.raises(ConnectionError, match=r"Next: write http://…: it seems to speak no TLS\.$"):
        register(registry.url.replace("http://", "https://"))
    assert not waits


@pytest.mark.parametrize(
    "said",
    [
        b"Client sent an HTTP request to an HTTPS server.\n",
        b"<html><center>The plain HTTP request was sent to HTTPS port</center></html>",
    ],
)
def test_http_to_a_port_of_tls_is_told_at_once(registry: LocalRegistry, waits: list[float], said: bytes) -> None:
    registry.inject((400, "text/plain", said), times=100)
    with pytest.raises(
        ConnectionError, match=r"[^.]\. Nothing was registered\. Next: write https://…, or set is_secure"
    ):
        register(registry.url)
    assert not waits


@pytest.mark.parametrize("said", ["no HTTPS address in externalId", "malformed HTTP request"])
def test_a_refusal_in_similar_words_is_the_servers_own(registry: LocalRegistry, said: str) -> None:
    registry.inject((400, "application/json", json.dumps({"message": said}).encode()))
    with pytest.raises(RuntimeError, match=rf"\(status 400\): {said}\. .* Next: correct what the message names"):
        register(registry.url)


def test_a_name_that_no_resolver_knows_is_waited_for_but_said_in_the_first_line(
    waits: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConnectionError, match=r"http://nowhere\.invalid:8080 does not answer"):
        register("nowhere.invalid")
    first = next(line for line in capsys.readouterr().out.splitlines() if "Waiting" in line)
    assert "nowhere.invalid" in first
    assert "name" in first.lower()
    assert 250 < sum(waits) <= 300

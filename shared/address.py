"""Where the server is, whom to trust, who may see the token; it opens no connection."""

import base64
import contextlib
import ipaddress
import json
import logging
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from .redaction import redact_address, without_credentials

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
DEFAULT_PORT = 8080  # nobody means it who writes https:// without a port
TLS_PORTS = (443, 8443)
HOST_NAME = re.compile(r"(?!https?$)\w[\w.-]*")  # `http:/registry` has lost a slash
# Names that only the cluster resolves. A number is left out (perhaps an IPv4 address), and so is `name.namespace`
# (perhaps `example.com`).
IN_CLUSTER_NAME = re.compile(r"[a-z][a-z0-9_-]*|([a-z0-9_-]+\.)+svc(\.cluster\.local\.?)?")

log = logging.getLogger("model_registry")


@dataclass(frozen=True)
class Token:
    """A bearer token.

    Attributes:
        path: The file that it was read from.
        text: The token itself; it is never printed.
    """

    path: str
    text: str

    def __str__(self) -> str:
        """Name the token by its own claims, unverified: account and audience are what a 401 is about."""
        try:
            payload = self.text.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            return f"the token of {claims['sub']} ({self.path}, audience {claims.get('aud', 'any')})"
        except (IndexError, KeyError, TypeError, ValueError):
            return f"a token without readable claims ({self.path})"


@dataclass(frozen=True)
class Server:
    """How the registry is reached.

    Attributes:
        url: Scheme, host, port and path prefix.
        authorities: CA bundles to trust beside the system's.
        tokens: Bearer tokens: the first goes with every request, the next one after a 401.
        proxy: The proxy's URL, perhaps with credentials; "" for none.
        tokenless: Why there is no token, for the error.
    """

    url: str
    authorities: tuple[str, ...] = ()
    tokens: tuple[Token, ...] = ()
    proxy: str = ""
    tokenless: str = "none is mounted in this pod"

    def __str__(self) -> str:
        """Name address and proxy, as every error does."""
        return f"{self.url}, through the proxy {without_credentials(self.proxy)}," if self.proxy else self.url


def registry_base_url(address: str, port: int, is_secure: bool = False) -> str:
    """Read an address as people write it (OPERATIONS.md, "TLS and tokens").

    Args:
        address: Host, host:port, [IPv6]:port, or an http(s) URL, perhaps with a path prefix or the API's path.
        port: The port, unless the address has one.
        is_secure: Whether an address without a scheme is one of https.

    Returns:
        `scheme://host:port/prefix`: https if the address says so, or for the ports 443 and 8443.

    Raises:
        ValueError: It is no address.
    """
    refusal = ValueError(
        f"registry_address={redact_address(address)!r} is no server address: write a host, host:port, "
        "[IPv6]:port or an http(s):// URL, without user name, query or fragment. Nothing was sent."
    )
    text = address.strip()
    with contextlib.suppress(ValueError):
        text = f"[{ipaddress.IPv6Address(text)}]"
    try:
        parts = urlsplit(text if "://" in text else f"{'https:' * is_secure}//{text}")
        host, own_port = parts.hostname or "", parts.port
        host = f"[{ipaddress.IPv6Address(host)}]" if ":" in host else host.encode("idna").decode()
    except ValueError:
        raise refusal from None
    is_host = host.startswith("[") or HOST_NAME.fullmatch(host)
    if not is_host or parts.scheme not in ("", "http", "https") or own_port == 0:
        raise refusal
    if parts.username is not None or parts.query or parts.fragment:
        raise refusal
    if own_port is None:
        own_port = 443 if parts.scheme == "https" and port == DEFAULT_PORT else port
    scheme = parts.scheme or ("https" if own_port in TLS_PORTS else "http")
    return f"{scheme}://{host}:{own_port}{parts.path.split('/api/model_registry')[0].rstrip('/')}"


def known_server(url: str, ca_path: str, environment: Mapping[str, str], account: str = ACCOUNT) -> Server:
    """Find out how a server is reached from this pod.

    Args:
        url: What `registry_base_url` made of the address.
        ca_path: The caller's CA bundle, "" for none.
        environment: The pod's environment, where KFP names its token.
        account: The folder of the service account.

    Returns:
        The server; without tokens where others could read them on the way.

    Raises:
        ValueError: `ca_path` is no CA bundle.
    """
    authorities = trusted_authorities(url, ca_path, f"{account}/service-ca.crt")
    tokens = mounted_tokens(environment.get("KF_PIPELINES_SA_TOKEN_PATH", ""), f"{account}/token")
    if not tokens or may_carry_token(url):
        return Server(url, authorities, tokens, proxy_for(url))
    log.warning(
        "The pod's token is not sent in clear to %s, which may lie outside of the cluster: write https://… or the full "
        "name, <service>.<namespace>.svc.cluster.local.",
        url,
    )
    return Server(url, authorities, (), proxy_for(url), "it would have crossed the network in clear")


def may_carry_token(url: str) -> bool:
    """Tell whether a token is safe on the way: over https, or to a name that only the cluster resolves."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return bool(IN_CLUSTER_NAME.fullmatch(host))


def mounted_tokens(kfp_path: str, account_path: str) -> tuple[Token, ...]:
    """Read KFP's token, and the account's own, which may have another audience."""
    tokens: dict[str, Token] = {}
    for path in filter(None, (kfp_path, account_path)):
        try:
            with open(path, encoding="ascii") as file:
                text = file.read().strip()
        except (OSError, ValueError):
            text = ""
        if text and text.isprintable() and " " not in text:
            tokens.setdefault(text, Token(path, text))
        elif path == kfp_path:
            log.warning("%s holds no token.", path)
    return tuple(tokens.values())


def trusted_authorities(url: str, ca_path: str, service_ca: str) -> tuple[str, ...]:
    """Name the caller's and the cluster's CA bundle, for https; a bundle of the cluster that is none is left out."""
    bundles = []
    for path in filter(None, (ca_path, service_ca)) if url.startswith("https://") else ():
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
            bundles.append(path)
        except OSError as error:
            if path == ca_path:
                raise ValueError(f"registry_ca_path={path!r} is no CA bundle ({error}). Nothing was sent.") from None
    return tuple(bundles)


def proxy_for(url: str) -> str:
    """Find the proxy. One in the clear must see no token: so a name inside the cluster is asked directly."""
    target = urlsplit(url)
    if (target.scheme == "http" and may_carry_token(url)) or proxy_bypass(target.hostname or ""):
        return ""
    proxy = getproxies().get(target.scheme, "")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy

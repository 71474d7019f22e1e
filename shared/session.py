"""One connection: a request, a reply, a try again (the network edge); it knows no models.

It uses the generated client of the `model-registry` package with a transport of its own: the high-level client opens a
connection for each call, waits 300 s and retries nothing (measured).
"""

import asyncio
import json
import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .address import Server, Token

# Servers up to mid-2026 serve v1alpha3 only, newer ones both until April 2027.
API_VERSIONS = ("v1", "v1alpha3")
CONNECT_SECONDS, ANSWER_SECONDS, TOTAL_SECONDS = 5, 30, 35
# Of one registration, in vain tries and waits: KFP 2.17 repeats no step that failed (measured).
MOST_LOST_SECONDS = 300.0
TRANSIENT = (0, 429, 500, 502, 503, 504)

log = logging.getLogger("model_registry")


@dataclass(frozen=True)
class Reply:
    """What came of a request.

    Attributes:
        path: What was asked for, below the API version.
        status: The HTTP status; 0 without an answer, then `text` says why.
        text: The body.
        document: The body as JSON, all numbers as doubles; None if it is none.
        headers: The answer's headers.
        advice: What to do, where the connection itself tells; "" elsewhere.
    """

    path: str
    status: int
    text: str
    document: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    advice: str = ""

    @property
    def is_yes(self) -> bool:
        """Whether it was done."""
        return 200 <= self.status < 300

    @property
    def is_transient(self) -> bool:
        """Whether a later try may be answered better.

        While its database restarts, the server has a 404 for an ID that it has just given (measured), and a 400 for a
        list's filter (its source, dbutil/errors.go); a sidecar without routes yet has a 404 without a body (measured).
        """
        if self.status == 400:
            return "type mismatch or invalid value in comparison" in self.text
        if self.status in (200, 404) and not self.text.strip():
            return True
        if self.status == 404:
            return any(part.isdigit() for part in self.path.split("/"))
        return self.status in TRANSIENT and not self.advice

    @property
    def message(self) -> str:
        """The server's own words, 500 characters of them, without their full stop."""
        said = self.document.get("message") if isinstance(self.document, dict) else self.document
        return " ".join(str(said or self.text or "no explanation").split())[:500].rstrip(".")


def retry_pause(attempt: int, retry_after: str, jitter: float) -> float:
    """Say how long to wait before the next try.

    Args:
        attempt: The tries so far, less one.
        retry_after: The answer's `Retry-After`, in seconds; "" or a date count as none.
        jitter: 0 to 1, so that 64 steps that fail together do not come back together.

    Returns:
        Seconds: 0.4 to 20, or what the server asks for, if that is more.
    """
    asked = float(retry_after) if retry_after.strip().isdecimal() else 0.0
    return max(min(0.5 * 2**attempt, 16.0) * (0.75 + jitter / 2), asked)


class Session:
    """A registration's one connection, and what it has learnt on it.

    Attributes:
        server: How the registry is reached.
        sent: The tokens that were sent so far, the last of them now.
        apis: The API versions that the server may serve; one, once an answer has shown which.
        lost_seconds: The time lost in vain tries and waits.
        trusts_system: Whether the system's CAs are asked, too.
    """

    def __init__(self, server: Server) -> None:
        """Connect, with the first token."""
        self.server = server
        self.sent: list[Token] = []
        self.apis = list(API_VERSIONS)
        self.lost_seconds = 0.0
        self.trusts_system = not server.authorities
        self.runner = asyncio.Runner()  # the client is async
        self.client, self.pool = self.runner.run(self._connected())
        self._takes_next_token()

    def close(self) -> None:
        """Close the connection."""
        self.runner.run(self.pool.close())
        self.runner.close()

    def ask(self, method: str, path: str, query: Any, body: Any = None) -> list[Reply]:
        """Repeat a request until a reply is final or the time is over.

        Args:
            method: GET or PATCH: what may be sent twice.
            path: Below the API version.
            query: Pairs of name and value.
            body: What is sent as JSON.

        Returns:
            All replies, at least one; the last one counts.
        """
        tries: list[Reply] = []
        while True:
            tries.append(self.send(method, path, query, body))
            if not tries[-1].is_transient or not self.waits_for(tries):
                return tries

    def send(self, method: str, path: str, query: Any, body: Any = None) -> Reply:
        """Make one request; the first finds out which API version and which token the server takes.

        Args:
            method: The HTTP method.
            path: Below the API version.
            query: Pairs of name and value.
            body: What is sent as JSON.

        Returns:
            The reply.
        """
        began = time.monotonic()
        while True:
            reply = self.runner.run(self._exchange(method, path, query, body))
            if reply.status == 404 and reply.text.strip() and len(self.apis) > 1:
                self.apis.pop(0)
            elif reply.status != 401 or not self._takes_next_token():
                break
        if reply.is_transient:
            self.lost_seconds += time.monotonic() - began
        else:
            del self.apis[1:]
        return reply

    def waits_for(self, tries: Sequence[Reply]) -> bool:
        """Wait for the next try of a request, as `waits` does."""
        reply = tries[-1]
        pause = retry_pause(len(tries) - 1, reply.headers.get("Retry-After", ""), random.random())
        status = f"status {reply.status}: " if reply.status else ""
        return self.waits(pause, f"no usable answer from {self.server} ({status}{reply.message})")

    def waits(self, pause: float, why: str) -> bool:
        """Wait, and log for what and how long still.

        Args:
            pause: Seconds.
            why: What is waited for.

        Returns:
            True after the wait; False, without one, if it would bring the time lost over MOST_LOST_SECONDS.
        """
        self.lost_seconds += pause
        left = MOST_LOST_SECONDS - self.lost_seconds
        if left >= 0:
            log.info("Waiting %.1f s, then for at most %.0f s more: %s.", pause, left, why)
            time.sleep(pause)
        return left >= 0

    def _takes_next_token(self) -> bool:
        """Go on to the next token, if there is one: KFP's may have an audience that the registry refuses."""
        untried = self.server.tokens[len(self.sent) :]
        if untried:
            self.sent.append(untried[0])
            self.client.set_default_header("Authorization", f"Bearer {untried[0].text}")
        return bool(untried)

    async def _connected(self) -> tuple[Any, Any]:
        """Set up the generated client, and a pool of one connection; TLS always verifies."""
        import aiohttp
        from mr_openapi import ApiClient, Configuration

        # The system's CAs take 30 ms to load (measured): they are asked only where the named ones do not vouch.
        named = self.server.authorities
        client = ApiClient(Configuration(host=self.server.url, ssl_ca_cert=named[0] if named else None))
        client.user_agent = "kfp-model-registry-component"
        tls = client.rest_client.ssl_context
        for bundle in named[1:]:
            tls.load_verify_locations(bundle)
        # No `trust_env`: it would send passwords of ~/.netrc.
        return client, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1, ssl=tls))

    async def _exchange(self, method: str, path: str, query: Any, body: Any) -> Reply:
        """Send what the client serializes, but without its 300 s and its redirects, which make a POST a GET."""
        import aiohttp
        from yarl import URL

        patience = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS, total=TOTAL_SECONDS)
        api_path = f"/api/model_registry/{self.apis[0]}{path}"
        _, url, headers, content, _ = self.client.param_serialize(method, api_path, query_params=query, body=body)
        try:
            response = await self.pool.request(
                method,
                URL(url, encoded=True),  # as it is: for a decoded `;` Go's server would drop the whole parameter
                json=content,
                headers=headers,
                timeout=patience,
                allow_redirects=False,
                proxy=self.server.proxy or None,  # of the session aiohttp knows it from 3.11 on only
            )
            text = await response.text("utf-8", "replace")
        except aiohttp.ClientConnectorCertificateError as error:
            if not self.trusts_system:
                self.trusts_system = True
                self.client.rest_client.ssl_context.load_default_certs()
                return await self._exchange(method, path, query, body)
            problem = getattr(error.certificate_error, "verify_message", "") or error
            authorities = ", ".join(("the system's", *self.server.authorities))
            return Reply(
                path,
                0,
                f"its certificate is not trusted ({problem}; CAs used: {authorities})",
                advice="pass the CA bundle that signed it as registry_ca_path, and a name in it as registry_address.",
            )
        except aiohttp.ClientSSLError as error:  # no matter of trust
            is_plain = "WRONG_VERSION_NUMBER" in str(error)
            return Reply(path, 0, str(error), advice="write http://…: it seems to speak no TLS." * is_plain)
        except aiohttp.ClientHttpProxyError as error:  # its own text holds the proxy's credentials
            status = error.status if error.status in TRANSIENT else 407
            return Reply(path, status, f"the proxy says {error.status} {error.message}")
        except TimeoutError:
            return Reply(path, 0, f"no answer in time ({CONNECT_SECONDS} s to connect, {ANSWER_SECONDS} s to answer)")
        except (aiohttp.ClientError, OSError) as error:
            return Reply(path, 0, str(getattr(error, "os_error", error)) or type(error).__name__)
        try:
            document = json.loads(text, parse_int=float)  # 26.0 comes as 26 (measured)
        except (ValueError, RecursionError):
            document = None
        # As Go's server and nginx say it on a port of TLS (measured).
        is_tls = response.status == 400 and "HTTP request" in text and "HTTPS" in text
        advice = "write https://…, or set is_secure: it speaks TLS." * is_tls
        return Reply(path, response.status, text, document, response.headers, advice)

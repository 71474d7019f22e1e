"""One connection: a request, a reply, a try again (the network edge); it knows no models.

It uses the generated client of the `model-registry` package with a transport of its own: the high-level client opens a
connection for each call, waits 300 s and retries nothing (measured).
"""

import asyncio
import json
import logging
import random
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .address import Server, Token

# Servers up to mid-2026 serve v1alpha3 only, newer ones both until April 2027.
API_VERSIONS = ("v1", "v1alpha3")
CONNECT_SECONDS, ANSWER_SECONDS, TOTAL_SECONDS = 5, 30, 35
MOST_LOST_SECONDS = 60.0  # of one registration, by tries in vain and waits
TRANSIENT = (429, 500, 502, 503, 504)
SAME_500S = 3
# What a 500 says while the server's database restarts.
DATABASE_IS_AWAY = re.compile(r"connect|dial |starting up|shut|EOF|deadlock", re.IGNORECASE)

log = logging.getLogger("model_registry")


@dataclass(frozen=True)
class Reply:
    """What came of a request.

    Attributes:
        status: The HTTP status; 0 without an answer, then `text` says why.
        text: The body.
        document: The body as JSON, all numbers as doubles; None if it is none.
        headers: The answer's headers.
        is_distrust: Whether the server's certificate is not trusted.
    """

    status: int
    text: str
    document: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_distrust: bool = False

    @property
    def is_yes(self) -> bool:
        """Whether it was done."""
        return 200 <= self.status < 300


def settles(tries: Sequence[Reply], path: str) -> bool:
    """Tell whether the last reply is final; else the request is worth another try.

    While its database restarts, the server has a 404 for an ID that it has just given (measured), and a 400 for a
    list's filter (its source, dbutil/errors.go).

    Args:
        tries: A request's replies so far.
        path: What was asked for.

    Returns:
        False for no answer (unless the certificate is not trusted), 429, 500 (unless `is_same_500`), 502, 503, 504 and
        the two above.
    """
    reply = tries[-1]
    if reply.status == 0:
        return reply.is_distrust
    if reply.status == 400:
        return "type mismatch or invalid value in comparison" not in reply.text
    if reply.status == 404:
        return not any(part.isdigit() for part in path.split("/"))
    return reply.status not in TRANSIENT or is_same_500(tries)


def is_same_500(tries: Sequence[Reply]) -> bool:
    """Tell whether a 500 stays as it is, as "Illegal mix of collations" does: a minute of tries would not help.

    Args:
        tries: A request's replies so far.

    Returns:
        True after SAME_500S equal ones, unless they speak of a database that is away.
    """
    last = tries[-SAME_500S:]
    same = len(last) == SAME_500S and {(reply.status, reply.text) for reply in last} == {(500, last[0].text)}
    return same and not DATABASE_IS_AWAY.search(last[0].text)


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
    """

    def __init__(self, server: Server) -> None:
        """Connect, with the first token."""
        self.server = server
        self.sent: list[Token] = []
        self.apis = list(API_VERSIONS)
        self.lost_seconds = 0.0
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
            if settles(tries, path) or not self.waits(tries):
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
            reply = self.runner.run(self._exchange(method, f"/api/model_registry/{self.apis[0]}{path}", query, body))
            if reply.status == 404 and len(self.apis) > 1:
                self.apis.pop(0)
            elif reply.status != 401 or not self._takes_next_token():
                break
        if reply.status and reply.status not in TRANSIENT:
            del self.apis[1:]
        else:
            self.lost_seconds += time.monotonic() - began
        return reply

    def waits(self, tries: Sequence[Reply]) -> bool:
        """Wait for the next try.

        Args:
            tries: A request's replies so far.

        Returns:
            True after the wait; False, without one, if it would bring the time lost over MOST_LOST_SECONDS.
        """
        reply = tries[-1]
        pause = retry_pause(len(tries) - 1, reply.headers.get("Retry-After", ""), random.random())
        self.lost_seconds += pause
        if self.lost_seconds > MOST_LOST_SECONDS:
            return False
        what = f"status {reply.status}" if reply.status else reply.text
        log.info("No usable answer (%s); next try in %.1f s.", what, pause)
        time.sleep(pause)
        return True

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

        client = ApiClient(Configuration(host=self.server.url))
        client.user_agent = "kfp-model-registry-component"
        tls = client.rest_client.ssl_context
        for bundle in self.server.authorities:
            tls.load_verify_locations(bundle)
        # No `trust_env`: it would send passwords of ~/.netrc.
        return client, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1, ssl=tls))

    async def _exchange(self, method: str, path: str, query: Any, body: Any) -> Reply:
        """Send what the client serializes, but without its 300 s and its redirects, which make a POST a GET."""
        import aiohttp
        from yarl import URL

        patience = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS, total=TOTAL_SECONDS)
        _, url, headers, content, _ = self.client.param_serialize(method, path, query_params=query, body=body)
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
            return Reply(0, getattr(error.certificate_error, "verify_message", "") or str(error), is_distrust=True)
        except aiohttp.ClientSSLError as error:  # no matter of trust
            hint = "; the server seems to speak plain http: write http://…" * ("WRONG_VERSION_NUMBER" in str(error))
            return Reply(0, f"{error}{hint}")
        except aiohttp.ClientHttpProxyError as error:  # its own text holds the proxy's credentials
            status = error.status if error.status in TRANSIENT else 407
            return Reply(status, f"the proxy says {error.status} {error.message}")
        except TimeoutError:
            return Reply(0, f"no answer in time ({CONNECT_SECONDS} s to connect, {ANSWER_SECONDS} s to answer)")
        except (aiohttp.ClientError, OSError) as error:
            return Reply(0, str(getattr(error, "os_error", error)) or type(error).__name__)
        try:
            document = json.loads(text, parse_int=float)  # 26.0 comes as 26 (measured)
        except (ValueError, RecursionError):
            document = None
        return Reply(response.status, text, document, response.headers)

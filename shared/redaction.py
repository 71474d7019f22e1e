"""What a secret is and how it is hidden; it knows names and texts only.

Registry and log are read by many, for ever. A key that names a credential and a value that looks like one are hidden; a
number never is, and neither are the names that only sound like it (`max_tokens`, `eos_token`).
"""

import re

HIDDEN = "[REDACTED]"

# Keys, in words joined by `_`, that name a credential; a token does so as the last word.
CREDENTIAL_NAME = re.compile(
    r"password|passwd|passphrase|credential|authorization|apikey|secret$"
    r"|(^|_)(pwd|passcode|secrets?|creds?|bearer|cookies?)(_|$)|(^|_)(auth|dsn|pat|connection_string)$"
    r"|(^|_)(db|database|user)_?pass$|^pass$|(^|_)(jwt|oauth)$"
    r"|(^|_)(openai|anthropic|wandb|hf|azure|kaggle|hmac|rsa)_key$"
    r"|(^|_)(api|access|private|secret|encryption|signing|ssh|auth|client|service|shared|master|account|storage|license"
    r"|subscription)_?keys?(_|$)"
    r"|(^|_)(api|access|auth|bearer|refresh|session|security)_?tokens?(_|$)"
)
# Tokens that are a piece of text, as in `eos_token` or `pad_token`.
TEXT_TOKEN_NAME = re.compile(
    r"(^|_)(bos|eos|pad|unk|sep|cls|mask|start|end|stop|special|image|audio|video|per|first|last|next|new|prompt|prefix|"
    r"max|min|num|total|de)_?token$"
)
WORD_EDGE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")

# Texts that are a credential, by their issuers' prefixes.
SECRET_TEXT = re.compile(
    r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)"  # a cut block is as secret as a whole one
    r"|(?:(?<=[?&]sig=)|(?<=[?&-]Signature=))[^&#\s\"']+"  # places before shapes: a user's name may be a token
    r"|(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{16,}"
    r"|(?<=://)[^\s/?#@:]*:[^\s/?#]*(?=@(?!sha256:))"
    r"|(?<=https://)(?=[^@\s/]*\d)[A-Za-z0-9_.~-]{20,}(?=@)"
    r"|(?<![A-Za-z0-9])(?:"
    r"(?:hf|gh[opsur]|npm|sk_live|sk_test)_[A-Za-z0-9]{16,}"
    r"|github_pat_[A-Za-z0-9_]{16,}"
    r"|(?:glpat|nvapi|pypi|sk-(?:proj|svcacct|ant))-[A-Za-z0-9_-]{16,}"
    r"|sk-(?:[A-Za-z0-9]{1,12}-){0,3}[A-Za-z0-9_]{16,}[A-Za-z0-9_-]*"
    r"|(?:AKIA|ASIA)[A-Z0-9]{12,}"
    r"|AIza[A-Za-z0-9_-]{30,}"
    r"|xox[a-z]-[A-Za-z0-9-]{10,}"
    r"|eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?"
    r")",
    re.DOTALL,
)
# What a credential's name introduces on its line of a text: `password=…`, `"api_key": "…"`, `--hf-token …`.
PAIR = re.compile(
    r"(?<![\w.-])(?P<option>--)?"
    r"(?P<key>[\w.-]{0,60}(?:pass|pwd|secret|token|key|cred|auth|cookie|dsn|sig)[\w.-]{0,60})"
    r"""(?:(?:\\?["']\]?)?(?:,?\s{0,9}\\?["']?value\\?["']?)?"""  # {"name": "HF_TOKEN", "value": "…"}
    r"""\s{0,3}(?:=>|[:=])[^\S\n]{0,3}\\?["']?|(?(option)\s{1,3}(?!--)["']?|(?!)))""",
    re.IGNORECASE,
)
PAIR_VALUE = re.compile(
    r"""(?<=")[^"\\]+|(?<=')[^'\\]+|(?:(?:bearer|basic|token) )?[^\s"'&,;\\\[({<][^\s"'&,;\\]*""", re.IGNORECASE
)
FRACTION = re.compile(r"-?\d*\.\d+(?:[eE][+-]?\d+)?")

USER_INFO = re.compile(r"(://)[^/?#\s@:]*:[^/?#\s]*@(?!sha256:)")
HTTP_USER_INFO = re.compile(r"(://)[^/?#\s]*@")
SIGNATURE = re.compile(
    r"([?&](?:sig(?:nature)?|[a-z_]*token|api_?key|X-(?:Amz|Goog)-(?:Signature|Credential|Security-Token))=)[^&#]+",
    re.IGNORECASE,
)


def names_credential(key: str) -> bool:
    """Tell whether a key names a credential.

    Args:
        key: A key in any notation: `hf_token`, `hfToken`, `HF-TOKEN`.

    Returns:
        Whether what stands under it is secret, unless it is a number.
    """
    words = WORD_EDGE.sub("_", key).lower().strip("_")
    if CREDENTIAL_NAME.search(words):
        return True
    return words.endswith("token") and not TEXT_TOKEN_NAME.search(words)


def redact(text: str) -> str:
    """Hide the secrets in a text: what looks like one, and what a credential's name introduces.

    Args:
        text: Any text. The time is linear in its length.

    Returns:
        The text with HIDDEN in their place.
    """
    text = SECRET_TEXT.sub(HIDDEN, text)
    done, position = "", 0
    while pair := PAIR.search(text, position):
        done += text[position : pair.end()]
        position = pair.end()  # a value that is no secret can hold a pair of its own
        value = PAIR_VALUE.match(text, position) if names_credential(pair["key"]) else None
        if value and not FRACTION.fullmatch(value[0]):
            done += HIDDEN
            position = value.end()
    return done + text[position:]


def without_credentials(uri: str) -> str:
    """Drop a URI's credentials: it stays a location that others, with their own, can use.

    Args:
        uri: A URI.

    Returns:
        It without `user:password@`; over http also without `token@`, and each signature replaced by REDACTED. The key
        of an object store goes in verbatim; abfs's `container@` and oci's `@sha256:` are no credentials.
    """
    clean = USER_INFO.sub(r"\1", uri)
    return SIGNATURE.sub(r"\1REDACTED", HTTP_USER_INFO.sub(r"\1", clean)) if clean.lower().startswith("http") else clean

"""What a secret is and how it is hidden; it knows names and texts only.

Registry and log are read by many, for ever. A key that names a credential and a value that looks like one are hidden; a
number never is, and neither are the names that only sound like it (`max_tokens`, `eos_token`).
"""

import re

HIDDEN = "[REDACTED]"

# Keys, in words with a blank between them, that name a credential.
CREDENTIAL_NAME = re.compile(
    r"passw|passphrase|credential|authorization|secret$|token$|(api|access) tokens"
    r"|\b(pwd|secrets?|creds?|bearer|cookies?|sig|(db|user|proxy) ?pass)\b|\b(auth|dsn|pat|connection string)$|^pass$"
    r"|(api|access|private|secret|account|storage|encryption|signing|ssh|auth|client|service|master) ?keys?\b"
    r"|(azure|openai|anthropic|wandb|hf|kaggle) ?key\b"
)
# Tokens that are a piece of text.
TEXT_TOKEN_NAME = re.compile(r"\b(bos|eos|pad|unk|sep|cls|mask|start|end|stop|special|image|audio|video|max) ?token$")
WORD_EDGE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")

PASSWORD = r"(?<=://)[^\s/?#@:]*:[^\s/?#]*(?=@(?!sha256:))"  # and the user's name
# Texts that are a credential, by their place or by their issuers' prefixes.
SECRET_TEXT = re.compile(
    r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)"  # a cut block is as secret as a whole one
    rf"|{PASSWORD}|(?<=[?&-]Signature=)[^&\s\"']+"  # places before shapes: a user's name may be a token
    r"|(?<![A-Za-z0-9])(?:"
    r"(?:hf|gh[opsur])_[A-Za-z0-9]{16,}"
    r"|(?:github_pat_|(?:glpat|nvapi|sk-(?:proj|svcacct|ant|or))-)[\w-]{16,}"
    r"|sk-[A-Za-z0-9]{16,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{12,}"
    r"|AIza[\w-]{30,}"
    r"|eyJ[\w-]{8,4096}\.[\w.-]{4,}"
    r")",
    re.DOTALL,
)
# A name and what introduces its value on a line of a text: `password=…`, `"api_key": "…"`, `--hf-token …`.
PAIR = re.compile(
    r"""(?<![\w.-])(--)?([\w.-]+)(?:(?:\\?["']\]?)?(?:,\s{0,9}\\?["']value\\?["'])?"""  # {"name": "…", "value": "…"}
    r"""\s{0,3}[:=][^\S\n]{0,3}\\?["']?|(?(1)\s{1,3}(?!--)["']?|(?!)))"""
)
PAIR_VALUE = re.compile(
    r"""(?<=")[^"\\]+|(?<=')[^'\\]+|(?:(?:bearer|basic|token) )?[^\s"'&,;\\\[({<][^\s"'&,;\\]*""", re.IGNORECASE
)
FRACTION = re.compile(r"-?\d*\.\d+")

SIGNATURE = re.compile(r"([?&](?:sig|[\w-]*(?:signature|credential|token|key))=)[^&#]+", re.IGNORECASE)


def names_credential(key: str) -> bool:
    """Tell whether a key names a credential.

    Args:
        key: A key in any notation: `hf_token`, `hfToken`, `HF-TOKEN`.

    Returns:
        Whether what stands under it is secret, unless it is a number.
    """
    words = WORD_EDGE.sub(" ", key).lower().strip()
    return bool(CREDENTIAL_NAME.search(words)) and not TEXT_TOKEN_NAME.search(words)


def redact(text: str) -> str:
    """Hide the secrets in a text: what looks like one, and what a credential's name introduces.

    Args:
        text: Any text. The time is linear in its length.

    Returns:
        The text with HIDDEN in their place.
    """
    text = SECRET_TEXT.sub(HIDDEN, text)
    done, position, kept = [], 0, 0
    while pair := PAIR.search(text, position):
        position = pair.end()  # a value that is no secret can hold a pair of its own
        value = PAIR_VALUE.match(text, position) if names_credential(pair[2]) else None
        if value and not FRACTION.fullmatch(value[0]):
            done += [text[kept:position], HIDDEN]
            position = kept = value.end()
    return "".join(done) + text[kept:]


def redact_address(address: str) -> str:
    """Hide the secrets in an address that is refused: what stands before its `@` may be a password."""
    return redact(address.rpartition("@")[2])


def without_credentials(uri: str) -> str:
    """Drop a URI's credentials: it stays a location that others, with their own, can use.

    Args:
        uri: A URI.

    Returns:
        It without `user:password@`; over http also without `token@`, and each signature replaced by REDACTED. The key
        of an object store goes in verbatim; abfs's `container@` and oci's `@sha256:` are no credentials.
    """
    if uri.startswith("http"):
        return SIGNATURE.sub(r"\1REDACTED", re.sub(r"(?<=://)[^/?#\s]*@", "", uri))
    return re.sub(f"{PASSWORD}@", "", uri)

"""No secret is published, and nothing that is none is hidden."""

# ruff: noqa: D103

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from .local_registry import LocalRegistry
from .registering import register
from .subject import arguments, evaluation, properties, redaction, report

checked_custom = arguments.checked_custom
evaluation_properties = evaluation.evaluation_properties
read_results = evaluation.read_results
redact = redaction.redact
without_credentials = redaction.without_credentials
print_remarks = report.print_remarks


def training_properties(metrics: dict[str, Any]) -> dict[str, Any]:
    return properties.training_properties(metrics, {})


A34 = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1b"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW06c2EifQ.c2lnbmF0dXJlLWhlcmU"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"

SECRET_KEYS = [
    *("password", "PASSWORD", "db_password", "dbPassword", "mypasswd", "passphrase", "pwd", "DB_PASS", "user_pass"),
    *("secret", "client_secret", "clientSecret", "CLIENTSECRET", "secrets", "aws.secret.key", "secret_key"),
    *(
        "token",
        "hf_token",
        "HF_TOKEN",
        "hfToken",
        "HFToken",
        "api-token",
        "accessToken",
        "refresh_token",
        "githubtoken",
    ),
    *("AWS_SESSION_TOKEN", "X-Amz-Security-Token", "api_tokens", "access_tokens", "bearer", "wandb token", "id_token"),
    *("api_key", "apikey", "API-KEY", "x-api-key", "OPENAI_API_KEY", "openaiApiKey", "WANDB_API_KEY"),
    *(
        "private_key",
        "privateKey",
        "access_key",
        "AWS_ACCESS_KEY_ID",
        "accesskey",
        "secretkey",
        "hf_key",
        "ssh_key",
        "encryption_key",
    ),
    *("AZURE_STORAGE_KEY", "account_key", "pass", "sig", "openai_key", "wandb-key", "KAGGLE_KEY"),
    *("signing_key", "auth_key", "clientKey", "SERVICE_KEY", "master_key", "AZURE_KEY", "ANTHROPIC_KEY", "proxy_pass"),
    *(
        "credential",
        "credentials",
        "gcp_creds",
        "authorization",
        "Proxy-Authorization",
        "basic_auth",
        "cookie",
        "sentry_dsn",
    ),
    *("connection_string", "azureConnectionString", "github_pat"),
]

OPEN_KEYS = [
    *(
        "max_tokens_per_gpu",
        "num_tokens",
        "tokens",
        "total_tokens",
        "max_new_tokens",
        "tokens_per_second",
        "token_count",
    ),
    *("tokenizer", "tokenizer_name", "tokenizer_class", "token_type", "token_ids", "tokenization"),
    *("eos_token", "bos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token", "eosToken"),
    *("stop_token", "special_token"),
    *(
        "eos_token_id",
        "pad_token_id",
        "image_token",
        "audio_token",
        "video_token",
        "end_token",
        "decoder_start_token",
        "additional_special_tokens",
        "max_token",
    ),
    *("author", "authors", "authority", "key", "keys", "key_metric", "primary_key", "public_key", "sort_key", "monkey"),
    *(
        "secretary",
        "sacred",
        "compass",
        "forward_pass",
        "bypass",
        "pass_at_1",
        "model_name",
        "dataset",
        "lr_scheduler",
        "patience",
    ),
    *("turkey", "keyboard", "attention_keys", "accreditation", "optimizer", "signature", "design"),
]

SECRET_TEXTS = [
    f"hf_{A34}",
    f"ghp_{A34}",
    f"gho_{A34}",
    f"ghs_{A34}",
    f"github_pat_{A34}_{A34}",
    f"glpat-{A34}",
    f"sk-{A34}",
    f"sk-proj-{A34}-{A34}",
    f"sk-ant-api03-{A34}",
    f"sk-or-v1-{A34}",
    f"nvapi-{A34}",
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPLE",
    f"AIzaSy{A34}",
    JWT,
    PEM,
    PEM[:50],
    PEM.replace("RSA PRIVATE KEY", "CERTIFICATE"),
]

OPEN_TEXTS = [
    *("<pad>", "</s>", "[PAD]", "<|endoftext|>", "auto", "all", "none", "meta-llama/Llama-3.1-8B-Instruct", "bfloat16"),
    *(
        "hf_transfer",
        "hf_hub",
        "hf://org/model",
        "sk-learn",
        "sklearn-random-forest-classifier",
        "task-internationalization-large",
    ),
    *("risk-assessment-of-something-long", "AKIA", "eyJ", "sha256:" + "0" * 64, "0123456789abcdef" * 4, "1.0.0"),
    *(
        "https://example.com/a?b=c#d",
        "https://example.com:8080/a@b",
        "s3://bucket/a:b@c",
        "minio://mlpipeline/v2/artifacts",
    ),
    *("git@github.com:org/repo.git", "ssh://git@github.com/org/repo", "user@example.com", "/mnt/models/final_model"),
    *("max_tokens_per_gpu=512", "num_tokens: 7", "pad_token=<pad>", "eos_token: </s>", "secret_santa_accuracy=0.91"),
    *("loss[per token]: 12", "loss[token]: 5", "https://a-very-long-container-name@account/x"),
    *("tokenizer: fast", "author=jane", "{'lr': 0.1}", "--max-tokens 512", "--tokenizer fast", "arc_easy,hellaswag"),
    *("the token has expired", "no password was given", "Basic authentication is off", "monkey=banana", "key=value"),
]


@pytest.mark.parametrize("key", SECRET_KEYS)
@pytest.mark.parametrize("nested", [False, True])
def test_a_key_that_names_a_credential_hides_its_text(key: str, nested: bool, caplog: pytest.LogCaptureFixture) -> None:
    metadata = {"settings": [{"struct": {key: ["swordfish"]}}]} if nested else {key: "swordfish"}
    properties = training_properties(metadata)
    assert "[REDACTED]" in str(properties)
    assert "swordfish" not in str((properties, caplog.messages))


@pytest.mark.parametrize("key", OPEN_KEYS)
def test_a_key_that_names_none_does_not(key: str) -> None:
    (value,) = training_properties({key: "swordfish"}).values()
    assert value == "swordfish"


@pytest.mark.parametrize("key", [*SECRET_KEYS, "secret_santa_accuracy", "max_tokens_per_gpu"])
def test_a_number_is_never_hidden(key: str) -> None:
    assert list(training_properties({key: 0.25}).values()) == [0.25]
    assert list(training_properties({key: [1, 2.5]}).values()) == ["[1, 2.5]"]


@pytest.mark.parametrize("text", SECRET_TEXTS)
def test_a_text_that_is_a_secret_is_hidden_under_any_key(text: str) -> None:
    properties = training_properties({"note": text, "list": [text, "x"], "said": f"use {text}, please"})
    assert properties["training_note"] == "[REDACTED]"
    assert properties["training_list"] == '["[REDACTED]", "x"]'
    assert str(properties["training_said"]).startswith("use [REDACTED]")


@pytest.mark.parametrize("text", OPEN_TEXTS)
def test_a_text_that_is_none_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("https://jane:pa@ss@host/x", "https://[REDACTED]@host/x"),
        ("https://AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMIK7MDENG@host/k", "https://[REDACTED]@host/k"),
        (f"https://ghp_{A34}:hunter2@host/k", "https://[REDACTED]@host/k"),
        (f"https://glpat-{A34}:pa55@host/k", "https://[REDACTED]@host/k"),
        (f"https://host/x?sig={A34}+rest%3D&lr=1", "https://host/x?sig=[REDACTED]&lr=1"),
        ("postgres://:pw@db:5432/mlmd", "postgres://[REDACTED]@db:5432/mlmd"),
        ("password=hunter2 lr=0.1", "password=[REDACTED] lr=0.1"),
        ("password: hunter2", "password: [REDACTED]"),
        ('{"api_key": "my pass phrase", "lr": 1}', '{"api_key": "[REDACTED]", "lr": 1}'),
        (r"{\"api_key\": \"abc def\"}", r"{\"api_key\": \"[REDACTED]\"}"),
        ("{'token': 'abc'}", "{'token': '[REDACTED]'}"),
        ("--hf-token abc123 --lr 3", "--hf-token [REDACTED] --lr 3"),
        ("--hf_token=abc123 --lr 3", "--hf_token=[REDACTED] --lr 3"),
        ("https://host/x?token=abc&lr=1", "https://host/x?token=[REDACTED]&lr=1"),
        ("Authorization: Bearer abc.def", "Authorization: [REDACTED]"),
        ("authorization: token abc.def", "authorization: [REDACTED]"),
        (f"git clone https://ghp_{A34}@host/x", "git clone https://[REDACTED]@host/x"),
        ("""os.environ["HF_TOKEN"] = "abc def" """, """os.environ["HF_TOKEN"] = "[REDACTED]" """),
        (f"https://h/m?X-Amz-Signature={'0a' * 32}&lr=1", "https://h/m?X-Amz-Signature=[REDACTED]&lr=1"),
        ("authors: api_key=abc", "authors: api_key=[REDACTED]"),
        (f"{PEM} and {PEM}", "[REDACTED] and [REDACTED]"),
        ("AWS_SECRET_ACCESS_KEY=a/b+c==\nLR=1", "AWS_SECRET_ACCESS_KEY=[REDACTED]\nLR=1"),
        (
            "https://h/m?GoogleAccessId=x&Signature=vjby%2BT2&Expires=1",
            "https://h/m?GoogleAccessId=x&Signature=[REDACTED]&Expires=1",
        ),
        ("HF_TOKEN=\nWANDB_PROJECT=foo", "HF_TOKEN=\nWANDB_PROJECT=foo"),
        ("hf_use_auth_token:\nlora_r: 16", "hf_use_auth_token:\nlora_r: 16"),
        ("run.py --use_auth_token --model gpt2", "run.py --use_auth_token --model gpt2"),
        ("password=--abc123", "password=[REDACTED]"),
        ('[{"name": "HF_TOKEN", "value": "abc def"}]', '[{"name": "HF_TOKEN", "value": "[REDACTED]"}]'),
        ("{'name': 'LR', 'value': '1'}", "{'name': 'LR', 'value': '1'}"),
        ("password=token:abc lr=1", "password=[REDACTED] lr=1"),
        ("--token=--abc --lr 3", "--token=[REDACTED] --lr 3"),
    ],
)
def test_only_the_secret_part_of_a_text_is_hidden(text: str, left: str) -> None:
    assert redact(text) == left


def test_a_secret_in_a_command_line_is_hidden() -> None:
    metadata = {"args": {"list": ["--hf-token", "swordfish", "--lr", "0.1"]}}
    assert training_properties(metadata) == {
        "training_args": '["--hf-token", "[REDACTED]", "--lr", "0.1"]',
    }


def test_the_best_metric_names_a_property_that_exists_and_no_secret() -> None:
    results = {"results": {f"hf_{A34}": {"acc,none": 0.5}}}
    properties = evaluation_properties({}, results, "")
    assert properties[str(properties["best_metric"])] == 0.5
    assert A34 not in str(properties)


@pytest.mark.parametrize("place", ["key", "nested key", "value", "member of a file"])
def test_no_remark_and_no_name_repeats_a_secret(place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = f"hf_{A34}"
    cases: dict[str, dict[str, Any]] = {
        "key": {secret: 1},
        "nested key": {"a": {secret: ""}},
        "value": {"x" * 300: secret},
    }
    print_remarks()
    if place == "member of a file":
        (tmp_path / "results.json").write_text(json.dumps({secret: 1}))
        assert read_results(str(tmp_path / "results.json")) == {}
        said = capsys.readouterr().out
        assert "[REDACTED]" in said
    else:
        said = str(training_properties(cases[place])) + capsys.readouterr().out
    assert secret not in said


def test_no_error_about_an_argument_repeats_a_secret() -> None:
    with pytest.raises(ValueError, match="REDACTED") as error:
        checked_custom({f"hf_{A34}\0": "x"})
    assert A34 not in str(error.value)


def test_a_secret_across_the_cut_is_hidden() -> None:
    properties = training_properties({"log": "x" * 4040 + f" hf_{A34} " + "y" * 100})
    assert "hf_" not in str(properties)


def test_evaluation_and_its_location_are_cleaned_too() -> None:
    properties = evaluation_properties(
        {"eval_model_args": "pretrained=x,token=swordfish"},
        {"git_hash": f"ghp_{A34}"},
        "https://jane:swordfish@host/r.json",
    )
    assert properties == {
        "eval_results_uri": "https://[REDACTED]@host/r.json",
        "eval_harness_git_hash": "[REDACTED]",
        "eval_model_args": "pretrained=x,token=[REDACTED]",
    }


@pytest.mark.parametrize(
    "metadata",
    [
        {"hf_token": {"value": "abc-def-123"}},
        {"token": {"content": "abc-def-123"}},
        {"auth": {"pw": "abc-def-123"}},
        {"env": [{"name": "HF_TOKEN", "value": "abc-def-123"}]},
        {"store": "https://account.blob.example/c/m?sv=2020&sig=abc-def-123"},
    ],
)
def test_secrets_inside_nested_values_are_not_published(
    metadata: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    properties = training_properties(metadata)
    assert properties
    assert "abc-def-123" not in repr((properties, caplog.messages))


def test_keys_of_the_sk_form_are_seen_with_dashes_anywhere() -> None:
    chance = random.Random(0)
    for prefix in ("sk-proj-", "sk-ant-api03-", "sk-svcacct-"):
        for _ in range(2000):
            key = prefix + "".join(chance.choices("abcdefghijABCDEFGHIJ0123456789-_", k=48))
            assert redact(f"key is {key}.") in ("key is [REDACTED].", "key is [REDACTED]")


def test_an_image_by_digest_holds_no_credentials() -> None:
    uri = "oci://registry.example/models/digits:1.0@sha256:" + "ab" * 32
    short = "oci://digits:1.0@sha256:" + "ab" * 32
    for image in (uri, short):
        assert redact(image) == image
        assert without_credentials(image) == image


def test_no_secret_goes_into_any_field(registry: LocalRegistry) -> None:
    secret = "hf_" + "a1b2c3d4" * 4
    register(registry.url, source_pipeline_run_name=secret, model_description=f"see {secret}", author=secret)
    assert secret not in repr((registry.models(), registry.versions(), registry.artifacts()))

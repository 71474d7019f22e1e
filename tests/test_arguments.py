"""Bad input ends in one clear sentence before anything is sent; the shared log costs no registration."""

# ruff: noqa: D103

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from .builders import model_artifact
from .local_registry import LocalRegistry
from .registering import register
from .subject import model_registry


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"model_name": ""}, "model_name is empty"),
        ({"model_name": None}, "model_name is empty"),
        ({"model_name": " \t "}, "model_name is empty"),
        ({"model_name": "{{$.pipeline_job_name}}"}, "model_name is empty"),
        ({"model_name": "x" * 256}, "has 256 characters, the registry keeps 255"),
        ({"model_name": "two\nlines"}, "holds control characters"),
        ({"model_name": "two\u2028lines"}, "holds control characters"),
        ({"model_name": "nul\0"}, "holds control characters"),
        ({"model_name": "half \ud800"}, "holds control characters"),
        ({"model_version": "  "}, "model_version is empty"),
        ({"model_version": "1" * 245}, "has 245 characters, the registry keeps 244"),
        ({"registry_port": 0}, "registry_port=0 is no port"),
        ({"registry_port": 65536}, "registry_port=65536 is no port"),
        ({"registry_port": -1}, "registry_port=-1 is no port"),
        ({"registry_port": True}, "registry_port=True is no port"),
        ({"registry_port": "8080"}, "registry_port='8080' is no port"),
        ({"on_existing_version": "overwrite"}, "on_existing_version='overwrite' is unknown"),
        (
            {"on_existing_version": "increment", "model_version": "latest"},
            "model_version='latest' cannot be incremented",
        ),
        ({"registry_address": "ftp://registry"}, "registry_address='ftp://registry' is no server address"),
        ({"registry_address": "two words"}, "is no server address"),
        ({"registry_address": "http://"}, "is no server address"),
        ({"registry_address": "registry:notaport"}, "is no server address"),
        ({"registry_address": "registry:99999"}, "is no server address"),
        ({"registry_address": "registry:0"}, "is no server address"),
        ({"registry_address": "https://registry/?a=b"}, "is no server address"),
        ({"registry_address": "https://registry/#top"}, "is no server address"),
        ({"registry_address": "[fd00::zz]"}, "is no server address"),
        ({"registry_address": "http:/registry"}, "is no server address"),
        ({"registry_address": "http://ada@registry"}, "is no server address"),
        ({"registry_address": "ada:hunter2@registry"}, "registry_address='registry' is no server address"),
        ({"registry_address": "a..b"}, "is no server address"),
        ({"pvc_mount_path": "/tmp", "shared_log_file": "/etc/passwd"}, "leaves pvc_mount_path='/tmp'"),
        ({"pvc_mount_path": "/tmp", "shared_log_file": "a/../../etc/passwd"}, "leaves pvc_mount_path"),
        ({"pvc_mount_path": "/tmp", "shared_log_file": "."}, "leaves pvc_mount_path"),
        ({"custom_properties": {"": "a"}}, "1 to 255"),
        ({"custom_properties": {"Pipeline_Run_ID": "mine"}}, "use source_pipeline_run_id"),
        ({"registry_address": "a" * 64 + ".example"}, "is no server address"),
        ({"model_uri": ""}, "no model to register"),
        ({"registry_address": "https://registry", "registry_ca_path": "/no/such/ca.pem"}, "'/no/such/ca.pem' is no CA"),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(
    registry: LocalRegistry, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 (the words are the parametrized part)
        register(registry.url, **arguments)
    message = str(refused.value)
    assert words in message
    assert "Nothing was" in message
    assert "\n" not in message
    assert registry.requests == []


def test_an_address_with_credentials_is_refused_without_repeating_them() -> None:
    with pytest.raises(ValueError, match="without user name") as refused:
        register("http://ada:s3cr3t-word@registry")
    assert "s3cr3t-word" not in str(refused.value)


@pytest.mark.parametrize("port", [1, 65535])
def test_the_first_and_the_last_port_are_ports(port: int) -> None:
    assert register("", registry_port=port) == "SKIPPED"


def test_a_missing_text_counts_as_empty(registry: LocalRegistry) -> None:
    texts = (
        "pvc_mount_path",
        "shared_log_file",
        "model_description",
        "author",
        "source_pipeline_name",
        "registry_ca_path",
    )
    assert register(registry.url, **dict.fromkeys(texts), custom_properties=None) == "1"
    assert "None" not in repr((registry.models(), registry.versions(), registry.artifacts()))
    gone = register(
        registry.url, model_uri=None, input_model=model_artifact(uri="gs://bucket/model"), model_version="2.0"
    )
    assert gone == "1"
    assert registry.artifacts()[-1]["uri"] == "gs://bucket/model"


def test_blanks_around_names_and_the_location_are_trimmed(registry: LocalRegistry) -> None:
    blank = {"model_name": "  digits ", "model_version": " 1.0 ", "model_uri": " gs://bucket/model\n"}
    register(registry.url, **blank, source_pipeline_run_id=" run-1\n")
    assert registry.models()[0]["name"] == "digits"
    assert registry.versions()[0]["name"] == "1.0"
    assert registry.artifacts()[0]["modelSourceId"] == "run-1"
    assert registry.artifacts()[0]["uri"] == "gs://bucket/model"


def test_a_placeholder_that_nobody_filled_in_is_published_nowhere(registry: LocalRegistry) -> None:
    unfilled = "{{$.pipeline_job_uuid}}"
    register(registry.url, author=unfilled, source_pipeline_run_id=unfilled, custom_properties={"run": unfilled})
    assert "{{" not in repr((registry.models(), registry.versions(), registry.artifacts()))


def test_texts_that_no_registry_stores_cost_a_character_and_no_registration(registry: LocalRegistry) -> None:
    texts = ("author", "model_description", "model_format_name", "model_format_version")
    runs = ("source_pipeline_name", "source_pipeline_run_id", "source_pipeline_run_name", "source_namespace")
    for _ in range(2):
        register(registry.url, **{name: f"{name} \0 \ud800" for name in (*texts, *runs)})
    (version,), (artifact,) = registry.versions(), registry.artifacts()
    assert version["author"] == "author \N{REPLACEMENT CHARACTER} ?"
    assert artifact["modelFormatName"] == "model_format_name \N{REPLACEMENT CHARACTER} ?"
    assert artifact["modelSourceId"] == "source_pipeline_run_id \N{REPLACEMENT CHARACTER} ?"


@pytest.mark.parametrize("address", ["", "   ", "{{$.inputs.parameters['address']}}"])
def test_without_an_address_nothing_is_registered_and_all_is_printed(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register(address, model_name="digits", custom_properties={"team": "vision"}) == "SKIPPED"
    printed = capsys.readouterr().out
    for part in ("digits", "1.0.0", "s3://models/digits", "run-1", "team", "'vision'", "SKIPPED"):
        assert part in printed


def test_what_is_printed_is_what_is_registered(registry: LocalRegistry, capsys: pytest.CaptureFixture[str]) -> None:
    signed = "https://models.example/digits?sig=abcdefgh&version=1"
    custom = {"max_key": "0.5", "note": "password=hunter2"}
    register(registry.url, model_uri=signed, model_version="token=1", custom_properties=custom)
    (version,), (artifact,) = registry.versions(), registry.artifacts()
    printed = capsys.readouterr().out
    assert f"location: {artifact['uri']}\n" in printed
    assert printed.count("models.example") == 1, "a remark would hide REDACTED once more"
    assert f": {version['name']}\n" in printed
    for name, value in version["customProperties"].items():
        assert f"    {name} = {value['string_value']!r}\n" in printed
    assert "hunter2" not in printed
    assert "abcdefgh" not in printed


@pytest.mark.parametrize(
    ("run", "shown"),
    [
        ({}, "team-a / train on Monday / run-1"),
        ({"source_pipeline_run_name": ""}, "team-a / train / run-1"),
        ({"source_pipeline_run_name": "", "source_pipeline_name": "", "source_namespace": ""}, "run-1"),
    ],
)
def test_what_is_printed_names_the_run_as_far_as_it_is_known(
    run: dict[str, str], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    register("", **run)
    assert f"\n  run: {shown}\n" in capsys.readouterr().out


def test_remarks_are_printed_and_reach_no_other_handler(
    registry: LocalRegistry, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):  # a notebook calls it again in the same process
        register(registry.url, custom_properties={"note": None})
    assert capsys.readouterr().out.count("INFO: custom_properties that are null") == 2
    assert [record for record in caplog.records if record.name == "model_registry"] == []


def test_without_an_address_even_a_missing_model_is_only_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert model_registry.python_func(pvc_mount_path="") == "SKIPPED"
    assert "There is no model to register" in capsys.readouterr().out


def test_the_returned_id_is_the_registered_models(registry: LocalRegistry) -> None:
    registry.add_model("another")
    assert register(registry.url, model_name="digits") == registry.models()[1]["id"]


def test_the_log_gets_one_line_a_registration(registry: LocalRegistry, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "pipeline.txt"
    log.parent.mkdir()
    log.write_text("Training: done\n")
    for version in ("1.0.0", "1.1.0"):
        register(registry.url, pvc_mount_path=str(tmp_path), shared_log_file="logs/pipeline.txt", model_version=version)
    assert log.read_text() == (
        "Training: done\n"
        "Model Registry: fine-tuned-model v1.0.0 (ID: 1)\n"
        "Model Registry: fine-tuned-model v1.1.0 (ID: 1)\n"
    )


@pytest.mark.parametrize(("version", "shown"), [("1.0.0", "v1.0.0"), ("main", "main"), ("v2.0", "v2.0")])
def test_only_a_version_that_begins_with_a_digit_gets_a_v(
    registry: LocalRegistry, tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str, shown: str
) -> None:
    register(registry.url, pvc_mount_path=str(tmp_path), model_version=version)
    assert f"Registered fine-tuned-model {shown} at {registry.url}" in capsys.readouterr().out
    assert (tmp_path / "pipeline_log.txt").read_text() == f"Model Registry: fine-tuned-model {shown} (ID: 1)\n"


def test_the_log_names_the_version_that_increment_took(registry: LocalRegistry, tmp_path: Path) -> None:
    register(registry.url, source_pipeline_run_id="run-0")
    register(registry.url, pvc_mount_path=str(tmp_path), on_existing_version="increment")
    assert (tmp_path / "pipeline_log.txt").read_text() == "Model Registry: fine-tuned-model v1.0.1 (ID: 1)\n"


@pytest.mark.parametrize("missing", ["pvc_mount_path", "shared_log_file"])
def test_without_a_workspace_or_a_log_nothing_is_written_anywhere(
    registry: LocalRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"pvc_mount_path": str(tmp_path), "shared_log_file": "log.txt", missing: ""}
    assert register(registry.url, **given) == "1"
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_registered_leaves_no_line(registry: LocalRegistry, tmp_path: Path) -> None:
    register(registry.url, source_pipeline_run_id="run-0")
    register(registry.url, pvc_mount_path=str(tmp_path), on_existing_version="skip")
    with pytest.raises(RuntimeError, match="exists"):
        register(registry.url, pvc_mount_path=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_rerun_that_finds_all_registered_adds_no_second_line_and_says_so(
    registry: LocalRegistry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "pipeline_log.txt"
    for _ in range(2):
        register(registry.url, pvc_mount_path=str(tmp_path))
        assert log.read_text().splitlines() == ["Model Registry: fine-tuned-model v1.0.0 (ID: 1)"]
    assert "\nConfirmed fine-tuned-model v1.0.0 at " in capsys.readouterr().out
    register(registry.url, pvc_mount_path=str(tmp_path), author="somebody else")
    assert len(log.read_text().splitlines()) == 2, "what was corrected is news"


def test_a_rerun_writes_the_line_that_a_try_left_out_as_it_died(registry: LocalRegistry, tmp_path: Path) -> None:
    register(registry.url)
    register(registry.url, pvc_mount_path=str(tmp_path))
    assert (tmp_path / "pipeline_log.txt").read_text() == "Model Registry: fine-tuned-model v1.0.0 (ID: 1)\n"


def test_is_secure_means_https_where_the_address_names_no_scheme(waits: list[float]) -> None:
    with (
        pytest.raises(ConnectionError, match=r"The registry at https://127\.0\.0\.1:\d+ ") as refused,
        LocalRegistry() as plain,
    ):
        register(plain.url.removeprefix("http://"), is_secure=True)
    assert "speak no TLS" in str(refused.value)


def test_steps_that_log_at_once_lose_no_line(registry: LocalRegistry, tmp_path: Path) -> None:
    def step(number: int) -> str:
        return register(registry.url, pvc_mount_path=str(tmp_path), model_version=f"1.{number}.0")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(step, range(16)))
    expected = {f"Model Registry: fine-tuned-model v1.{number}.0 (ID: 1)" for number in range(16)}
    lines = (tmp_path / "pipeline_log.txt").read_text().splitlines()
    assert len(lines) == 16
    assert set(lines) == expected


@pytest.mark.parametrize("obstacle", ["folder", "missing workspace"])
def test_a_log_that_cannot_be_written_fails_no_registration(
    registry: LocalRegistry, tmp_path: Path, capsys: pytest.CaptureFixture[str], obstacle: str
) -> None:
    workspace = tmp_path / "gone" if obstacle == "missing workspace" else tmp_path
    if obstacle == "folder":
        (tmp_path / "pipeline_log.txt").mkdir()
    assert register(registry.url, pvc_mount_path=str(workspace)) == "1"
    assert len(registry.artifacts()) == 1
    assert "was not written" in capsys.readouterr().out


def test_a_link_out_of_the_workspace_is_refused(registry: LocalRegistry, tmp_path: Path) -> None:
    workspace, outside = tmp_path / "workspace", tmp_path / "outside.txt"
    workspace.mkdir()
    (workspace / "pipeline_log.txt").symlink_to(outside)
    with pytest.raises(ValueError, match="leaves pvc_mount_path"):
        register(registry.url, pvc_mount_path=str(workspace))
    assert registry.requests == []
    assert not outside.exists()


def test_the_model_artifacts_own_location_and_base_model_are_registered(registry: LocalRegistry) -> None:
    artifact = model_artifact(uri="gs://bucket/model", metadata={"model_name": "toy-org/toy-base"})
    register(registry.url, model_uri="", input_model=artifact)
    assert registry.artifacts()[0]["uri"] == "gs://bucket/model"
    assert registry.versions()[0]["customProperties"]["base_model"]["string_value"] == "toy-org/toy-base"
    assert registry.models()[0]["name"] == "fine-tuned-model"

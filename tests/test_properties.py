"""What is recorded: names and values that every registry takes, with nothing lost on the way."""

# ruff: noqa: D103

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from .subject import arguments, evaluation, properties, provenance, redaction

hypothesis = pytest.importorskip("hypothesis")
given, st = hypothesis.given, hypothesis.strategies

checked_custom = arguments.checked_custom
evaluation_properties = evaluation.evaluation_properties
Properties: Any = properties.Properties
custom_properties = provenance.custom_properties
joined_properties = properties.joined_properties
named_properties = properties.named_properties
property_name = properties.property_name
Run: Any = provenance.Run
run_properties = provenance.run_properties
redact = redaction.redact

KFP_KEYS = ("display_name", "store_session_info", "_kfp_workspace")
KEYS = st.text(max_size=12) | st.sampled_from(
    [
        *(
            "loss",
            "Loss",
            "LOSS",
            "löss",
            "loss_2",
            "training_loss",
            "eval_acc",
            "acc,none",
            "",
            ".",
            "损失",
            "list",
            "struct",
        ),
        *("x" * 300, "X" * 300, "a\0b", "\ud800", "mlmd-struct::", *KFP_KEYS),
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.sampled_from([math.nan, math.inf, -math.inf, "", " ", "mlmd-struct::AA", "\0", "\ud800"])
    | st.floats()
    | st.text(max_size=20)
    | st.integers(4090, 5000).map(lambda length: "mlmd-struct::" + "é" * length)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.lists(inner, max_size=3).map(lambda content: {"list": content})
        | st.dictionaries(KEYS, inner, max_size=3).map(lambda content: {"struct": content})
    ),
    max_leaves=12,
)
METADATA = st.dictionaries(KEYS, VALUES, max_size=8)


def assert_storable(properties: dict[str, Any]) -> None:
    """What the strictest server asks for: PostgreSQL, MySQL and the JSON between, as measured of them."""
    for name, value in properties.items():
        assert 1 <= len(name) <= 255
        assert type(value) in (float, str)
        if isinstance(value, float):
            assert math.isfinite(value)
        else:
            assert value.strip()
            assert len(value) <= 4096
            assert "\0" not in value
            assert not value.startswith("mlmd-struct::")
            value.encode("utf-8")
    assert len({name.lower() for name in properties}) == len(properties)


def stored(custom: dict[str, Any]) -> Properties:
    """The caller's properties, as the component checks and stores them."""
    return custom_properties(checked_custom(custom), Run())


def training_properties(metrics: dict[str, Any], model: dict[str, Any] | None = None) -> Properties:
    """The training's properties, of its metrics alone or of what it wrote on its model, too."""
    return properties.training_properties(metrics, model or {})


@given(METADATA)
def test_any_training_metadata_is_storable(metadata: dict[str, Any]) -> None:
    properties = training_properties(metadata)
    assert_storable(properties)
    assert all(re.fullmatch(r"training_[A-Za-z0-9]+(_[A-Za-z0-9]+)*", name) for name in properties)


@given(METADATA, st.dictionaries(st.sampled_from(["results", "groups", "n-shot", "group_subtasks"]) | KEYS, VALUES))
def test_any_evaluation_is_storable(metadata: dict[str, Any], results: dict[str, Any]) -> None:
    properties = evaluation_properties(metadata, results, "s3://bucket/results.json")
    assert_storable(properties)
    assert properties["eval_results_uri"] == "s3://bucket/results.json"


@given(METADATA, METADATA, st.dictionaries(KEYS, SCALARS, max_size=8))
def test_all_sources_together_are_storable(training: dict, evaluation: dict, custom: dict) -> None:
    try:
        checked = stored(custom)
    except ValueError:
        checked = {}
    properties = joined_properties(
        run_properties(Run(pipeline_name="tune\0"), {}),
        checked,
        evaluation_properties(evaluation, {}, ""),
        training_properties(training),
    )
    # What the caller names stays as given: two spellings of a name, and labels.
    assert_storable({name: value for name, value in properties.items() if name not in checked})
    assert checked.items() <= properties.items()


@given(st.lists(KEYS, unique=True, max_size=12))
def test_every_key_with_a_value_of_its_own_is_recorded(keys: list[str]) -> None:
    metadata = {key: 0.5 + place for place, key in enumerate(keys)}
    properties = training_properties(metadata)
    recorded = {value for key, value in metadata.items() if key not in KFP_KEYS}
    assert sorted(properties.values()) == sorted(recorded)


@given(st.dictionaries(st.text("abcdef", min_size=1), st.integers(-(2**40), 2**40) | st.lists(st.integers(-9, 9))))
def test_a_whole_number_is_recorded_alike_whether_kfp_sends_an_int_or_a_double(metadata: dict[str, Any]) -> None:
    as_doubles = {k: [float(i) for i in v] if isinstance(v, list) else float(v) for k, v in metadata.items()}
    assert training_properties(metadata) == training_properties(as_doubles)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("num_epochs", "training_num_epochs"),
        ("training_loss", "training_loss"),
        ("Training_Loss", "training_Loss"),
        ("training", "training_training"),
        ("trainingloss", "training_trainingloss"),
        ("optimizer.lr", "training_optimizer_lr"),
        ("a / b -- c", "training_a_b_c"),
        ("__edge__", "training_edge"),
        ("exact_match,strict-match", "training_exact_match_strict_match"),
        ("acc,none", "training_acc"),
        ("none", "training_none"),
        ("résumé", "training_r_sum"),
        ("损失", "training_unnamed"),
        ("", "training_unnamed"),
        ("x" * 246, "training_" + "x" * 246),
        ("x" * 247, "training_" + "x" * 237 + "_d081fd14"),
    ],
)
def test_a_key_becomes_a_name_that_needs_no_quotes(key: str, name: str) -> None:
    assert property_name("training", key) == name
    assert len(name) <= 255


def test_long_keys_that_begin_alike_stay_apart(caplog: pytest.LogCaptureFixture) -> None:
    properties = training_properties({"x" * 400 + "a": 1, "x" * 400 + "b": 2})
    assert sorted(properties.values()) == [1.0, 2.0]
    assert caplog.messages[0].startswith("Renamed training values: 2 (")


@pytest.mark.parametrize(
    ("value", "recorded"),
    [
        (3, 3.0),
        (3.0, 3.0),
        (2**63, 9223372036854775808.0),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (True, "true"),
        (False, "false"),
        ("auto", "auto"),
        ("0.9", "0.9"),
        ([1, 2.0, "é", None, True], '[1, 2, "é", null, true]'),
        ({"list": [0.5, {"struct": {"a": 1}}]}, '[0.5, {"a": 1}]'),
        ({"struct": {"list": [0.5]}}, "[0.5]"),
        ([], "[]"),
        ({}, "{}"),
        ("mlmd-struct::CgA=", "mlmd_struct::CgA="),
        ("a\0b", "a�b"),
        ("\ud800", "?"),
        ("x" * 4096, "x" * 4096),
        ("x" * 10_000, "x" * 4066 + "… [cut from 10,000 characters]"),
    ],
)
def test_a_value_is_recorded_as(value: Any, recorded: float | str) -> None:
    properties = training_properties({"key": value})
    assert properties == {"training_key": recorded}
    assert type(properties["training_key"]) is type(recorded)


@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_empty_value_is_left_out_and_counted(value: str | None, caplog: pytest.LogCaptureFixture) -> None:
    assert training_properties({"note": value, "loss": 1}) == {"training_loss": 1.0}
    assert caplog.messages == ["Empty training values, left out: 1 (training_note)."]


def test_nested_values_are_flattened_out_of_kfps_wrappers() -> None:
    metadata = {"optimizer": {"struct": {"lr": 0.1, "betas": {"list": [0.9, 0.999]}}}, "data": {"a": {"b": 1}}}
    assert training_properties(metadata) == {
        "training_optimizer_lr": 0.1,
        "training_optimizer_betas": "[0.9, 0.999]",
        "training_data_a_b": 1.0,
    }


def test_kfps_own_keys_are_not_recorded() -> None:
    assert training_properties(dict.fromkeys(KFP_KEYS, "x")) == {}
    assert training_properties({}, dict.fromkeys(KFP_KEYS, "x")) == {}


def test_what_the_training_step_wrote_on_its_model_is_recorded() -> None:
    model = {
        "framework": "pytorch",
        "dataset": {"struct": {"name": "digits", "rows": 1797, "path": "/data/digits"}},
        "tags": {"list": ["vision", 2.0]},
        "best": True,
        "hf_token": "swordfish",
        "model_name": "toy-org/toy-base",  # the base model
        "pvc_model_dir": "final_model",  # the location
        "artifact_path": "/workspace/final_model",  # a pod that is gone
        "context": {"best_model_name": "a", "models": [{"name": "a"}]},  # AutoGluon's, as location and test scores
        "model_names": '["a"]',
        "note": "",
    }
    assert training_properties({}, model) == {
        "training_framework": "pytorch",
        "training_dataset_name": "digits",
        "training_dataset_rows": 1797.0,
        "training_tags": '["vision", 2]',
        "training_best": "true",
        "training_hf_token": "[REDACTED]",
    }


def test_a_metric_keeps_its_name_where_the_model_says_something_else() -> None:
    model = {"loss": 2.0, "epochs": 3, "training_framework": "pytorch"}
    assert training_properties({"loss": 1.0, "epochs": 3}, model) == {
        "training_loss": 1.0,
        "training_loss_2": 2.0,
        "training_epochs": 3.0,
        "training_framework": "pytorch",
    }


@pytest.mark.parametrize(
    ("metadata", "properties"),
    [
        ({"loss": 1, "Loss": 1.0}, {"training_loss": 1.0}),
        ({"loss": 1, "Loss": 2}, {"training_loss": 1.0, "training_Loss_2": 2.0}),
        ({"a.b": 1, "a-b": 2, "a_b": 3, "a b": 2}, {"training_a_b": 1.0, "training_a_b_2": 2.0, "training_a_b_3": 3.0}),
        ({"a": 1, "A_2": 5, "A": 2}, {"training_a": 1.0, "training_A_2": 5.0, "training_A_3": 2.0}),
        ({"loss": 1, "training_loss": 2}, {"training_loss": 1.0, "training_loss_2": 2.0}),
        ({"training_loss": 2, "loss": 1}, {"training_loss_2": 2.0, "training_loss": 1.0}),
        ({"Training Loss": 2, "loss": 1}, {"training_Loss_2": 2.0, "training_loss": 1.0}),
        ({"a": "1", "A": 1}, {"training_a": "1", "training_A_2": 1.0}),
    ],
)
def test_two_keys_with_one_name(metadata: dict[str, Any], properties: dict[str, Any]) -> None:
    assert training_properties(metadata) == properties


def test_what_was_renamed_is_counted_in_the_log_and_what_was_cut_says_so(caplog: pytest.LogCaptureFixture) -> None:
    properties = training_properties({"loss": 1, "Loss": 2, "损失": 3, "notes": "x" * 5000})
    assert str(properties["training_notes"]).endswith("… [cut from 5,000 characters]")
    assert caplog.messages == [
        "Renamed training values: 2 (Loss is training_Loss_2, 损失 is training_unnamed).",
    ]


def test_the_remark_on_a_long_key_shows_its_new_name(caplog: pytest.LogCaptureFixture) -> None:
    (name,) = training_properties({"x" * 300: 1})
    (remark,) = caplog.messages
    assert remark.startswith("Renamed training values: 1 (xxx")
    assert remark.endswith(f" is {name}).")
    assert len(remark) < 450


def test_the_metrics_of_a_fine_tuning_step(caplog: pytest.LogCaptureFixture) -> None:
    metadata = {
        "display_name": "output_metrics",
        "store_session_info": '{"Provider": "minio", "Params": {"accessKey": "x"}}',
        "num_epochs": 3,
        "effective_batch_size": 128,
        "learning_rate": 5e-6,
        "max_seq_len": 8192,
        "max_tokens_per_gpu": 64000,
        "lora_r": 16,
        "lora_alpha": 32,
        "lora_dropout": 0.05,
        "unfreeze_rank_ratio": 0.25,
        "training_loss": 1.25,
        "training_final_loss": 0.875,
    }
    properties = training_properties(metadata)
    assert properties == {
        "training_num_epochs": 3.0,
        "training_effective_batch_size": 128.0,
        "training_learning_rate": 5e-6,
        "training_max_seq_len": 8192.0,
        "training_max_tokens_per_gpu": 64000.0,
        "training_lora_r": 16.0,
        "training_lora_alpha": 32.0,
        "training_lora_dropout": 0.05,
        "training_unfreeze_rank_ratio": 0.25,
        "training_loss": 1.25,
        "training_final_loss": 0.875,
    }
    assert all(type(value) is float for value in properties.values())
    assert caplog.messages == []


def test_custom_properties_keep_their_names_and_make_labels() -> None:
    custom = {"Team Name": "nlp", "production": "", "stage/rank": 2, "reviewed": True, "score": math.nan, "big": 2**40}
    assert stored(custom) == {
        "Team Name": "nlp",
        "production": "",
        "stage/rank": 2.0,
        "reviewed": "true",
        "score": "NaN",
        "big": float(2**40),
    }


def test_custom_values_are_cleaned_like_all_others() -> None:
    custom = {"a": "mlmd-struct::x", "b": "\0", "c": "x" * 5000, "api_key": "abc", "note": "hf_" + "a1" * 17}
    checked = stored(custom)
    assert_storable(checked)
    assert (checked["api_key"], checked["note"]) == ("[REDACTED]", "[REDACTED]")


@pytest.mark.parametrize("name", ["", " ", "n" * 256, "a\0", "\ud800"])
def test_custom_properties_whose_names_no_registry_takes_are_refused(name: Any) -> None:
    sentence = f"custom_properties: the name {name!r} must be a text of 1 to 255 characters that a registry can store."
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)} Nothing was sent.$"):
        stored({name: "x"})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["a", 1.0, None], '["a", 1, null]'),
        ({"a": {"b": True}}, '{"a": {"b": true}}'),
        ([], "[]"),
        ({"api_key": "swordfish"}, '{"api_key": "[REDACTED]"}'),
        (["--hf-token", "swordfish"], '["--hf-token", "[REDACTED]"]'),
    ],
)
def test_a_list_or_dict_of_the_caller_s_becomes_json_text(value: Any, text: str) -> None:
    assert stored({"k": value}) == {"k": text}


def test_a_null_of_the_caller_s_is_left_out_with_a_remark(caplog: pytest.LogCaptureFixture) -> None:
    assert stored({"ticket": None, "stage": "gold", "label": ""}) == {"stage": "gold", "label": ""}
    (remark,) = caplog.messages
    assert remark.endswith("left out: 1 (ticket).")


def test_a_long_name_has_room_for_its_number() -> None:
    entries = [("a" * 244 + separator + "b", number) for number, separator in enumerate("-+")]
    properties = named_properties("training", entries)
    assert sorted(properties.values()) == [0.0, 1.0]
    assert max(map(len, properties)) <= 255


def test_a_custom_name_of_255_characters_is_taken() -> None:
    assert stored({"n" * 255: 1}) == {"n" * 255: 1.0}


def test_spellings_of_one_name_are_the_callers_affair_until_a_database_drops_one() -> None:
    assert stored({"Team": "a", "team": "b"}) == {"Team": "a", "team": "b"}


def test_custom_properties_win_over_derived_ones_in_any_case() -> None:
    properties = joined_properties(
        {"pipeline_name": "tune", "base_model": "granite"},
        {"training_LOSS": 9.0, "base_model": "mine"},
        {"eval_acc": 0.5},
        {"training_Loss": 1.0, "training_lr": 0.1},
    )
    assert properties == {
        "pipeline_name": "tune",
        "training_LOSS": 9.0,
        "base_model": "mine",
        "eval_acc": 0.5,
        "training_lr": 0.1,
    }


def test_a_version_has_at_most_a_thousand_properties_and_what_matters_most_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    evaluation = evaluation_properties(
        {}, {"results": {f"task{n}": {"acc,none": n / 1000} for n in range(600)}}, "s3://b/r.json"
    )
    training = training_properties({f"p{n}": n for n in range(600)})
    properties = joined_properties({"base_model": "granite"}, {"team": "nlp"}, evaluation, training)
    assert len(properties) == 1000
    first = ["best_metric", "best_score", "eval_task599_acc", "eval_results_uri"]
    assert list(properties)[:6] == ["base_model", "team", *first]
    foremost = list(evaluation)[:500]
    assert list(properties) == ["base_model", "team", *foremost, *list(training)[:498]]
    left_out = [*list(training)[498:], *list(evaluation)[500:]]
    assert caplog.messages == [f"Properties beyond the first 1,000, left out: 205 ({', '.join(left_out[:10])}, …)."]
    assert len(left_out) == 205


@given(st.text(max_size=200))
def test_redaction_leaves_nothing_to_redact(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


def test_a_large_evaluation_does_not_crowd_out_the_hyperparameters(caplog: pytest.LogCaptureFixture) -> None:
    training: Properties = {f"training_{number}": 1.0 for number in range(30)}
    evaluation: Properties = {f"eval_{number}": 1.0 for number in range(1200)}
    properties = joined_properties({}, {}, evaluation, training)
    assert len(properties) == 1000
    assert training.keys() <= properties.keys()
    assert "eval_0" in properties
    assert "230" in caplog.messages[0]


@pytest.mark.parametrize("placeholder", ["{{$.inputs.parameters['lr']}}", "{{$.pipeline_job_uuid}}"])
def test_a_placeholder_inside_an_importers_metadata_counts_as_empty(placeholder: str) -> None:
    metadata = {"optimizer": {"lr": placeholder, "name": "adam"}, "data": ["a", placeholder], "epochs": 3}
    assert training_properties(metadata) == {"training_optimizer_name": "adam", "training_epochs": 3.0}

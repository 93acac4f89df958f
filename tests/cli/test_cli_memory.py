"""`plait memory` as an engineer uses it: formats, several models, what fits, a plot, a page."""

import html
import json
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from plait import HybridConfig
from plait.advisor import capacity, plan
from plait.cli.memory import HEIGHT, PLOT_WIDTH
from plait.cli.output import plain_json
from plait.cli.values import parse_bytes, parse_lengths
from plait.memory import Storage, count, crossing, read_config
from plait.memory.architecture import read_model

FIXTURES = Path(__file__).parents[1] / "memory" / "fixtures"
EXAMPLES = Path(__file__).parents[2] / "examples"
JAMBA, LLAMA, GPT_OSS = (FIXTURES / f"{name}.json" for name in ("jamba", "llama", "gpt_oss"))


@pytest.mark.parametrize(
    ("text", "lengths"), [("5", (5,)), ("1000, 4k,1M", (1000, 4096, 1 << 20)), ("128K", (1 << 17,))]
)
def test_lengths(text, lengths):
    assert parse_lengths("--seq-len", text) == lengths


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("17", 17), ("17B", 17), ("80GiB", 80 << 30), ("80GB", 80 * 10**9), ("1.5KiB", 1536), ("0.0001kB", 0),
        ("2 TiB", 2 << 40), ("64MiB", 64 << 20), ("3kB", 3000),
    ],
)  # fmt: skip
def test_amounts_of_bytes(text, n):
    assert parse_bytes("--fits", text) == n


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((JAMBA, "--seq-len", "9" * 400), "--seq-len"),
        ((JAMBA, "--fits", "1.5"), "--fits"),
        ((JAMBA, "--weights-dtype", "q4"), "weights must be in one of"),
        ((JAMBA, "--items", "8"), "--plan"),
        ((JAMBA, "absent.json"), "absent.json"),
        ((JAMBA, "--plan", "--budget", "9MiB", "--items", "5", "--kv-dtype", "fp8"), "--dtype alone"),
        ((JAMBA, "--plan", "--budget", "lots", "--items", "5"), "--budget"),
    ],
)  # fmt: skip
def test_what_is_refused(refused, args, said):
    assert said in refused("memory", *args)


def test_formats_are_those_of_storage(plait_json):
    found = plait_json(
        "memory", JAMBA, "--seq-len", "1k", "--batch", 3, "--dtype", "bf16", "--kv-dtype", "fp8",
        "--state-dtype", "fp32", "--weights-dtype", "int4", "--serving", "vllm", "--page", 64,
    )  # fmt: skip
    storage = Storage(kv="fp8", state="fp32", weights="int4", serving="vllm", page=64)
    wanted = read_config(JAMBA).memory(1024, batch=3, dtype="bfloat16", storage=storage)
    (entry,) = found["lengths"]
    assert entry["dtype"] == "bfloat16"
    assert entry["weight_bytes"] == wanted.weight_bytes
    assert entry["total_bytes"] == wanted.total_bytes == (wanted.weight_bytes or 0) + 3 * wanted.state_bytes
    assert entry["state_bytes"] == wanted.state_bytes


def test_every_number_has_its_unit(plait):
    """Heads of every table: a column of figures names scalars, bytes, GiB, tokens, sequences or operations."""
    text = plait(
        "memory", JAMBA, LLAMA, "--dtype", "bf16", "--seq-len", "64,4k", "--fits", "1GiB", "--cost"
    ).stdout
    alone = plait("memory", JAMBA, "--seq-len", "64", "--fits", "1GiB").stdout
    lines = f"{text}\n{alone}".splitlines()
    heads = [(lines[i - 2], lines[i - 1]) for i, line in enumerate(lines) if "───" in line]
    assert len(heads) == 6
    for names, units in heads:
        told = [word for word in re.split(r"\s{2,}", names.strip()) if word]
        words = {"model", "layers", "kind", "weights in", "verified"}
        below = re.findall(r"\[[\w ]+\]", units)
        assert told or below
        figures = re.sub("|".join(words), "", units)
        assert re.sub(r"\[(scalars|bytes|GiB|tokens|sequences|operations|bytes a token|operations a byte)\]", "",
                      figures).strip() == ""  # fmt: skip
    assert "96.0" not in text


def test_the_sum_and_what_fits(plait, plait_json):
    found = plait_json(
        "memory", LLAMA, "--dtype", "fp32", "--seq-len", "64,4k", "--batch", 2, "--fits", "1MiB"
    )
    text = plait(
        "memory", LLAMA, "--dtype", "fp32", "--seq-len", "64,4k", "--batch", 2, "--fits", "1MiB"
    ).stdout
    for entry in found["lengths"]:
        assert entry["total_bytes"] == entry["weight_bytes"] + 2 * entry["state_bytes"]
        assert entry["sequences_that_fit"] == ((1 << 20) - entry["weight_bytes"]) // entry["state_bytes"]
        assert f"{entry['total_bytes']:,}" in text
    assert found["budget"] == 1 << 20
    assert found["any_length_fits"] is False
    assert f"{found['longest_that_fits']:,}" in text
    assert "activations" in text


def test_where_nothing_grows_any_length_fits(plait, plait_json):
    args = ("memory", FIXTURES / "mamba2.json", "--dtype", "fp32", "--fits")
    found = plait_json(*args, "80GiB")
    assert (found["any_length_fits"], found["longest_that_fits"]) == (True, None)
    text = plait(*args, "80GiB").stdout
    assert "any length" in text
    assert f"{1 << 40:,}" not in text
    found = plait_json(*args, "1KiB")
    assert (found["any_length_fits"], found["longest_that_fits"]) == (False, 0)


def test_several_models_stand_in_one_table(plait, plait_json, tmp_path):
    (tmp_path / "other.json").write_text(LLAMA.read_text())
    args = ("memory", JAMBA, LLAMA, "other.json", "--dtype", "bf16", "--seq-len", "64,128")
    found = plait_json(*args)["models"]
    assert [one["model"] for one in found] == ["Jamba", f"Llama ({LLAMA})", "Llama (other.json)"]
    for one in found[:2]:
        alone = plait_json(
            "memory", JAMBA if one is found[0] else LLAMA, "--dtype", "bf16", "--seq-len", "64,128"
        )
        assert one["lengths"] == alone["lengths"]
    text = plait(*args).stdout
    for one in found:
        assert f"{one['lengths'][1]['state_bytes']:,}" in text
        assert f"{one['lengths'][0]['total_bytes']:,}" in text


def test_a_model_that_only_grows_says_so(plait):
    text = plait("memory", LLAMA, "--dtype", "fp32").stdout
    assert "no bound on what it can recall" in text
    assert "at most" not in text
    assert "at most" in plait("memory", GPT_OSS, "--dtype", "fp32").stdout


def test_no_dtype_names_the_option(refused, tmp_path, plait):
    config = json.loads((FIXTURES / "dbrx.json").read_text())
    config.pop("dtype", None)
    config.pop("torch_dtype", None)
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert "--dtype" in refused("memory", "config.json")
    assert plait("memory", "config.json", "--dtype", "bf16").exit_code == 0


def test_a_doubtful_reading_says_so(plait, tmp_path):
    config = json.loads(LLAMA.read_text()) | {"num_landmarks": 7}
    (tmp_path / "config.json").write_text(json.dumps(config))
    text = plait("memory", "config.json", "--dtype", "fp32").stdout
    assert "not verified" in text
    assert "num_landmarks" in text
    assert "not verified" not in plait("memory", LLAMA, "--dtype", "fp32").stdout


def test_weights_of_the_file_and_of_the_cache(plait, tmp_path):
    config = json.loads(LLAMA.read_text())
    config["quantization_config"] = {
        "quant_method": "compressed-tensors", "format": "float-quantized",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": {"num_bits": 8, "type": "float",
                                                                      "strategy": "channel"}}},
        "kv_cache_scheme": {"num_bits": 8, "type": "float"},
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    text = plait("memory", "config.json", "--seq-len", "64,128", "--dtype", "bf16").stdout
    model = read_config(config)
    for n in (64, 128):
        report = model.memory(n, dtype="bfloat16")
        assert report.file_kv_bytes == report.kv_cache
        assert f"{report.file_kv_bytes:,} bytes after {n} tokens" in text
    assert f"{model.memory(64, dtype='bfloat16').weight_bytes:,}" in text


def test_a_plot_on_the_terminal(plait):
    lines = plait("memory", JAMBA, "--plot").stdout.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("held against length"))
    grid = [line.split("|", 1)[1] for line in lines[start + 1 : start + 1 + HEIGHT]]
    assert all(len(row) <= PLOT_WIDTH for row in grid)
    columns = [[row.ljust(PLOT_WIDTH)[x] for row in grid] for x in range(PLOT_WIDTH)]
    assert columns[-1].index("b") < columns[-1].index("a")
    assert {letter for column in columns for letter in column} == {" ", "a", "b"}
    assert all({"a", "b"} & set(column) for column in columns)
    assert lines[-2:] == ["a Jamba", "b full attention"]


def test_a_page_of_it(plait, tmp_path):
    config = json.loads(LLAMA.read_text())
    config |= {"model_type": "<script>alert(1)</script>", "<img src=x>": 1, "$x$": 2, "num_$\\frac": 3}
    (tmp_path / "config.json").write_text(json.dumps(config))
    done = plait(
        "memory",
        JAMBA,
        "config.json",
        "--generic",
        "--seq-len",
        "64,128",
        "--dtype",
        "bf16",
        "-o",
        "out/page.html",
    )
    assert done.exit_code == 0, done.output
    page = (tmp_path / "out" / "page.html").read_text()
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r"(?:src|href)=\"(?!#)", page)
    (svg,) = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    ET.fromstring(svg)
    report = read_config(JAMBA).memory(128, dtype="bfloat16")
    assert f"{report.state_bytes:,}" in html.unescape(page)
    assert "keys and values [bytes]" in page


def test_a_page_that_cannot_be_written(plait, tmp_path):
    (tmp_path / "folder").mkdir()
    done = plait("memory", JAMBA, "-o", "folder")
    assert done.exit_code == 2
    assert done.stderr.startswith("plait: ")
    assert done.stderr.count("\n") == 1


def test_memory_of_a_plait_model(plait, plait_json, saved_model):
    found = plait_json("memory", saved_model, "--seq-len", "3,50", "--cost")
    config = HybridConfig.parse((saved_model / "config.json").read_text())
    for entry, seq_len in zip(found["lengths"], (3, 50), strict=True):
        wanted = plain_json(count(config, seq_len).to_json())
        assert {name: entry[name] for name in wanted} == wanted
        assert entry["cost"]["seq_len"] == seq_len
    assert f"{count(config, 50).parameters:,}" in plait("memory", saved_model).stdout


def test_memory_of_a_hugging_face_config(plait, plait_json):
    found = plait_json("memory", JAMBA, "--seq-len", 64, "--dtype", "bfloat16", "--batch", 3)
    wanted = read_config(JAMBA).memory(64, batch=3, dtype="bfloat16")
    assert found["lengths"] == [plain_json(wanted.to_json())]
    assert (
        f"{wanted.batch_bytes:,}"
        in plait("memory", JAMBA, "--seq-len", "64,128", "--batch", 3, "--dtype", "bfloat16").stdout
    )


def test_memory_says_where_it_pays_and_what_it_can_recall(plait, plait_json):
    found = plait_json("memory", JAMBA)
    model = read_config(JAMBA)
    assert found["crossing"] == plain_json(crossing(model).to_json())
    assert found["capacity"] == plain_json(capacity(model).to_json())
    text = plait("memory", JAMBA).stdout
    assert f"{found['crossing']['length']:,} tokens on" in text
    assert f"{found['capacity']['recall_items']:,} words" in text


def test_memory_of_an_own_layer_has_no_limits(plait, plait_json, tmp_path):
    shutil.copy(EXAMPLES / "my_layer.py", tmp_path)
    config = {"pattern": "my_layer:GatedLinearAttention-TF", "d_model": 8, "vocab_size": 5}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert plait_json("memory", "config.json", "--trust-code")["capacity"] is None
    assert "note: " in plait("memory", "config.json", "--trust-code").stdout


def test_a_plan_says_what_theory_rules_out(plait, plait_json, saved_model):
    args = ("--plan", "--budget", 2000, "--items", 20, "--seq-len", 60)
    for config in (JAMBA, saved_model):
        found = plait_json("memory", config, *args)
        model = read_model(config)
        assert found == plain_json(plan(model, budget=2000, items=20, seq_len=60).to_json())
        text = plait("memory", config, *args).stdout
        assert text.count("ruled out") == sum(not row["remains"] for row in found["candidates"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "no JSON"),
        ("[]", "JSON object"),
        ("{}", "model_type"),
        ('{"model_type": "lama"}', "nearest: llama"),
        ('{"pattern": "SSM-TF", "d_model": 8}', "vocab_size"),
        ('{"pattern": "SSM-TF", "d_modl": 8}', "nearest: d_model"),
        ('{"pattern": "SSM-TF", "d_model": 8, "n_heads": 3, "vocab_size": 5}', "divisible"),
    ],
)
def test_configs_that_are_refused(refused, tmp_path, content, said):
    (tmp_path / "config.json").write_text(content)
    assert said in refused("memory", "config.json")

import pytest

from plait import HybridConfig, HybridLM
from plait.attack import attack
from plait.cli.output import plain_json
from plait.tasks import SelectiveCopying


@pytest.fixture
def windowed(tmp_path):
    model = HybridLM(
        HybridConfig(SelectiveCopying().vocab_size, pattern="TF-TF", d_model=4, window=6), seed=0
    )
    model.save(tmp_path / "windowed")
    return model


def test_both_attacks_on_a_model(plait, plait_json, windowed):
    args = ("attack", "windowed", "--task", "selective-copying", "--samples", 50, "--seq-len", 30)
    found = attack(windowed.eval(), SelectiveCopying(), samples=50, seq_len=30)
    document = plait_json(*args)
    assert document["windows"] == plain_json(found.windows)
    assert document["state"] == plain_json(found.state)
    assert document["windows"]["twins"]["difference"] == 0
    text = plait(*args).stdout
    assert "the output depends on the last 11 tokens" in text
    assert "identical to the last bit" in text
    assert "provably carries" in text
    assert f"{found.state.held_bits:,}" in text
    assert "Up to 11 tokens" in text


def test_the_seed_draws_other_contents(plait_json, windowed):
    args = (
        "attack",
        "windowed",
        "--task",
        "selective-copying",
        "--samples",
        50,
        "--seq-len",
        30,
        "--seed",
        7,
    )
    found = attack(windowed.eval(), SelectiveCopying(), samples=50, seq_len=30, seed=7)
    assert plait_json(*args)["state"] == plain_json(found.state)
    assert found.state != attack(windowed.eval(), SelectiveCopying(), samples=50, seq_len=30).state


def test_a_hybrid_has_no_twins(plait, plait_json, saved_model):
    args = ("attack", saved_model, "--task", "selective-copying", "--samples", 20)
    assert plait_json(*args)["windows"]["twins"] is None
    assert "recurrent" in plait(*args).stdout


def test_every_content_once(plait, tmp_path):
    HybridLM(HybridConfig(7, pattern="TF", d_model=4, window=1), seed=0).save(tmp_path / "small")
    args = ("attack", "small", "--task", "needle", "--param", "n_words=2", "--samples", 5)
    text = plait(*args).stdout
    assert "every content once" in text
    assert "limits exact" in text
    assert "it holds nothing" in text


def test_the_game_of_a_certificate_file(plait_json, saved_model):
    found = plait_json("bounds", "selective-copying", "--seq-len", 40, "-o", "c")["bounds"]
    file = next(row["file"] for row in found if row["file"] and row["unit"] == "bits")
    args = ("attack", saved_model, "--task", "selective-copying", "--samples", 10, "--certificate", file)
    assert plait_json(*args)["state"]["content"] == "the contents of the certificate"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--task", "neddle"), "nearest: needle"),
        (("--task", "selective-copying", "--certificate", "windowed/config.json"), "certificate"),
        (("--task", "selective-copying", "--device", "tpu"), "device"),
        ((), "--task"),
    ],
)
def test_what_is_refused(refused, windowed, args, said):
    assert said in refused("attack", "windowed", *args)


def test_a_folder_without_a_model(refused):
    assert "config.json" in refused("attack", "absent", "--task", "needle")

# ruff: noqa: E501
"""What every command says to a mistake: one line, word by word, exit code 2, and nothing is printed or written.

A row is a command, what standard input holds (after ` < `), and what is said after `plait: `. Lists that grow with every task,
layer or figure stand in braces. Who changes a message on purpose changes its row.
"""

import dataclasses
import json
import shlex
import shutil
import sys
from pathlib import Path

import polars as pl
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from plait import HybridConfig, HybridLM
from plait.cli import app
from plait.constructions import save, selective_copying
from plait.experiments import COLUMNS, SCHEMA_VERSION, Store
from plait.layers import LAYERS
from plait.memory import known_model_types
from plait.paper import catalogue
from plait.tasks import TASKS, SelectiveCopying

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
BUILT = "built --task selective-copying --param n_words=2 --param numbers=[1,2]"
KEPT = "train --steps 1 --d-model 4 --seq-len 12 --train test_sequences=2 --train select_sequences=2 -o kept"
LLAMA = {"model_type": "llama", "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4}
LLAMA |= {"dtype": "bfloat16"}
OWN = """class Task:
    vocab_size = 2
    token_names = ("a", "b")

    def sample(self, stream, *, batch, seq_len):
        raise KeyError("x")

    def targets(self, tokens):
        return tokens

class Broken(Task):
    def __init__(self):
        raise TypeError("not today")
"""
FILES = {
    "config.json": json.dumps(LLAMA), "llama.json": json.dumps(LLAMA | {"hidden_size": 32}), "unknown.json": '{"model_type": "llamma"}',
    "rows.json": "[[0, 1, 2]]", "outside.json": "[[0, 34]]", "file": "text", "own.py": OWN,
    "follow.py": "from examples.programs.follow_back_2 import PROGRAM",
}  # fmt: skip
NEXT_VERSION = SCHEMA_VERSION + 1
LAYER_NAMES = ", ".join((*LAYERS, "module:Class"))
NAMES = {
    "{commands}": ", ".join(get_command(app).commands),  # pyright: ignore
    "{tasks}": ", ".join(TASKS),
    "{figures}": ", ".join(catalogue.FIGURES),
    "{benchmarks}": ", ".join(sorted(path.stem for path in BENCHMARKS.glob("*.py"))),
    "{columns}": ", ".join(COLUMNS),
    "{fields}": ", ".join(field.name for field in dataclasses.fields(HybridConfig)),
    "{layers}": LAYER_NAMES,
    "{pattern}": f"(a pattern looks like SSM-TF, (SSM*5-TF)*2 or (SSM|TF)-TF; layers: {LAYER_NAMES})",
    "{later}": str(NEXT_VERSION),
    "{latest}": str(SCHEMA_VERSION),
    "{families}": str(len(known_model_types())),
}

MISTAKES = """
trian  ->  unknown command 'trian'; known: {commands}; nearest: train (see plait --help)
--nonsense  ->  No such option: --nonsense (see plait --help)
tasks neddle  ->  unknown task 'neddle'; known: {tasks}; nearest: needle (a task of your own: module:Class)
tasks needle --param n_word=3  ->  task needle: unknown parameter 'n_word'; known: n_words, score_marker; nearest: n_words
tasks needle --param n_words  ->  --param must read NAME=JSON, got 'n_words'
tasks needle --param n_words=[1  ->  --param n_words must be JSON (a text in quotes) or one word, got '[1'
tasks needle --param n_words=3 --param n_words=4  ->  --param n_words is given twice
tasks needle --param n_words=0  ->  n_words must be an integer in [1, 16777216], got 0
tasks needle --seed 9223372036854775808  ->  seed must be an integer of at least 0, below 2^63, got 9223372036854775808
tasks selective-copying --param numbers=[3,3]  ->  numbers must be distinct, got [3, 3]
tasks mqar --param n_pairs=1000 --param n_keys=1000  ->  examples of 24 to 384 tokens were tried (--seq-len takes another length), of which the last says: seq_len must be at least 2001 (n_pairs = 1000 pairs and a token), got 384
tasks selective-copying --param numbers=[30] --seq-len 24  ->  seq_len must exceed every number (the largest is 30), got 24
tasks selective-copying --param p_number=1.5  ->  p_number must be a probability in [0, 1], got 1.5
tasks selective-copying --param variant=last  ->  variant must be one of uniform, adversarial, repetitive, got 'last'
tasks nowhere:Task  ->  task nowhere:Task: importing nowhere failed: ModuleNotFoundError: No module named 'nowhere'
tasks json:Task  ->  task json:Task: unknown class or task 'Task'; known: dump, dumps, detect_encoding, load, loads
tasks json:JSONDecoder  ->  task json:JSONDecoder needs the members vocab_size, token_names, sample, targets, lacks vocab_size, token_names, sample, targets
tasks own:Task  ->  code that is not plait's failed (own.py, line 6: KeyError: 'x')
tasks own:Broken  ->  task own:Broken refused {}: TypeError: not today
tasks --device tpu  ->  device must be auto, cpu or cuda, got 'tpu'
label  ->  Missing argument 'TASK'. (see plait label --help)
label selective-copying  ->  Missing option '--tokens'. (see plait label --help)
label selective-copying --tokens absent.json  ->  absent.json: No such file or directory
label selective-copying --tokens file  ->  file: no JSON: Expecting value: line 1 column 1 (char 0)
label selective-copying --tokens outside.json  ->  tokens must be integers in [0, 34), got 34 in row 0
label own:Task --tokens rows.json  ->  tokens must be integers in [0, 2), got 2 in row 0
train --steps 0  ->  steps must be an integer of at least 1, below 2^31, got 0
train --batch 0  ->  batch must be an integer of at least 1, below 2^31, got 0
train --seq-len 0  ->  seq_len must be an integer of at least 1, below 2^31, got 0
train --seeds 3..1  ->  seeds must read like 0..7 or 0,3,5 (integers of at least 0), got '3..1'
train --seeds 0..100000  ->  at most 100000 seeds can be asked for at once, got '0..100000'
train --lrs fast  ->  --lrs must be numbers with commas between them, got 'fast'
train --d-model 0  ->  d_model must be an integer of at least 1, below 2^31, got 0
train --window 0  ->  window must be an integer of at least 1, below 2^31, got 0
train --window wide  ->  --window must be an integer of at least 1, or full, got 'wide'
train --pattern GDM-TF  ->  pattern 'GDM-TF', character 1: unknown layer 'GDM'; known: {layers}; nearest: GDN {pattern}
train --pattern SSM-  ->  pattern 'SSM-', character 5: expected a layer, got 'the end' {pattern}
train --pattern json:JSONDecoder-TF  ->  layer json:JSONDecoder: unknown torch.nn.Module, Mixer or ModuleMixer class 'JSONDecoder'; known: none
train --layer heads=2  ->  --layer must read NAME.OPTION=JSON, such as GDN.heads=2, got 'heads'
train --pattern GDN-TF --layer GDN.haeds=2  ->  unknown option of layer GDN 'haeds'; known: heads, d_k, d_v, key_heads, beta_to; nearest: heads
train --pattern GDN-TF --layer KDA.heads=2  ->  options: unknown layer 'KDA'; known: GDN, TF
train --pattern GDN-TF --layer GDN.key_heads=3  ->  layer GDN: key_heads must divide heads, got key_heads 3 and heads 1
train --model d_modl=8  ->  unknown field 'd_modl'; known: {fields}; nearest: d_model
train --model n_heads=3  ->  d_model must be divisible by n_heads, got d_model 8 and n_heads 3
train --train stepz=3  ->  unknown train field 'stepz'; known: steps, batch, seq_len, lr, seed, warmup, weight_decay, clip, test_sequences, select_sequences, dtype, products; nearest: steps
train --train dtype=int8  ->  dtype must be one of float32, float64, bfloat16, got 'int8'
train --engine fast  ->  engine must be one of auto, ensemble, wide, fsdp, got 'fast'
train --log csv  ->  --log csv needs a folder to write into: -o DIR
train --log stdout -o out  ->  unknown log 'stdout'; known: csv, tensorboard, wandb
train --save-models  ->  --save-models needs a folder to keep them in: -o DIR
train -o file  ->  cannot write results to 'file': Not a directory
train --pattern "SSM*0"  ->  pattern 'SSM*0', character 5: expected a count of at least 1 after '*', got '0' {pattern}
train --pattern "SSM*5000"  ->  pattern 'SSM*5000', character 5: at most 4096 layers are possible {pattern}
train --pattern torch.nn:Linear  ->  layer 'torch.nn:Linear' lacks init_state, step, state_size, members_axis of the layer protocol
train --model dropout=1  ->  dropout must be a number in [0, 1), got 1
train --model window=[1,2,3]  ->  window must be one value or one a layer (2), got 3 values
train --lrs 0.1,0.1  ->  train.lr repeats a value in (0.1, 0.1)
train --seeds 9223372036854775808  ->  seed must be an integer of at least 0, below 2^63, got 9223372036854775808
train --seq-len 9  ->  seq_len must exceed every number (the largest is 9), got 9
train --device cuda:0  ->  device must be auto, cpu or cuda, got 'cuda:0'
train -o /proc/nowhere  ->  cannot write results to '/proc/nowhere': No such file or directory
train --lrs 0.1 --train lr=0.3  ->  lr is given twice: by --lrs and by --train lr=..
train --seeds 0..3 --train seed=5  ->  seed is given twice: by --seeds and by --train seed=..
train --d-model 4 --model d_model=4  ->  d_model is given twice: by --d-model and by --model d_model=..
eval nowhere --task needle  ->  nowhere/config.json: cannot be read: No such file or directory
eval model --task needle  ->  the model must have the task's vocab_size, 105, got 34
eval model --task selective-copying --seq-len 0  ->  seq_len must be an integer of at least 1, below 2^31, got 0
eval model --task selective-copying --sequences 0  ->  sequences must be an integer of at least 1, got 0
eval model --task selective-copying --seq-len 5  ->  seq_len must exceed every number (the largest is 9), got 5
eval open --task selective-copying --stream  ->  layer 2 (TF) keeps every token, so memory grows with the length: streaming needs a window; leave --stream out to read sequences whole
build  ->  Missing argument 'TASK'. (see plait build --help)
build selective-copying --seq-len 20  ->  Missing option '-o' / '--output'. (see plait build --help)
build needle --seq-len 20 -o out  ->  selective-copying and decoding-recall have a construction, needle has none
build selective-copying --seq-len 20 --success 0.9 -o out  ->  success and pattern are choices of decoding-recall; selective-copying is always right
build selective-copying --seq-len 20 --dtype int8 -o out  ->  unknown dtype 'int8'; known: float64, float32, bfloat16
build selective-copying --seq-len 20 --only SSM -o out  ->  --only is a choice of programs, not of the constructions made by hand
build selective-copying --seq-len 20 -o file  ->  file: a folder is needed, got a file
build decoding-recall --seq-len 20 --success 2 -o out  ->  success must be in [0, 1), got 2.0
build decoding-recall --seq-len 20 --pattern TF -o out  ->  pattern must be one of SSM-TF-TF, SSM-TF, got 'TF'
build decoding-recall --param n_bits=0 --seq-len 20 -o out  ->  n_bits must be an integer in [1, 20], got 0
build follow:PROGRAM --seq-len 20 --only MLP -o out  ->  --only takes SSM or TF, got 'MLP'
build follow:PROGRAM --seq-len 20 --success 0.9 -o out  ->  success and pattern are choices of decoding-recall, not of a program
build selective-copying --seq-len 0 -o out  ->  seq_len must be an integer of at least 1, got 0
build decoding-recall --seq-len 20 --smallest --pattern SSM-TF -o out  ->  the smallest layout chooses its pattern by itself: leave pattern out
build decoding-recall --param n_bits=16 --seq-len 50 --dtype bfloat16 -o out  ->  decoding recall of 16 bits over a window of 49 in three layers, digits of base 10: bfloat16 cannot carry it: the score of two equal keys may err by 2.4e+09 where 16 is allowed; float64 would do
build selective-copying --seq-len 20 -o /proc/nowhere  ->  /proc/nowhere: No such file or directory
verify model --task needle  ->  the model must have the task's vocab_size, 105, got 34
verify BUILT --samples 0  ->  nothing to check: exhaustive, samples or adversarial is needed
verify BUILT --dtype int8  ->  unknown dtype 'int8'; known: float64, float32, bfloat16
verify BUILT --most-inputs 0 --exhaustive  ->  most_inputs must be an integer of at least 1, got 0
verify BUILT --exhaustive --seq-len 5 --most-inputs 100  ->  every input of 5 tokens out of 4 is 1,024 inputs, about 0 seconds here; at most 100 are read unless more are asked for
verify BUILT --samples -1  ->  samples must be an integer of at least 0, got -1
stream nowhere  ->  nowhere/config.json: cannot be read: No such file or directory
stream model --param n_words=3  ->  --param needs --task
stream model < 99  ->  tokens must be in [0, 34), got 99
stream model < zz  ->  tokens must be integers of at least 0 (names need --task), got 'zz'
stream model --task selective-copying < zz  ->  unknown token 'zz'; known: a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, 5', 6', 7', 8', 9', <bos>, <eos>, <null>; nearest: z
explain built  ->  Missing option '--tokens'. (see plait explain --help)
explain model --tokens "a b"  ->  model/construction.json: cannot be read: No such file or directory
explain built --tokens ""  ->  --tokens needs at least one token
explain built --tokens "a q"  ->  unknown token 'q'; known: a, b, 1', 2', <bos>, <eos>, <null>
export model --to onnx -o out  ->  unknown format 'onnx'; known: hf
export nowhere -o out  ->  nowhere/config.json: cannot be read: No such file or directory
bounds neddle  ->  unknown task 'neddle'; known: {tasks}; nearest: needle (a task of your own: module:Class)
bounds needle --seq-len 0  ->  seq_len must be an integer of at least 1, got 0
bounds needle --error nan  ->  error must be a finite number, got 'nan'
bounds needle --seconds 0  ->  a search needs a positive budget of seconds, got 0.0
bounds needle --range n_words  ->  --range must read NAME=A..B, such as n_words=8..1024, got 'n_words'
bounds needle --range n_words=9..3  ->  --range must go up from at least 1, got 'n_words=9..3'
bounds needle --frontier --reach -1  ->  reach must be an integer of at least 0, got -1
bounds needle --frontier --reach x  ->  --reach must be integers with commas between them, got 'x'
bounds needle --frontier --error 0.1  ->  --frontier is for models without error, at one size: leave out --range and --error
bounds needle --frontier --model nowhere  ->  nowhere: No such file or directory
bounds needle --reach 3  ->  --reach and --model are for --frontier
bounds needle --automaton --frontier  ->  --automaton stands alone: leave out --frontier, --range and --error
bounds multi-key-recall --param key_length=1000000000  ->  needed at most 2^60 keys, as each of them takes bits of state, got 8 words and keys of 1000000000
bounds mqar --error 0.1  ->  at an error above 0 a known family is needed, and mqar has none
bounds own:Task --seconds 1  ->  the task's targets accept none of its 2 tokens: not enough values to unpack (expected 2, got 1)
bounds needle --error 1e400  ->  error must be in [0, 1), got a longer number
bounds needle --error 1e999999999  ->  error must be a number that is not too long, got '1e999999999'
bounds needle --frontier --seq-len 1  ->  seq_len must be an integer in [2, 16777216], got 1
bounds needle --range score_marker=2..3  ->  score_marker must be true or false, got 2
check absent.json  ->  absent.json: No such file or directory
check rows.json  ->  rows.json: a certificate is a JSON object, and this is none
check config.json --param n_words=3  ->  --param needs --task
attack model --task needle  ->  the model must have the task's vocab_size, 105, got 34
attack model --task selective-copying --samples 0  ->  samples must be an integer of at least 1, got 0
attack model --task selective-copying --seq-len 1  ->  seq_len must be an integer of at least 2, got 1
attack model --task selective-copying --certificate absent  ->  absent: No such file or directory
attack model --task selective-copying --certificate config.json  ->  needed a certificate: the certificate has no digest
memory absent  ->  absent: No such file or directory
memory file  ->  file: no JSON: Expecting value: line 1 column 1 (char 0)
memory config.json config.json  ->  the same config is given twice
memory config.json --seq-len 0  ->  seq_len must be an integer of at least 1, got 0
memory config.json --seq-len 4q  ->  --seq-len must be numbers of tokens such as 1000,4k,1M, got '4q'
memory config.json --dtype int8  ->  dtype must be one of float64, float32, bfloat16, float16, got 'int8'
memory config.json --kv-dtype int5  ->  keys and values must be in one of float64, float32, bfloat16, float16, fp8, int8, int4, mxfp8, mxfp6, mxfp4, nvfp4, nf4, got 'int5'
memory config.json --state-dtype fp8  ->  a state must be kept in one of float64, float32, bfloat16, float16, got 'fp8'
memory config.json --phase middle  ->  phase must be "decode" or "prefill", got 'middle'
memory config.json --fits 80G  ->  --fits must be bytes such as 67108864, 64MiB, 80GiB or 80GB, got '80G'
memory config.json --serving other  ->  serving must be vllm, got 'other'
memory config.json --page 16  ->  --page is a server's: give --serving vllm too
memory config.json --serving vllm --page 0  ->  page must be an integer in [1, 1048576], got 0
memory config.json --budget 80GiB  ->  --budget and --items belong to --plan; --fits BYTES says which sequences fit
memory config.json --plot --json  ->  --plot draws on a terminal: leave out --json
memory config.json --plan  ->  --plan needs --budget BYTES, --items N and one --seq-len
memory config.json --plan --budget 0 --items 3  ->  budget must be an integer of at least 1, got 0
memory config.json --plan --budget 9MiB --items 3 --kv-dtype fp8  ->  --plan counts in --dtype alone, without other formats, --serving or --fits
memory unknown.json  ->  unknown.json: unknown model_type 'llamma', none of the {families} in known_model_types(); nearest: llama (or ask for a generic reading)
memory config.json --fits -3GiB  ->  budget must be an integer of at least 1, got -3221225472
memory config.json llama.json --plan --budget 9MiB --items 5  ->  --plan takes one CONFIG, got 2
memory config.json --plan --budget 100 --items 1  ->  items must be an integer of at least 2, got 1
reproduce fig44  ->  unknown experiment 'fig44'; known: {figures}; nearest: fig4 (a figure of your own: module:FIG)
reproduce own:NOTHING  ->  figure own:NOTHING: unknown Figure or Experiment 'NOTHING'; known: none
reproduce nowhere:FIG  ->  figure nowhere:FIG: importing nowhere failed: ModuleNotFoundError: No module named 'nowhere'
reproduce headline --add-pattern SSM-FT  ->  pattern 'SSM-FT', character 5: unknown layer 'FT'; known: {layers}; nearest: TF {pattern}
reproduce headline --only train.sed=1  ->  unknown field 'train.sed'; known: train.steps, train.batch, train.seq_len, train.lr, train.seed, train.warmup, train.weight_decay, train.clip, train.test_sequences, train.select_sequences, train.dtype, train.products; nearest: train.seed
reproduce headline --only train.seed=[]  ->  the slice leaves no run of experiment 'headline'
reproduce headline --only seed  ->  --only must read NAME=VALUE,.. , got 'seed'
reproduce headline --setting own  ->  unknown setting 'own'; known: as-run, bare, dropped, kept
reproduce headline --choosing-seeds 0  ->  --choosing-seeds must be an integer of at least 1, got 0
reproduce headline --device tpu  ->  device must be auto, cpu or cuda, got 'tpu'
reproduce headline --per-gpu 2  ->  --per-gpu says how many processes each GPU has: give --gpus, how many GPUs
reproduce headline --device cpu --gpus 1 --per-gpu 0  ->  per-gpu must be an integer in [1, 48], got 0
reproduce headline --gpus 1 --ray local  ->  --gpus spreads over this machine and --ray over a cluster: take one of them
reproduce headline --for 0  ->  --for takes minutes, above 0 and at most 525,600, got 0
reproduce headline fig9  ->  fig9 is drawn, not trained: ask for it alone, with no other options than -o, --device and --json
reproduce headline --add-pattern TF-TF  ->  experiment 'headline' has the pattern TF-TF already
reproduce headline --add-pattern nowhere:Layer-TF  ->  layer nowhere:Layer: importing nowhere failed: ModuleNotFoundError: No module named 'nowhere'
reproduce headline --add-pattern json:JSONDecoder-TF  ->  layer json:JSONDecoder: unknown torch.nn.Module, Mixer or ModuleMixer class 'JSONDecoder'; known: none
reproduce headline --only train.seed=7  ->  the slice leaves no run of experiment 'headline'
reproduce headline -o /proc/nowhere  ->  cannot write results to '/proc/nowhere': No such file or directory
results nowhere  ->  no results folder 'nowhere'
results .  ->  '.' holds no results: no finished shard (*.parquet) in it
results kept --columns sed  ->  unknown column 'sed'; known: {columns}; nearest: seed
results kept --where lr=x  ->  column lr holds Float64, got 'x'
results kept --where lr  ->  --where must read NAME=JSON, got 'lr'
results kept --sql "DROP TABLE members"  ->  a query starts with SELECT or WITH, got 'DROP TABLE members'
results kept --sql "SELECT 1" --by seed  ->  --sql takes the place of --where, --by and --columns
results kept --limit -1  ->  Invalid value for '--limit': Input should be greater than or equal to 0 (see plait results --help)
results later  ->  'later/{shard}.parquet' is of schema version {later}, this plait reads 2 to {latest}: update plait to read it
results damaged  ->  'damaged/{shard}.parquet' is damaged (no Parquet file): move it away, and the next run trains its members again
results kept --sql "SELECT * FROM read_csv('/etc/passwd')"  ->  the query failed: it reads a file or an address, and a query may read the table members alone
report nowhere  ->  no results folder 'nowhere'
report kept --update nowhere  ->  cannot update the page 'nowhere': No such file or directory
bench enginee  ->  unknown benchmark 'enginee'; known: {benchmarks}; nearest: engine
doctor --device tpu  ->  device must be auto, cpu or cuda, got 'tpu'
"""
ROWS = [row.partition("  ->  ")[::2] for row in MISTAKES.splitlines() if row]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with models, a construction, results, and what is none of these."""
    folder = tmp_path_factory.mktemp("mistakes")
    for name, content in FILES.items():
        (folder / name).write_text(content)
    size = SelectiveCopying().vocab_size
    HybridLM(HybridConfig(size, d_model=4, window=6)).save(folder / "model")
    HybridLM(HybridConfig(size, d_model=4)).save(folder / "open")
    save(selective_copying(SelectiveCopying(n_words=2, numbers=(1, 2)), 8), folder / "built")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", [entry for entry in sys.path if entry])
        patch.setattr(sys, "dont_write_bytecode", True)
        assert CliRunner().invoke(app, KEPT.split()).exit_code == 0
        for name in ("later", "damaged"):
            shutil.copytree("kept", name)
        (later,), (damaged,) = (Store(folder / name).files() for name in ("later", "damaged"))
        rows = pl.read_parquet(later).with_columns(schema_version=pl.lit(NEXT_VERSION, dtype=pl.Int64))
        rows.write_parquet(later)
        damaged.write_bytes(b"PAR1")
        yield NAMES | {"{shard}": later.stem}
        for module in ("own", "follow"):
            sys.modules.pop(module, None)


@pytest.mark.parametrize(("command", "said"), ROWS, ids=[command for command, _ in ROWS])
def test_a_mistake_is_told_in_this_line(place, command, said):
    for name, names in place.items():
        said = said.replace(name, names)
    words, _, stdin = command.replace("BUILT", BUILT).partition(" < ")
    before = sorted(path for path in Path().rglob("*") if "__pycache__" not in path.parts)
    done = CliRunner().invoke(app, shlex.split(words), input=stdin, catch_exceptions=False)
    assert done.stderr == f"plait: {said}\n"
    assert (done.exit_code, done.stdout) == (2, "")
    assert sorted(path for path in Path().rglob("*") if "__pycache__" not in path.parts) == before


def test_every_command_is_there():
    assert {command.split()[0] for command, _ in ROWS} >= {*get_command(app).commands}  # pyright: ignore

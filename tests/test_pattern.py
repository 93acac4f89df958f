"""Patterns: what they mean, and where a wrong one is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.model import expand_pattern


@pytest.mark.parametrize(
    ("pattern", "layers"),
    [
        ("SSM", "SSM"),
        ("SSM-TF", "SSM TF"),
        ("SSM-TF-TF", "SSM TF TF"),
        ("SSM*3", "SSM SSM SSM"),
        ("(SSM*5-TF)*2", "SSM SSM SSM SSM SSM TF SSM SSM SSM SSM SSM TF"),
        ("((TF-SSM)*2-TF)*2", "TF SSM TF SSM TF TF SSM TF SSM TF"),
        ("(SSM)", "SSM"),
        ("TF*2*3", "TF TF TF TF TF TF"),
        (" SSM - TF * 2 ", "SSM TF TF"),
        ("my_pkg.my_layer:MyLayer-TF", "my_pkg.my_layer:MyLayer TF"),
        ("(a:B-TF)*2", "a:B TF a:B TF"),
        ("(SSM|TF)-TF", "(SSM|TF) TF"),
        ("( SSM | a.b:C )*2", "(SSM|a.b:C) (SSM|a.b:C)"),
        ("((SSM|TF)-TF)*2", "(SSM|TF) TF (SSM|TF) TF"),
        ("(GDN|TF|ShortConv)", "(GDN|TF|ShortConv)"),
    ],
)
def test_layers(pattern: str, layers: str):
    assert expand_pattern(pattern) == tuple(layers.split())


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", "character 1: expected a layer, got 'the end'"),
        ("SSM-", "character 5: expected a layer"),
        ("SSM--TF", "character 5: expected a layer, got '-'"),
        ("SSM-TFF", "character 5: unknown layer 'TFF'; known: SSM, TF, .*, module:Class; nearest: TF"),
        ("ssm-TF", "character 1: unknown layer 'ssm'; known: SSM, TF, .*, module:Class; nearest: SSM"),
        ("SSM TF", "character 5: expected '-' or the end, got 'TF'"),
        ("(SSM-TF", r"character 8: expected '\)', got 'the end'"),
        ("SSM-TF)", r"character 7: expected '-' or the end, got '\)'"),
        ("SSM*", "character 5: expected a count of at least 1"),
        ("SSM*0", "character 5: expected a count of at least 1"),
        ("SSM*-1", "character 5: expected a count of at least 1"),
        ("SSM*TF", "character 5: expected a count of at least 1"),
        ("2*SSM", "character 1: expected a layer, got '2'"),
        ("SSM,TF", "character 4: unexpected ','"),
        ("SSM-\N{GREEK SMALL LETTER TAU}F", "character 5: unexpected"),
        ("my_pkg:my:Layer", "character 10: unexpected ':'"),
        ("my_pkg.my_layer", "character 1: unknown layer 'my_pkg.my_layer'"),
        ("SSM*4097", "at most 4096 layers"),
        ("SSM*99999999999999999999", "at most 4096 layers"),
        ("((SSM*4096)*4096)*4096", "at most 4096 layers"),
        ("SSM*4096-TF", "at most 4096 layers"),
        ("SSM|TF", r"character 4: layers side by side stand in brackets, as \(SSM\|TF\)"),
        ("(SSM|)", r"character 6: expected a layer, got '\)'"),
        ("(|TF)", r"character 2: expected a layer, got '\|'"),
        ("(SSM|TF", r"character 8: expected '\)', got 'the end'"),
        ("(SSM|TFF)", "character 6: unknown layer 'TFF'; known: SSM, TF, .*; nearest: TF"),
        ("((SSM|TF)|GDN)", "character 10: a side of layers side by side is one layer by its name"),
        ("(SSM|(TF))", "character 6: a side of layers side by side is one layer by its name"),
        ("((SSM)|TF)", "character 7: a side of layers side by side is one layer by its name"),
        ("(SSM-TF|GDN)", "character 8: a side of layers side by side is one layer by its name"),
        ("(SSM|TF*2)", "character 8: a side of layers side by side is one layer by its name"),
        ("(" + "TF|" * 16 + "TF)", "at most 16 layers can stand side by side"),
        ("(" * 65 + "TF" + ")" * 65, "brackets deeper than 64"),
        ("(" * 100_000, "brackets deeper than 64"),
    ],
)
def test_what_is_no_pattern(pattern: str, message: str):
    with pytest.raises(ValueError, match=message) as caught:
        expand_pattern(pattern)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@given(st.text(alphabet="STFM-*()|12 :.a_", max_size=24))
def test_any_text_is_a_pattern_or_a_value_error(text: str):
    read = layers_or_message(text)
    if isinstance(read, str):
        assert "\n" not in read
    else:
        assert 1 <= len(read) <= 4096
        assert expand_pattern("-".join(read)) == read


def layers_or_message(text: str) -> tuple[str, ...] | str:
    try:
        return expand_pattern(text)
    except ValueError as error:
        return str(error)

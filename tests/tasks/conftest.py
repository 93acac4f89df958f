"""Both ways of labelling: by the compiled library, and by PyTorch's operations."""

import pytest

from plait.native import library


@pytest.fixture(params=["compiled", "tensor operations"])
def path(request, monkeypatch):
    if request.param == "compiled" and not library.available():
        pytest.skip("no compiled library here")
    if request.param == "tensor operations":
        monkeypatch.setattr(library, "load_library", lambda: None)

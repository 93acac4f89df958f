"""One row of the table of families."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

from plait.memory.huggingface.body import Body
from plait.memory.huggingface.fields import Fields
from plait.memory.huggingface.neutral import ACCEPTED, IGNORED


@dataclass(frozen=True, kw_only=True)
class ConfigFamily:
    """A family that a config file can name.

    Args:
        model_type: as in the config file.
        title: for people.
        class_name: of the causal language model of `transformers`, or of its text model where that has none with an
            unembedding; "" where `transformers` has no class.
        reader: "module.name" of what reads fields to layers, imported when a file of the family is read.
        source: where the definition stands, if it is not a class of `transformers`.
    """

    model_type: str
    title: str
    class_name: str
    reader: str
    source: str = ""

    @property
    def read(self) -> Callable[[Fields], Body]:
        """From fields to layers."""
        module, _, name = self.reader.partition(".")
        return getattr(import_module(f"plait.memory.huggingface.{module}"), name)

    @property
    def verified(self) -> bool:
        """Its formulas are tested against a class of `transformers`."""
        return bool(self.class_name)

    def fields(self, data: Mapping[str, object]) -> Fields:
        """The file's fields under this family's names."""
        aliases = getattr(self.read, "aliases", {})  # the family's names for usual fields
        fields = Fields(data, self.model_type, aliases=aliases)
        fields.ignore(*IGNORED.get(self.model_type, "").split())
        for name, values in ACCEPTED.get(self.model_type, {}).items():
            fields.accept(name, *values)
        return fields

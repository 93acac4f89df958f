"""Programs for attention alone: what SSM layers would hold is looked up again, as far back as it may be."""

from plait.compiler.lookups import Latest, Previous
from plait.compiler.pointwise import Table, Token
from plait.compiler.recurrent import Hold, Lag
from plait.compiler.signals import Label
from plait.compiler.statement import Statement, ancestors


def without_states(statement: Statement, label: Label) -> Statement:
    """A lag as attention a fixed distance back, a hold as the latest position whose gate was open.

    Attention gives a mixture where it finds nothing, so that these may hold anything where they are nothing.

    Raises:
        ValueError: a hold without a gate of what is no function of the token.
    """
    if isinstance(statement, Lag) and statement.distance:
        return Previous(inputs=statement.inputs, domain=statement.domain, distance=statement.distance)
    if not isinstance(statement, Hold):
        return statement
    signal, *gates = statement.inputs
    token = next(one for one in ancestors(statement) if isinstance(one, Token))
    if not gates:
        if not (isinstance(signal, Table) and signal.inputs == (token,)):
            raise ValueError(f"{_called(statement, label)}: without SSM layers a hold needs a gate")
        known = tuple(value is not None for value in signal.entries)
        gates = [Table(inputs=(token,), domain=(True, False), entries=known)]
    always = Table(inputs=(token,), domain=(True,), entries=(True,) * len(token.domain))
    return Latest(inputs=(signal, gates[0], always), domain=statement.domain, n_keys=1)


def is_mixed_at_the_start(statement: Statement) -> bool:
    """Whether it is nothing at the first positions alone, and attention holds a mixture of its values there.

    So it is with what stood a fixed distance ago, and with the latest value since a gate was open first.
    """
    if isinstance(statement, Latest):
        always = all(len(one.domain) == 1 and not one.maybe for one in statement.queries)
        sure = not any(one.loose for one in statement.keys)
        if not always or not sure or statement.last is not None or statement.condition is not None:
            return False
    elif not isinstance(statement, Previous):
        return False
    return not statement.inputs[0].maybe and not statement.inputs[0].loose


def _called(statement: Statement, label: Label) -> str:
    return f"{label.name or statement.kind} ({label.where})"

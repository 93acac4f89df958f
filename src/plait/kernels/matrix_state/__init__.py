"""The recurrence of a matrix state: `reference.py` plain, `recurrence.hpp` compiled into graphs (`kernels/graph`)."""

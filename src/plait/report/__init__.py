"""Tables, plots and reports of what the store holds."""

from plait.report.document import Block, Column, Entry, Figure, Lines, Report, Section, Table
from plait.report.experiment import LEFT_OUT, ORIGIN, RESULTS, experiment_report, folder_report
from plait.report.html import html_text, write_html
from plait.report.plots import accuracy_alt, accuracy_plot, svg_text
from plait.report.tables import ratio_table, results_table
from plait.report.terminal import print_report, terminal_table

__all__ = [
    "LEFT_OUT",
    "ORIGIN",
    "RESULTS",
    "Block",
    "Column",
    "Entry",
    "Figure",
    "Lines",
    "Report",
    "Section",
    "Table",
    "accuracy_alt",
    "accuracy_plot",
    "experiment_report",
    "folder_report",
    "html_text",
    "print_report",
    "ratio_table",
    "results_table",
    "svg_text",
    "terminal_table",
    "write_html",
]

"""Tables, plots and reports of what the store holds."""

from plait.findings.members import ratios_by_pattern
from plait.findings.series import Line, Panel, Point, panels
from plait.report.comparisons import matrix_table, paired_table
from plait.report.document import (
    Block,
    ClaimVerdict,
    Column,
    Entry,
    Lines,
    Picture,
    Report,
    Section,
    Table,
    Verdicts,
)
from plait.report.origin import LEFT_OUT, ORIGIN
from plait.report.page import update_pages, updated_text
from plait.report.page_tables import rate_table, window_table
from plait.report.plots import accuracy_panel, accuracy_plot, panel_alt, panel_plot
from plait.report.printed import (
    html_text,
    markdown_table,
    markdown_text,
    print_report,
    terminal_table,
    write_html,
)
from plait.report.ratio_plot import ratio_alt, ratio_plot
from plait.report.reports import RESULTS, experiment_report, folder_report
from plait.report.svg_file import svg_text
from plait.report.tables import ratio_table, results_table

__all__ = [
    "LEFT_OUT",
    "ORIGIN",
    "RESULTS",
    "Block",
    "ClaimVerdict",
    "Column",
    "Entry",
    "Line",
    "Lines",
    "Panel",
    "Picture",
    "Point",
    "Report",
    "Section",
    "Table",
    "Verdicts",
    "accuracy_panel",
    "accuracy_plot",
    "experiment_report",
    "folder_report",
    "html_text",
    "markdown_table",
    "markdown_text",
    "matrix_table",
    "paired_table",
    "panel_alt",
    "panel_plot",
    "panels",
    "print_report",
    "rate_table",
    "ratio_alt",
    "ratio_plot",
    "ratio_table",
    "ratios_by_pattern",
    "results_table",
    "svg_text",
    "terminal_table",
    "update_pages",
    "updated_text",
    "window_table",
    "write_html",
]

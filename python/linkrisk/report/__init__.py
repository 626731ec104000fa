"""The report of a run: report.json for machines, report.html for people, the same figures in both."""

from linkrisk.report.build import SCHEMA_VERSION, build_report, write_report
from linkrisk.report.html import render

__all__ = ["SCHEMA_VERSION", "build_report", "render", "write_report"]

"""Reports: a run's folder -> report.html; a sweep's folder -> one table, one figure, one report."""

from dlhw.report.run import run_report
from dlhw.report.sweep import SweepSummary, sweep_report

__all__ = ["SweepSummary", "run_report", "sweep_report"]

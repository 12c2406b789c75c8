"""Checks."""

from sslcourse.teach.checks.examine import check, describe
from sslcourse.teach.checks.report import CheckReport

__all__ = ["CheckReport", "check", "describe"]

"""linkrisk: how far a holding of personal records can be linked, and what would undo it."""

from linkrisk.spec import Attribute, BlockingRule, Comparison, Linkage, Report, RunOptions, Source, Spec

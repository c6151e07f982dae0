"""Values that every room shares: events, evidence, decisions, outcomes.

Standard library and msgspec only. Importing any module of this package first makes sure that
`guardrails` really is ours, because another distribution uses the same import name.
"""

from guardrails.core.installation import check_installation

check_installation()

"""Facts: what tools really said of objects, alerts and series, and the ledger that keeps them.

`noting` enters what calls returned and what they changed; `views` answers questions about it.
"""

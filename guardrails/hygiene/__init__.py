"""What reaches the model: the history through filters, each one file, in the policy's order.

Start at `clean.cleaned`. Everything here is pure, and knows no framework: `shapes` reads messages
of APIs, and adapters read those of their frameworks.
"""

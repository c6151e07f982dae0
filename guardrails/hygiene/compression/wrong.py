"""Which words speak of a failure, in logs, events, tables and objects.

The list is made from Kubernetes reasons, the levels of common loggers, and the words of errno and
gRPC codes. A word too many keeps a line that could go; a word too few loses evidence.
"""

import re
from typing import Final

GRAVE: Final = 2
"""Weight of a word that says that something failed."""
DOUBTFUL: Final = 1
"""Weight of a word that says that something may fail, or did for a while."""

_GRAVE_WORDS = (
    r"error|exception|traceback|(?<![a-z])(?:err|fatal|ftl|pnc|crit|emerg|oom)(?![a-z])|panic"
    r"|critical|severe|oomkill|crashloop|back-?off|imagepull|failed|failure|refused|killed"
    r"|denied|forbidden|unauthori[sz]ed|not authori[sz]ed|unauthenticated|unavailable"
    r"|unreachable|segfault|sigsegv"
    r"|sigkill|evicted|unschedulable|createcontainerconfig|invalidimage|corrupt"
)
_DOUBTFUL_WORDS = (
    r"(?<![a-z])(?:warn|wrn(?![a-z]))|time-?out|(?<![a-z])timed(?![a-z])|deadline|exhaust|exceed|reset(?![a-z])|abort"
    r"|unable|cannot|couldn|can't|reject|unhealthy|notready|not-ready|insufficient|mismatch"
    r"|conflict|expired|invalid|missing|lost(?![a-z])|dropped|throttl|evict|taint|terminated"
    r"|unknown|pending|undefined|not-?found|nxdomain|broken|leak|overload|degraded"
    r"|retry(?!-after)|retries|unsupported|http5xx|failing|fails(?![a-z])|stuck|misconfig"
)
_WRONG = re.compile(f"({_GRAVE_WORDS})|{_DOUBTFUL_WORDS}")
HARMLESS: Final = re.compile(
    r'(?:errors?|err|failed|failures|exception)"?\s*[=:]\s*'
    r'(?:null|nil|<nil>|none|false|""|0)(?![\w.])"?'
    r"|\b(?:no|0|zero) (?:errors?|failures|warnings)\b"
    r'|(?:timeout|backofflimit|failurethreshold|maxunavailable|retries)\w*"?\s*[:=]\s*"?\d+\w*%?'
    r"|#failure=\d|\d% max unavailable"
)
"""Says that there was no error, or only sets how one would be handled; for lower case."""


def weight(word: str) -> int:
    """Give the weight of a word: `GRAVE`, `DOUBTFUL` or 0. For lines, `masks` remembers words.

    >>> weight("ImagePullBackOff"), weight("level=warn"), weight("GET")
    (2, 1, 0)
    """
    heaviest = 0
    for found in _WRONG.finditer(word.lower()):
        if found[1] is not None:
            return GRAVE
        heaviest = DOUBTFUL
    return heaviest

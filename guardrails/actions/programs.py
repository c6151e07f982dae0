"""Which file of this room reads which program."""

from guardrails.actions.argocd import ARGOCD
from guardrails.actions.awk import awk
from guardrails.actions.containers import CONTAINER_PROGRAMS
from guardrails.actions.curl import curl, wget
from guardrails.actions.find import find
from guardrails.actions.flux import FLUX
from guardrails.actions.helm import HELM, helm
from guardrails.actions.hosts import HOST_PROGRAMS
from guardrails.actions.invocation import Program
from guardrails.actions.istioctl import ISTIOCTL
from guardrails.actions.kubectl import kubectl
from guardrails.actions.kubectl_verbs import KUBECTL_VERBS
from guardrails.actions.promtool import PROMETHEUS_PROGRAMS, PROMTOOL
from guardrails.actions.sed import sed
from guardrails.actions.unix import UNIX_PROGRAMS
from guardrails.actions.wrappers import WRAPPERS

_PROGRAMS: dict[str, Program] = {
    **UNIX_PROGRAMS,
    **WRAPPERS,
    **HOST_PROGRAMS,
    **CONTAINER_PROGRAMS,
    **PROMETHEUS_PROGRAMS,
    "kubectl": kubectl,
    "oc": kubectl,
    "helm": helm,
    "helm3": helm,
    "argocd": ARGOCD,
    "flux": FLUX,
    "istioctl": ISTIOCTL,
    "curl": curl,
    "wget": wget,
    "sed": sed,
    "gsed": sed,
    "awk": awk,
    "gawk": awk,
    "mawk": awk,
    "find": find,
}


_VERBS: dict[str, frozenset[str]] = {
    program: frozenset(path.partition(" ")[0] for path in table)
    for program, table in {
        "kubectl": KUBECTL_VERBS,
        "helm": HELM.verbs,
        "argocd": ARGOCD.verbs,
        "flux": FLUX.verbs,
        "istioctl": ISTIOCTL.verbs,
        "promtool": PROMTOOL.verbs,
    }.items()
}


def is_verb_of(program: str, word: str) -> bool:
    """Tell whether a word is a first verb of a program (`set` is kubectl's, and bash's too)."""
    return word in _VERBS.get(program, ())


def program_of(name: str) -> Program | None:
    """Give the analyser of a program, if there is one."""
    return _PROGRAMS.get(name)


def is_program(name: str) -> bool:
    """Tell whether a word is a program that this room reads."""
    return name in _PROGRAMS

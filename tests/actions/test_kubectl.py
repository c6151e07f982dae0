"""The targets and the notes of kubectl commands."""

import pytest

from guardrails.actions.kinds import kind_of
from guardrails.actions.shell import analyse
from guardrails.core.toolaction import Effect, Operation, Target


def _kubectl(line: str) -> Operation:
    return next(o for o in analyse(f"kubectl {line}").operations if o.program == "kubectl")


def _t(kind: str, name: str = "", **fields: object) -> Target:
    return Target(kind=kind, name=name, **fields)  # pyright: ignore[reportArgumentType]  # test shorthand


@pytest.mark.parametrize(
    ("line", "targets"),
    [
        ("get pods", [_t("pod")]),
        ("get pods -A", [_t("pod", every_namespace=True)]),
        ("get po,svc -nshop", [_t("pod", namespace="shop"), _t("service", namespace="shop")]),
        ("get deploy/a --namespace=x", [_t("deployment", "a", namespace="x")]),
        ("get deployments.v1.apps a", [_t("deployment", "a")]),
        ("delete pod a b", [_t("pod", "a"), _t("pod", "b")]),
        (
            "-n shop delete deploy/a svc/b",
            [_t("deployment", "a", namespace="shop"), _t("service", "b", namespace="shop")],
        ),
        ("delete pods -l app=x", [_t("pod", selector="app=x")]),
        ("delete -f x.yaml", [_t("file", "x.yaml")]),
        ("delete ns $X", [_t("namespace")]),
        ("delete --raw /api/v1/x", [_t("url", "/api/v1/x")]),
        ("logs checkout-1 -c app -n s", [_t("pod", "checkout-1", namespace="s")]),
        ("logs deploy/checkout", [_t("deployment", "checkout")]),
        ("logs -l app=x -n s", [_t("pod", namespace="s", selector="app=x")]),
        ("exec -it x -n s -- ls", [_t("pod", "x", namespace="s")]),
        ("drain n1 --force", [_t("node", "n1")]),
        ("cordon n1 -n s", [_t("node", "n1")]),
        ("rollout restart deployment web", [_t("deployment", "web")]),
        ("rollout undo deployment/web --to-revision=2", [_t("deployment", "web")]),
        ("scale --replicas=3 deploy/a rs/b", [_t("deployment", "a"), _t("replicaset", "b")]),
        ("set image deployment/web app=img:2 -n s", [_t("deployment", "web", namespace="s")]),
        ("label pods a b env=x tier-", [_t("pod", "a"), _t("pod", "b")]),
        ("taint nodes n1 a=b:NoSchedule", [_t("node", "n1")]),
        ("create deployment web --image=x", [_t("deployment", "web")]),
        ("create secret generic s1 --from-literal=a=b", [_t("secret", "s1")]),
        ("create ns x", [_t("namespace", "x")]),
        ("run web --image=x", [_t("pod", "web")]),
        ("top pod web", [_t("pod", "web")]),
        ("cp shop/web:/a ./b", [_t("pod", "web", namespace="shop"), _t("file", "./b")]),
        ("port-forward svc/web 80:80", [_t("service", "web")]),
        ("patch hpa web -p {}", [_t("horizontalpodautoscaler", "web")]),
        ("get virtualservices.networking.istio.io", [_t("virtualservice")]),
        ("auth can-i delete pods", []),
        ("config view", []),
    ],
)
def test_targets(line: str, targets: list[Target]) -> None:
    """The objects that a command speaks of are read from its operands and flags."""
    assert list(_kubectl(line).targets) == targets


def test_a_dry_run_is_noted() -> None:
    """A dry run reads, and says so."""
    operation = _kubectl("delete pod a --dry-run=server")
    assert (operation.effect, operation.dry_run) == (Effect.READ, True)


def test_scaling_to_zero_is_a_write_that_says_what_it_does() -> None:
    """Scaling back puts it right, so it is no destruction; a person should still notice."""
    operation = _kubectl("scale deploy/a --replicas=0")
    assert operation.effect is Effect.WRITE
    assert "every replica" in operation.why


def test_impersonation_is_noted() -> None:
    """Acting as someone else is worth a word."""
    assert "impersonates" in _kubectl("get pods --as=admin").why


def test_exec_has_the_effect_of_what_it_runs() -> None:
    """The inner command is judged like any other."""
    assert _kubectl("exec a -- cat /etc/hosts").effect is Effect.READ
    assert _kubectl("exec a -- kill 1").effect is Effect.WRITE
    assert _kubectl("exec a -- rm -r /data").effect is Effect.DESTRUCTIVE


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("po", "pod"),
        ("Deployments", "deployment"),
        ("ingresses", "ingress"),
        ("networkpolicies", "networkpolicy"),
        ("endpoints", "endpoints"),
        ("storageclasses", "storageclass"),
        ("gateways.networking.istio.io", "gateway"),
        ("patches", "patch"),
    ],
)
def test_kinds_are_singular_and_plain(word: str, kind: str) -> None:
    """Short names, plurals and groups lead to one kind."""
    assert kind_of(word) == kind

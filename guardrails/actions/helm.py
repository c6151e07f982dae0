"""`helm` 3 and 4: releases are installed, upgraded, rolled back, uninstalled.

`--dry-run` is a switch in helm 3 and takes a value in helm 4; both hold it back. `template` and
`get` only print, unless an output directory or a post-renderer, which runs a program, is named.
"""

from guardrails.actions.invocation import FlagTable, Invocation, any_may_be_flag, sort_flags
from guardrails.actions.meaning import join, one, unclear
from guardrails.actions.tables import tokens
from guardrails.actions.verbs import GROUP, READ, WRITE, Verb, VerbProgram, rows
from guardrails.core.toolaction import Effect, Operation, ToolAction

_ROOT = FlagTable(
    valued=tokens(
        "-n --namespace --kube-context --kubeconfig --kube-apiserver --kube-as-user --kube-as-group"
        " --kube-ca-file --kube-token --kube-tls-server-name --registry-config --repository-cache"
        " --repository-config --burst-limit --qps --content-cache --color"
    ),
    switches=tokens("--debug --kube-insecure-skip-tls-verify -h --help"),
    stop_at_operand=True,
)
_FLAGS = FlagTable(
    valued=tokens(
        "-n --namespace --kube-context --kubeconfig --kube-apiserver --kube-as-user"
        " --kube-as-group --kube-ca-file --kube-token --kube-tls-server-name --registry-config"
        " --repository-cache --repository-config --burst-limit --qps -f --values --set"
        " --set-string --set-file --set-json --set-literal --version -o --output --timeout"
        " --description --history-max --post-renderer --post-renderer-args --repo --username"
        " --password --ca-file --cert-file --key-file --keyring --labels -l --selector --revision"
        " --max --max-col-width --offset -m --filter --output-dir -d --destination --kube-version"
        " --api-versions -s --show-only --name-template --cascade --template --server-side"
        " --untardir --devel-version --starter --app-version"
    ),
    switches=tokens(
        "-A --all-namespaces -a --all --atomic --rollback-on-failure --cleanup-on-fail"
        " --create-namespace --debug --dependency-update --devel --disable-openapi-validation"
        " --dry-run --enable-dns --force --force-replace --force-conflicts --generate-name -g -h"
        " --help --hide-notes --hide-secret --include-crds -i --install --insecure-skip-tls-verify"
        " --kube-insecure-skip-tls-verify --is-upgrade --keep-history --logs --no-headers"
        " --no-hooks --pass-credentials --plain-http --render-subchart-notes --replace"
        " --reset-then-reuse-values --reset-values --reuse-values -q --short --skip-crds"
        " --skip-schema-validation --skip-tests --superseded --deployed --failed --pending"
        " --uninstalled --uninstalling --take-ownership --untar --validate --verify --wait"
        " --wait-for-jobs -r --reverse --ignore-not-found --strict --with-subcharts --quiet"
        " --client -c --fail-on-no-result --force-update -v --date --regexp --versions"
        " --list-repo-url"
    ),
)
_RELEASE_WRITE = Verb(effect=Effect.WRITE, dry_run=True, kind="release")
_RELEASE_READ = Verb(effect=Effect.READ, kind="release")
_GONE = Verb(effect=Effect.DESTRUCTIVE, dry_run=True, kind="release")
_LOCAL = Verb(effect=Effect.WRITE, why="writes files here")

_READ_GET = rows(_RELEASE_READ, under="get", paths="all hooks manifest metadata notes values")
HELM = VerbProgram(
    program="helm",
    flags=_FLAGS,
    root=_ROOT,
    namespace_flags=("-n", "--namespace"),
    file_flags=("--output-dir",),
    verbs={
        **rows(_RELEASE_READ, paths="status history hist"),
        **rows(READ, paths="list ls env version template lint verify completion help search"),
        **rows(READ, under="search", paths="hub repo"),
        **rows(GROUP, paths="get show inspect repo dependency dep plugin registry"),
        **_READ_GET,
        **rows(READ, under="show", paths="all chart crds readme values"),
        **rows(READ, under="inspect", paths="all chart crds readme values"),
        **rows(READ, under="repo", paths="list ls"),
        **rows(READ, under="dependency", paths="list ls"),
        **rows(READ, under="dep", paths="list ls"),
        **rows(READ, under="plugin", paths="list ls"),
        **rows(_RELEASE_WRITE, paths="install upgrade rollback"),
        **rows(
            Verb(effect=Effect.WRITE, kind="release", why="runs the release's tests"), paths="test"
        ),
        **rows(_GONE, paths="uninstall delete del un"),
        **rows(_LOCAL, paths="pull fetch create package"),
        **rows(_LOCAL, under="repo", paths="add update up remove rm index"),
        **rows(_LOCAL, under="dependency", paths="update up build"),
        **rows(_LOCAL, under="dep", paths="update up build"),
        **rows(_LOCAL, under="plugin", paths="install uninstall update"),
        **rows(WRITE, paths="push"),
        **rows(WRITE, under="registry", paths="login logout"),
    },
)
_ONE_RELEASE = frozenset({"install", "upgrade", "rollback", "status", "history", "hist", "test"})


def helm(invocation: Invocation) -> ToolAction:
    """Tell what a `helm` command does."""
    flags = sort_flags(invocation.words, table=_FLAGS)
    action = HELM(invocation)
    renders = flags.operands[:1] in (["template"], ["lint"])
    if flags.given("--post-renderer") or (renders and any_may_be_flag(flags.operands)):
        return join([action, unclear("helm", why="a post-renderer runs a program")])
    if flags.given("--output-dir"):
        return join([action, one("helm", verb="--output-dir", effect=Effect.WRITE, why="files")])
    operation = action.operations[0]
    if operation.verb in _ONE_RELEASE and len(operation.targets) > 1:
        return _first_target(action, operation=operation)
    return action


def _first_target(action: ToolAction, *, operation: Operation) -> ToolAction:
    """Keep the release and drop the chart or the revision that follows it."""
    return one(
        "helm",
        verb=operation.verb,
        effect=operation.effect,
        targets=operation.targets[:1],
        dry_run=operation.dry_run,
        why=operation.why,
        understood=action.understood,
    )

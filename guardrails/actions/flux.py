"""`flux`: sources and their kustomizations and releases are reconciled, suspended, deleted."""

from guardrails.actions.invocation import FlagTable
from guardrails.actions.tables import tokens
from guardrails.actions.verbs import GROUP, READ, WRITE, Verb, VerbProgram, rows
from guardrails.core.toolaction import Effect

_ROOT = FlagTable(
    valued=tokens(
        "-n --namespace --context --cluster --kubeconfig --as --as-group --as-uid --as-user-extra"
        " --cache-dir --certificate-authority --client-certificate --client-key --kube-api-burst"
        " --kube-api-qps --server --timeout --tls-server-name --token --user"
    ),
    switches=tokens("--insecure-skip-tls-verify --disable-compression --verbose -h --help"),
    stop_at_operand=True,
)
_FLAGS = FlagTable(
    valued=tokens(
        "-n --namespace --context --cluster --kubeconfig --as --as-group --as-uid --as-user-extra"
        " --cache-dir --certificate-authority --client-certificate --client-key --kube-api-burst"
        " --kube-api-qps --server --timeout --tls-server-name --token --user --components"
        " --components-extra --export-file --path --url --branch --tag --interval --source --label"
        " --label-selector -l --for --types --kind --name --flux-namespace --since --tail --level"
        " --kustomization-file --recursive-depth --api-version -o --output --image-pull-secret"
        " --log-level --network-policy-mode --registry --version --creds --provider"
        " --target-namespace --status-selector --with-source-kind"
    ),
    switches=tokens(
        "--insecure-skip-tls-verify --disable-compression --verbose -h --help -A --all-namespaces"
        " --all -s --silent --with-source --force --reset --watch -w --follow -f --export"
        " --dry-run --no-header --wait --pre --recursive --keep-namespace --prune --client"
        " --compact --no-cross-namespace-refs --progress-bar --tree"
    ),
)
_DRY = Verb(effect=Effect.WRITE, dry_run=True)

FLUX = VerbProgram(
    program="flux",
    flags=_FLAGS,
    root=_ROOT,
    namespace_flags=("-n", "--namespace"),
    verbs={
        **rows(
            READ,
            paths="get check logs events stats trace tree version completion export diff build help"
            " debug envsubst",
        ),
        **rows(GROUP, paths="list"),
        **rows(READ, under="list", paths="artifact artifacts"),
        **rows(WRITE, paths="reconcile suspend resume create bootstrap migrate tag push"),
        **rows(_DRY, paths="install"),
        **rows(Verb(effect=Effect.WRITE, why="writes files here"), paths="pull"),
        **rows(Verb(effect=Effect.DESTRUCTIVE), paths="delete"),
        **rows(Verb(effect=Effect.DESTRUCTIVE, dry_run=True), paths="uninstall"),
    },
)
"""The analyser of `flux`. Its first word decides; even `create --export` counts as write."""

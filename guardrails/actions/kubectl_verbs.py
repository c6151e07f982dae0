"""The tables of `kubectl` 1.36: its verbs and its flags, taken from its own help.

`apply --prune`, `replace --force` and the like change a row's effect; those rules are in `kubectl`.
"""

from guardrails.actions.invocation import FlagTable
from guardrails.actions.tables import tokens
from guardrails.actions.verbs import GROUP, READ, WRITE, Verb, rows
from guardrails.core.toolaction import Effect

_DRY_WRITE = Verb(effect=Effect.WRITE, dry_run=True)
_DRY_DESTROY = Verb(effect=Effect.DESTRUCTIVE, dry_run=True)

KUBECTL_VERBS: dict[str, Verb] = {
    **rows(
        READ,
        paths="get describe logs events explain api-resources api-versions cluster-info version"
        " diff"
        " wait completion options kustomize attach top help",
    ),
    **rows(READ, under="top", paths="pod pods po node nodes no"),
    **rows(GROUP, paths="auth config kuberc plugin rollout set certificate alpha"),
    **rows(READ, under="auth", paths="can-i whoami"),
    **rows(READ, under="rollout", paths="status history"),
    **rows(READ, under="config", paths="view current-context get-contexts get-clusters get-users"),
    **rows(READ, under="kuberc", paths="view"),
    **rows(READ, under="plugin", paths="list"),
    **rows(READ, under="cluster-info", paths="dump"),
    **rows(READ, under="apply", paths="view-last-applied"),
    **rows(
        _DRY_WRITE,
        paths="annotate apply autoscale cordon create expose label patch replace run scale taint"
        " uncordon",
    ),
    **rows(_DRY_WRITE, under="apply", paths="set-last-applied"),
    **rows(_DRY_WRITE, under="auth", paths="reconcile"),
    **rows(_DRY_WRITE, under="rollout", paths="undo"),
    **rows(_DRY_WRITE, under="set", paths="env image resources selector serviceaccount sa subject"),
    **rows(WRITE, paths="edit exec debug cp"),
    **rows(WRITE, under="apply", paths="edit-last-applied"),
    **rows(WRITE, under="certificate", paths="approve deny"),
    **rows(WRITE, under="rollout", paths="restart pause resume"),
    **rows(WRITE, under="kuberc", paths="set"),
    **rows(
        Verb(effect=Effect.WRITE, why="changes the local kubeconfig"),
        under="config",
        paths="delete-cluster delete-context delete-user rename-context set set-cluster set-context"
        " set-credentials unset use-context use",
    ),
    "port-forward": Verb(effect=Effect.READ, why="opens a tunnel and sends nothing itself"),
    "proxy": Verb(effect=Effect.WRITE, why="opens the API server to every local process"),
    "delete": _DRY_DESTROY,
    "drain": _DRY_DESTROY,
}
"""Verb path to row."""

_GLOBAL = (
    "--as --as-group --as-uid --as-user-extra --cache-dir --certificate-authority"
    " --client-certificate --client-key --cluster --context --kubeconfig --kuberc"
    " --log-flush-frequency -n --namespace --password --profile --profile-output --request-timeout"
    " -s --server --tls-server-name --token --user --username -v --v --vmodule"
)
_VALUED = (
    " --address --annotations --api-group --api-prefix --api-versions --as-template --audience"
    " --bound-object-kind --bound-object-name --bound-object-uid -c --categories --chunk-size"
    " --claim --class --clusterip --clusterrole --concurrency --container --copy-to --cpu"
    " --cpu-percent --custom --default-backend --description --duration --env -e --external-ip"
    " --external-name --field-manager --field-selector -f --filename --for --from --from-env-file"
    " --from-file --from-literal --global-default --grace-period --group --hard --helm-command"
    " --image --image-pull-policy -k --kustomize --keys -L --label-columns -l --selector --labels"
    " --limit-bytes --limits --load-balancer-ip --max --max-log-requests --max-unavailable --memory"
    " --min --min-available --name --node-port --non-resource-url -o --output --output-directory"
    " --overrides --override-type -p --patch --patch-file --pod-running-timeout --pod-selector"
    " --port --ports --preemption-policy --prefix --profile-custom --protocol --prune-allowlist"
    " --raw --reject-methods --reject-paths --accept-hosts --accept-paths -r --replicas"
    " --current-replicas --requests --resource --resource-name --resource-version --restart"
    " --retries --revision --role --rule --schedule --scopes --server-cert --serviceaccount"
    " --session-affinity --set-image --since --since-time --skip-wait-for-delete-timeout --sort-by"
    " --subresource --tail --target --target-port --tcp --template --timeout --to-revision"
    " --type --types --unix-socket --value --verb --verbs -u --www --www-prefix -P --exec-command"
    " --auth-provider --auth-provider-arg --exec-api-version --exec-arg --exec-env"
    " --cert --key --docker-email --docker-password --docker-server --docker-username"
    " --network-plugin --mount --env-prefix --api-version"
)
_SWITCHES = (
    "-A --all-namespaces --all --allow-missing-template-keys --append-hash --arguments-only"
    " --attach"
    " --cached --cascade --command --containers --delete-emptydir-data --disable-compression"
    " --disable-eviction --disable-filter --dry-run --edit --enable-alpha-plugins --enable-helm"
    " --expose --flatten --force --force-conflicts --help -h -i --stdin --ignore-daemonsets"
    " --ignore-errors --ignore-not-found --insecure-skip-tls-verify"
    " --insecure-skip-tls-verify-backend"
    " --keep-annotations --keep-init-containers --keep-labels --keep-liveness --keep-readiness"
    " --keep-startup --leave-stdin-open --list --local --match-server-version --merge --minify"
    " --all-containers --all-pods --namespaced --no-headers --no-preserve --openapi-patch"
    " --overwrite"
    " --output-watch-events --interactive --previous --privileged --prune --prune-last-applied -q"
    " --quiet -R --recursive --remove-all --replace --resolve --rm --same-node --save-config"
    " --server-print --server-side --share-processes --show-capacity --show-events --show-kind"
    " --show-labels --show-managed-fields --show-swap --sum --set-raw-bytes --embed-certs -t --tty"
    " --timestamps --follow --validate --wait -w --watch --watch-only --warnings-as-errors"
    " --windows-line-endings --client --use-protocol-buffers --load-restrictor --create-annotation"
    " --record --ignore-strict --concise --reverse --tls-verify --detach-keys --allow-list"
    " --nameOnly --name-only --remove-extra-permissions --remove-extra-subjects --minimal"
)
FLAGS = FlagTable(valued=tokens(_GLOBAL + _VALUED), switches=tokens(_SWITCHES))
"""Flags of all verbs together: kubectl gives most letters one meaning everywhere."""

ROOT_FLAGS = FlagTable(
    valued=tokens(_GLOBAL),
    switches=tokens(
        "--disable-compression --insecure-skip-tls-verify --match-server-version"
        " --warnings-as-errors --help -h"
    ),
    stop_at_operand=True,
)
"""The global flags, which alone may stand before the verb."""

LOG_FLAGS = FlagTable(
    valued=FLAGS.valued - {"-f", "-p", "--prefix"},
    switches=FLAGS.switches | {"-f", "-p", "--prefix"},
)
"""`logs` reads `-f` as follow and `-p` as previous."""

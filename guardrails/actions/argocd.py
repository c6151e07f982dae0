"""`argocd`: applications are synced, rolled back, deleted; the rest of the server is administered.

`app sync --prune` deletes what the source no longer holds, so it is judged as destructive.
"""

from dataclasses import dataclass

from guardrails.actions.invocation import Flags, FlagTable
from guardrails.actions.meaning import one
from guardrails.actions.tables import tokens
from guardrails.actions.verbs import GROUP, READ, WRITE, FoundVerb, Verb, VerbProgram, rows
from guardrails.core.toolaction import Effect, ToolAction

_ROOT = FlagTable(
    valued=tokens(
        "--argocd-context --auth-token --client-crt --client-crt-key --config --controller-name"
        " --grpc-web-root-path -H --header --http-retry-max --kube-context --logformat --loglevel"
        " --port-forward-namespace --redis-haproxy-name --redis-name --repo-server-name --server"
        " --server-crt --server-name --redis-compress"
    ),
    switches=tokens(
        "--core --grpc-web --insecure --plaintext --port-forward --prompts-enabled -h --help"
    ),
    stop_at_operand=True,
)
_FLAGS = FlagTable(
    valued=tokens(
        "--argocd-context --auth-token --client-crt --client-crt-key --config --controller-name"
        " --grpc-web-root-path -H --header --http-retry-max --kube-context --logformat --loglevel"
        " --port-forward-namespace --redis-haproxy-name --redis-name --repo-server-name --server"
        " --server-crt --server-name -o --output -l --selector -p --project -N --app-namespace"
        " --revision --revisions --source-positions --resource --label --timeout --retry-limit"
        " --retry-backoff-duration --strategy --group --kind --name --namespace --resource-name"
        " --container --tail --since-seconds --since-time --until-time --filter --repo --path"
        " --dest-server --dest-namespace --dest-name --helm-set --helm-set-string --values"
        " --parameter --sync-policy --sync-option --local --local-repo-root --patch --patch-type"
        " --propagation-policy --cluster --env --account --current-password --new-password"
        " --username --password --ssh-private-key-path --type --info -c --in-cluster --id -f"
        " --file --kustomize-image --operation --dry-run-mode --show-params-for"
    ),
    switches=tokens(
        "--core --grpc-web --insecure --plaintext --port-forward --prompts-enabled -h --help"
        " --async --dry-run --prune --force --replace --server-side --preview-changes"
        " --hard-refresh --refresh --health --operation-only --sync --suspended --degraded"
        " --delete --cascade -y --yes --follow -F --previous --all --orphaned --show-operation"
        " --show-params --exit-code --server-side-generate --self-heal --auto-prune"
        " --apply-out-of-sync-only --assumeYes --upsert --sso --skip-test-tls"
        " --insecure-skip-server-verification --short --client --hydrated --detailed --wait -w"
    ),
)
_APP = Verb(effect=Effect.READ, kind="application")
_APP_WRITE = Verb(effect=Effect.WRITE, kind="application", dry_run=True)
_APP_GONE = Verb(effect=Effect.DESTRUCTIVE, kind="application")
_NOUNS = "account appset cert cluster gpg proj repo repocreds context configure admin"
_LOOKS = "list get ls history can-i get-user-info"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Argocd(VerbProgram):
    def judge(self, found: FoundVerb, *, flags: Flags) -> ToolAction:
        """Let `--prune` and `--force` weigh on a sync."""
        action = VerbProgram.judge(self, found, flags=flags)
        if found.path in {"app sync", "app rollback"} and flags.has(
            "--prune", "--force", "--replace"
        ):
            operation = action.operations[0]
            if operation.effect is Effect.WRITE:
                return one(
                    "argocd",
                    verb=found.path,
                    effect=Effect.DESTRUCTIVE,
                    targets=operation.targets,
                    why="deletes or recreates objects",
                )
        return action


ARGOCD = _Argocd(
    program="argocd",
    flags=_FLAGS,
    root=_ROOT,
    namespace_flags=("-N", "--app-namespace"),
    verbs={
        **rows(GROUP, paths=f"app {_NOUNS}"),
        **rows(READ, paths="version completion help"),
        **rows(READ, under="app", paths="list ls"),
        **rows(
            _APP, under="app", paths="get history diff logs manifests resources wait get-resource"
        ),
        **rows(_APP, under="app actions", paths="list"),
        **rows(
            _APP_WRITE,
            under="app",
            paths="sync rollback set unset edit patch create add-source confirm-deletion",
        ),
        **rows(Verb(effect=Effect.WRITE, kind="application"), under="app", paths="terminate-op"),
        **rows(WRITE, under="app", paths="patch-resource"),
        **rows(WRITE, under="app actions", paths="run"),
        **rows(_APP_GONE, under="app", paths="delete delete-resource remove-source"),
        **{
            path: row
            for noun in _NOUNS.split()
            for path, row in {
                **rows(READ, under=noun, paths=_LOOKS),
                **rows(
                    WRITE, under=noun, paths="add add-ssh add-tls set create edit update rotate"
                ),
                **rows(Verb(effect=Effect.DESTRUCTIVE), under=noun, paths="rm delete remove"),
            }.items()
        },
        **rows(GROUP, under="proj", paths="windows"),
        **rows(READ, under="proj windows", paths="list"),
        **rows(
            WRITE,
            under="proj windows",
            paths="add update delete enable-manual-sync disable-manual-sync",
        ),
        **rows(WRITE, under="account", paths="generate-token update-password"),
        **rows(READ, under="account", paths="bcrypt session-token"),
        **rows(WRITE, paths="login logout relogin"),
    },
)
"""The analyser of `argocd`."""

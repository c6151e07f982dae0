"""`istioctl`: it mostly looks (`proxy-status`, `analyze`); install and tag change the mesh."""

from dataclasses import dataclass

from guardrails.actions.invocation import Flags, FlagTable
from guardrails.actions.meaning import one
from guardrails.actions.tables import tokens
from guardrails.actions.verbs import GROUP, READ, WRITE, FoundVerb, Verb, VerbProgram, rows
from guardrails.core.toolaction import Effect, ToolAction

_FLAGS = FlagTable(
    valued=tokens(
        "-n --namespace -i --istioNamespace -c --kubeconfig --context --as --as-group --as-uid"
        " --vklog --kubeclient-timeout -o --output -f --filename --file -s --set --revision -r"
        " --manifests -d --charts --timeout --proxy-admin-port --port --fqdn --direction --type"
        " --address --status --name --name-template --level --stack-trace-level -p --component"
        " --readiness-timeout --suppress -S --failure-threshold --message-timeout --meshConfigFile"
        " --injectConfigFile --log_output_level --log_target --selector -l --include --exclude"
        " --duration --start-time --end-time --dir --cluster-name --listenAddress --browser-name"
        " --xds-address --xds-port --cert-dir --endpoints"
    ),
    switches=tokens(
        "-h --help -A --all-namespaces --all --dry-run --force -y --skip-confirmation --purge"
        " --verify --recursive -R --color --use-kube -k --verbose -v --short --remote --insecure"
        " --plaintext --reset --static --xds-via-agents --overwrite --list-analyzers"
        " --ignore-unknown --output-threshold --browser"
    ),
)
_X = ("x", "experimental")
_PROXY_LISTS = (
    "all a bootstrap b cluster clusters c ecds ec endpoint endpoints ep listener listeners l"
    " rootca-compare rc route routes r secret secrets s certificate certificates cert certs"
    " connection connections policy policies service services svc workload workloads w log o"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Istioctl(VerbProgram):
    def judge(self, found: FoundVerb, *, flags: Flags) -> ToolAction:
        """Let the flags weigh that make a look change a log level or write files."""
        action = VerbProgram.judge(self, found, flags=flags)
        if found.path.endswith((" log", " o")) and (
            flags.given("--level") or flags.has("-r", "--reset")
        ):
            return one(
                "istioctl",
                verb=found.path,
                effect=Effect.WRITE,
                why="changes the proxy's log level",
            )
        if found.path == "manifest generate" and flags.given(
            "-o", "--output"
        ):  # elsewhere a format
            return one("istioctl", verb=found.path, effect=Effect.WRITE, why="writes files here")
        return action


ISTIOCTL = _Istioctl(
    program="istioctl",
    flags=_FLAGS,
    namespace_flags=("-n", "--namespace"),
    verbs={
        **rows(
            READ,
            paths="analyze version proxy-status ps validate completion help"
            " verify-install options dashboard dash d",
        ),
        **rows(
            GROUP,
            paths="manifest tag profile operator waypoint experimental x proxy-config pc"
            " ztunnel-config zc",
        ),
        **rows(Verb(effect=Effect.WRITE, why="writes an archive here"), paths="bug-report"),
        **{
            path: row
            for group in ("proxy-config", "pc", "ztunnel-config", "zc")
            for path, row in {
                **rows(READ, under=group, paths=_PROXY_LISTS),
            }.items()
        },
        **rows(READ, under="manifest", paths="generate diff translate"),
        **rows(READ, under="profile", paths="list dump diff"),
        **rows(READ, under="tag", paths="list generate"),
        **rows(READ, under="waypoint", paths="list status generate"),
        **rows(READ, under="operator", paths="dump"),
        **rows(Verb(effect=Effect.WRITE, dry_run=True), paths="install upgrade"),
        **rows(Verb(effect=Effect.WRITE, dry_run=True), under="manifest", paths="install apply"),
        **rows(WRITE, paths="create-remote-secret remote-clusters kube-inject admin"),
        **rows(WRITE, under="tag", paths="set"),
        **rows(WRITE, under="waypoint", paths="apply"),
        **rows(WRITE, under="operator", paths="init"),
        **rows(Verb(effect=Effect.DESTRUCTIVE, dry_run=True), paths="uninstall"),
        **rows(Verb(effect=Effect.DESTRUCTIVE), under="tag", paths="remove"),
        **rows(Verb(effect=Effect.DESTRUCTIVE), under="waypoint", paths="delete"),
        **rows(Verb(effect=Effect.DESTRUCTIVE), under="operator", paths="remove"),
        **{
            path: row
            for group in _X
            for path, row in {
                **rows(READ, under=group, paths="describe authz config metrics proxy-status ps"),
                **rows(READ, under=group, paths="precheck version check-inject wait"),
                **rows(WRITE, under=group, paths="workload add-to-mesh kube-uninject"),
                **rows(
                    Verb(effect=Effect.DESTRUCTIVE), under=group, paths="uninstall remove-from-mesh"
                ),
            }.items()
        },
    },
)
"""The analyser of `istioctl`."""

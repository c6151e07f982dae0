"""Prometheus's own tools: `promtool` and `logcli` ask; `amtool` can silence alerts.

A silence hides an alert from people, so adding or expiring one is a write.
"""

from guardrails.actions.invocation import FlagTable, Program
from guardrails.actions.tables import tokens
from guardrails.actions.verbs import GROUP, READ, WRITE, Verb, VerbProgram, rows
from guardrails.core.toolaction import Effect

_QUERY = Verb(effect=Effect.READ)

PROMTOOL = VerbProgram(
    program="promtool",
    file_flags=("--junit",),
    flags=FlagTable(
        valued=tokens(
            "--http.config.file --url --format -o --start --end --step --time --match --header"
            " --lint --ignore-unknown --label --duration --threshold --query --timeout --limit"
            " --junit --run"
        ),
        switches=tokens(
            "-h --help --version --experimental --lint-fatal --syntax-only --agent --extended"
            " --diff --debug --no-lint-fatal"
        ),
    ),
    verbs={
        **rows(GROUP, paths="check query test debug tsdb push promql"),
        **rows(
            READ, under="check", paths="config web-config rules metrics service-discovery healthy"
        ),
        **rows(READ, under="check", paths="ready"),
        **rows(_QUERY, under="query", paths="instant range series labels analyze"),
        **rows(READ, under="test", paths="rules"),
        **rows(
            Verb(effect=Effect.WRITE, why="writes a file"), under="debug", paths="all pprof metrics"
        ),
        **rows(READ, under="tsdb", paths="analyze list dump dump-openmetrics"),
        **rows(WRITE, under="tsdb", paths="bench create-blocks-from"),
        **rows(WRITE, under="push", paths="metrics"),
        **rows(READ, under="promql", paths="format"),
        **rows(Verb(effect=Effect.READ), paths="help"),
    },
)
_AMTOOL = VerbProgram(
    program="amtool",
    flags=FlagTable(
        valued=tokens(
            "--alertmanager.url -o --output --timeout --http.config.file -a --author -c --comment"
            " -d --duration --start --end --date.format -r --receiver --config.file --tree"
            " --within --created-by --id --annotation --generator-url --template.glob"
            " --template.text --template.type --template.data --verify.receivers"
        ),
        switches=tokens(
            "-h --help --version -v --verbose --version-check --require-comment --expired -q"
            " --quiet -s --silenced -i --inhibited --active -u --unprocessed -f --force"
            " --enable-feature --no-version-check --no-require-comment"
        ),
    ),
    verbs={
        **rows(GROUP, paths="alert silence config cluster template"),
        **rows(READ, paths="check-config help"),
        **rows(READ, under="alert", paths="query"),
        **rows(WRITE, under="alert", paths="add"),
        **rows(READ, under="silence", paths="query"),
        **rows(WRITE, under="silence", paths="add expire import update"),
        **rows(READ, under="config", paths="show routes"),
        **rows(READ, under="cluster", paths="show"),
        **rows(READ, under="template", paths="render"),
    },
)
_LOGCLI = VerbProgram(
    program="logcli",
    file_flags=("--part-path-prefix",),
    flags=FlagTable(
        valued=tokens(
            "--addr --username --password --ca-cert --cert --key --org-id --query-tags"
            " --bearer-token --bearer-token-file --retries --limit --since --from --to --step"
            " --interval --batch -o --output -z --timezone --include-label --exclude-label --now"
            " --match --analyze-labels --part-path-prefix --delay-for -t --parallel-max-workers"
            " --parallel-duration"
        ),
        switches=tokens(
            "-q --quiet -h --help --version --forward --tail -f --stats --no-labels"
            " --colored-output --tls-skip-verify"
        ),
    ),
    verbs={
        **rows(
            READ,
            paths="query instant-query labels series stats volume volume_range fmt help"
            " detected-fields",
        ),
        **rows(Verb(effect=Effect.DESTRUCTIVE), paths="delete"),
    },
)
PROMETHEUS_PROGRAMS: dict[str, Program] = {
    "promtool": PROMTOOL,
    "amtool": _AMTOOL,
    "logcli": _LOGCLI,
}
"""Tools of Prometheus, Alertmanager and Loki."""

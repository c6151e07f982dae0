"""`curl` and `wget`: the method decides, and whether the answer lands in a file.

A POST to a query endpoint of Prometheus, Loki or Elasticsearch only asks. A URL that only the
running shell knows could hold flags, and a configuration file could hold anything.
"""

import re

from guardrails.actions.invocation import Flags, FlagTable, Invocation, may_be_flag, sort_flags
from guardrails.actions.meaning import file_targets, join, known, one, unclear
from guardrails.actions.tables import tokens
from guardrails.core.toolaction import Effect, Target, ToolAction

_CURL = FlagTable(
    valued=tokens(
        "-A --user-agent -b --cookie -c --cookie-jar -C --continue-at -d --data --data-ascii"
        " --data-binary --data-raw --data-urlencode -D --dump-header -e --referer -E --cert -F"
        " --form --form-string -H --header -K --config -m --max-time -o --output -P --ftp-port -Q"
        " --quote -r --range -t --telnet-option -T --upload-file -u --user -U --proxy-user -w"
        " --write-out -x --proxy -X --request -y --speed-time -Y --speed-limit -z --time-cond"
        " --json --url --cacert --capath --cert-type --ciphers --connect-timeout --connect-to"
        " --interface --key --key-type --limit-rate --local-port --max-filesize --max-redirs"
        " --noproxy --oauth2-bearer --output-dir --pass --proto --proto-redir --resolve --retry"
        " --retry-delay --retry-max-time --stderr --trace --trace-ascii --tls-max --unix-socket"
        " --abstract-unix-socket --url-query --variable --etag-save --etag-compare --hsts"
        " --alt-svc --libcurl --aws-sigv4 --doh-url --dns-servers --keepalive-time"
        " --expect100-timeout --happy-eyeballs-timeout-ms --service-name --rate --socks5"
        " --socks5-hostname --socks4 --socks4a --preproxy --netrc-file --pinnedpubkey"
        " --request-target --create-file-mode --parallel-max --engine"
    ),
    switches=tokens(
        "-0 -1 -2 -3 -4 -6 -a -f -g -G -h -i -I -j -J -k -l -L -M -n -N -O -p -q -R -s -S -v -V"
        " -Z -# -: --append --fail --fail-with-body --fail-early --globoff --get --help --include"
        " --head --insecure --junk-session-cookies --remote-header-name --remote-name"
        " --remote-name-all --list-only --location --location-trusted --manual --netrc --no-buffer"
        " --proxytunnel --disable --remote-time --silent --show-error --verbose --version"
        " --parallel --progress-bar --next --compressed --http1.0 --http1.1 --http2"
        " --http2-prior-knowledge --http3 --ipv4 --ipv6 --tlsv1 --tlsv1.0 --tlsv1.1 --tlsv1.2"
        " --tlsv1.3 --no-progress-meter --retry-all-errors --retry-connrefused --basic --digest"
        " --negotiate --ntlm --anyauth --path-as-is --raw --no-alpn --no-keepalive --no-sessionid"
        " --styled-output --no-styled-output --tcp-nodelay --trace-time --post301 --post302"
        " --post303 --create-dirs --ssl --ssl-reqd --compressed-ssh --disable-eprt --disable-epsv"
        " --cert-status --tcp-fastopen --suppress-connect-headers --proxy-insecure --ssl-no-revoke"
        " --xattr --no-clobber --remove-on-error --metalink"
    ),
)
_BODIES = (
    *("-d", "--data", "--data-ascii", "--data-binary", "--data-raw", "--data-urlencode"),
    *("-F", "--form", "--form-string", "--json"),
)
_FILES = (
    *("-o", "--output", "-c", "--cookie-jar", "-D", "--dump-header", "--trace", "--trace-ascii"),
    *("--stderr", "--etag-save", "--hsts", "--alt-svc", "--libcurl"),
)
_NO_FILE = re.compile(r"-|/dev/(?:null|stdout|stderr|fd/\d+)")
_READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ASKS = re.compile(
    r"[^?#]*/(?:api/v1/(?:query|query_range|query_exemplars|series|labels|format_query|parse_query"
    r"|tail)|loki/api/v1/[a-z_/]*|_search|_count|_msearch|api/ds/query|api/search"
    r"|selfsubject(?:access|rules)reviews)/?(?:[?#]|$)"
)
"""Paths at which a POST only asks; Loki's `push` and `delete` are taken out below."""
_DELETES = re.compile(
    r"/api/v1/admin/tsdb/(?:delete_series|clean_tombstones)|/loki/api/v1/delete|/_delete_by_query"
)
"""Paths of Prometheus, Loki and Elasticsearch that delete data by POST."""
_LOKI_WRITES = re.compile(r"/loki/api/v1/(?:push|delete|rules)")


def curl(invocation: Invocation) -> ToolAction:
    """Tell what a `curl` command does."""
    flags = sort_flags(invocation.words, table=_CURL)
    urls = [*flags.operands, *flags.all("--url"), *(flags.rest or ())]
    if _undecided(flags, urls=urls):
        return join(
            [
                unclear("curl", why="a flag or a URL that is not known"),
                _request("curl", method=_curl_method(flags), urls=urls),
            ]
        )
    request = _request("curl", method=_curl_method(flags), urls=urls)
    files = [name for name in flags.all(*_FILES) if not _NO_FILE.fullmatch(name)]
    if flags.given("-O", "--remote-name", "--remote-name-all", "-J"):
        files.append("")
    if not files:
        return request
    return join([request, one("curl", verb="-o", effect=Effect.WRITE, targets=file_targets(files))])


def _undecided(flags: Flags, *, urls: list[str]) -> bool:
    return bool(
        flags.unknown
        or flags.given("-K", "--config", "--next", "-:", "-Q", "--quote", "-t", "--telnet-option")
        or any(may_be_flag(url) for url in urls)
        or any(
            "%output{" in text or text.startswith("@") for text in flags.all("-w", "--write-out")
        )
    )


def _curl_method(flags: Flags) -> str:
    method = flags.last("-X", "--request")
    if method:
        return known(method).upper() or "?"
    if flags.given("-T", "--upload-file"):
        return "PUT"
    if flags.given("-G", "--get"):
        return "GET"
    if any(name in flags.values for name in _BODIES):
        return "POST"
    return "HEAD" if flags.given("-I", "--head") else "GET"


def _request(program: str, *, method: str, urls: list[str]) -> ToolAction:
    """Judge one HTTP request by its method."""
    why = ""
    if method in _READ_METHODS:
        effect = Effect.READ
    elif method == "DELETE" or any(_DELETES.search(url) for url in urls):
        effect = Effect.DESTRUCTIVE
    elif method == "POST" and urls and all(only_asks(url) for url in urls):
        effect, why = Effect.READ, "a query endpoint"
    else:
        effect = Effect.WRITE
    targets = tuple(Target(kind="url", name=known(url)) for url in urls)
    if any(not url.lower().startswith(("http://", "https://")) and "://" in url for url in urls):
        return unclear(program, verb=method, targets=targets, why="a scheme that is not HTTP")
    return one(program, verb=method, effect=effect, targets=targets, why=why)


def only_asks(url: str) -> bool:
    """Tell whether a POST to this URL only asks (a query endpoint)."""
    return bool(known(url) and _ASKS.match(url) and not _LOKI_WRITES.search(url))


_WGET = FlagTable(
    valued=tokens(
        "-O --output-document -o --output-file -a --append-output -P --directory-prefix -t"
        " --tries -T --timeout --connect-timeout --read-timeout --dns-timeout --header -U"
        " --user-agent --user --password --http-user --http-password --post-data --post-file"
        " --method --body-data --body-file -w --wait --ca-certificate --certificate --private-key"
        " --secure-protocol --max-redirect --bind-address"
    ),
    switches=tokens(
        "-q --quiet -S --server-response --spider -v --verbose -nv --no-verbose -c --continue -4"
        " -6 --no-check-certificate --no-proxy --content-on-error -d --debug --no-cache -h --help"
        " -V --version -N --timestamping --no-hsts"
    ),
)


def wget(invocation: Invocation) -> ToolAction:
    """Tell what a `wget` command does: without `-O -` it writes a file."""
    words = tuple(word for word in invocation.words if word not in {"-nv", "-nc"})
    flags = sort_flags(words, table=_WGET)
    urls = [*flags.operands, *(flags.rest or ())]
    method = known(flags.last("--method")).upper() if flags.last("--method") else "GET"
    if flags.given("--post-data", "--post-file"):
        method = "POST"
    request = _request("wget", method=method or "?", urls=urls)
    if flags.unknown or any(may_be_flag(url) for url in urls):
        return join([unclear("wget", why="a flag or a URL that is not known"), request])
    logs = [name for name in flags.all("-o", "-a") if not _NO_FILE.fullmatch(name)]
    output = flags.last("-O", "--output-document")
    printed = flags.given("--spider", "--help", "--version", "-V", "-h")
    if (printed or _NO_FILE.fullmatch(output)) and not logs:
        return request
    return join(
        [request, one("wget", verb="-O", effect=Effect.WRITE, targets=file_targets([output]))]
    )

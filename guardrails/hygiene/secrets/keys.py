"""Which names say that their value is a secret, and which values are none.

The last words of a name decide: `DB_PASSWORD`, `clientSecret` and `aws_secret_access_key` hold a
secret, `passwordSecretRef`, `token_type`, `max_tokens` and `secretName` do not.
"""

import base64
import binascii
import re
from functools import lru_cache

from guardrails.actions.tables import tokens

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_PASSWORDS = ("password", "passwd", "passphrase", "passcode")
_TWO_WORDS = {
    "apikey": "api-key",
    "accesskey": "access-key",
    "secretkey": "secret-key",
    "accountkey": "access-key",
    "storagekey": "access-key",
    "privatekey": "private-key",
    "sshkey": "private-key",
    "encryptionkey": "encryption-key",
    "signingkey": "encryption-key",
    "masterkey": "encryption-key",
    "sharedkey": "encryption-key",
    "authkey": "api-key",
    "servicekey": "api-key",
    "licensekey": "api-key",
}
_ENDS = re.compile(r"(api|access|secret|account|private|encryption|signing)key$")
_TOKEN_OF_PAGES = tokens(
    "next page nextpage continue continuation max min sync start end unexpected eos bos pad unk"
    " num total account input output prompt completion cursor per"
)
"""Words before `token` of what is no credential: places in a list, counts, parsers."""
_SECRET_OF = tokens(
    "client app jwt webhook signing api consumer oauth session cookie auth shared aws hmac"
    " application encryption master access token csrf user db database access"
)
"""Words before `secret` that make its value a secret; else it may be the name of a Secret."""

IN_OBJECT = "kubernetes-secret"
"""Kind of what a Secret holds: there is no doubt that it is one."""
NAMED = "secret-or-name"
"""What `kind_of` says of a key whose value may be the name of a Kubernetes Secret."""


@lru_cache(maxsize=4096)
def kind_of(key: str) -> str | None:
    """Tell of which kind the value of a key is, or `None` if it is no secret.

    >>> kind_of("AWS_SECRET_ACCESS_KEY"), kind_of("secretName")
    ('access-key', None)
    """
    words = [word.lower() for word in _WORD.findall(key)]
    if not words:
        return None
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    joined = before + last
    if last.endswith(_PASSWORDS) or (last == "pass" and before) or last in {"pass", "pwd"}:
        return None if key in {"PWD", "OLDPWD"} else "password"
    if last.endswith("token"):
        return None if before in _TOKEN_OF_PAGES else "token"
    if last.endswith("secret"):
        known = before in _SECRET_OF or (last != "secret" and last[:-6] in _SECRET_OF)
        return "secret" if known or _is_variable(key) else NAMED
    if found := _TWO_WORDS.get(joined):
        return found
    if last.endswith("key") and (match := _ENDS.search(last)):
        return _TWO_WORDS[match[1] + "key"]
    return {
        "authorization": "authorization",
        "cookie": "cookie",
        "auth": "docker-auth",
        "credential": NAMED,
        "credentials": NAMED,
        "data": "private-key" if words[-3:] == ["client", "key", "data"] else None,
    }.get(last)


def _is_variable(key: str) -> bool:
    return key.isupper() and "_" in key


_NO_VALUE = tokens(
    "true false null none nil yes no on off undefined unset empty required optional missing invalid"
    " incorrect wrong expired string str bytes int integer bool boolean object any password token"
    " secret authorization redacted hidden masked sensitive unknown default disabled enabled not is"
    " was has must pass pwd username the a an and or for of in to from with"
)
"""What stands behind a name when no value does: types, states, the next word of a sentence."""
_PLACEHOLDER = re.compile(
    r"<|\$[({]|\$[A-Za-z_]\w*$|%[({]|%[sv]$|\{\{|\{[\w.]*\}$|\[redacted:|\[REDACTED|\*{2,}"
    r"|[|>][+-]?$|x{3,}$|X{3,}$|\.{3}|…|-+$|_+$|(?i:(?:your|my|the|some|example)[-_ ])"
    r"|[\^~>=v]{0,2}\d+\.\d+\.\d[\w.+-]{0,20}$"
)
"""How templates, variables, heads of YAML blocks, masks, ellipses and versions of packages look."""
_ELSEWHERE = re.compile(
    r"(?:\.{0,2}|~)/(?:[\w.-]+/)+[\w.-]*$|/(?:var|etc|run|home|opt|tmp|mnt|usr|root|secrets?)\b"
    r"|vault:|(?:ref\+\w+|op|file|env|awssm|gcpsm|secretref)://?|arn:|projects/"
)
"""Where a secret can be found is none: paths, references, resource names."""
_SENTENCE = re.compile(r"[A-Z][a-z]+(?: [A-Za-z,']+)+\.$")
"""`password: Password for authentication.`, as schemas describe their fields."""
_CODE = re.compile(
    r"[A-Za-z_]\w*(?:\.\w+)*[(\[]|(?:os|self|config|cfg|settings|process|args|options|data|req"
    r"|request|resp|response|env|values|params|this|var|local|module|input)\.[A-Za-z_]"
)
"""`os.environ[...]`, `get_token(`, `config.password`."""
_NUMBER = re.compile(r"[+-]?[\d.,_]+(?:[a-zA-Z%]{1,2}| bytes)?$")
_OBJECT_NAME = re.compile(r"[a-z][a-z]*$|[a-z0-9]+(?:[-./][a-z0-9]+)+$")
"""What a Secret may be called: one word, or words with dashes (DNS-1123)."""
_LEAST_IN_PROSE = 8
"""Characters of a token in the midst of a line; `token: foo` is how parsers complain."""


def is_secret(value: str, *, kind: str, quoted: bool, sure: bool) -> bool:
    """Tell whether the value behind a secret's name is one.

    Args:
        value: What stands behind the name, without its quotes.
        kind: What `kind_of` said of the name.
        quoted: Whether it stood in quotes: then it is no number and no code.
        sure: Whether the place leaves no doubt (a quoted value, `name=value`, a line of its own).
    """
    if not value or _PLACEHOLDER.match(value):
        return False
    if kind == IN_OBJECT:
        return True
    if _ELSEWHERE.match(value):
        return False
    first, _, more = value.partition(" ")
    if first.rstrip(".,:;!=").lower() in _NO_VALUE and not (more and quoted):
        return False
    if more and not quoted and _SENTENCE.match(value):
        return False
    if not quoted and (_NUMBER.match(first) or _NUMBER.match(value) or _CODE.match(value)):
        return False
    if kind == "docker-auth":
        return _is_basic(value)
    if kind == NAMED:
        return not _OBJECT_NAME.match(value) and " " not in value and len(value) > 1
    if kind in {"cookie", "private-key"}:
        return len(value) >= _LEAST_IN_PROSE
    if sure:
        return True
    plain = value.rstrip(".,:;!").isalpha() and (value.islower() or value.istitle())
    return not plain and (kind == "password" or len(value) >= _LEAST_IN_PROSE)


def _is_basic(value: str) -> bool:
    """Tell whether a value is base64 of `user:password`, as Docker's configuration holds it."""
    try:
        return b":" in base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False

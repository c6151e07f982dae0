"""Who may do what: bearer tokens and RBAC rules of the simulated API server.

Every user has either no rules list (cluster admin) or RBAC policy rules, each of which may be
limited to namespaces; refusals are worded as the real authorizer words them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from guardrails.testing.sim.kinds import Kind, Obj, part
from guardrails.testing.sim.status import StatusError, bad_request, forbidden, unauthorized


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One RBAC policy rule; `namespaces` empty means the whole cluster."""

    verbs: frozenset[str]
    groups: frozenset[str]
    resources: frozenset[str]
    names: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()

    @classmethod
    def from_policy(cls, rule: Obj) -> "Rule":
        """From the shape of a Role's rule, with an extra `namespaces` list."""
        return cls(
            verbs=frozenset(rule["verbs"]),
            groups=frozenset(rule.get("apiGroups", [""])),
            resources=frozenset(rule.get("resources", ())),
            names=frozenset(rule.get("resourceNames", ())),
            namespaces=frozenset(rule.get("namespaces", ())),
        )

    def allows(self, ask: "Ask") -> bool:
        """Whether this rule grants the request."""
        return (
            bool(self.verbs & {"*", ask.verb})
            and bool(self.groups & {"*", ask.group})
            and bool(self.resources & {"*", ask.resource, f"*/{ask.resource.partition('/')[2]}"})
            and (not self.names or ask.name in self.names)
            and (not self.namespaces or ask.namespace in self.namespaces)
        )

    def to_policy(self) -> Obj:
        """As a SelfSubjectRulesReview reports it."""
        found: Obj = {
            "verbs": sorted(self.verbs),
            "apiGroups": sorted(self.groups),
            "resources": sorted(self.resources),
        }
        if self.names:
            found["resourceNames"] = sorted(self.names)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request, as the authorizer sees it."""

    verb: str
    group: str
    resource: str
    """The plural, with `/subresource` when there is one."""
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An authenticated caller."""

    name: str
    rules: tuple[Rule, ...] | None = None
    """`None` is a cluster admin."""

    def may(self, ask: Ask) -> bool:
        """Whether any rule grants the request."""
        return self.rules is None or any(rule.allows(ask) for rule in self.rules)


class Users:
    """The tokens that the API server knows. Anonymous requests are refused."""

    def __init__(self) -> None:
        self._by_token: dict[str, User] = {}
        self._tokens: dict[str, str] = {}

    def add(self, name: str, *, token: str, rules: Sequence[Obj] | None) -> None:
        """Make a user known, or replace its token and rules."""
        self._by_token.pop(self._tokens.get(name, ""), None)
        parsed = None if rules is None else tuple(Rule.from_policy(rule) for rule in rules)
        self._by_token[token] = User(name=name, rules=parsed)
        self._tokens[name] = token

    def revoke(self, name: str) -> None:
        """Let a user's token expire: from now on it gets 401."""
        self._by_token.pop(self._tokens.get(name, ""), None)

    def token(self, name: str) -> str:
        """A user's token.

        Raises:
            KeyError: If the user was never added.
        """
        if name not in self._tokens:
            known = ", ".join(sorted(self._tokens))
            raise KeyError(f"no user {name!r}; add it with add_user, known are {known}")
        return self._tokens[name]

    def find(self, token: str) -> User | None:
        """The user of a token; None when it is nobody's."""
        return self._by_token.get(token)

    def authenticate(self, headers: dict[str, str]) -> User:
        """The user of a request.

        Raises:
            StatusError: 401.
        """
        scheme, _, token = headers.get("authorization", "").partition(" ")
        user = self._by_token.get(token) if scheme.lower() == "bearer" else None
        if user is None:
            raise unauthorized()
        return user


def refuse(user: User, ask: Ask, *, kind: Kind | None) -> StatusError:
    """The 403 for a request that no rule grants."""
    where = f'in the namespace "{ask.namespace}"' if ask.namespace else "at the cluster scope"
    why = (
        f'User "{user.name}" cannot {ask.verb} resource "{ask.resource}" '
        f'in API group "{ask.group}" {where}'
    )
    return forbidden(why, kind=kind, name=ask.name)


def review(user: User, plural: str, body: Obj, *, users: Users) -> Obj:
    """Answer a review: of oneself, or of whose a token is.

    Raises:
        StatusError: 400 for a review that asks nothing, 403 for one that is not everybody's.
    """
    spec: Obj = part(body, "spec")
    match plural:
        case "tokenreviews":
            ask = Ask(verb="create", group="authentication.k8s.io", resource=plural)
            if not user.may(ask):
                raise refuse(user, ask, kind=None)
            return {**body, "status": _owner(users.find(str(spec.get("token", ""))), spec)}
        case "selfsubjectaccessreviews":
            return {**body, "status": _access(user, spec)}
        case "selfsubjectrulesreviews":
            rules = user.rules
            namespace = spec.get("namespace", "default")
            found: list[Obj] = (
                [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
                if rules is None
                else [
                    rule.to_policy()
                    for rule in rules
                    if not rule.namespaces or namespace in rule.namespaces
                ]
            )
            found.append(
                {
                    "verbs": ["create"],
                    "apiGroups": ["authorization.k8s.io"],
                    "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
                }
            )
            status = {"resourceRules": found, "nonResourceRules": [], "incomplete": False}
            return {**body, "status": status}
        case _:
            info = {"username": user.name, "groups": ["system:authenticated"]}
            return {**body, "status": {"userInfo": info}}


def _owner(found: User | None, spec: Obj) -> Obj:
    if found is None:
        return {"authenticated": False, "error": "[invalid bearer token, token lookup failed]"}
    return {
        "authenticated": True,
        "user": {"username": found.name, "groups": ["system:authenticated"]},
        "audiences": spec.get("audiences", ["https://kubernetes.default.svc"]),
    }


def _access(user: User, spec: Obj) -> Obj:
    asked: Obj | None = spec.get("resourceAttributes")
    if asked is None:
        if "nonResourceAttributes" not in spec:
            raise bad_request(
                "exactly one of nonResourceAttributes or resourceAttributes is needed"
            )
        return {"allowed": True}
    resource = asked.get("resource", "")
    if asked.get("subresource"):
        resource = f"{resource}/{asked['subresource']}"
    ask = Ask(
        verb=asked.get("verb", ""),
        group=asked.get("group", ""),
        resource=resource,
        namespace=asked.get("namespace", ""),
        name=asked.get("name", ""),
    )
    return {"allowed": user.may(ask)}

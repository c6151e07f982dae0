"""From a kubeconfig to a reader, or one clear line."""

from pathlib import Path

import pytest

from guardrails.errors import PermanentSourceError, UsageError
from guardrails.gates.kubernetes.connect import connect

GOOD = """
apiVersion: v1
kind: Config
current-context: one
contexts:
- {name: one, context: {cluster: c, user: u, namespace: shop}}
- {name: two, context: {cluster: c, user: u}}
- {name: torn, context: {cluster: gone, user: u}}
clusters:
- {name: c, cluster: {server: "http://127.0.0.1:1"}}
users:
- {name: u, user: {token: secret-token}}
"""


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """A kubeconfig with three contexts."""
    path = tmp_path / "config"
    path.write_text(GOOD)
    return path


def test_the_current_context_is_used(kubeconfig: Path) -> None:
    """With its server and its namespace, and no token in its words."""
    reader = connect(kubeconfig)
    assert (reader.server, reader.namespace) == ("http://127.0.0.1:1", "shop")
    assert "secret" not in repr(reader)
    reader.close()


def test_context_and_namespace_may_be_given(kubeconfig: Path) -> None:
    """A context without a namespace means `default`, as kubectl has it."""
    for namespace, expected in ((None, "default"), ("x", "x")):
        reader = connect(kubeconfig, "two", namespace)
        assert reader.namespace == expected
        reader.close()


def test_the_file_is_left_alone(kubeconfig: Path) -> None:
    """Refreshed tokens are not written into a user's file."""
    connect(kubeconfig).close()
    assert kubeconfig.read_text() == GOOD


def test_an_unknown_context_lists_the_known_ones(kubeconfig: Path) -> None:
    """One line with the way out."""
    with pytest.raises(UsageError, match="no context 'prod'; it has: one, torn, two"):
        connect(kubeconfig, "prod")


def test_a_context_whose_cluster_is_missing_is_named(kubeconfig: Path) -> None:
    """What the loader finds missing is said in one line."""
    with pytest.raises(PermanentSourceError, match="gone") as caught:
        connect(kubeconfig, "torn")
    assert "\n" not in str(caught.value)


def test_no_current_context_asks_for_one(kubeconfig: Path) -> None:
    """Instead of guessing."""
    kubeconfig.write_text(GOOD.replace("current-context: one", ""))
    with pytest.raises(UsageError, match="no current context; give --context, one of: one"):
        connect(kubeconfig)


@pytest.mark.parametrize("text", ["", "just words", "[1, 2]", "contexts: 3", "a: [", "\x00"])
def test_what_is_no_kubeconfig_is_refused(kubeconfig: Path, text: str) -> None:
    """With the name of the file."""
    kubeconfig.write_text(text)
    with pytest.raises(UsageError, match="config"):
        connect(kubeconfig)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The one that was asked for."""
    with pytest.raises(UsageError, match=r"kubeconfig .*nothing: no such file"):
        connect(tmp_path / "nothing")


def test_the_environment_names_the_file(kubeconfig: Path, tmp_path: Path) -> None:
    """KUBECONFIG may list several; those that exist are merged."""
    reader = connect(environ={"KUBECONFIG": f"{tmp_path / 'nothing'}:{kubeconfig}"})
    assert reader.namespace == "shop"
    reader.close()
    with pytest.raises(UsageError, match=r"KUBECONFIG=.*no such file"):
        connect(environ={"KUBECONFIG": str(tmp_path / "nothing")})


def test_nothing_to_connect_with(tmp_path: Path) -> None:
    """No file, no environment, no pod."""
    with pytest.raises(UsageError, match="no kubeconfig: give --kubeconfig"):
        connect(environ={"HOME": str(tmp_path)})


def test_the_home_directory_is_the_default(tmp_path: Path) -> None:
    """As for kubectl."""
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(GOOD)
    reader = connect(environ={"HOME": str(tmp_path)})
    assert reader.namespace == "shop"
    reader.close()


def test_a_pod_without_its_token_is_told(tmp_path: Path) -> None:
    """In a pod the service account is used; without one it is a permanent error."""
    with pytest.raises(PermanentSourceError, match="in-cluster configuration"):
        connect(environ={"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "10.0.0.1"})

"""Tables of kubectl: what is not well stays whole, the rest keeps its names."""

from guardrails.hygiene.compression.compress import compressed

HEADER = "NAME                READY   STATUS             RESTARTS      AGE"
WELL = [
    f"shop-{n:02}-6d4cf56db6-{n:05}   1/1     Running            0             3d"
    for n in range(40)
]
ILL = "cart-7c5ddbdf54-abcde     0/1     CrashLoopBackOff   7 (2m ago)    3d"


def pods(*rows: str, header: str = HEADER) -> str:
    """Write a table."""
    return "\n".join([header, *rows])


def test_padding_goes_before_anything_else() -> None:
    """Two spaces divide columns as well as twenty do."""
    shorter = compressed(pods(*WELL[:8]), limit=420)
    assert shorter.left_out == ""
    assert "shop-07-6d4cf56db6-00007  1/1  Running  0  3d" in shorter.text


def test_a_row_that_is_not_well_stays_whole() -> None:
    """Restarts and times are evidence."""
    shorter = compressed(pods(*WELL[:20], ILL, *WELL[20:]), limit=1_300)
    assert "cart-7c5ddbdf54-abcde  0/1  CrashLoopBackOff  7 (2m ago)  3d" in shorter.text
    assert shorter.left_out.endswith("of 41 rows")


def test_rows_that_are_well_keep_their_names() -> None:
    """A diagnosis names objects, healthy neighbours too."""
    shorter = compressed(pods(*WELL), limit=1_300)
    assert all(f"shop-{n:02}-6d4cf56db6-{n:05}" in shorter.text for n in range(40))


def test_names_that_do_not_fit_are_counted() -> None:
    """The first ones show what they are like."""
    text = compressed(pods(*WELL), limit=400).text
    assert "40 well: shop-00-6d4cf56db6-00000, " in text
    assert len(text) <= 400


def test_restarts_alone_make_a_row_worth_showing() -> None:
    """It runs now, and did not an hour ago."""
    row = "rates-5b9775bd94-fghij     1/1     Running            3 (86s ago)   3d"
    assert (
        "rates-5b9775bd94-fghij  1/1  Running  3 (86s ago)  3d"
        in compressed(pods(*WELL, row), limit=700).text
    )


def test_a_finished_job_is_well() -> None:
    """`0/1` of a completed pod is how it should be."""
    rows = [f"report-{n:03}   0/1     Completed          0             3d" for n in range(50)]
    assert "50 well: " in compressed(pods(*rows), limit=500).text


def test_a_deployment_short_of_replicas_is_shown() -> None:
    """So is one that was scaled to nothing."""
    header = "NAME       READY   UP-TO-DATE   AVAILABLE   AGE"
    rows = [f"shop-{n:02}    2/2     2            2           3d" for n in range(30)]
    text = compressed(
        pods(*rows, "cart       1/3     3            1           3d",
             "rates      0/0     0            0           3d", header=header),
        limit=600,
    ).text  # fmt: skip
    assert "cart  1/3  3  1  3d" in text
    assert "rates  0/0  0  0  3d" in text


def test_services_keep_their_ports_beside_their_names() -> None:
    """A wrong port is found by its number."""
    header = "NAME      TYPE        CLUSTER-IP      EXTERNAL-IP   PORT(S)    AGE"
    rows = [
        f"shop-{n:02}   ClusterIP   10.96.100.{100 + n}   <none>        {8000 + n}/TCP   3d"
        for n in range(20)
    ]
    text = compressed(pods(*rows, header=header), limit=800).text
    assert "shop-19 (8019/TCP)" in text


def test_empty_columns_go() -> None:
    """`<none>` in every row tells nothing."""
    header = "NAME      READY   STATUS    NOMINATED NODE   READINESS GATES"
    rows = [f"shop-{n:02}   1/1     Running   <none>           <none>" for n in range(12)]
    assert "<none>" not in compressed(pods(*rows, header=header), limit=400).text


def test_names_that_share_a_kind_say_it_once() -> None:
    """`kubectl get all` writes `pod/` before each."""
    rows = [f"pod/{row}" for row in WELL]
    header = HEADER.replace("NAME", "NAME    ")
    text = compressed(pods(*rows, header=header), limit=500).text
    assert "40 well (pod/…): shop-00-6d4cf56db6-00000, " in text

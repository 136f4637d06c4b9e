"""Pods for the tests of the injector: the golden files, and pods that nobody thought of."""

from hypothesis import strategies as st

from injector.tree import Object
from injector.workloads import Found, find
from injector.yaml_edit import Document
from tests.kit.golden import FOLDER

INPUTS = FOLDER / "inject" / "in"
NAMES = sorted(path.stem for path in INPUTS.glob("*.yaml"))


def source(name: str) -> str:
    return (INPUTS / f"{name}.yaml").read_text(encoding="utf-8")


def found(text: str) -> list[Found]:
    """Every pod in a YAML stream."""
    return [pod for part in documents(text) for pod in find(part)]


def documents(text: str) -> list[Object]:
    """The documents of a YAML stream, read by another reader than ours."""
    parts = [Document(part).value for part in ("\n" + text).split("\n---") if part.strip()]
    return [part for part in parts if isinstance(part, dict)]


def pod(**spec: object) -> Object:
    """An in-scope pod with one container, and these fields of its spec."""
    whole = {"containers": [{"name": "app", "image": "app:1"}], **spec}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "app", "annotations": {"cdefence.io/pci-scope": "in-scope"}},
        "spec": whole,
    }  # type: ignore[return-value]


def annotated(**annotations: str) -> Object:
    """An in-scope pod with annotations of ours, named without the domain and with _ for -."""
    made = pod()
    ours = {f"cdefence.io/{name.replace('_', '-')}": value for name, value in annotations.items()}
    made["metadata"]["annotations"].update(ours)  # type: ignore[index, call-overload, union-attr]
    return made


# ---- any pod -----------------------------------------------------------------------------------------------

WORDS = st.sampled_from(["a", "b", "http", "data", "x-1"])
PORTS = st.one_of(st.integers(1, 65535), WORDS, st.just(15421))


def some(**fields: st.SearchStrategy[object]) -> st.SearchStrategy[Object]:
    """An object that has any of these fields, or null instead."""
    return st.fixed_dictionaries({}, optional=fields)  # type: ignore[return-value]


HANDLER = st.one_of(
    st.fixed_dictionaries(
        {
            "httpGet": st.fixed_dictionaries(
                {"port": PORTS},
                optional={
                    "path": st.sampled_from(["/", "/live?a=$(B)", "", "/ä", "/\n"]),
                    "scheme": st.sampled_from(["HTTP", "HTTPS"]),
                    "host": st.sampled_from(["", "example.org"]),
                    "httpHeaders": st.lists(
                        st.fixed_dictionaries(
                            {
                                "name": st.sampled_from(["Host", "X-A", "x y"]),
                                "value": st.sampled_from(["", "v", "ä", "€", "a\nb"]),
                            }
                        ),
                        max_size=2,
                    ),
                },
            )
        }
    ),
    st.fixed_dictionaries({"tcpSocket": st.fixed_dictionaries({"port": PORTS})}),
    st.fixed_dictionaries(
        {
            "grpc": st.fixed_dictionaries(
                {"port": st.integers(1, 65535)}, optional={"service": st.sampled_from(["", "shop.Pay", "ä"])}
            )
        }
    ),
    st.just({"exec": {"command": ["true"]}}),
)
PROBE = st.builds(
    lambda handler, rest: {**rest, **handler},
    HANDLER,
    some(timeoutSeconds=st.integers(1, 9), failureThreshold=st.integers(1, 9)),
)
CONTAINER_FIELDS = {
    "image": st.just("app:1"),
    "ports": st.lists(
        st.fixed_dictionaries({"containerPort": st.integers(1, 15000)}, optional={"name": WORDS}), max_size=2
    ),
    "livenessProbe": PROBE,
    "readinessProbe": PROBE,
    "startupProbe": PROBE,
    "lifecycle": some(postStart=HANDLER, preStop=HANDLER),
    "volumeMounts": st.lists(st.fixed_dictionaries({"name": WORDS, "mountPath": st.just("/x")}), max_size=1),
}


@st.composite
def pods(draw: st.DrawFn) -> Object:
    """A pod that can be injected; more than one field is missing, empty or null."""
    names = draw(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=4, unique=True))
    made = [{"name": name, **draw(some(**CONTAINER_FIELDS))} for name in names]
    inits = draw(st.integers(0, len(made) - 1))
    for each in made[:inits]:
        if draw(st.booleans()):
            each["restartPolicy"] = "Always"
    spec = {"containers": made[inits:], **draw(_spec())}
    if inits or draw(st.booleans()):
        spec["initContainers"] = made[:inits]
    annotations = {"cdefence.io/pci-scope": "in-scope", **draw(_annotations())}
    return {
        "metadata": {"annotations": annotations, **draw(some(name=WORDS, labels=st.just({})))},
        "spec": spec,
    }


def _spec() -> st.SearchStrategy[Object]:
    return some(
        volumes=st.one_of(st.lists(st.fixed_dictionaries({"name": WORDS}), max_size=2)),
        terminationGracePeriodSeconds=st.integers(0, 100),
        resources=st.just({"requests": {"cpu": "1"}}),
        dnsPolicy=st.just("ClusterFirst"),
    )


def _annotations() -> st.SearchStrategy[Object]:
    return some(
        **{  # type: ignore[arg-type]
            "cdefence.io/rewrite-probes": st.sampled_from(["true", "false"]),
            "cdefence.io/exclude-cidrs": st.just("192.0.2.0/24"),
            "prometheus.io/scrape": st.sampled_from(["true", "false"]),
            "kubectl.kubernetes.io/default-container": WORDS,
        }
    )

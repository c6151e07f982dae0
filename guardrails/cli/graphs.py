"""From a loaded object to a compiled graph: calls factories, compiles builders, refuses the rest.

LangGraph is imported here and nowhere else in the loading of a target, when a run needs it.
"""

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from guardrails.cli.targets import SHAPES, Loaded, blame
from guardrails.errors import TargetError, UsageError

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

INSTALL_LANGGRAPH = "a run needs LangGraph; `pip install 'guarded-agent[langchain]'` brings it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A graph ready to run."""

    graph: "CompiledStateGraph[Any, Any, Any, Any]"
    took_model: bool
    """Whether `--model` reached the graph; otherwise it chose the profile only."""


async def build_graph(loaded: Loaded, *, model: str, stack: AsyncExitStack) -> Built:
    """Make a compiled graph of what a target names.

    Args:
        loaded: The object: a compiled graph, a `StateGraph`, or a factory of one (sync, async, or
            a context manager) that takes nothing, `model`, or `config`.
        model: `provider:name`, or empty.
        stack: Closes what a context-manager factory opened, when the run is over.

    Raises:
        TargetError: The object is none of these, or its factory failed.
    """
    value, took_model = loaded.value, False
    if _is_factory(value):
        value, took_model = await _call(loaded, model=model, stack=stack)
    return Built(graph=_compiled(value, loaded), took_model=took_model)


def _is_factory(value: object) -> bool:
    return callable(value) and not inspect.isclass(value) and not hasattr(value, "invoke")


def _compiled(value: object, loaded: Loaded) -> "CompiledStateGraph[Any, Any, Any, Any]":
    try:
        from langgraph.graph.state import (  # noqa: PLC0415  # two seconds to import
            CompiledStateGraph,
            StateGraph,
        )
    except ImportError as error:
        raise UsageError(INSTALL_LANGGRAPH) from error
    if isinstance(value, StateGraph):
        compile_graph: Callable[[], CompiledStateGraph[Any, Any, Any, Any]] = cast(
            "Any", value
        ).compile
        try:
            return compile_graph()
        except Exception as error:
            said = blame(error, loaded.home)
            raise TargetError(f"{loaded.name}: compiling the graph failed: {said}") from error
    if isinstance(value, CompiledStateGraph):
        return cast("CompiledStateGraph[Any, Any, Any, Any]", value)
    kind = f"the class {value.__name__}" if isinstance(value, type) else _kind(value)
    raise TargetError(
        f"{loaded.name} is {kind}, not a graph; name a compiled graph, a StateGraph or a factory "
        f"of one as {SHAPES}"
    )


def _kind(value: object) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return f"an {name}" if name[:1].lower() in "aeiou" else f"a {name}"


async def _call(loaded: Loaded, *, model: str, stack: AsyncExitStack) -> tuple[object, bool]:
    factory = cast("Any", loaded.value)
    arguments = _arguments(loaded, model=model)
    try:
        value = factory(**arguments)
        if inspect.isawaitable(value):
            value = await value
        if isinstance(value, AbstractAsyncContextManager):
            value = await stack.enter_async_context(
                cast("AbstractAsyncContextManager[object]", value)
            )
        elif isinstance(value, AbstractContextManager):
            value = stack.enter_context(cast("AbstractContextManager[object]", value))
    except (Exception, SystemExit) as error:
        said = blame(error, loaded.home)
        raise TargetError(f"factory {loaded.name} failed: {said}") from error
    return cast("object", value), "model" in arguments


def _arguments(loaded: Loaded, *, model: str) -> dict[str, Any]:
    """Choose a factory's arguments by the names of its parameters."""
    try:
        parameters = inspect.signature(cast("Any", loaded.value)).parameters
    except (TypeError, ValueError):
        return {}
    given: dict[str, Any] = {}
    wanted: list[str] = []
    for name, parameter in parameters.items():
        required = parameter.default is parameter.empty and parameter.kind not in {
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        }
        if name == "model" and (model or required):
            given[name] = _model(loaded, parameter, model)
        elif name == "config" or _is_config(parameter.annotation):
            given[name] = {"configurable": {"model": model} if model else {}}
        elif required:
            wanted.append(name)
    _refuse_other(loaded, parameters, wanted)
    return given


def _refuse_other(
    loaded: Loaded, parameters: Mapping[str, inspect.Parameter], wanted: list[str]
) -> None:
    only = [n for n, p in parameters.items() if p.kind is p.POSITIONAL_ONLY]
    if wanted or only:
        names = ", ".join(repr(name) for name in wanted or only)
        raise TargetError(
            f"factory {loaded.name} wants {names}, which a run does not have; a factory may take "
            f"nothing, `model` and `config`, by name"
        )


def _model(loaded: Loaded, parameter: inspect.Parameter, model: str) -> object:
    if not model:
        raise TargetError(
            f"factory {loaded.name} wants a model; give --model provider:name, such as openai:gpt-5"
        )
    if not _wants_object(parameter.annotation):
        return model
    from langchain.chat_models import init_chat_model  # noqa: PLC0415  # two seconds to import

    try:
        return cast("object", init_chat_model(model))
    except (ImportError, ValueError) as error:
        raise UsageError(f"--model {model}: {next(iter(str(error).splitlines()), '')}") from error


def _wants_object(annotation: object) -> bool:
    """Tell whether a parameter is annotated as a chat model, and not as text too."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    words = str(text or annotation)
    return "Model" in words and "str" not in words.replace("structured", "")


def _is_config(annotation: object) -> bool:
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return text == "RunnableConfig"

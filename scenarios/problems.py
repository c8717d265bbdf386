"""What is wrong with a scenario file, said in the file's own words: path, fault, range, suggestion."""

import difflib
import types
from collections.abc import Iterable, Sequence
from typing import Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from rollback_core.errors import UsageError
from scenarios.quantities import shown

Location = tuple[str | int, ...]

REMEDY: Final = "keys and ranges: sametick schema; ready-made ones: sametick scenarios"
_BARE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


class ScenarioError(UsageError):
    """A scenario cannot be used; the message lists every problem that was found."""

    def __init__(self, problems: Sequence[str], source: str = "", *, remedy: str = REMEDY) -> None:
        self.problems = list(problems)
        self.source = source
        self.remedy = remedy
        count = f"{len(self.problems)} problems" if len(self.problems) != 1 else "1 problem"
        head = f"{source or 'scenario'}: {count}"
        super().__init__("\n".join([head, *(f"  {problem}" for problem in self.problems)]))


def path_text(location: Location) -> str:
    """`network.path."0->1".delay_ms`, `event[0].at_s`: as `--set` takes it."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = part if part and _BARE.issuperset(part) else '"' + part.replace('"', '\\"') + '"'
            text += f".{bare}" if text else bare
    return text


def problem(location: Location, message: str) -> str:
    return f"{path_text(location)}: {message}" if location else message


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "x"?`, or the whole choice when it is short, or nothing."""
    choice = list(known)
    without_unit = [name for name in choice if name.startswith(f"{word}_")]
    near = without_unit or difflib.get_close_matches(word, choice, n=1, cutoff=0.6)
    if near:
        return f'; did you mean "{near[0]}"?'
    if 0 < len(choice) <= 12:
        return f"; known: {', '.join(choice)}"
    return ""


def describe(error: ValidationError, model: type[BaseModel]) -> list[tuple[Location, str]]:
    """Each error of a validation, with its place in the file and a message."""
    found = []
    for item in error.errors(include_url=False):
        location, holder = _place(model, item["loc"])
        found.append((location, _message(item, location, holder)))
    return found


def _message(item: Any, location: Location, holder: type[BaseModel] | None) -> str:
    kind, value, context = item["type"], item.get("input"), item.get("ctx", {})
    match kind:
        case "extra_forbidden":
            known = list(holder.model_fields) if holder else []
            return "unknown key" + did_you_mean(str(location[-1]), known)
        case "missing":
            return "is missing"
        case "union_tag_not_found":
            return 'is missing "kind"'
        case "union_tag_invalid":
            known = [part.strip().strip("'") for part in context["expected_tags"].split(",")]
            return f'kind "{context["tag"]}" is unknown' + _choice(str(context["tag"]), known)
        case "literal_error":
            known = [part.strip("'") for part in context["expected"].replace(" or ", ", ").split(", ")]
            return f"cannot be {shown(value)}" + _choice(str(value), known)
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"must be a table, not {shown(value)}"
        case "list_type" | "tuple_type":
            return f"must be a list, not {shown(value)}"
        case "string_type":
            return f"must be a string, not {shown(value)}"
        case "bool_type":
            return f"must be true or false, not {shown(value)}"
        case "too_short" | "too_long":
            low, high = context.get("min_length"), context.get("max_length")
            bound = f"at least {low}" if kind == "too_short" else f"at most {high}"
            return f"must have {bound} entries, not {context['actual_length']}"
        case _:
            text = str(item["msg"])
            return text[:1].lower() + text[1:]


def _choice(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; one of: {', '.join(known)}" + (f' (did you mean "{near[0]}"?)' if near else "")


def _place(model: type[BaseModel], loc: Location) -> tuple[Location, type[BaseModel] | None]:
    """The location without the tags of unions, and the model that holds its last key.

    pydantic puts a union's tag into the location, though the file has nothing there.
    """
    at: Any = model
    holder: type[BaseModel] | None = model
    kept: list[str | int] = []
    for part in loc:
        members = _tagged(at)
        if members:
            at = members.get(str(part))
            continue
        kept.append(part)
        holder = at if isinstance(at, type) and issubclass(at, BaseModel) else None
        if holder is not None:
            field = holder.model_fields.get(str(part))
            at = field.annotation if field is not None else None
        elif get_origin(at) in (list, tuple, dict):
            at = get_args(at)[-1]
        else:
            at = None
    return tuple(kept), holder


def _tagged(annotation: Any) -> dict[str, Any]:
    """The members of a union of models by their `kind`, or an empty table."""
    while get_origin(annotation) is not None and hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    if get_origin(annotation) not in (Union, types.UnionType):
        return {}
    members: list[type[BaseModel]] = [
        item for item in get_args(annotation) if isinstance(item, type) and issubclass(item, BaseModel)
    ]
    if not members or not all("kind" in item.model_fields for item in members):
        return {}
    return {kind_of(item): item for item in members}


def kind_of(model: type[BaseModel]) -> str:
    """The `kind` that an event's model stands for."""
    return str(get_args(model.model_fields["kind"].annotation)[0])

"""Which columns a kind of row has, and how a row becomes one of a table and is made of it again."""

import types
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

import pyarrow as pa
from pydantic import BaseModel

SIMPLE: dict[Any, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


@cache
def schema(kind: type[BaseModel]) -> pa.Schema:
    return pa.schema([(name, _type(field.annotation)) for name, field in kind.model_fields.items()])


def _type(annotation: Any) -> pa.DataType:
    """Raises TypeError for what no column is known for."""
    arguments = get_args(annotation)
    if annotation in SIMPLE:
        return SIMPLE[annotation]
    if get_origin(annotation) is Literal:
        return pa.string()
    if get_origin(annotation) in (Union, types.UnionType):
        (one,) = (part for part in arguments if part is not type(None))
        return _type(one)
    if get_origin(annotation) is tuple and arguments[1:] == (...,):
        return pa.list_(_type(arguments[0]))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return pa.struct(list(schema(annotation)))
    raise TypeError(f"no column is known for {annotation}")


def plain(row: BaseModel) -> dict[str, Any]:
    return {
        name: [plain(one) for one in value] if isinstance(value, tuple) and value and _is_model(value[0]) else value
        for name, value in vars(row).items()
    }


def _is_model(value: object) -> bool:
    return isinstance(value, BaseModel)


@cache
def maker(kind: type[BaseModel]) -> Callable[[dict[str, Any]], Any]:
    """From what a table holds to an object, without a second look: the artifact's files have the digests they had."""
    fields = kind.model_fields
    tuples = {name: get_args(field.annotation)[0] for name, field in fields.items() if _is_tuple(field.annotation)}
    inner = {name: maker(one) for name, one in tuples.items() if isinstance(one, type) and issubclass(one, BaseModel)}
    defaults = {name: field.default for name, field in fields.items() if not field.is_required()}

    def make(values: dict[str, Any]) -> Any:
        for name in tuples:
            if values[name] is not None:
                values[name] = tuple(map(inner[name], values[name]) if name in inner else values[name])
        for name, default in defaults.items():
            if values[name] is None:
                values[name] = default
        return kind.model_construct(_fields_set=set(fields), **values)

    return make


def _is_tuple(annotation: Any) -> bool:
    return get_origin(annotation) is tuple

"""Opens a model: picks the library by its name or by the file's ending.

A pickle runs code when it is opened, so that no pickle is: not to look at it, and not because a
library would.
"""

from __future__ import annotations

from collections.abc import Sequence

from assay import plugins
from assay.errors import BadInput, UnknownFormat, UnreadableFile, UnsafeFile
from assay.models.interface import Library, Model, ModelDescription

_PICKLES = (".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle")


def open_model(description: ModelDescription) -> Model:
    """The model that is described, ready to predict.

    Raises:
        UnsafeFile: opening the file could run code that it brings.
        UnreadableFile: the file is missing or is not what its name says.
        UnknownFormat: no library opens a file of this name.
        WeightsDoNotFit: weights and network have different names or shapes.
        MissingExtra: the library is not installed.
        BadInput: the description names no known library, or no file and no function.
    """
    _refuse_pickles(description)
    source = description.source
    if source is not None and not source.is_file():
        raise UnreadableFile(
            f"There is no model file at {source}.",
            next_step=f"Check source of the model {description.name}.",
        )
    library: Library = choose_library(description, plugins.members("libraries")).use()
    return library.open(description)


def choose_library(
    description: ModelDescription, libraries: Sequence[plugins.Member]
) -> plugins.Member:
    """The library that is named, else the one whose ending the file has, else `function`.

    Raises:
        BadInput: no library has that name, or the description names neither file nor function.
        UnknownFormat: no library opens a file of this name.
    """
    by_name = {member.name: member for member in libraries}
    wanted = description.library
    if not wanted and description.source is None:
        if not description.factory:
            raise BadInput(
                f"The model {description.name} names neither a file nor a function.",
                next_step="Give source a file, or factory a package.module:function.",
            )
        wanted = "function"
    if wanted:
        if wanted not in by_name:
            raise BadInput(
                f"The model {description.name} names an unknown library, {wanted}.",
                next_step=f"Known libraries: {', '.join(by_name)}.",
            )
        return by_name[wanted]
    return _by_ending(description, libraries)


def _by_ending(
    description: ModelDescription, libraries: Sequence[plugins.Member]
) -> plugins.Member:
    name = str(description.source)
    for member in libraries:
        if member.value is not None and name.lower().endswith(member.value.suffixes):
            return member
    known = sorted(
        suffix
        for member in libraries
        if member.value is not None
        for suffix in member.value.suffixes
    )
    raise UnknownFormat(
        f"No library opens {name}.",
        next_step=f"Known endings: {', '.join(known)}. Or write a function that returns scores and "
        "name it with library = 'function' and factory = 'package.module:function'.",
    )


def _refuse_pickles(description: ModelDescription) -> None:
    source = description.source
    if source is None or source.suffix.lower() not in _PICKLES:
        return
    raise UnsafeFile(
        f"{source} is a pickle, and opening it would run whatever code it brings.",
        next_step="Save scikit-learn models with skops.io.dump, torch weights with "
        "safetensors.torch.save_file, others as ONNX.",
    )

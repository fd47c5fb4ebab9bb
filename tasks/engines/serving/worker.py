"""Mixed into vLLM's workers (`--worker-extension-cls`): which model's weights one holds, and others in their place.

vLLM's own `reload_weights` trusts its folder: a weight that is missing there keeps its old value, with a warning.
"""

from pathlib import Path
from typing import Any

from tasks.engines.serving.alike import difference
from tasks.store.files import RECORD, content
from tasks.store.rows import digest as digest_of


class SwappedWeights:
    """Its names must not be among a worker's own, or vLLM refuses to start."""

    model_config: Any  # vLLM's
    model_runner: Any

    def lance_loaded(self) -> str:
        """The content digest of the folder whose weights it holds; empty where a load did not come to its end."""
        if not hasattr(self, "_lance_loaded"):
            self._lance_folder = Path(self.model_config.model)
            self._lance_loaded = digest_of(content(self._lance_folder, RECORD))
        return self._lance_loaded

    def lance_load(self, folder: str, digest: str) -> None:
        """Load a model of the same shape in place.

        Raises ValueError, before a weight is touched, for a folder of another content or another shape.
        """
        self.lance_loaded()
        path = Path(folder)
        if (found := digest_of(content(path, RECORD))) != digest:
            raise ValueError(f"{path} has other content than expected: {found}, not {digest}")
        if why := difference(self._lance_folder, path):
            raise ValueError(f"{why}: it needs an engine of its own")
        self._lance_loaded = ""
        self.reload_weights(weights_path=folder)  # type: ignore[attr-defined]  # vLLM's
        _pack_output_layers(self.model_runner.get_model())
        self._lance_folder, self._lance_loaded = path, digest

    def lance_forget(self) -> None:
        """Its weights are given up, as by vLLM's sleep."""
        self.lance_loaded()
        self._lance_loaded = ""


def _pack_output_layers(model: Any) -> None:
    """An output layer that shares the embedding's weights has a packed copy of them on a CPU, which vLLM 0.32 keeps.

    Without this, a model with other embeddings wrote by the new layers and the old output layer. After LoRA on the
    layers between them nothing shows, since the embedding is the same.
    """
    from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead

    for module in model.modules():
        if isinstance(module, ParallelLMHead):
            module.quant_method.process_weights_after_loading(module)

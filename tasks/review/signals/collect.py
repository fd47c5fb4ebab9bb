"""Collect the signals that a recipe wants of one reviewer: what to ask next, and the rows once all is answered."""

from collections.abc import Mapping, Sequence

from tasks.engines.calls import Answer, Call
from tasks.recipe.review import SignalsConfig
from tasks.review import constitution
from tasks.review.signals import contrast, likelihood, read, sampled
from tasks.store.reviews import TOO_LONG, Reviewable, Signals
from tasks.store.rows import OVER_CONTEXT, digest


class Collector:
    """`seed` is that of the sampled rationales. Nothing in here depends on weights, thresholds or a calibration."""

    def __init__(self, config: SignalsConfig, reviewer: str, seed: int):
        self.config, self.reviewer, self.seed = config, reviewer, seed
        self.constitution = constitution.load()
        self._fixed: dict[str, dict[str, list[Call]]] = {}
        self._samples: dict[str, sampled.Samples] = {}

    @property
    def prompts(self) -> tuple[str, ...]:
        """The templates that the model reads."""
        asked = {"read": read.PROMPTS, "sampled": sampled.PROMPTS}
        return tuple(sorted({name for signal in self.config.use for name in asked.get(signal, ())}))

    @property
    def principles(self) -> str:
        """Digest of the principles' texts as far as the model reads them: weights are not among what it is told."""
        return digest([(p.id, p.of, p.text) for p in self.constitution.principles] if self.prompts else [])

    def calls(self, items: Sequence[Reviewable], answers: Mapping[str, Answer]) -> list[Call]:
        """All that is to be asked as far as the answers tell, each text once."""
        found = [call for item in items for group in self._of(item, answers).values() for call in group]
        return list({call.key: call for call in found}.values())

    def rows(self, items: Sequence[Reviewable], answers: Mapping[str, Answer]) -> list[Signals]:
        return [self._row(item, answers) for item in items]

    def _of(self, item: Reviewable, answers: Mapping[str, Answer]) -> dict[str, list[Call]]:
        """Calls are made once, and so are their keys: a stage looks at them before, between and behind its answers."""
        if item.id not in self._samples:
            self._fixed[item.id] = self._look(item)
            self._samples[item.id] = sampled.Samples(item, self.config.sampled, self.constitution, self.seed)
        fixed, samples = self._fixed[item.id], self._samples[item.id]
        return {name: fixed[name] if name in fixed else samples.calls(answers) for name in self.config.use}

    def _look(self, item: Reviewable) -> dict[str, list[Call]]:
        """Calls of the signals that ask once and for all."""
        asks = {
            "likelihood": lambda: likelihood.calls(item),
            "contrast": lambda: contrast.calls(item, self.config.contrasts),
            "read": lambda: read.calls(item, self.config, self.constitution),
        }
        return {signal: asks[signal]() for signal in self.config.use if signal in asks}

    def _row(self, item: Reviewable, answers: Mapping[str, Answer]) -> Signals:
        found: dict[str, float] = {}
        texts: list[str] = []
        asked = self._of(item, answers)
        if any(answers[call.key].finish == OVER_CONTEXT for calls in asked.values() for call in calls):
            asked, found = {}, {TOO_LONG: 1.0}
        for signal, calls in asked.items():
            match signal:
                case "likelihood":
                    found |= likelihood.values(item, answers)
                case "contrast":
                    found |= contrast.values(calls, answers)
                case "read":
                    found |= read.values(calls, answers)
                case "sampled":
                    found |= sampled.values(calls, answers)
                    texts += sampled.texts(calls, answers)
        return Signals(
            item=item.id,
            reviewer=self.reviewer,
            names=tuple(found),
            values=tuple(found.values()),
            texts=tuple(texts),
            parents=(item.id,),
        )

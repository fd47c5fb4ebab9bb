"""The stages of one iteration as steps of a run: load rows, call the pure function, save rows. Wiring, no judgement."""

from collections.abc import Callable, Sequence

from tasks import annotate, clean, evaluate, gate, prompts, review, split, write
from tasks.artifacts import Draft, Ref, Spec
from tasks.calls import Answer, Call
from tasks.config import Config, SftConfig
from tasks.records import Measured, Rejected, Review, Row, Seed, SftRow, Written, digest
from tasks.runner import Runner

TRAINER = "tasks.backends.trl"
TRAIN_VERSION = 2  # 2: the warm-up rounds down
POOL_VERSION = 1

SaveAnswers = Callable[[Draft, list[Call], list[Answer]], None]


class Steps:
    """One iteration's stages. `made` collects their artifacts by label, in the order in which they were made."""

    def __init__(self, runner: Runner, number: int):
        self.runner, self.number = runner, number
        self.recipe, self.store = runner.recipe, runner.store
        self.made: dict[str, Ref] = {}

    def pool(self, seeds: Ref, grown_from: Sequence[Ref]) -> Ref:
        """The seeds that may be worked on, with what earlier iterations wrote and kept (their annotate artifacts)."""

        def save(draft: Draft) -> None:
            pool = self.store.rows(seeds, Seed)
            for ref in grown_from:
                pool += [Seed.of(row) for row in self.store.rows(ref, SftRow, "sft")]
            _save(draft, len(pool), list({seed.id: seed for seed in pool}.values()), [])

        inputs = {"seeds": seeds} | {f"written-{i}": ref for i, ref in enumerate(grown_from)}
        return self._compute("pool", self._spec("pool", POOL_VERSION, None, inputs), save)

    def review_seeds(self, model: Ref, pool: Ref) -> Ref:
        return self._review("review [seeds]", model, {"pool": pool}, lambda: self.store.rows(pool, Seed))

    def review_written(self, model: Ref, answers: Ref, flawed: Ref) -> Ref:
        def items() -> list[Written]:
            return self.store.rows(answers, Written) + self.store.rows(flawed, Written)

        return self._review("review [written]", model, {"answers": answers, "flawed": flawed}, items)

    def split(self, pool: Ref, reviews: Ref) -> Ref:
        config = self.recipe.split

        def save(draft: Draft) -> None:
            seeds = self.store.rows(pool, Seed)
            low, high, v = split.split(seeds, self.store.rows(reviews, Review), config)
            draft.table("low", low)
            draft.table("high", high)
            draft.record["counts"] = {"in": len(seeds), "out": len(low) + len(high), "low": len(low), "high": len(high)}
            draft.record |= {"thresholds": {"V": v}, "shortage": split.shortage(low, high, v)}

        return self._compute(
            "split", self._spec("split", split.VERSION, config, {"pool": pool, "reviews": reviews}), save
        )

    def write_instructions(self, model: Ref, routes: Ref) -> Ref:
        return self._write("instructions", model, routes, lambda: self.store.rows(routes, Seed, "low"))

    def write_answers(self, model: Ref, instructions: Ref) -> Ref:
        return self._write("answers", model, instructions, lambda: self.store.rows(instructions, Written))

    def write_flawed(self, model: Ref, routes: Ref) -> Ref:
        return self._write("flawed", model, routes, lambda: self.store.rows(routes, Seed, "high"))

    def clean(self, what: str, written: Ref, pool: Ref) -> Ref:
        rules = clean.instructions if what == "instructions" else clean.responses

        def save(draft: Draft) -> None:
            rows = self.store.rows(written, Written)
            kept, rejects = rules(rows, self.store.rows(pool, Seed), self.recipe.clean)
            _save(draft, len(rows), kept, rejects)

        spec = self._spec("clean", clean.VERSION, self.recipe.clean, {"written": written, "pool": pool})
        return self._compute(f"clean [{what}]", spec, save)

    def annotate(self, seeds: Ref, routes: Ref, seed_reviews: Ref, answers: Ref, flawed: Ref, reviews: Ref) -> Ref:
        config = self.recipe.annotate

        def save(draft: Draft) -> None:
            written = self.store.rows(answers, Written) + self.store.rows(flawed, Written)
            scored = annotate.Scored(self.store.rows(seed_reviews, Review) + self.store.rows(reviews, Review))
            rows, measured = annotate.unmeasured(written, self.store.rows(seeds, Seed, "held_out"))
            sft, low_scores, sft_keep = annotate.sft_rows(rows, scored, config)
            pairs, low_margins, margin = annotate.pairs(self.store.rows(routes, Seed, "high"), rows, scored, config)
            rejects = [*measured, *low_scores, *low_margins]
            _save(draft, len(written), [*sft, *pairs], rejects, tables={"sft": sft, "pairs": pairs})
            draft.record["thresholds"] = {"sft_keep": sft_keep, "margin": margin}
            draft.record["shortage"] = annotate.shortage(sft, pairs, sft_keep, margin)

        inputs = {
            "seeds": seeds,
            "routes": routes,
            "seed_reviews": seed_reviews,
            "answers": answers,
            "flawed": flawed,
            "reviews": reviews,
        }
        return self._compute("annotate", self._spec("annotate", annotate.VERSION, config, inputs), save)

    def sft(self, model: Ref, rows: Ref) -> Ref:
        return self._train("sft", model, rows, "sft.parquet", self.recipe.sft)

    def dpo(self, model: Ref, rows: Ref) -> Ref:
        return self._train("dpo", model, rows, "pairs.parquet", self.recipe.dpo)

    def measure(self, who: str, model: Ref, seeds: Ref) -> Ref:
        """What `model` does on the held-out seeds: greedy, alike in every iteration, so a champion is measured once."""
        config = self.recipe.evaluate

        def calls() -> list[Call]:
            return evaluate.calls(evaluate.items(self.store.rows(seeds, Seed, "held_out"), config), config)

        def save(draft: Draft, asked: list[Call], answers: list[Answer]) -> None:
            rows = evaluate.measured(asked, answers, model.digest)
            _save(draft, len(rows), rows, [])

        spec = self._spec("evaluate", evaluate.VERSION, config, {"model": model, "seeds": seeds})
        return self._infer(f"evaluate [{who}]", spec, model, calls, save)

    def decide(self, champion: Ref, candidate: Ref) -> gate.Verdict:
        def save(draft: Draft) -> None:
            before, after = (self.store.rows(ref, Measured) for ref in (champion, candidate))
            draft.record["verdict"] = gate.decide(before, after, self.recipe.gate).model_dump(mode="json")

        spec = self._spec("gate", gate.VERSION, self.recipe.gate, {"champion": champion, "candidate": candidate})
        return gate.Verdict.model_validate(self.store.record(self._compute("gate", spec, save))["verdict"])

    def shortage(self, ref: Ref) -> list[str]:
        """What a stage's record says is missing to go on with."""
        problems: list[str] = self.store.record(ref)["shortage"]
        return problems

    def _review(
        self, label: str, model: Ref, inputs: dict[str, Ref], items: Callable[[], Sequence[Seed | Written]]
    ) -> Ref:
        config = self.recipe.review

        def save(draft: Draft, _: list[Call], answers: list[Answer]) -> None:
            rows = items()
            reviews = [review.read(row, a, model.digest, config) for row, a in zip(rows, answers, strict=True)]
            unparsed = review.quarantine(rows, reviews, config)
            scored = [row for row in reviews if row.outcome == "scored"]
            _save(draft, len(rows), scored, unparsed, tables={"rows": reviews})

        spec = self._spec("review", review.VERSION, config, {"model": model, **inputs}, review.PROMPTS)
        return self._infer(label, spec, model, lambda: review.calls(items()), save)

    def _write(self, what: str, model: Ref, source: Ref, rows: Callable[[], Sequence[Row]]) -> Ref:
        config = self.recipe.write
        writer = write.WRITERS[what](config, model.digest, self.number, self.recipe.sampling_seed)

        def save(draft: Draft, asked: list[Call], answers: list[Answer]) -> None:
            _save(draft, len(asked), writer.rows(rows(), asked, answers), [])

        spec = self._spec(
            f"write-{what}", write.VERSION, config, {"model": model, "source": source}, writer.used_prompts
        )
        sampling = {"seed": self.recipe.sampling_seed, "iteration": self.number}
        spec = spec.model_copy(update={"sampling": sampling})
        return self._infer(f"write [{what}]", spec, model, lambda: writer.calls(rows()), save)

    def _train(self, method: str, model: Ref, rows: Ref, table: str, config: SftConfig) -> Ref:
        given = {
            "method": method,
            "model": str(self.store.path(model)),
            "rows": str(self.store.path(rows) / table),
            "config": config.model_dump(mode="json"),
            "device_rows": self.recipe.trainer.device_rows,
            "save_steps": self.recipe.trainer.save_steps,
            "cpu": self.runner.platform.name == "cpu",
            "seed": self.recipe.sampling_seed,
        }
        # The table's digest, not the artifact's: other pairs do not make it another SFT.
        of_table = self.store.record(rows)["files"][table]
        spec = self._spec(method, TRAIN_VERSION, config, {"model": model})
        sampling = {"seed": self.recipe.sampling_seed}  # of LoRA's beginnings and the rows' order
        spec = spec.model_copy(update={"inputs": spec.inputs | {"rows": of_table}, "sampling": sampling})
        return self._keep(method, self.runner.train(spec, method, TRAINER, given))

    def _spec(
        self, stage: str, version: int, config: Config | None, inputs: dict[str, Ref], used: Sequence[str] = ()
    ) -> Spec:
        """Content digests, not fingerprints, of the inputs: text that was generated again is other text."""
        return Spec(
            stage=stage,
            version=version,
            config=config.model_dump(mode="json") if config else {},
            inputs={name: ref.digest for name, ref in inputs.items()}
            | {f"prompt {name}": digest(prompts.source(name)) for name in used},
        )

    def _compute(self, label: str, spec: Spec, save: Callable[[Draft], None]) -> Ref:
        return self._keep(label, self.runner.compute(spec, label, save))

    def _infer(self, label: str, spec: Spec, model: Ref, calls: Callable[[], list[Call]], save: SaveAnswers) -> Ref:
        # A model is measured and asked in the dtype that is served: another dtype gives other answers.
        served = spec.model_copy(update={"config": spec.config | {"dtype": self.runner.dtype}})
        return self._keep(label, self.runner.infer(served, label, model, calls, save))

    def _keep(self, label: str, ref: Ref) -> Ref:
        self.made[label] = ref
        return ref


def _save(
    draft: Draft,
    rows_in: int,
    out: Sequence[Row],
    rejects: Sequence[Rejected],
    tables: dict[str, Sequence[Row]] | None = None,
) -> None:
    """Write the rows (or `tables` in their place), the rejects, and the counts of the funnel."""
    rules = [reject.rule for reject in rejects]
    for name, rows in (tables or {"rows": out}).items():
        draft.table(name, rows)
    draft.table("rejects", rejects)
    draft.record["counts"] = {"in": rows_in, "out": len(out)}
    draft.record["rejected"] = {rule: rules.count(rule) for rule in sorted(set(rules))}

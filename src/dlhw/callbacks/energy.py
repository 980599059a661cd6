"""Energy and CO2-equivalent of a run, by codecarbon, offline."""

import logging
from typing import Any, NamedTuple

import pytorch_lightning as pl
from pytorch_lightning import Callback


class Reading(NamedTuple):
    """What has been used: energy in kWh, CO2-equivalent in kg."""

    kwh: float = 0.0
    co2eq_kg: float = 0.0

    def plus(self, other: "Reading") -> "Reading":
        return Reading(self.kwh + other.kwh, self.co2eq_kg + other.co2eq_kg)


class Energy(Callback):
    """Measures from the start of the run to the end of its test, and each epoch (its training and validation) apart.

    codecarbon reads a hardware counter where there is one, and otherwise models the processor's power from its
    name and load; which of the two is part of the result. Only this process is counted, so that jobs that run
    side by side do not count each other; memory is counted for the whole machine by codecarbon's own model.
    The epochs' shares are logged as `energy/kwh` and `energy/co2eq_g` where something can be measured; a reading takes
    a few milliseconds, and an epoch under 50 ms is too short for one. What a run had used by its checkpoint counts
    when it is resumed.

    Args:
        country: ISO 3166 alpha-3 code; decides the CO2-equivalent of a kWh.
    """

    def __init__(self, country: str) -> None:
        self.country = country
        self.tracker: Any = None
        self.earlier = Reading()  # of the run that is resumed
        self.epoch_start: Reading | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if self.tracker is None and trainer.is_global_zero:
            from codecarbon import OfflineEmissionsTracker

            logging.getLogger("codecarbon").setLevel(logging.CRITICAL)  # it greets before it knows its log_level
            self.tracker = OfflineEmissionsTracker(
                country_iso_code=self.country,
                output_methods=[],
                log_level="critical",
                allow_multiple_runs=True,
                tracking_mode="process",
            )
            self.tracker.start()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.epoch_start = self.reading()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        before, now = self.epoch_start, self.reading()
        if before is not None and now is not None and now != before:
            used = {"energy/kwh": now.kwh - before.kwh, "energy/co2eq_g": 1000 * (now.co2eq_kg - before.co2eq_kg)}
            pl_module.log_dict(used, rank_zero_only=True)
        self.epoch_start = now

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if self.tracker is not None:
            self.tracker.stop()  # else its threads would go on beside a sweep's next jobs

    def reading(self) -> Reading | None:
        """What the run has used so far, earlier parts of a resumed run included; None where nothing can be measured."""
        if self.tracker is None or self.tracker.flush() is None:
            return None
        return self._total(self.tracker._prepare_emissions_data())

    def result(self) -> dict[str, Any]:
        """kWh and kg of CO2-equivalent of the run, and how they were measured; None where nothing could be."""
        stopped = self.tracker is not None and self.tracker.stop() is not None
        total = self._total(self.tracker.final_emissions_data) if stopped else None
        if total is None:
            return {"kwh": None, "co2eq_kg": None, "country": self.country, "method": "could not be measured"}
        data = self.tracker.final_emissions_data
        return {
            "kwh": total.kwh,
            "co2eq_kg": total.co2eq_kg,
            "country": data.country_name or f"{self.country} (not known: the world's average mix)",
            "method": self._method(data),
        }

    def _total(self, data: Any) -> Reading | None:
        """None for a reading of zero too: no run uses nothing, so no source was found."""
        return self.earlier.plus(Reading(data.energy_consumed, data.emissions)) if data.energy_consumed > 0 else None

    def _method(self, data: Any) -> str:
        sources = {type(part).__name__: part for part in self.tracker._hardware}
        how = [f"GPU counter ({data.gpu_model})"] if "GPU" in sources else []
        cpu = sources.get("CPU")
        if cpu is not None:
            mode = getattr(cpu, "_mode", "unknown")
            metered = mode in ("intel_rapl", "intel_power_gadget")
            how.append(f"CPU by {'a hardware counter' if metered else 'a model, not a counter'} ({mode}, {cpu._model})")
        if "RAM" in sources:
            how.append("memory by a model (watts by size)")
        return f"codecarbon {data.codecarbon_version}: " + "; ".join(how or ["no source found"])

    def state_dict(self) -> dict[str, Any]:
        return (self.reading() or self.earlier)._asdict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.earlier = Reading(**state_dict)

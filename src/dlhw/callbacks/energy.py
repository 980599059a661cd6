"""Energy and CO2-equivalent of a run, by codecarbon, offline."""

import logging
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning import Callback


class Energy(Callback):
    """Measures from the start of the run to the end of its test.

    codecarbon reads a hardware counter where there is one, and otherwise models the processor's power from its
    name and load; which of the two is part of the result. Only this process is counted, so that jobs that run
    side by side do not count each other; memory is counted for the whole machine by codecarbon's own model.

    Args:
        country: ISO 3166 alpha-3 code; decides the CO2-equivalent of a kWh.
    """

    def __init__(self, country: str) -> None:
        self.country = country
        self.tracker: Any = None

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

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if self.tracker is not None:
            self.tracker.stop()  # else its threads would go on beside a sweep's next jobs

    def result(self) -> dict[str, Any]:
        """kWh and kg of CO2-equivalent so far, and how they were measured; None where nothing could be."""
        if self.tracker is None or self.tracker.stop() is None:
            return {"kwh": None, "co2eq_kg": None, "country": self.country, "method": "could not be measured"}
        data = self.tracker.final_emissions_data
        return {
            "kwh": data.energy_consumed,
            "co2eq_kg": data.emissions,
            "country": data.country_name or f"{self.country} (not known: the world's average mix)",
            "method": self._method(data),
        }

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

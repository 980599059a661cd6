"""What the run used: energy and CO2-equivalent, in all and by epoch, and what that is in everyday terms."""

import statistics
from typing import Any

import pytorch_lightning as pl

from dlhw.callbacks.recorder import Recorder
from dlhw.callbacks.study import Study, studies
from dlhw.figures import energy_by_epoch

# What each takes, by definition or by the physics named; all else in the table is division
EVERYDAY_KWH = {
    "minutes of a 10 W LED lamp": (0.01 / 60, "10 W"),
    "cups of water (0.25 l) brought from 20 to 100 °C": (
        0.25 * 4.186 * 80 / 3600,
        "0.25 kg x 4.186 kJ/(kg K) x 80 K = 23.3 Wh",
    ),
    "charges of a phone's battery (15 Wh)": (0.015, "15 Wh, without the charger's losses"),
}
CAR_KG_PER_KM = 0.12  # a small petrol car's exhaust


class CarbonReport(Recorder):
    """Tabulates and draws the run's energy, beside that of its references."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        runs = studies(self, trainer)
        own = next(iter(runs.values()))
        if own.energy["kwh"] is None:
            self.record.notes.append(
                f"The run's energy could not be measured on this machine ({own.energy['method']}): there is no figure "
                "to give for it or its CO2-equivalent."
            )
            return
        self._totals(runs)
        self._everyday(own.energy)
        self._figure(runs)

    def _totals(self, runs: dict[str, Study]) -> None:
        self.record.add_table(
            "Energy and CO2-equivalent",
            ["run", "epochs", "energy (Wh)", "CO2eq (g)", "an epoch (Wh)", "an epoch's CO2eq (g)", "test accuracy"],
            [
                [
                    name,
                    run.num_epochs,
                    run.watt_hours,
                    scaled(run.energy["co2eq_kg"]),
                    scaled(mean(run.history.get("energy/kwh", []))),
                    mean(run.history.get("energy/co2eq_g", [])),
                    run.test_acc,
                ]
                for name, run in runs.items()
            ],
            note="In all: from the start of the run to the end of its test, so with the start and the test in it. An "
            "epoch: the mean over the epochs' training and validation.",
            percent=["test accuracy"],
        )
        energy = next(iter(runs.values())).energy
        grams = 1000 * energy["co2eq_kg"] / energy["kwh"]
        self.record.notes.append(
            f"The run used {1000 * energy['kwh']:.3g} Wh, which stands for {1000 * energy['co2eq_kg']:.3g} g of "
            f"CO2-equivalent at {grams:.0f} g a kWh ({energy['country']}; callbacks.energy.country chooses another). "
            f"How it was measured: {energy['method']}."
        )

    def _everyday(self, energy: dict[str, Any]) -> None:
        rows = [[what, how, energy["kwh"] / kwh] for what, (kwh, how) in EVERYDAY_KWH.items()]
        metres = 1000 * energy["co2eq_kg"] / CAR_KG_PER_KM
        rows.append(["metres in a petrol car", f"{1000 * CAR_KG_PER_KM:g} g CO2 a km", metres])
        self.record.add_table("The same in everyday terms", ["what", "taken as", "this run"], rows)

    def _figure(self, runs: dict[str, Study]) -> None:
        energies = {name: [scaled(kwh) for kwh in run.history.get("energy/kwh", [])] for name, run in runs.items()}
        if not any(kwh is not None for values in energies.values() for kwh in values):
            return
        title = f"{self.record.facts['experiment']}: energy by epoch, and what accuracy it bought"
        accuracies = {name: run.history["val/acc"] for name, run in runs.items() if "val/acc" in run.history}
        figure = energy_by_epoch(energies, accuracies, title=title, data_name=self.data.title)
        caption = (
            "Left: energy of each epoch's training and validation. Right: validation accuracy against their sum. "
            "What is modelled instead of metered (memory always is) grows with the time that an epoch takes, so that a "
            "busy machine shows in it."
        )
        self.record.add_figure(figure, "energy", title, caption)


def mean(values: list[float | None]) -> float | None:
    measured = [value for value in values if value is not None]
    return statistics.fmean(measured) if measured else None


def scaled(value: float | None) -> float | None:
    """kWh in Wh, kg in g."""
    return None if value is None else 1000 * value

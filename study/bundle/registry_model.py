"""The code of a registered model: MLflow copies this file beside the bundle and runs it.

It needs spectune installed where the model is loaded; weights come from the bundle alone.
"""

from __future__ import annotations

from typing import Any

import mlflow.models
import numpy as np
import pandas as pd
from mlflow.pyfunc import PythonModel


class BundleModel(PythonModel):  # type: ignore[misc]  # mlflow has no types
    """A bundle as an MLflow pyfunc."""

    def load_context(self, context: Any) -> None:
        """Load the bundle that was logged with the model."""
        from study import load

        self.predictor = load(context.artifacts["bundle"])

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return `prediction` and `prob_<class>` for each row of `waveform` and `sampling_rate`."""
        del context, params
        classes = self.predictor.classes
        found = np.zeros((len(model_input), len(classes)))
        rates = model_input["sampling_rate"].to_numpy(dtype=int)
        waveforms = [np.asarray(wave, dtype=np.float64) for wave in model_input["waveform"]]
        for rate in np.unique(rates):
            rows = np.flatnonzero(rates == rate)
            found[rows] = self.predictor.predict([waveforms[i] for i in rows], int(rate))
        columns: dict[str, Any] = {"prediction": [classes[code] for code in found.argmax(1)]}
        columns |= {f"prob_{name}": found[:, i] for i, name in enumerate(classes)}
        return pd.DataFrame(columns)


mlflow.models.set_model(BundleModel())

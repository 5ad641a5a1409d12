"""One folder that predicts.

Nothing is imported here; the files:

    export             `spectune export`: written
    readme             its README
    bundle             `bundle.json`: read and checked
    networks           its networks: built and filled after their sizes were checked
    predictor          `Predictor`: waveforms in, probabilities out
    predict_files      `spectune predict`: files to a table
    predictions_table  its columns, and UAR where there are labels
    predict_inputs     files, folders, manifests and names to predict
    torch_export       members as `torch.export` programs
    registry           a version in MLflow's model registry
    registry_model     the code that MLflow copies beside it
"""

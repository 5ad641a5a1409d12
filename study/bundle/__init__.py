"""One folder that predicts: written, checked, loaded, registered, asked.

Nothing is imported here; the files:

    bundle               A bundle: one folder of JSON and safetensors that predicts, and what is c
    export               `spectune export`: the fusion as one folder that predicts
    networks             The networks of a bundle, built and filled after their sizes were checked
    predict_files        `spectune predict`: audio files through a bundle, in batches, to a table
    predict_inputs       What `spectune predict` is asked about: files, folders, a manifest, names
    predictor            A bundle as a predictor: waveforms in, probabilities out, NumPy on both s
    readme               The README of a bundle: what it is, how it was made, what it reached
    registry             A bundle in MLflow's model registry, under the alias `champion`
    registry_model       The code of a registered model: MLflow copies this file beside the bundle
    torch_export         Members of a bundle as `torch.export` programs, the front end inside
"""

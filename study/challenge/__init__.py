"""After the search: refit on train and devel, blind predictions, labels that arrive later.

Nothing is imported here; the files:

    refit                `spectune refit`: the fusion's members trained on train and devel, for th
    refit_record         `refit.json`, written and read: what a refit predicts of test, beside wha
    score                `spectune score`: test labels that arrive later, and what every system re
    submission           `spectune submit`: a file of blind test predictions for the organisers, a
"""

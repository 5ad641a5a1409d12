"""After the search: refit on train and devel, blind predictions, labels that arrive later.

Nothing is imported here; the files:

    refit         `spectune refit`: the members trained on train and devel
    refit_record  `refit.json`, written and read
    submission    `spectune submit`: a file for the organisers, and the ledger of tries
    score         `spectune score`: what every system reached on labels that arrived
"""

"""The fusion methods themselves, in NumPy alone.

Nothing is imported here; `table` has every method by name. Each is a function that gives a
`selection`: members and the `rule` by which their probabilities become one.

    greedy, bagged, cma_es, stacking, references  the methods
    systems                                       fusion, average or one trial: the default
    decision_wrappers                             methods around methods
    absent                                        classes that devel lacks are left as they are
    decision, class_bias                          temperature and bias per class of a fusion
    scorer, limits                                what selection asks: UAR with one more, costs
"""

"""The fusion methods themselves, in NumPy alone.

Nothing is imported here; the files:

    bagged               Greedy selection from bags: Caruana et al., "Getting the most out of ense
    class_bias           The bias per class that maximises UAR, found class by class
    cma_es               Weights by CMA-ES
    decision             From probabilities to a decision: temperature and a bias per class
    decision_wrappers    Methods with a decision rule of their own: temperature per member, bias o
    greedy               Greedy selection with replacement: Caruana et al., "Ensemble selection fr
    limits               What a fusion may cost: members are let in only while their sum stays wit
    references           Selection of the fusion set, and the references it is printed beside
    rule                 What a fitted fusion does with its members' probabilities, as plain value
    scorer               UAR of "what is chosen so far plus one more candidate", for all candidate
    stacking             Stacking: logistic regression on the members' log-odds; and the majority
    table                The fusions there are. A method fits on some clips and gives something th
"""

"""A fuzz target for each parser of bytes that come from the network.

Theory of operation. A target has a name, *seeds* (good inputs, mostly of the test vectors), and a function that takes
any bytes, checks its invariant, and returns what came of them: a word such as ``accepted`` or an error's name. The
runner damages seeds in the ways of :mod:`tests.fuzz.mutation`. An input with an outcome that was not seen before joins
the seeds, so that the search spreads over what a parser can say without any look into its code. All chance comes from
the seed given, so a run can be repeated.

``python -m tests.fuzz [TARGET...] [--seconds N] [--seed N]`` runs targets; ``make test`` runs all of them for a moment
(``tests/unit/test_fuzz.py``). An input that breaks an invariant is written to ``build/fuzz`` and can be replayed by
``python -m tests.fuzz TARGET --input FILE``.
"""

"""Keep/delete classifiers: training, scoring, candidates, active learning."""

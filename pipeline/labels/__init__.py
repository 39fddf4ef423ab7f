"""Names of labels in Rekognition's style with parents, aliases and categories, and what follows from what: data files and pure loaders.

Names, parents and categories are curated in `taxonomy.tsv`, `renames.tsv`, `unwanted.tsv` and `coco.tsv`, what follows from what in
`rules.tsv`. `scripts/derive_labels.py` makes `labels.tsv` and `imagenet.tsv` from the curated names and from WordNet 3.0 (copyright 2006 by
Princeton University; its licence, which allows use, change and distribution, stands at the head of both files).
"""

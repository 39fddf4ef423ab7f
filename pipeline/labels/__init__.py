"""Names of labels in Rekognition's style with parents, aliases and categories; data files and a pure loader.

Names, parents and categories are curated in `taxonomy.tsv`, `renames.tsv` and `coco.tsv`. `scripts/derive_labels.py` makes `labels.tsv` and
`imagenet.tsv` from them and from WordNet 3.0 (copyright 2006 by Princeton University; its licence, which allows use, change and
distribution, stands at the head of both files).
"""

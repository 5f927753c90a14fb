"""Text as units: segmentation, editing, ablation, word differences, and how untrusted text is shown."""

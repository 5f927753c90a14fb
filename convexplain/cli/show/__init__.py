"""Terminal output of the commands. Text from logs is shown as text only."""

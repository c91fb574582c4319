"""A person's moods as a chart and an export."""

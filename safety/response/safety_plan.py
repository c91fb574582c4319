"""The steps of a safety plan.

After Stanley & Brown (2012), Safety Planning Intervention: A Brief Intervention to Mitigate Suicide
Risk, Cognitive and Behavioral Practice 19(2).
"""

STEPS = ("signs", "alone", "places", "people", "professionals", "surroundings")
"""Warning signs; what I can do by myself; people and places that distract; people whom I can
ask for help; professionals and services; making my surroundings safer."""
MOST_ITEMS = 12
"""Items a step holds at most: a plan is read in a bad hour."""
LONGEST_ITEM = 200
"""Letters of an item."""

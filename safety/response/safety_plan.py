"""The steps of a safety plan.

After Stanley & Brown (2012), Safety Planning Intervention: A Brief Intervention to Mitigate Suicide
Risk, Cognitive and Behavioral Practice 19(2).
"""

# Warning signs; things I can do alone; people and places that distract me; people I can ask for
# help; professionals and services; making my surroundings safer.
STEPS = ("signs", "alone", "places", "people", "professionals", "surroundings")
# The most items of a step. A plan is read in a bad hour, so it stays short.
MOST_ITEMS = 12
# The most characters of an item.
LONGEST_ITEM = 200

"""The steps of a safety plan.

After Stanley & Brown (2012), Safety Planning Intervention: A Brief Intervention to Mitigate Suicide
Risk, Cognitive and Behavioral Practice 19(2).
"""

# Warning signs; what I can do by myself; people and places that distract; people whom I can
# ask for help; professionals and services; making my surroundings safer.
STEPS = ("signs", "alone", "places", "people", "professionals", "surroundings")
# Items a step holds at most: a plan is read in a bad hour.
MOST_ITEMS = 12
# Letters of an item.
LONGEST_ITEM = 200

"""The screening of people's messages, the response to risk and the guard on the model's text."""

"""Check-ins: settings, appointments, questions and answers."""

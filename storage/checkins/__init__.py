"""Check-ins: settings, appointments, what was asked and answered."""

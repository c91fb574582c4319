"""Cases, operators, the audit trail and lexicon changes."""

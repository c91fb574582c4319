"""Prometheus metrics: numbers and fixed labels only."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)


class Metrics:
    """The metrics of one service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.updates = Counter(
            "pica_updates_total", "Updates received, by kind", ["kind"], registry=self.registry
        )
        self.screenings = Counter(
            "pica_screenings_total",
            "Messages screened, by level",
            ["level"],
            registry=self.registry,
        )
        self.ends = Counter(
            "pica_inbox_ended_total", "Messages ended, by end", ["ended_as"], registry=self.registry
        )
        self.sends = Counter(
            "pica_sends_total",
            "Attempts to send, by outcome",
            ["kind", "outcome"],
            registry=self.registry,
        )
        self.failures = Counter(
            "pica_generation_failures_total",
            "Replies that the model did not give, by reason",
            ["reason"],
            registry=self.registry,
        )
        self.guard_stops = Counter(
            "pica_guard_stops_total",
            "Replies stopped by the guard",
            ["reason"],
            registry=self.registry,
        )
        self.check_ins = Counter(
            "pica_check_ins_total",
            "Check-ins whose time came, by what became of them",
            ["outcome"],
            registry=self.registry,
        )
        self.check_ins_overdue = Gauge(
            "pica_check_ins_overdue",
            "Check-ins due for two minutes, up to 10,000",
            registry=self.registry,
        )
        self.first_word = Histogram(
            "pica_first_word_seconds",
            "From the start of a turn to the model's first word",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.reply = Histogram(
            "pica_reply_seconds",
            "From receiving a message to its reply in the outbox",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.inbox_open = Gauge(
            "pica_inbox_open", "Messages without an end", registry=self.registry
        )
        self.outbox_open = Gauge(
            "pica_outbox_open", "Messages not yet sent", registry=self.registry
        )
        self.canary = Gauge(
            "pica_canary_found", "1 while the screening canary is found", registry=self.registry
        )
        self.safe_mode = Gauge(
            "pica_safe_mode", "1 while only reviewed replies are given", registry=self.registry
        )
        self.leads = Gauge(
            "pica_leads", "1 while this process holds the service's lease", registry=self.registry
        )
        self.last_poll = Gauge(
            "pica_last_poll_timestamp_seconds",
            "When Telegram last answered a poll; 0 by webhook",
            registry=self.registry,
        )
        self.poll_failures = Counter(
            "pica_poll_failures_total",
            "Polls that Telegram did not answer well, by error",
            ["error"],
            registry=self.registry,
        )
        self.outbox_stuck = Gauge(
            "pica_outbox_stuck",
            "Messages not yet sent after three tries or more",
            registry=self.registry,
        )
        self.model_queue = Gauge(
            "pica_model_requests",
            "Requests at the model, by state",
            ["state"],
            registry=self.registry,
        )
        self.model_restarts = Gauge(
            "pica_model_restarts",
            "How often the engine began anew since the start",
            registry=self.registry,
        )
        self.resident = Gauge(
            "pica_model_resident_conversations",
            "Conversations kept for their next turn",
            registry=self.registry,
        )
        self.resident_bytes = Gauge(
            "pica_model_resident_bytes",
            "What those hold, on the device and on the host",
            registry=self.registry,
        )

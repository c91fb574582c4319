"""Prometheus metrics, with numbers and fixed labels only."""

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from inference import WorkerHealth

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)


class ModelMetrics:
    """The metrics of the model's engine."""

    def __init__(self, registry: CollectorRegistry) -> None:
        gauge = partial(Gauge, registry=registry)
        self.queue = gauge("pica_model_requests", "Requests at the model, by state", ["state"])
        self.restarts = gauge(
            "pica_model_restarts", "How often the engine restarted since the service started"
        )
        self.resident = gauge(
            "pica_model_resident_conversations", "Conversations kept for their next turn"
        )
        self.resident_bytes = gauge(
            "pica_model_resident_bytes", "What those hold, on the device and on the host"
        )

    def show(self, health: WorkerHealth) -> None:
        """Update the gauges."""
        self.queue.labels("running").set(health.running)
        self.queue.labels("waiting").set(health.waiting)
        self.restarts.set(health.restarts)
        self.resident.set(health.resident)
        self.resident_bytes.set(health.resident_bytes)


class Metrics:
    """The metrics of one service, in their own registry."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        counter = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry)
        seconds = partial(Histogram, buckets=SECONDS, registry=registry)

        # Receiving.
        self.updates = counter("pica_updates_total", "Updates received, by kind", ["kind"])
        self.dropped_parts = counter(
            "pica_update_parts_dropped_total", "Parts of updates that were not read", ["part"]
        )
        self.screenings = counter("pica_screenings_total", "Messages screened, by level", ["level"])
        self.ends = counter("pica_inbox_ended_total", "Messages ended, by end", ["ended_as"])
        self.inbox_open = gauge("pica_inbox_open", "Messages without an end")
        self.poll_failures = counter(
            "pica_poll_failures_total", "Polls that failed, by error", ["error"]
        )
        self.last_poll = gauge(
            "pica_last_poll_timestamp_seconds", "When Telegram last answered a poll; 0 by webhook"
        )

        # Sending.
        self.sends = counter(
            "pica_sends_total", "Attempts to send, by outcome", ["kind", "outcome"]
        )
        self.outbox_open = gauge("pica_outbox_open", "Messages not yet sent")
        self.outbox_stuck = gauge(
            "pica_outbox_stuck", "Messages not yet sent after three tries or more"
        )
        self.operators_waiting = gauge(
            "pica_operators_chat_waiting", "Messages that the operators' group does not take"
        )
        self.check_ins = counter(
            "pica_check_ins_total", "Check-ins whose time came, by what became of them", ["outcome"]
        )
        self.check_ins_overdue = gauge(
            "pica_check_ins_overdue", "Check-ins due for two minutes, up to 10,000"
        )

        # The model's replies.
        self.first_word = seconds(
            "pica_first_word_seconds", "From the start of a turn to the model's first word"
        )
        self.reply = seconds(
            "pica_reply_seconds", "From receiving a message to its reply in the outbox"
        )
        self.failures = counter(
            "pica_generation_failures_total",
            "Replies that the model did not give, by reason",
            ["reason"],
        )
        self.guard_stops = counter(
            "pica_guard_stops_total", "Replies stopped by the guard", ["reason"]
        )
        self.model = ModelMetrics(registry)

        # The state of the service.
        self.canary = gauge("pica_canary_found", "1 while the screening canary is found")
        self.safe_mode = gauge("pica_safe_mode", "1 while only reviewed replies are given")
        self.leads = gauge("pica_leads", "1 while this process holds the service's lease")

"""The promises, checked from outside: what a client was told is stored is in Kafka, and each client's messages are in
the order in which they were sent."""

from collections.abc import Iterable, Mapping

from support.kafka import Record


def payload(client_id: str, sequence: int) -> str:
    return f"{client_id}:{sequence}"


def stored_sequences(records: Iterable[Record]) -> dict[str, list[int]]:
    """Per client, its sequence numbers in the order of Kafka's log, repetitions included."""
    stored: dict[str, list[int]] = {}
    partitions: dict[str, int] = {}
    for record in records:
        assert record.payload is not None
        client_id, sequence = record.payload.rsplit(":", 1)
        sequence = sequence.split("|", 1)[0]  # the rest is padding
        assert record.key == client_id
        # One key, one partition: only so the log has an order for this client.
        assert partitions.setdefault(client_id, record.partition) == record.partition
        stored.setdefault(client_id, []).append(int(sequence))
    return stored


def assert_acked_is_stored(acked: Mapping[str, Iterable[int]], records: Iterable[Record]) -> None:
    """Promise 1: acked means in Kafka."""
    stored = {client_id: set(sequences) for client_id, sequences in stored_sequences(records).items()}
    missing = [
        payload(client_id, sequence)
        for client_id, sequences in acked.items()
        for sequence in sequences
        if sequence not in stored.get(client_id, ())
    ]
    assert not missing, f"acked but not in Kafka: {len(missing)} messages, the first {missing[:5]}"


def assert_in_order(records: Iterable[Record]) -> None:
    """Promise 2: first occurrences rise; a resend may repeat what is there already."""
    for client_id, sequences in stored_sequences(records).items():
        first_occurrences = list(dict.fromkeys(sequences))
        assert first_occurrences == sorted(first_occurrences), f"{client_id} out of order"


def assert_exactly_once(expected: Mapping[str, int], records: Iterable[Record]) -> None:
    """Without a failure nothing is lost, repeated or reordered: client → number of messages sent."""
    stored = stored_sequences(records)
    assert stored.keys() == expected.keys()
    for client_id, count in expected.items():
        assert stored[client_id] == list(range(count)), client_id

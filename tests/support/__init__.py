"""What the integration and system tests share: the daemon, Kafka, and MQTT clients."""

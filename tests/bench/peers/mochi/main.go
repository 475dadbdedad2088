// mochi-mqtt as a library user would start it, without limits on what is in flight: a peer for tests/bench.
package main

import (
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: mochi ADDRESS:PORT")
	}
	capabilities := mqtt.NewDefaultServerCapabilities()
	capabilities.ReceiveMaximum = 65535
	capabilities.MaximumInflight = 65535
	capabilities.MaximumClientWritesPending = 1 << 20
	server := mqtt.New(&mqtt.Options{
		Capabilities: capabilities,
		Logger:       slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err := server.AddHook(new(auth.AllowHook), nil); err != nil {
		log.Fatal(err)
	}
	listener := listeners.NewTCP(listeners.Config{ID: "tcp", Address: os.Args[1]})
	if err := server.AddListener(listener); err != nil {
		log.Fatal(err)
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	if err := server.Serve(); err != nil {
		log.Fatal(err)
	}
	<-ended
	server.Close()
}

#include "load/tls.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include "load/error.hpp"
#include "load/sockets.hpp"

namespace mqttproxy::bench {
namespace {

/// A TLS server with a self-signed certificate. Each serve() takes one connection, echoes four bytes and hangs up.
class Server {
 public:
  Server() : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3'600);
    X509_set_pubkey(certificate.get(), key.get());
    X509_sign(certificate.get(), key.get(), EVP_sha256());
    SSL_CTX_use_certificate(context_.get(), certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), key.get());
  }

  void serve(const Fd& socket) const {
    const std::unique_ptr<SSL, decltype(&SSL_free)> connection(SSL_new(context_.get()), SSL_free);
    SSL_set_fd(connection.get(), socket.get());
    if (SSL_accept(connection.get()) != 1) return;
    std::array<char, 4> bytes{};
    if (SSL_read(connection.get(), bytes.data(), bytes.size()) == 4) {
      SSL_write(connection.get(), bytes.data(), bytes.size());
    }
    ::shutdown(socket.get(), SHUT_RDWR);
  }

 private:
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
};

struct Pair {
  Pair() {
    std::array<int, 2> both{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, both.data()) != 0) throw LoadError("socketpair");
    ours = Fd(both[0]);
    theirs = Fd(both[1]);
  }
  Fd ours, theirs;
};

/// Whether the handshake was resumed.
bool talk(const Server& server, TlsClient& client) {
  const Pair sockets;
  std::thread thread([&] { server.serve(sockets.theirs); });
  std::array<std::uint8_t, 16> buffer{};
  bool resumed = false;
  {
    TlsStream stream(client, sockets.ours.get());
    EXPECT_EQ(stream.handshake(), TlsStream::Step::Done);
    stream.send_whole("ping");
    EXPECT_EQ(stream.read(buffer), 4u);
    EXPECT_EQ(stream.read(buffer), 0u) << "the server has hung up, without a close_notify";
    resumed = stream.resumed();
  }
  thread.join();
  return resumed;
}

TEST(Tls, FullNeverResumes) {
  const Server server;
  TlsClient client(TlsMode::Full);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(talk(server, client));
}

TEST(Tls, ResumedNeedsOneFullHandshake) {
  const Server server;
  TlsClient client(TlsMode::Resumed);
  EXPECT_FALSE(talk(server, client));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(talk(server, client));
}

TEST(Tls, ServerThatSpeaksSomethingElseIsAnError) {
  const Pair sockets;
  send_whole(sockets.theirs, "this is no TLS record at all");
  TlsClient client(TlsMode::Full);
  TlsStream stream(client, sockets.ours.get());
  EXPECT_THROW((void)stream.handshake(), LoadError);
}

}  // namespace
}  // namespace mqttproxy::bench

// Links in an operator new that counts. A file of its own, so that no call of it is inlined or left out.
#pragma once

#include <cstddef>

namespace mqttproxy::mqtt::test {

/// Calls of operator new so far. One thread only.
[[nodiscard]] std::size_t allocations() noexcept;

}  // namespace mqttproxy::mqtt::test

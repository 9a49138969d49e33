#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/endpoint.h"

namespace shoal::seeder {

// Where others ask whether the seeder is healthy. An interface, so that the seeder itself has no gRPC in it.
class HealthDoor {
 public:
  virtual ~HealthDoor() = default;

  virtual uint16_t port() const = 0;
  // Not serving until it is told so.
  virtual void SetServing(bool serving) = 0;
  // Answers no more. Blocks until done.
  virtual void Stop() = 0;
};

// Opens one at an address; port 0: the system chooses. UNAVAILABLE with the address when it can't be bound.
using HealthDoorFactory = std::function<absl::StatusOr<std::unique_ptr<HealthDoor>>(const Endpoint& listen)>;

}  // namespace shoal::seeder

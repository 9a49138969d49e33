#pragma once

#include "google/protobuf/duration.pb.h"
#include "shoal/tracker/v1/messages.pb.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {

// What messages say of leases, between its plain form and protobuf, as in proto_conversion.h.

// Times are clamped to what the fields can carry, which is more than anybody needs.
absl::Duration DurationFrom(const google::protobuf::Duration& in);
void ToProto(absl::Duration in, google::protobuf::Duration* out);

// A beat's numbers, which a heartbeat carries from a peer and GetSwarm shows to people.
template <typename In>
void NumbersFrom(const In& in, LeaseBeat* out) {
  out->sent_bytes = in.sent_bytes();
  out->received_bytes = in.received_bytes();
  out->send_rate_bytes_per_second = in.send_rate_bytes_per_second();
  out->receive_rate_bytes_per_second = in.receive_rate_bytes_per_second();
}

template <typename Out>
void SetNumbers(const LeaseBeat& in, Out* out) {
  out->set_sent_bytes(in.sent_bytes);
  out->set_received_bytes(in.received_bytes);
  out->set_send_rate_bytes_per_second(in.send_rate_bytes_per_second);
  out->set_receive_rate_bytes_per_second(in.receive_rate_bytes_per_second);
}

}  // namespace shoal::tracking

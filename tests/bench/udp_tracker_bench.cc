// BEP 15 load on a tracker's UDP port that looks into the replies: right counts, peers of that swarm and of
// it only, each once, the caller not among them. Closed loop over loopback. With --flood, another thread
// sends garbage, announces with made-up connection ids and connects from many source addresses meanwhile,
// which has to change neither the replies nor the tracker's memory.
//
//   taskset -c 0 shoal-tracker --grpc=127.0.0.1:0 --udp=127.0.0.1:6969 --http=none &
//   taskset -c 1 udp_tracker_bench --port=6969 --pid=$! [--peers=100000] [--swarms=1000] [--seconds=5]
//   [--window=256]
//                                  [--rate=0 (announces a second, 0: as many as go)] [--flood=0 (datagrams a
//                                  second)]
//
// One JSON line; exit code 1 when a reply was wrong.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "CLI/CLI.hpp"
#include "services/tracker/bep15.h"
#include "services/tracker/random_source.h"
#include "shoal/base/byte_order.h"

namespace shoal::tracker {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kWanted = 50;
constexpr auto kPatience = std::chrono::milliseconds(500);

struct Flags {
  uint16_t port = 6969;
  int pid = 0;
  uint32_t peers = 100'000;
  uint32_t swarms = 1000;
  double seconds = 5;
  uint32_t window = 256;
  uint64_t rate = 0;
  uint64_t flood = 0;
};

InfoHash HashOf(uint32_t swarm) {
  RandomSource random(swarm + 1);
  std::array<uint8_t, 20> hash;
  StoreBig(random.Next(), hash.data());
  StoreBig(random.Next(), hash.data() + 8);
  StoreBig(swarm, hash.data() + 16);
  return InfoHash(hash);
}

int Connected(uint16_t port, uint32_t source_ip) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(source_ip);
  const int bytes = 4 << 20;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  if (::bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof(from)) != 0 ||
      ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) {
    std::perror("socket");
    std::exit(2);
  }
  return fd;
}

// Announces in flight over one socket, as one client's: peer `number` is number / swarms in swarm number %
// swarms, at port 1 + that; every tenth of a swarm is a seeder.
class Load {
 public:
  explicit Load(const Flags& flags)
      : flags_(flags), fd_(Connected(flags.port, INADDR_LOOPBACK)), slots_(flags.window) {
    for (uint32_t i = 0; i < flags.window; ++i) free_.push_back(i);
    Connect();
  }
  ~Load() { ::close(fd_); }

  // Every peer once, again when a reply was lost.
  void Fill() {
    uint32_t next = 0;
    while (next < flags_.peers || free_.size() < slots_.size()) {
      while (!free_.empty() && next < flags_.peers) Send(next++, false);
      Receive();
      for (const uint32_t number : TakeLost()) Send(number, false);
    }
    lost_ = 0;
  }

  void Run() {
    const auto began = Clock::now();
    const auto end = began + std::chrono::duration<double>(flags_.seconds);
    uint64_t sent = 0;
    while (Clock::now() < end) {
      const double elapsed = std::chrono::duration<double>(Clock::now() - began).count();
      const uint64_t due =
          flags_.rate == 0 ? ~uint64_t{0} : static_cast<uint64_t>(elapsed * static_cast<double>(flags_.rate));
      while (!free_.empty() && sent < due) {
        Send(random_.Below(flags_.peers), true);
        ++sent;
      }
      Receive();
      TakeLost();
    }
    took_ = std::chrono::duration<double>(Clock::now() - began).count();
  }

  uint64_t replies() const { return micros_.size(); }
  uint64_t lost() const { return lost_; }
  uint64_t wrong() const { return wrong_; }
  double seconds() const { return took_; }
  double Percentile(double p) {
    std::sort(micros_.begin(), micros_.end());
    return micros_.empty() ? 0 : micros_[static_cast<size_t>(p * static_cast<double>(micros_.size() - 1))];
  }

 private:
  struct Slot {
    bool busy = false;
    bool timed = false;
    uint32_t transaction_id = 0;
    uint32_t number = 0;
    Clock::time_point sent;
  };

  void Connect() {
    const std::string request = bep15::BuildConnect({1});
    for (int attempt = 0; attempt < 20; ++attempt) {
      if (::send(fd_, request.data(), request.size(), 0) < 0) continue;
      pollfd waiting{fd_, POLLIN, 0};
      if (::poll(&waiting, 1, 500) != 1) continue;
      std::array<uint8_t, 64> bytes;
      const ssize_t size = ::recv(fd_, bytes.data(), bytes.size(), 0);
      const auto reply =
          bep15::ParseReply({bytes.data(), static_cast<size_t>(std::max<ssize_t>(size, 0))}, false);
      if (const auto* connected = std::get_if<bep15::ConnectReply>(&reply)) {
        connection_id_ = connected->connection_id;
        return;
      }
    }
    std::fprintf(stderr, "nobody answers at 127.0.0.1:%u\n", flags_.port);
    std::exit(2);
  }

  bool Seeder(uint32_t number) const { return number / flags_.swarms % 10 == 0; }
  uint32_t SizeOf(uint32_t swarm) const { return (flags_.peers - swarm + flags_.swarms - 1) / flags_.swarms; }

  void Send(uint32_t number, bool timed) {
    const uint32_t index = free_.back();
    free_.pop_back();
    bep15::AnnounceRequest request;
    request.connection_id = connection_id_;
    request.transaction_id = static_cast<uint32_t>(random_.Next()) << 16 | index;
    request.info_hash = HashOf(number % flags_.swarms);
    request.left_bytes = Seeder(number) ? 0 : 1000;
    request.wanted = kWanted;
    request.port = static_cast<uint16_t>(1 + number / flags_.swarms);
    slots_[index] = {true, timed, request.transaction_id, number, Clock::now()};
    const std::string bytes = bep15::BuildAnnounce(request, "-SHBENCH");
    // What the system does not take is found lost.
    [[maybe_unused]] const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), 0);
  }

  void Receive() {
    pollfd waiting{fd_, POLLIN, 0};
    if (::poll(&waiting, 1, 1) != 1) return;
    std::array<uint8_t, 2048> bytes;
    for (;;) {
      const ssize_t size = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (size < 0) return;
      Check({bytes.data(), static_cast<size_t>(size)});
    }
  }

  void Check(ByteView bytes) {
    const bep15::Reply reply = bep15::ParseReply(bytes, false);
    const auto* announce = std::get_if<bep15::AnnounceReply>(&reply);
    if (announce == nullptr) {
      ++wrong_;
      return;
    }
    const uint32_t index = announce->transaction_id & 0xffff;
    if (index >= slots_.size() || !slots_[index].busy ||
        slots_[index].transaction_id != announce->transaction_id)
      return;
    Slot& slot = slots_[index];
    slot.busy = false;
    free_.push_back(index);
    if (!slot.timed) return;
    micros_.push_back(std::chrono::duration<double, std::micro>(Clock::now() - slot.sent).count());
    if (!Right(*announce, slot.number)) ++wrong_;
  }

  bool Right(const bep15::AnnounceReply& reply, uint32_t number) const {
    const uint32_t size = SizeOf(number % flags_.swarms);
    const uint32_t seeders = (size + 9) / 10;
    const uint32_t leechers = size - seeders;
    const uint32_t others = Seeder(number) ? leechers : size - 1;
    if (reply.counts.seeders != seeders || reply.counts.leechers != leechers) return false;
    // A large swarm may hold fewer of a kind in the blocks that were looked at.
    if (reply.peers.size() > kWanted || (size < 190 && reply.peers.size() != std::min(kWanted, others)))
      return false;
    std::set<uint16_t> ports;
    for (const Endpoint& peer : reply.peers) {
      const uint32_t place = peer.port - 1u;
      if (peer.ip != IpAddress::V4({127, 0, 0, 1}) || place >= size || place == number / flags_.swarms)
        return false;
      if (Seeder(number) && place % 10 == 0) return false;
      if (!ports.insert(peer.port).second) return false;
    }
    return true;
  }

  std::vector<uint32_t> TakeLost() {
    std::vector<uint32_t> numbers;
    const auto now = Clock::now();
    if (now < look_again_) return numbers;
    look_again_ = now + std::chrono::milliseconds(50);
    for (uint32_t index = 0; index < slots_.size(); ++index) {
      if (!slots_[index].busy || now - slots_[index].sent < kPatience) continue;
      slots_[index].busy = false;
      free_.push_back(index);
      numbers.push_back(slots_[index].number);
      ++lost_;
    }
    return numbers;
  }

  const Flags flags_;
  const int fd_;
  uint64_t connection_id_ = 0;
  RandomSource random_{1};
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  std::vector<double> micros_;
  Clock::time_point look_again_{};
  uint64_t lost_ = 0;
  uint64_t wrong_ = 0;
  double took_ = 0;
};

// Nothing in here deserves more than a connect's reply.
void Flood(const Flags& flags, const std::atomic<bool>* stop, uint64_t* sent) {
  RandomSource random(99);
  std::vector<int> sockets;
  for (uint32_t i = 0; i < 200; ++i) sockets.push_back(Connected(flags.port, 0x7f010000u + 1 + i));
  const auto began = Clock::now();
  while (!*stop) {
    const double elapsed = std::chrono::duration<double>(Clock::now() - began).count();
    if (static_cast<double>(*sent) > elapsed * static_cast<double>(flags.flood)) {
      ::usleep(200);
      continue;
    }
    std::string bytes;
    if (const uint32_t kind = random.Below(3); kind == 0) {
      bytes = bep15::BuildConnect({1});
    } else if (kind == 1) {
      bep15::AnnounceRequest request;
      request.connection_id = random.Next() | uint64_t{1} << 63;
      request.info_hash = HashOf(random.Below(1'000'000'000));
      request.port = 1;
      bytes = bep15::BuildAnnounce(request, "-FLOOD00");
    } else {
      bytes.resize(1 + random.Below(1200));
      for (char& byte : bytes) byte = static_cast<char>(random.Next());
    }
    [[maybe_unused]] const ssize_t one =
        ::send(sockets[random.Below(200)], bytes.data(), bytes.size(), MSG_DONTWAIT);
    ++*sent;
  }
  for (const int fd : sockets) ::close(fd);
}

double ResidentMib(int pid) {
  std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
  uint64_t all = 0;
  uint64_t resident = 0;
  statm >> all >> resident;
  return static_cast<double>(resident) / 256;
}

double CpuSeconds(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string field;
  double ticks = 0;
  for (int i = 1; i <= 15 && stat >> field; ++i) {
    if (i >= 14) ticks += std::stod(field);
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

int Main(const Flags& flags) {
  const double empty = ResidentMib(flags.pid);
  Load load(flags);
  load.Fill();
  const double filled = ResidentMib(flags.pid);
  std::atomic<bool> stop{false};
  uint64_t flooded = 0;
  std::thread flood;
  if (flags.flood > 0) flood = std::thread([&] { Flood(flags, &stop, &flooded); });
  const double cpu = CpuSeconds(flags.pid);
  load.Run();
  const double used = CpuSeconds(flags.pid) - cpu;
  stop = true;
  if (flood.joinable()) flood.join();
  std::printf(
      "{\"peers\": %u, \"swarms\": %u, \"replies_per_s\": %.0f, \"p50_us\": %.0f, \"p99_us\": %.0f, "
      "\"p999_us\": %.0f, "
      "\"lost\": %llu, \"wrong\": %llu, \"cpu_us_per_reply\": %.2f, \"bytes_per_peer\": %.1f, "
      "\"mib_filled\": %.1f, "
      "\"mib_at_the_end\": %.1f, \"flood_per_s\": %.0f}\n",
      flags.peers, flags.swarms, static_cast<double>(load.replies()) / load.seconds(), load.Percentile(0.5),
      load.Percentile(0.99), load.Percentile(0.999), static_cast<unsigned long long>(load.lost()),
      static_cast<unsigned long long>(load.wrong()),
      used * 1e6 / static_cast<double>(std::max<uint64_t>(load.replies(), 1)),
      (filled - empty) * 1048576 / flags.peers, filled, ResidentMib(flags.pid),
      static_cast<double>(flooded) / load.seconds());
  return load.wrong() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace shoal::tracker

int main(int argc, char** argv) {
  shoal::tracker::Flags flags;
  CLI::App app("Measures a tracker's BEP 15 door, and checks what it answers.", "udp_tracker_bench");
  app.add_option("--port", flags.port)->capture_default_str();
  app.add_option("--pid", flags.pid, "The tracker's, for its CPU and memory");
  app.add_option("--peers", flags.peers)->capture_default_str();
  app.add_option("--swarms", flags.swarms)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--seconds", flags.seconds)->capture_default_str();
  app.add_option("--window", flags.window, "Announces in flight")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  app.add_option("--rate", flags.rate, "Announces a second; 0: as many as go")->capture_default_str();
  app.add_option("--flood", flags.flood, "Bad datagrams a second meanwhile")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return shoal::tracker::Main(flags);
}

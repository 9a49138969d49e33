#include "shoal/stream/upload/upload_ledger.h"

namespace shoal::stream {

UploadLedger::Account::Account(const PeerId& peer, const Endpoint& endpoint, absl::Duration now)
    : upload_{.peer = peer, .endpoint = endpoint}, rate_(now) {}

void UploadLedger::Account::Sent(uint64_t bytes, uint64_t chunks, absl::Duration now) {
  MutexLock lock(&mutex_);
  upload_.sent_bytes += bytes;
  upload_.sent_chunks += chunks;
  rate_.Add(now, bytes);
}

PeerUpload UploadLedger::Account::Read(absl::Duration now) {
  MutexLock lock(&mutex_);
  upload_.bytes_per_second = rate_.BytesPerSecond(now);
  return upload_;
}

std::shared_ptr<UploadLedger::Account> UploadLedger::Open(const PeerId& peer, const Endpoint& endpoint) {
  auto account = std::make_shared<Account>(peer, endpoint, clock_.Uptime());
  MutexLock lock(&mutex_);
  open_.push_back(account);
  return account;
}

void UploadLedger::Close(const std::shared_ptr<Account>& account) {
  PeerUpload upload = account->Read(clock_.Uptime());
  MutexLock lock(&mutex_);
  if (std::erase(open_, account) == 0) return;
  closed_bytes_ += upload.sent_bytes;
  closed_chunks_ += upload.sent_chunks;
  if (upload.sent_bytes == 0 || (gone_.size() >= kMaxGone && !gone_.contains(upload.peer))) return;
  PeerUpload& gone = gone_[upload.peer];
  upload.bytes_per_second = 0;
  upload.sent_bytes += gone.sent_bytes;
  upload.sent_chunks += gone.sent_chunks;
  gone = upload;
}

ContentTotals UploadLedger::Read() const {
  const absl::Duration now = clock_.Uptime();
  ContentTotals totals;
  MutexLock lock(&mutex_);
  totals.sent_bytes = closed_bytes_;
  totals.sent_chunks = closed_chunks_;
  for (const std::shared_ptr<Account>& account : open_) {
    PeerUpload upload = account->Read(now);
    totals.sent_bytes += upload.sent_bytes;
    totals.sent_chunks += upload.sent_chunks;
    totals.bytes_per_second += upload.bytes_per_second;
    totals.peers.push_back(std::move(upload));
  }
  totals.gone.reserve(gone_.size());
  for (const auto& [peer, upload] : gone_) totals.gone.push_back(upload);
  return totals;
}

}  // namespace shoal::stream

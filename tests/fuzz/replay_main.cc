// Replaces libFuzzer in builds without it: passes to LLVMFuzzerTestOneInput every file of the corpus folders,
// and then a number of mutations of them. The bytes are the same in each run.
//
//   NAME MUTATIONS FOLDER...

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kMaxInputBytes = 64 * 1024;

std::vector<Bytes> ReadCorpus(int folders, char** names) {
  // By name, so that the order is not the disk's.
  std::vector<std::filesystem::path> paths;
  for (int i = 0; i < folders; ++i) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(names[i])) {
      if (entry.is_regular_file()) paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Bytes> corpus;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

class Mutator {
 public:
  explicit Mutator(const std::vector<Bytes>& corpus) : corpus_(corpus) {}

  Bytes Next() {
    Bytes bytes = corpus_[Below(corpus_.size())];
    for (size_t steps = 1 + Below(4); steps > 0; --steps) Mutate(&bytes);
    if (bytes.size() > kMaxInputBytes) bytes.resize(kMaxInputBytes);
    return bytes;
  }

 private:
  // Not std::uniform_int_distribution, which is another one in each standard library.
  size_t Below(size_t limit) { return limit == 0 ? 0 : static_cast<size_t>(random_() % limit); }

  void Mutate(Bytes* bytes) {
    switch (Below(7)) {
      case 0:  // a bit flips
        if (!bytes->empty()) (*bytes)[Below(bytes->size())] ^= static_cast<uint8_t>(1u << Below(8));
        break;
      case 1:  // a byte is another
        if (!bytes->empty()) (*bytes)[Below(bytes->size())] = static_cast<uint8_t>(random_());
        break;
      case 2:  // the end is missing
        bytes->resize(Below(bytes->size() + 1));
        break;
      case 3:  // something follows
        for (size_t count = 1 + Below(64); count > 0; --count)
          bytes->push_back(static_cast<uint8_t>(random_()));
        break;
      case 4:  // the end is that of another
        Splice(bytes);
        break;
      case 5:  // a number is at one of its ends
        SetExtreme(bytes);
        break;
      default:  // a stretch is gone, or there twice
        Repeat(bytes);
        break;
    }
  }

  void Splice(Bytes* bytes) {
    const Bytes& other = corpus_[Below(corpus_.size())];
    bytes->resize(Below(bytes->size() + 1));
    bytes->insert(bytes->end(), other.begin() + static_cast<ptrdiff_t>(Below(other.size() + 1)), other.end());
  }

  void SetExtreme(Bytes* bytes) {
    constexpr uint64_t kExtremes[] = {0,
                                      1,
                                      0x7f,
                                      0x80,
                                      0xff,
                                      0x7fff,
                                      0x8000,
                                      0xffff,
                                      0x7fffffff,
                                      0x80000000,
                                      0xffffffff,
                                      INT64_MAX,
                                      uint64_t{1} << 63,
                                      UINT64_MAX};
    const size_t width = size_t{1} << Below(4);
    if (bytes->size() < width) return;
    const size_t at = Below(bytes->size() - width + 1);
    const uint64_t value = kExtremes[Below(std::size(kExtremes))];
    const bool big_endian = Below(2) == 0;
    for (size_t i = 0; i < width; ++i) {
      (*bytes)[at + i] = static_cast<uint8_t>(value >> (8 * (big_endian ? width - 1 - i : i)));
    }
  }

  void Repeat(Bytes* bytes) {
    const size_t begin = Below(bytes->size() + 1);
    const size_t end = begin + Below(bytes->size() - begin + 1);
    const auto at = [&](size_t i) { return bytes->begin() + static_cast<ptrdiff_t>(i); };
    if (Below(2) == 0) {
      bytes->erase(at(begin), at(end));
      return;
    }
    const Bytes stretch(at(begin), at(end));
    bytes->insert(at(end), stretch.begin(), stretch.end());
  }

  const std::vector<Bytes>& corpus_;
  std::mt19937_64 random_{1};
};

}  // namespace

int main(int argc, char** argv) {
  const int mutations = argc > 1 ? std::atoi(argv[1]) : 0;
  const std::vector<Bytes> corpus = ReadCorpus(std::max(0, argc - 2), argv + 2);
  if (mutations <= 0 || corpus.empty()) {
    std::fprintf(stderr, "name a number of mutations, and at least one corpus folder that is not empty\n");
    return 1;
  }
  for (const Bytes& bytes : corpus) LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  Mutator mutator(corpus);
  for (int i = 0; i < mutations; ++i) {
    const Bytes bytes = mutator.Next();
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::printf("ran %zu inputs of the corpus and %d mutations of them\n", corpus.size(), mutations);
  return 0;
}

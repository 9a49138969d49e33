#include "clients/leecher/agent/content/content_pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/leecher/agent/content/file_headers.h"
#include "clients/leecher/download/download.h"
#include "clients/leecher/download/download_runtime.h"
#include "clients/leecher/download/test_swarm.h"
#include "tests/support/loopback_client.h"

namespace shoal::leecher {
namespace {

using service::HttpRequest;
using service::HttpResponse;
using service::HttpStream;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr uint32_t kChunk = kMinChunkSizeBytes;

std::string BytesOf(const FileRegion& region) {
  std::string bytes(region.length_bytes, '\0');
  EXPECT_EQ(pread(region.file->get(), bytes.data(), bytes.size(), static_cast<off_t>(region.offset_bytes)),
            static_cast<ssize_t>(bytes.size()));
  return bytes;
}

// The value of a header; empty: it has none.
std::string HeaderOf(const HttpResponse& response, const std::string& name) {
  for (const auto& [each, value] : response.headers) {
    if (each == name) return value;
  }
  return "";
}

// What a stream gave until it had nothing more.
struct Taken {
  std::string bytes;
  bool ended = false;
  size_t regions = 0;
};

Taken TakeAll(HttpStream& stream) {
  Taken taken;
  while (true) {
    HttpStream::Next next = stream.Take();
    if (std::holds_alternative<HttpStream::Nothing>(next)) return taken;
    if (std::holds_alternative<HttpStream::End>(next)) {
      taken.ended = true;
      return taken;
    }
    if (const auto* region = std::get_if<FileRegion>(&next)) {
      taken.bytes += BytesOf(*region);
      ++taken.regions;
    } else {
      taken.bytes += std::get<std::string>(next);
    }
  }
}

// Remembers what a reader was told. Not thread-safe.
struct ReaderLog {
  std::vector<ChunkRange> needs;
  int open = 0;
  bool ended = false;
  absl::Status refusal;
  std::function<void()> wake;
};

class LoggedReader final : public DownloadReader {
 public:
  explicit LoggedReader(ReaderLog& log) : log_(log) { ++log_.open; }
  ~LoggedReader() override { --log_.open; }
  void Need(ChunkRange chunks) override { log_.needs.push_back(chunks); }
  bool ended() const override { return log_.ended; }

 private:
  ReaderLog& log_;
};

// A folder as download 7, of which some is held.
class ContentPagesTest : public testing::Test, protected ReadableContents {
 protected:
  ContentPagesTest() {
    folder_.Write("in/tree/a/film.mp4", film_);
    folder_.Write("in/tree/empty", "");
    folder_.Write("in/tree/page.html", "<script>alert(1)</script>");
    folder_.Write("in/tree/\xc3\xbc \"x\".txt", "text");
    content_ = Publish(folder_.Path("in/tree"));
    source_ = std::make_shared<TestSource>(content_.source);
  }

  absl::StatusOr<ReadableContent> FindDownload(uint64_t id) const override {
    if (id == 8) return absl::UnavailableError("no manifest yet");
    if (id != 7) return absl::NotFoundError("no such download");
    ReadableContent content;
    content.source = source_;
    content.in_use = in_use_;
    if (downloading_) {
      content.open_reader =
          [this](ChunkRange chunks,
                 std::function<void()> wake) -> absl::StatusOr<std::unique_ptr<DownloadReader>> {
        if (!log_.refusal.ok()) return log_.refusal;
        log_.needs.push_back(chunks);
        log_.wake = std::move(wake);
        return std::make_unique<LoggedReader>(log_);
      };
    }
    return content;
  }
  absl::StatusOr<ReadableContent> FindContent(const ContentId& id) const override {
    if (id != content_.manifest->id()) return absl::NotFoundError("no such content");
    return FindDownload(7);
  }

  HttpResponse Get(const std::string& path, std::map<std::string, std::string> headers = {},
                   const std::string& query = "") const {
    HttpRequest request;
    request.method = "GET";
    request.path = path;
    request.query = query;
    request.headers = std::move(headers);
    return pages_.Serve(request);
  }
  // The whole body, which the response has.
  static std::string BodyOf(const HttpResponse& response) {
    if (response.open_stream == nullptr) return response.body;
    const std::unique_ptr<HttpStream> stream = response.open_stream([] {});
    const Taken taken = TakeAll(*stream);
    EXPECT_TRUE(taken.ended);
    EXPECT_EQ(response.length_bytes, taken.bytes.size());
    return taken.bytes;
  }
  service::HttpServer::Route Route() const {
    service::HttpServer::Route route([this](const HttpRequest& request) { return pages_.Serve(request); });
    route.prefix = true;
    return route;
  }
  std::string GetRange(const std::string& range) const { return BodyOf(Get(kFilm, {{"range", range}})); }
  // Of the film, which has the first chunks of the content.
  void HoldChunks(std::initializer_list<uint32_t> chunks) {
    ChunkSet held(content_.manifest->chunk_count());
    for (const uint32_t chunk : chunks) held.Insert(ChunkIndex(chunk));
    source_->HoldOnly(held);
  }

  static constexpr char kFilm[] = "/content/7/a/film.mp4";
  const std::string film_ = RandomBytes(5 * kChunk + 100, 1);
  TestFolder folder_;
  TestContent content_;
  std::shared_ptr<TestSource> source_;
  std::shared_ptr<int> in_use_ = std::make_shared<int>();
  bool downloading_ = false;
  mutable ReaderLog log_;
  const ContentPages pages_{*this};
};

TEST_F(ContentPagesTest, ServesAFile) {
  const HttpResponse response = Get(kFilm);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "video/mp4");
  EXPECT_EQ(response.length_bytes, film_.size());
  EXPECT_EQ(HeaderOf(response, "Accept-Ranges"), "bytes");
  EXPECT_EQ(HeaderOf(response, "ETag"), EntityTagOf(*content_.manifest, FileIndex(0)));
  EXPECT_EQ(HeaderOf(response, "Content-Disposition"), "");
  EXPECT_TRUE(BodyOf(response) == film_);
}

TEST_F(ContentPagesTest, FindsFilesByTheManifestAlone) {
  EXPECT_EQ(Get("/content/" + content_.manifest->id().ToHex() + "/a/film.mp4").status, 200);
  EXPECT_EQ(BodyOf(Get("/content/7/\xc3\xbc \"x\".txt")), "text");
  for (const char* path :
       {"/content/9/a/film.mp4", "/content//a/film.mp4", "/content/7", "/content/7/", "/content/7/a",
        "/content/7/a/", "/content/7//a/film.mp4", "/content/7/a/../a/film.mp4", "/content/7/../7/a/film.mp4",
        "/content/7/a/film.mp4/", "/content/7/A/film.mp4", "/content/-7/a/film.mp4", "/content/+7/a/film.mp4",
        "/content/ 7/a/film.mp4", "/content/99999999999999999999/a/film.mp4", "/content", "/", "",
        "/content/0000000000000000000000000000000000000000000000000000000000000007/a/film.mp4"}) {
    EXPECT_EQ(Get(path).status, 404) << path;
  }
}

TEST_F(ContentPagesTest, SaysThatTheManifestIsOnItsWay) {
  const HttpResponse response = Get("/content/8/a/film.mp4");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(HeaderOf(response, "Retry-After"), "1");
}

TEST_F(ContentPagesTest, ServesAnEmptyFile) {
  const HttpResponse response = Get("/content/7/empty");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(BodyOf(response), "");
  EXPECT_EQ(Get("/content/7/empty", {{"range", "bytes=0-"}}).status, 416);
}

TEST_F(ContentPagesTest, ServesRanges) {
  const HttpResponse response = Get(kFilm, {{"range", "bytes=10-19"}});
  EXPECT_EQ(response.status, 206);
  EXPECT_EQ(response.content_type, "video/mp4");
  EXPECT_EQ(HeaderOf(response, "Content-Range"), absl::StrCat("bytes 10-19/", film_.size()));
  EXPECT_TRUE(BodyOf(response) == film_.substr(10, 10));

  // Across chunks, and at their borders.
  EXPECT_TRUE(GetRange(absl::StrCat("bytes=", kChunk - 1, "-", 3 * kChunk)) ==
              film_.substr(kChunk - 1, 2 * kChunk + 2));
  EXPECT_TRUE(GetRange(absl::StrCat("bytes=", kChunk, "-", 2 * kChunk - 1)) == film_.substr(kChunk, kChunk));
  EXPECT_TRUE(GetRange("bytes=-7") == film_.substr(film_.size() - 7));
  EXPECT_TRUE(GetRange(absl::StrCat("bytes=", 5 * kChunk, "-")) == film_.substr(5 * kChunk));
}

TEST_F(ContentPagesTest, ServesSeveralRangesAsSections) {
  const HttpResponse response = Get(kFilm, {{"range", "bytes=20000-20009,0-4"}});
  EXPECT_EQ(response.status, 206);
  const std::string type = "multipart/byteranges; boundary=";
  ASSERT_TRUE(absl::StartsWith(response.content_type, type));
  const std::string boundary = response.content_type.substr(type.size());
  EXPECT_THAT(boundary, SizeIs(32));
  EXPECT_EQ(HeaderOf(response, "Content-Range"), "");
  const std::string head =
      absl::StrCat("--", boundary, "\r\nContent-Type: video/mp4\r\nContent-Range: bytes ");
  const std::string of = absl::StrCat("/", film_.size(), "\r\n\r\n");
  EXPECT_TRUE(BodyOf(response) == head + "20000-20009" + of + film_.substr(20000, 10) + "\r\n" + head +
                                      "0-4" + of + film_.substr(0, 5) + "\r\n--" + boundary + "--\r\n");
}

TEST_F(ContentPagesTest, RefusesWhatIsNotThere) {
  const HttpResponse response = Get(kFilm, {{"range", "bytes=1000000-"}});
  EXPECT_EQ(response.status, 416);
  EXPECT_EQ(HeaderOf(response, "Content-Range"), absl::StrCat("bytes */", film_.size()));
  EXPECT_EQ(Get(kFilm, {{"range", "bytes=nonsense"}}).status, 200);
}

TEST_F(ContentPagesTest, ComparesVersions) {
  const std::string tag = EntityTagOf(*content_.manifest, FileIndex(0));
  const HttpResponse unchanged = Get(kFilm, {{"if-none-match", tag}, {"range", "bytes=0-1"}});
  EXPECT_EQ(unchanged.status, 304);
  EXPECT_EQ(HeaderOf(unchanged, "ETag"), tag);
  EXPECT_EQ(unchanged.open_stream, nullptr);
  EXPECT_EQ(Get(kFilm, {{"if-none-match", "\"other\""}}).status, 200);

  EXPECT_EQ(Get(kFilm, {{"if-range", tag}, {"range", "bytes=0-1"}}).status, 206);
  EXPECT_EQ(Get(kFilm, {{"if-range", tag}}).status, 200);
  for (const std::string& other :
       {std::string("\"other\""), "W/" + tag, tag.substr(1), std::string("Wed, 21 Oct 2015 07:28:00 GMT")}) {
    EXPECT_EQ(Get(kFilm, {{"if-range", other}, {"range", "bytes=0-1"}}).status, 200) << other;
    EXPECT_EQ(Get(kFilm, {{"if-range", other}, {"range", "bytes=1000000-"}}).status, 200) << other;
  }
}

TEST_F(ContentPagesTest, NothingOfItRunsInTheOriginOfThePage) {
  const HttpResponse response = Get("/content/7/page.html");
  EXPECT_EQ(response.content_type, "text/plain; charset=utf-8");
  EXPECT_THAT(HeaderOf(response, "Content-Security-Policy"), HasSubstr("sandbox"));
  EXPECT_THAT(HeaderOf(response, "Content-Security-Policy"), Not(HasSubstr("allow")));
  EXPECT_EQ(HeaderOf(response, "X-Content-Type-Options"), "nosniff");
}

TEST_F(ContentPagesTest, SavesAFileWhenAsked) {
  const std::string path = "/content/7/\xc3\xbc \"x\".txt";
  const std::string value = R"(attachment; filename="__ _x_.txt"; filename*=UTF-8''%c3%bc%20%22x%22.txt)";
  EXPECT_EQ(HeaderOf(Get(path, {}, "download=1"), "Content-Disposition"), value);
  EXPECT_EQ(HeaderOf(Get(path, {}, "a=b&download=1"), "Content-Disposition"), value);
  for (const char* query : {"", "download=0", "download", "download=%", "a=download=1"}) {
    EXPECT_EQ(HeaderOf(Get(path, {}, query), "Content-Disposition"), "") << query;
  }
}

TEST_F(ContentPagesTest, KeepsTheContentWhileAResponseLasts) {
  std::optional<HttpResponse> response = Get(kFilm);
  std::unique_ptr<HttpStream> stream = response->open_stream([] {});
  response.reset();
  EXPECT_EQ(in_use_.use_count(), 2);
  stream.reset();
  EXPECT_EQ(in_use_.use_count(), 1);
}

// --- While it is downloaded

TEST_F(ContentPagesTest, WaitsForTheChunkThatIsMissing) {
  downloading_ = true;
  HoldChunks({0, 2});
  bool woken = false;
  const auto stream = Get(kFilm).open_stream([&] { woken = true; });
  Taken taken = TakeAll(*stream);
  EXPECT_FALSE(taken.ended);
  EXPECT_TRUE(taken.bytes == film_.substr(0, kChunk));
  EXPECT_THAT(log_.needs, ElementsAre(ChunkRange{ChunkIndex(0), 6}, ChunkRange{ChunkIndex(1), 5}));
  log_.wake();
  EXPECT_TRUE(woken);
  EXPECT_THAT(TakeAll(*stream).bytes, IsEmpty()) << "woken for nothing";
  EXPECT_THAT(log_.needs, SizeIs(2)) << "and nothing new is needed";

  HoldChunks({1, 2, 3, 4, 5});
  taken = TakeAll(*stream);
  EXPECT_TRUE(taken.ended);
  EXPECT_TRUE(taken.bytes == film_.substr(kChunk));
  EXPECT_EQ(log_.needs.back(), (ChunkRange{ChunkIndex(5), 1}));
  EXPECT_EQ(log_.open, 0) << "it needs nothing more";
}

TEST_F(ContentPagesTest, NeedsNoMoreThanItsRange) {
  downloading_ = true;
  HoldChunks({});
  const auto stream =
      Get(kFilm, {{"range", absl::StrCat("bytes=", kChunk + 5, "-", 3 * kChunk - 1)}}).open_stream([] {});
  EXPECT_FALSE(TakeAll(*stream).ended);
  EXPECT_THAT(log_.needs, ElementsAre(ChunkRange{ChunkIndex(1), 2}));
}

TEST_F(ContentPagesTest, EachRangeHasAReader) {
  downloading_ = true;
  HoldChunks({0, 4});
  const auto stream =
      Get(kFilm, {{"range", absl::StrCat("bytes=0-0,", 4 * kChunk, "-", 4 * kChunk)}}).open_stream([] {});
  EXPECT_TRUE(TakeAll(*stream).ended);
  EXPECT_THAT(log_.needs, ElementsAre(ChunkRange{ChunkIndex(0), 1}, ChunkRange{ChunkIndex(4), 1}));
}

TEST_F(ContentPagesTest, EndsShortWhenTheDownloadEndsWithoutTheChunk) {
  downloading_ = true;
  HoldChunks({0});
  const HttpResponse response = Get(kFilm);
  const auto stream = response.open_stream([] {});
  EXPECT_FALSE(TakeAll(*stream).ended);
  log_.ended = true;
  const Taken taken = TakeAll(*stream);
  EXPECT_TRUE(taken.ended);
  EXPECT_THAT(taken.bytes, IsEmpty());
  EXPECT_GT(response.length_bytes, kChunk);
}

TEST_F(ContentPagesTest, ServesWhatIsHeldOfADownloadThatEnded) {
  HoldChunks({1});
  EXPECT_TRUE(GetRange(absl::StrCat("bytes=", kChunk, "-", 2 * kChunk - 1)) == film_.substr(kChunk, kChunk));
  EXPECT_EQ(BodyOf(Get("/content/7/empty")), "");
}

TEST_F(ContentPagesTest, RefusesAtOnceWhatWillNotCome) {
  HoldChunks({1});
  for (const std::string& range :
       {std::string(), std::string("bytes=0-1"), absl::StrCat("bytes=", kChunk, "-"),
        absl::StrCat("bytes=", kChunk, "-", kChunk + 9, ",0-9")}) {
    const HttpResponse response = Get(kFilm, {{"range", range}});
    EXPECT_EQ(response.status, 409) << range;
    EXPECT_THAT(response.body, HasSubstr("no more of it will come")) << range;
    EXPECT_EQ(HeaderOf(response, "ETag"), "") << range;
  }
  downloading_ = true;
  EXPECT_EQ(Get(kFilm).status, 200) << "the rest may come";
}

TEST_F(ContentPagesTest, WithTooManyReadersWhatIsHeldIsServed) {
  downloading_ = true;
  log_.refusal = absl::ResourceExhaustedError("32 readers");
  HoldChunks({0});
  const auto stream = Get(kFilm).open_stream([] {});
  const Taken taken = TakeAll(*stream);
  EXPECT_TRUE(taken.ended);
  EXPECT_TRUE(taken.bytes == film_.substr(0, kChunk));
}

TEST_F(ContentPagesTest, AChunkThatCannotBeReadEndsIt) {
  source_->FailReading();
  const auto stream = Get(kFilm).open_stream([] {});
  const Taken taken = TakeAll(*stream);
  EXPECT_TRUE(taken.ended);
  EXPECT_THAT(taken.bytes, IsEmpty());
}

// --- Over HTTP

TEST_F(ContentPagesTest, StandsBehindARealServer) {
  downloading_ = true;
  HoldChunks({0, 1});
  const auto server = service::HttpServer::Start({.listen = *Endpoint::Parse("127.0.0.1:0")},
                                                 {{ContentPages::kPrefix, Route()}});
  ASSERT_TRUE(server.ok());
  const auto ask = [&](const std::string& method, const std::string& range) {
    LoopbackClient client((*server)->port());
    client.Send(method +
                " /content/7/a/film%2Emp4 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nRange: bytes=" +
                range + "\r\n\r\n");
    return client.ReadAll();
  };
  const std::string held = ask("GET", absl::StrCat("10-", 2 * kChunk - 1));
  EXPECT_TRUE(absl::StartsWith(held, "HTTP/1.1 206 "));
  EXPECT_THAT(held.substr(0, 1000), HasSubstr(absl::StrCat("Content-Length: ", 2 * kChunk - 10, "\r\n")));
  EXPECT_TRUE(absl::EndsWith(held, "\r\n\r\n" + film_.substr(10, 2 * kChunk - 10)));

  const std::string head = ask("HEAD", "0-");
  EXPECT_TRUE(absl::StartsWith(head, "HTTP/1.1 206 "));
  EXPECT_THAT(head, HasSubstr(absl::StrCat("Content-Length: ", film_.size(), "\r\n")));
  EXPECT_TRUE(absl::EndsWith(head, "\r\n\r\n"));

  log_.ended = true;
  const std::string broken = ask("GET", "0-");
  EXPECT_THAT(broken.substr(0, 1000), HasSubstr(absl::StrCat("Content-Length: ", film_.size(), "\r\n")));
  EXPECT_TRUE(absl::EndsWith(broken, "\r\n\r\n" + film_.substr(0, 2 * kChunk))) << "and no more";
}

// --- With a real download

// Waits for wakes.
struct Bell {
  Mutex mutex;
  CondVar rung;
  int rings ABSL_GUARDED_BY(mutex) = 0;
};

TEST_F(ContentPagesTest, StreamsADownloadThatRuns) {
  const std::string bytes = RandomBytes(300 * kChunk + 3, 2);
  const TestContent content = Publish(folder_.Write("in/large.bin", bytes));
  TestPeer peer(content.manifest->id(), content.source);
  TestTracker tracker;
  tracker.Add(*content.manifest, {peer.info()});
  DownloadRuntime::Options runtime_options;
  runtime_options.make_tracker_client = [&](const tracking::TrackerUrl& url) {
    return tracker.MakeClient(url);
  };
  DownloadRuntime runtime(runtime_options);
  DownloadOptions options;
  options.manifest = content.manifest;
  options.trackers = {*tracking::TrackerUrl::Parse("127.0.0.1:1")};
  options.output_folder = folder_.Path("out");
  EventLog log;
  const auto download = Download::Start(runtime, options, log.Observer());
  download->Pause();
  log.WaitFor<DownloadStarted>();

  class OneDownload final : public ReadableContents {
   public:
    explicit OneDownload(Download& running) : running_(running) {}
    absl::StatusOr<ReadableContent> FindDownload(uint64_t) const override {
      return ReadableContent{.source = running_.source(),
                             .open_reader =
                                 [this](ChunkRange chunks, std::function<void()> wake) {
                                   return running_.OpenReader(chunks, std::move(wake));
                                 },
                             .in_use = nullptr};
    }
    absl::StatusOr<ReadableContent> FindContent(const ContentId&) const override { return FindDownload(1); }

   private:
    Download& running_;
  };
  const OneDownload contents(*download);
  const ContentPages pages(contents);

  const auto bell = std::make_shared<Bell>();
  // Several at once, at different places.
  struct Running {
    std::string wanted;
    std::unique_ptr<HttpStream> stream;
    std::string got = {};
    bool ended = false;
  };
  std::vector<Running> all;
  for (const uint64_t from : {uint64_t{0}, uint64_t{100} * kChunk + 7, uint64_t{299} * kChunk}) {
    HttpRequest request;
    request.path = "/content/1/large.bin";
    request.headers = {{"range", absl::StrCat("bytes=", from, "-")}};
    const HttpResponse response = pages.Serve(request);
    EXPECT_EQ(response.status, 206);
    all.push_back({bytes.substr(from), response.open_stream([bell] {
                     MutexLock lock(&bell->mutex);
                     ++bell->rings;
                     bell->rung.NotifyAll();
                   })});
  }
  download->Resume();
  const auto ended = [&] {
    return std::all_of(all.begin(), all.end(), [](const Running& running) { return running.ended; });
  };
  while (!ended()) {
    int rings = 0;
    {
      MutexLock lock(&bell->mutex);
      rings = bell->rings;
    }
    for (Running& running : all) {
      if (running.ended) continue;
      const Taken taken = TakeAll(*running.stream);
      running.got += taken.bytes;
      running.ended = taken.ended;
    }
    if (ended()) break;
    MutexLock lock(&bell->mutex);
    while (bell->rings == rings) bell->rung.Wait(&bell->mutex);
  }
  for (const Running& running : all) EXPECT_TRUE(running.got == running.wanted);
  EXPECT_EQ(download->Wait(), absl::OkStatus());
}

}  // namespace
}  // namespace shoal::leecher

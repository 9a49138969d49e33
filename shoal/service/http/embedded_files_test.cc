#include "shoal/service/http/embedded_files.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::service {
namespace {

constexpr unsigned char kBytes[] = {'h', 'i'};

std::string HeaderOf(const HttpResponse& response, const std::string& name) {
  const auto found = std::find_if(response.headers.begin(), response.headers.end(),
                                  [&](const auto& header) { return header.first == name; });
  return found == response.headers.end() ? "" : found->second;
}

TEST(FileRoutes, ServesEachFileAndTheIndexOfAFolder) {
  const HttpServer::Routes routes =
      FileRoutes({{"index.html", kBytes, 2}, {"js/app.js", kBytes, 2}, {"more/index.html", kBytes, 1}}, "/");
  for (const char* path : {"/", "/index.html", "/js/app.js", "/more/", "/more/index.html"}) {
    ASSERT_TRUE(routes.contains(path)) << path;
  }
  EXPECT_EQ(routes.size(), 5u);
  const HttpResponse page = routes.at("/").handler({});
  EXPECT_EQ(page.body, "hi");
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_NE(HeaderOf(page, "Content-Security-Policy"), "");
  EXPECT_EQ(routes.at("/js/app.js").handler({}).content_type, "text/javascript; charset=utf-8");
}

TEST(FileRoutes, SaysThatABrowserHasAFileAlready) {
  const HttpServer::Routes routes = FileRoutes({{"a.css", kBytes, 2}, {"b.css", kBytes, 1}}, "/");
  const std::string tag = HeaderOf(routes.at("/a.css").handler({}), "ETag");
  EXPECT_NE(tag, HeaderOf(routes.at("/b.css").handler({}), "ETag"));
  HttpRequest request;
  request.headers["if-none-match"] = tag;
  const HttpResponse same = routes.at("/a.css").handler(request);
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.body, "");
  EXPECT_EQ(routes.at("/b.css").handler(request).status, 200);
}

}  // namespace
}  // namespace shoal::service

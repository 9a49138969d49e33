#include "services/tracker/http/status_page.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/test_requests.h"

namespace shoal::tracker {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

StatusView SampleView() {
  StatusView view;
  view.version = "1.2.3";
  view.ready = true;
  view.now = absl::FromUnixSeconds(1'700'000'000);
  view.seeders = 1'234'567;
  view.listeners = {{"gRPC", 1000, 12.25}};
  view.limits = {{"max-contents", 95, 100, 7}};
  view.page = {{TestContent(1), view.now - absl::Seconds(90), 2, 3}};
  return view;
}

TEST(StatusPageTest, ShowsWhatIsThere) {
  const std::string html = StatusPageHtml(SampleView());
  EXPECT_THAT(html, HasSubstr("taking calls"));
  EXPECT_THAT(html, HasSubstr("1,234,567"));
  EXPECT_THAT(html, HasSubstr("<td>gRPC<td>1,000<td>12.2"));
  EXPECT_THAT(html, HasSubstr("content-1"));
  EXPECT_THAT(html, HasSubstr("class=full"));
  EXPECT_THAT(html, Not(HasSubstr("next page")));
}

TEST(StatusPageTest, NamesAreText) {
  StatusView view = SampleView();
  view.page[0].summary.name = "<script>alert('x')</script>\"&";
  const std::string html = StatusPageHtml(view);
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;"));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
}

TEST(StatusPageTest, PagesLeadOn) {
  StatusView view = SampleView();
  view.next_page = "after=616263";
  view.first_page = false;
  const std::string html = StatusPageHtml(view);
  EXPECT_THAT(html, HasSubstr("href=\"/?after=616263\""));
  EXPECT_THAT(html, HasSubstr("first page"));
}

TEST(StatusPageTest, AnEmptyTrackerSaysSo) {
  EXPECT_THAT(StatusPageHtml(StatusView()), HasSubstr("None has a peer."));
  EXPECT_THAT(StatusPageHtml(StatusView()), HasSubstr("not taking calls"));
}

}  // namespace
}  // namespace shoal::tracker

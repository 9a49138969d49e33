#include "shoal/service/command_line.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <istream>
#include <map>
#include <memory>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "shoal/base/text_lines.h"
#include "shoal/service/log/log.h"

namespace shoal::service {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMinWidth = 20;
constexpr int kMaxWidth = 100;
constexpr int kDefaultWidth = 80;
// The column of the descriptions. A narrower terminal gets them on lines of their own.
constexpr int kDescriptionColumn = 30;
constexpr int kMinTwoColumnWidth = 64;

int TerminalWidth() {
  winsize size{};
  int width = 0;
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) width = size.ws_col;
  const char* columns = std::getenv("COLUMNS");
  if (width == 0 && (columns == nullptr || !absl::SimpleAtoi(columns, &width))) width = kDefaultWidth;
  return std::clamp(width, kMinWidth, kMaxWidth);
}

std::string Spaces(int count) {
  return std::string(static_cast<size_t>(std::max(count, 0)), ' ');
}

// Words of at most `width` columns: longer ones are cut.
std::vector<std::string> WordsThatFit(absl::string_view text, int width) {
  std::vector<std::string> words;
  const auto most = static_cast<size_t>(std::max(width, 1));
  for (absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    for (; word.size() > most; word.remove_prefix(most)) words.emplace_back(word.substr(0, most));
    words.emplace_back(word);
  }
  return words;
}

// `first` columns are taken on the first line already; the others begin with `indent` spaces. A line that is
// continued ends with `continued`.
std::string Fill(absl::string_view text, int first, int indent, int width, absl::string_view continued = "") {
  const int room = width - static_cast<int>(continued.size());
  std::string filled;
  int column = first;
  bool line_is_empty = true;
  for (const std::string& word : WordsThatFit(text, room - indent)) {
    const int length = static_cast<int>(word.size());
    if (!line_is_empty && column + 1 + length > room) {
      absl::StrAppend(&filled, continued, "\n", Spaces(indent));
      column = indent;
      line_is_empty = true;
    }
    if (!line_is_empty) {
      filled.push_back(' ');
      ++column;
    }
    filled.append(word);
    column += length;
    line_is_empty = false;
  }
  return filled;
}

// The column at which the continuation of a line begins: that of the text behind its first word when two
// spaces or more separate them (a table), otherwise its own indentation.
int HangingIndent(absl::string_view line) {
  const size_t begin = line.find_first_not_of(' ');
  const size_t end = line.find("  ", begin);
  if (end == absl::string_view::npos ||
      line.substr(begin, end - begin).find(' ') != absl::string_view::npos) {
    return static_cast<int>(begin);
  }
  return static_cast<int>(line.find_first_not_of(' ', end));
}

std::string WrapLine(absl::string_view line, int width) {
  if (static_cast<int>(line.size()) <= width) return std::string(line);
  const size_t begin = line.find_first_not_of(' ');
  if (begin == absl::string_view::npos) return "";
  const int hanging = HangingIndent(line);
  const bool is_command = begin == 2 && hanging == 2;
  if (is_command) return absl::StrCat("  ", Fill(line.substr(begin), 2, 6, width, " \\"));
  const int indent = hanging > width / 2 ? static_cast<int>(begin) : hanging;
  if (indent == static_cast<int>(begin)) {
    return absl::StrCat(line.substr(0, begin), Fill(line.substr(begin), indent, indent, width));
  }
  // The spaces of a table's first column stay as they are.
  const auto text = static_cast<size_t>(indent);
  return absl::StrCat(line.substr(0, text), Fill(line.substr(text), indent, indent, width));
}

class HelpFormatter final : public CLI::Formatter {
 public:
  explicit HelpFormatter(int width) : width_(width) {
    label("Positionals", "Arguments");
    label("SUBCOMMAND", "COMMAND");
  }

  std::string make_description(const CLI::App* app) const override {
    return absl::StrCat(WrapText(app->get_description(), width_), "\n\n");
  }
  std::string make_usage(const CLI::App* app, std::string name) const override {
    std::string usage = CLI::Formatter::make_usage(app, std::move(name));
    absl::StripTrailingAsciiWhitespace(&usage);
    return absl::StrCat(Fill(usage, 0, 7, width_), "\n");
  }
  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    std::string left = option->get_name(is_positional, !is_positional);
    if (const std::string value = ValueOf(*option); !value.empty()) absl::StrAppend(&left, " ", value);
    std::vector<std::string> notes;
    if (!option->get_default_str().empty())
      notes.push_back(absl::StrCat("default ", option->get_default_str()));
    if (!option->get_envname().empty()) notes.push_back(absl::StrCat("$", option->get_envname()));
    std::string text = option->get_description();
    if (!notes.empty()) absl::StrAppend(&text, " (", absl::StrJoin(notes, "; "), ")");
    return Entry(left, text);
  }
  std::string make_subcommand(const CLI::App* command) const override {
    return Entry(command->get_name(), command->get_description());
  }
  std::string make_footer(const CLI::App* app) const override {
    return absl::StrCat(WrapText(app->get_footer(), width_), "\n");
  }

  static std::string ValueOf(const CLI::Option& option) {
    if (!option.get_option_text().empty()) return option.get_option_text();
    return option.get_type_size() == 0 ? "" : option.get_type_name();
  }

 private:
  std::string Entry(const std::string& name, const std::string& text) const {
    const int column = width_ < kMinTwoColumnWidth ? 6 : kDescriptionColumn;
    std::string entry = absl::StrCat("  ", Fill(name, 2, 4, width_));
    if (text.empty()) return entry + "\n";
    const bool one_line = static_cast<int>(entry.size()) + 2 <= column;
    absl::StrAppend(&entry, one_line ? "" : "\n",
                    Spaces(one_line ? column - static_cast<int>(entry.size()) : column),
                    Fill(text, column, column, width_), "\n");
    return entry;
  }

  const int width_;
};

Json OrNull(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

bool IsRepeatable(const CLI::Option& option) {
  return option.get_expected_max() > 1 || option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
}

// The parts that a program and a command share.
void Describe(const CLI::App& app, Json& json) {
  json["description"] = app.get_description();
  json["footer"] = app.get_footer();
  json["arguments"] = Json::array();
  json["flags"] = Json::array();
  for (const CLI::Option* option : app.get_options({})) {
    if (option->get_group().empty()) continue;
    const Json value = OrNull(HelpFormatter::ValueOf(*option));
    if (option->get_positional()) {
      json["arguments"].push_back({{"name", option->get_single_name()},
                                   {"value", value},
                                   {"required", option->get_required()},
                                   {"repeatable", IsRepeatable(*option)},
                                   {"description", option->get_description()}});
      continue;
    }
    Json names = Json::array();
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    // A value in brackets may be left out: [=DURATION].
    const bool optional = value.is_string() && absl::StartsWith(value.get<std::string>(), "[");
    json["flags"].push_back({{"names", names},
                             {"value", value},
                             {"value_optional", optional},
                             {"default", OrNull(option->get_default_str())},
                             {"env", OrNull(option->get_envname())},
                             {"repeatable", IsRepeatable(*option)},
                             {"group", option->get_group()},
                             {"description", option->get_description()}});
  }
  json["commands"] = Json::array();
  for (const CLI::App* command : app.get_subcommands({})) {
    Json described = {{"name", command->get_name()}};
    Describe(*command, described);
    described.erase("commands");
    json["commands"].push_back(std::move(described));
  }
}

std::vector<std::string> LongFlags(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options({})) {
    if (option->get_group().empty()) continue;
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  return flags;
}

// What is wrong with a word that nothing in the command line expects.
std::string DescribeUnknown(const CLI::App& app, const CLI::App* command, const std::string& word) {
  if (!absl::StartsWith(word, "-") || word == "-") {
    if (command != nullptr || app.get_subcommands([](const CLI::App*) { return true; }).empty()) {
      return absl::StrCat("unexpected argument '", word, "'");
    }
    std::vector<std::string> names;
    for (const CLI::App* known : app.get_subcommands({})) names.push_back(known->get_name());
    const std::optional<std::string> nearest = NearestWord(word, names);
    return absl::StrCat("unknown command '", word, "'; ",
                        nearest.has_value() ? absl::StrCat("did you mean '", *nearest, "'?")
                                            : absl::StrCat("there are ", absl::StrJoin(names, ", ")));
  }
  const std::string flag = word.substr(0, word.find('='));
  std::vector<std::string> flags = LongFlags(command != nullptr ? *command : app);
  // The command knows it: it stood in front of the command.
  if (command != nullptr && std::find(flags.begin(), flags.end(), flag) != flags.end()) {
    return absl::StrCat("flag ", flag, " needs to stand behind its command, '", command->get_name(), "'");
  }
  if (const std::optional<std::string> nearest = NearestWord(flag, flags)) {
    return absl::StrCat("unknown flag ", flag, "; did you mean ", *nearest, "?");
  }
  for (const CLI::App* other : app.get_subcommands({})) {
    flags = LongFlags(*other);
    if (std::find(flags.begin(), flags.end(), flag) == flags.end()) continue;
    return command != nullptr
               ? absl::StrCat("unknown flag ", flag, ": it is a flag of '", other->get_name(), "'")
               : absl::StrCat("flag ", flag, " needs to stand behind its command, such as '",
                              other->get_name(), "'");
  }
  const bool takes_words =
      command != nullptr &&
      !command->get_options([](const CLI::Option* option) { return option->get_positional(); }).empty();
  return absl::StrCat("unknown flag ", flag,
                      takes_words && !absl::StartsWith(flag, "--")
                          ? "; a word that begins with a dash stands behind --"
                          : "");
}

std::string DescribeError(const CLI::App& app, const CLI::ParseError& error) {
  // An unknown word is named first: it is often the reason for what else is missing.
  const std::vector<CLI::App*> parsed = app.get_subcommands();  // those on the command line
  const CLI::App* command = parsed.empty() ? nullptr : parsed.front();
  const std::vector<std::string> unknown = app.remaining(true);
  const auto flag = std::find_if(unknown.begin(), unknown.end(), [](const std::string& word) {
    return absl::StartsWith(word, "-") && word != "--";
  });
  if (flag != unknown.end()) return DescribeUnknown(app, command, *flag);
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError) && !unknown.empty()) {
    return DescribeUnknown(app, command, unknown.front());
  }
  const std::string what = error.what();
  // "Could not convert: --peers-max = many"
  absl::string_view rest = what;
  const size_t equals = what.find(" = ");
  if (absl::ConsumePrefix(&rest, "Could not convert: ") && equals != std::string::npos) {
    const std::string name(rest.substr(0, rest.find(" = ")));
    const CLI::Option* const option = (command == nullptr ? app : *command).get_option_no_throw(name);
    const bool is_switch = option != nullptr && option->get_expected_max() == 0;
    return absl::StrCat(name, ": '", what.substr(equals + 3), "' is ",
                        is_switch ? "neither true nor false" : "no number");
  }
  // "--wait: 1 required DURATION|forever missing"
  if (const size_t missing = what.find(": 1 required "); missing != std::string::npos) {
    return absl::StrCat(what.substr(0, missing), ": its value is missing");
  }
  // "--lease: At Most 1 required but received 2"
  if (const size_t most = what.find(": At Most 1 required but received "); most != std::string::npos) {
    return absl::StrCat(what.substr(0, most), ": it may be given once, and was given ",
                        what.substr(what.rfind(' ') + 1), " times");
  }
  // "FILE was not readable (missing?)"
  rest = what;
  if (absl::ConsumeSuffix(&rest, " was not readable (missing?)")) {
    return absl::StrCat("--config: ", rest, " can't be read: is it there, and a file?");
  }
  return what;
}

// A flag that may be repeated takes one value each time. CLI11 would give it the words behind it as well,
// which are arguments of the command.
void TakeOneValueEach(CLI::App& app) {
  for (CLI::Option* option : app.get_options([](const CLI::Option* each) { return !each->get_positional(); }))
    option->allow_extra_args(false);
}

// Returns a flag that is written as "--flag=", as with a variable that is not set. CLI11 would take the next
// word as its value.
std::optional<std::string> FlagWithoutValue(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (word == "--") break;
    if (absl::StartsWith(word, "--") && word.find('=') == word.size() - 1)
      return word.substr(0, word.size() - 1);
  }
  return std::nullopt;
}

// Returns the exit code.
int Print(const std::string& text) {
  const bool printed =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return printed ? 0 : 1;
}

// Reads the file of --config.
class ConfigFile final : public CLI::Config {
 public:
  explicit ConfigFile(const CLI::App& app) : app_(app) {}

  std::string to_config(const CLI::App*, bool, bool, std::string) const override { return ""; }

  // CLI11 takes its errors as exceptions.
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    constexpr size_t kMaxBytes = 64 * 1024;
    std::string text(kMaxBytes + 1, '\0');
    input.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(input.gcount()));
    if (text.size() > kMaxBytes) throw Error(absl::StrCat(" is larger than ", kMaxBytes, " bytes"));

    std::vector<CLI::ConfigItem> settings;
    for (const TextLine& line : LinesOf(text, Comments::kOwnLines)) {
      const auto fault = [&](absl::string_view what) {
        return Error(absl::StrCat(":", line.number, ": ", what));
      };
      const size_t equals = line.text.find('=');
      if (equals == absl::string_view::npos) throw fault("a line needs to be NAME=VALUE, or to begin with #");
      const std::string name(absl::StripAsciiWhitespace(line.text.substr(0, equals)));
      const std::string value(absl::StripAsciiWhitespace(line.text.substr(equals + 1)));
      if (value.size() > 1 && value.front() == value.back() &&
          (value.front() == '"' || value.front() == '\''))
        throw fault(absl::StrCat("write the value of ", name, " without quotation marks"));
      lines_[name] = line.number;
      const CLI::Option* option = app_.get_option_no_throw("--" + name);
      if (option == nullptr || option->get_envname().empty()) throw fault(DescribeUnknownName(name));
      const char* environment = std::getenv(option->get_envname().c_str());
      if (environment != nullptr && *environment != '\0') continue;
      const auto same = std::find_if(settings.begin(), settings.end(),
                                     [&name](const CLI::ConfigItem& item) { return item.name == name; });
      if (same != settings.end()) {
        same->inputs.push_back(value);
      } else {
        settings.push_back({{}, name, {value}});
      }
    }
    return settings;
  }

  // "FILE:LINE" of a setting that was read; empty: it was not.
  std::string PlaceOf(const std::string& name) const {
    const auto line = lines_.find(name);
    if (line == lines_.end()) return "";
    return absl::StrCat(app_.get_config_ptr()->as<std::string>(), ":", line->second);
  }

 private:
  CLI::FileError Error(const std::string& what) const {
    return CLI::FileError(app_.get_config_ptr()->as<std::string>() + what, CLI::ExitCodes::FileError);
  }

  std::string DescribeUnknownName(const std::string& name) const {
    std::vector<std::string> names;
    for (const CLI::Option* option : app_.get_options({})) {
      if (!option->get_envname().empty()) names.push_back(option->get_lnames().front());
    }
    const std::optional<std::string> nearest = NearestWord(absl::StripPrefix(name, "--"), names);
    return absl::StrCat("unknown name '", name, "'",
                        nearest.has_value() ? absl::StrCat("; did you mean '", *nearest, "'?") : "");
  }

  const CLI::App& app_;
  mutable std::map<std::string, int> lines_;  // the last one of each name; CLI11 reads through a const object
};

int EditDistance(absl::string_view a, absl::string_view b) {
  // Three rows of the table: the present one and the two before it, for swaps of neighbours.
  std::vector<std::vector<int>> rows(3, std::vector<int>(b.size() + 1));
  for (size_t j = 0; j <= b.size(); ++j) rows[0][j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    std::vector<int>& row = rows[i % 3];
    const std::vector<int>& above = rows[(i - 1) % 3];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], rows[(i - 2) % 3][j - 2] + 1);
      }
    }
  }
  return rows[a.size() % 3][b.size()];
}

}  // namespace

void AddConfigFile(CLI::App& app) {
  app.set_config("--config", "",
                 "A file of lines NAME=VALUE with the names of these flags; flags and variables override it")
      ->type_name("FILE");
  app.config_formatter(std::make_shared<ConfigFile>(app));
}

void ReadConfigFile(CLI::App& command) {
  const auto path = command.get_config_ptr()->as<std::string>();
  if (path.empty()) return;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) throw CLI::FileError::Missing(path);
  for (const CLI::ConfigItem& setting : command.get_config_formatter()->from_file(path)) {
    CLI::Option* const option = command.get_option("--" + setting.name);
    if (option->count() > 0) continue;
    for (const std::string& value : setting.inputs) {
      option->add_result(option->get_expected_max() == 0 ? option->get_flag_value(setting.name, value)
                                                         : value);
    }
    option->run_callback();
  }
}

std::string WithPlace(const CLI::App& app, const std::vector<std::string>& words, absl::string_view message) {
  const std::string flag(message.substr(0, message.find(':')));
  const CLI::Option* const option = absl::StartsWith(flag, "--") ? app.get_option_no_throw(flag) : nullptr;
  if (option == nullptr || option->get_envname().empty()) return std::string(message);
  for (const std::string& word : words) {
    const bool is_long = word == flag || absl::StartsWith(word, flag + "=");
    const auto& shorts = option->get_snames();
    const bool is_short = std::any_of(shorts.begin(), shorts.end(), [&](const std::string& name) {
      return absl::StartsWith(word, "-" + name);
    });
    if (is_long || is_short) return std::string(message);
  }
  const char* const variable = std::getenv(option->get_envname().c_str());
  const auto file = std::dynamic_pointer_cast<const ConfigFile>(app.get_config_formatter());
  std::string place;
  if (variable != nullptr && *variable != '\0') {
    place = "$" + option->get_envname();
  } else if (file != nullptr) {
    place = file->PlaceOf(flag.substr(2));
  }
  return place.empty() ? std::string(message) : absl::StrCat(place, ": ", message);
}

void ReserveStandardDescriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // The lowest free number is this one: those below are open.
    if (::fcntl(fd, F_GETFD) < 0) [[maybe_unused]]
      const int opened = ::open("/dev/null", O_RDONLY);
  }
}

std::string WrapText(absl::string_view text, int width) {
  std::vector<std::string> lines;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) lines.push_back(WrapLine(line, width));
  return absl::StrJoin(lines, "\n");
}

std::optional<std::string> NearestWord(absl::string_view word, const std::vector<std::string>& candidates) {
  constexpr size_t kMaxWordBytes = 64;  // bounds the work; no candidate is longer
  if (word.size() > kMaxWordBytes) return std::nullopt;
  const std::string lower = absl::AsciiStrToLower(word);
  const size_t letters = lower.size() - std::min(lower.find_first_not_of('-'), lower.size());
  int least = std::max<int>(1, static_cast<int>(letters) / 3) + 1;
  std::optional<std::string> nearest;
  for (const std::string& candidate : candidates) {
    const int distance = EditDistance(lower, absl::AsciiStrToLower(candidate));
    if (distance >= least) continue;
    least = distance;
    nearest = candidate;
  }
  return nearest;
}

std::string ProgramName(const char* argv0, const std::vector<std::string>& names) {
  const std::string path = argv0 == nullptr ? "" : argv0;
  const std::string last = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  return std::find(names.begin(), names.end(), last) == names.end() ? names.front() : last;
}

std::string FlagsAsJson(const CLI::App& app, const Program& program) {
  Json json = {{"program", program.name}, {"version", program.version}};
  Describe(app, json);
  return json.dump(2, ' ', true, Json::error_handler_t::replace);
}

std::optional<int> ParseCommandLine(CLI::App& app, const Program& program, std::vector<std::string> words) {
  const auto formatter = std::make_shared<HelpFormatter>(TerminalWidth());
  app.name(program.name);
  app.formatter(formatter);
  app.set_version_flag("--version", absl::StrCat(program.name, " ", program.version),
                       "Print the version and exit");
  const std::vector<CLI::App*> commands = app.get_subcommands([](CLI::App*) { return true; });
  TakeOneValueEach(app);
  for (CLI::App* command : commands) {
    command->formatter(formatter);
    TakeOneValueEach(*command);
  }
  if (words.size() == 1 && words.front() == "--dump-flags") return Print(FlagsAsJson(app, program) + "\n");

  const std::vector<std::string> in_order = words;
  // CLI11 throws its errors, and takes the words from the back.
  std::reverse(words.begin(), words.end());
  try {
    if (const auto flag = FlagWithoutValue(in_order); flag.has_value())
      throw CLI::ArgumentMismatch(absl::StrCat(*flag, ": 1 required value missing"));
    app.parse(std::move(words));
  } catch (const CLI::CallForHelp&) {
    return Print(app.help());
  } catch (const CLI::CallForVersion& version) {
    return Print(absl::StrCat(version.what(), "\n"));
  } catch (const CLI::ParseError& error) {
    const std::string command =
        app.get_subcommands().empty() ? "" : absl::StrCat(" ", app.get_subcommands().front()->get_name());
    const std::string hint = absl::StrCat("Run '", program.name, command, " --help' to see what it takes.");
    const std::vector<CLI::App*> parsed = app.get_subcommands();
    const std::string what =
        WithPlace(parsed.empty() ? app : *parsed.front(), in_order, DescribeError(app, error));
    if (program.on_error != nullptr) program.on_error(what);
    if (program.log_errors) {
      ReportFatal(absl::StrCat(what, " (", hint, ")"));
    } else {
      std::fprintf(stderr, "%s: %s\n%s\n", program.name.c_str(), what.c_str(), hint.c_str());
    }
    return kUsageExitCode;
  }
  return std::nullopt;
}

}  // namespace shoal::service

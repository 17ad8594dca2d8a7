#include "text/chat_template.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "text/jinja/builtins.h"

namespace galago::text {
namespace {

namespace fs = std::filesystem;

const fs::path kData = fs::path(GALAGO_SOURCE_DIR) / "tests/data/templates";
const fs::path kShared = fs::path(GALAGO_SOURCE_DIR) / "../shared/templates";

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GALAGO_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GALAGO_TEST_SANITIZED 1
#endif
#endif

// Sanitizers cost a factor of 20: there every seventh case and a tenth of the steps will do.
#ifdef GALAGO_TEST_SANITIZED
constexpr std::size_t kStride = 7;
constexpr std::int64_t kManySteps = 2'000'000;
#else
constexpr std::size_t kStride = 1;
constexpr std::int64_t kManySteps = TemplateLimits{}.max_steps;
#endif

// 2026-07-30 12:02:01 UTC, as in tests/goldens/generate_templates.py.
std::chrono::system_clock::time_point fixed_clock() { return std::chrono::system_clock::from_time_t(1785412921); }

class ChatTemplateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
  }
};

Json read_json(const fs::path& path) {
  const auto text = read_text(path);
  EXPECT_TRUE(text.ok()) << path;
  auto json = parse_json(text.value(), path.string());
  EXPECT_TRUE(json.ok()) << path;
  return std::move(json).value();
}

Result<std::string> render(const std::string& source, const Json& variables = Json::object(),
                           const TemplateLimits& limits = {}) {
  auto parsed = ChatTemplate::parse(source, "test");
  if (!parsed.ok()) return parsed.error();
  return parsed->render_variables(variables, limits, fixed_clock);
}

// "bytes:CRC-32", as the generator writes it.
std::string digest(std::string_view text) {
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320u : 0);
  }
  std::array<char, 40> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%zu:%08x", text.size(), ~crc);
  return buffer.data();
}

TEST_F(ChatTemplateTest, AnswersAsJinja2OnEverySnippet) {
  const Json table = read_json(kData / "snippets.json");
  ASSERT_GT(table["cases"].size(), 900u);
  for (const Json& entry : table["cases"]) {
    const std::string source = entry[0].get<std::string>();
    const auto text = render(source, table["context"]);
    if (entry[1].is_null()) {
      EXPECT_FALSE(text.ok()) << source << "\nshould be refused, gave: " << text.value();
    } else {
      EXPECT_TRUE(text.ok()) << source << "\n" << text.error().message;
      if (!text.ok()) continue;
      EXPECT_EQ(*text, entry[1].get<std::string>()) << source;
    }
  }
}

// One conversation of a template: every set of variables, with and without the generation prompt.
void check_case(const ChatTemplate& parsed, const Json& messages, const Json& variables, bool prompt,
                const Json* expected, const std::string& label) {
  RenderInput input{.messages = messages};
  if (variables.contains("tools")) input.tools = &variables["tools"];
  input.add_generation_prompt = prompt;
  Json extra = variables;
  extra.erase("tools");
  input.extra = &extra;
  input.special_tokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  input.clock = fixed_clock;
  const auto text = parsed.render(input);
  if (expected == nullptr || expected->is_null()) {
    EXPECT_FALSE(text.ok()) << label << " should be refused";
    return;
  }
  ASSERT_TRUE(text.ok()) << label << ": " << text.error().message;
  EXPECT_EQ(digest(*text), expected->get<std::string>()) << label << "\n" << *text;
}

TEST_F(ChatTemplateTest, RendersPublishedTemplatesAsJinja2) {
  if (!fs::exists(kShared)) {
    ASSERT_EQ(std::getenv("CI"), nullptr) << kShared << " is missing";
    GTEST_SKIP() << kShared << " is missing";
  }
  const Json inputs = read_json(kData / "conversations.json");
  const Json expected = read_json(kData / "templates.json");
  ASSERT_GE(expected.size(), 50u);
  std::size_t count = 0;
  for (const auto& [name, cases] : expected.items()) {
    const auto source = read_text(kShared / (name + ".jinja"));
    ASSERT_TRUE(source.ok()) << name;
    const auto parsed = ChatTemplate::parse(*source, name);
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    for (const auto& [conversation, messages] : inputs["conversations"].items()) {
      for (std::size_t i = 0; i < inputs["variables"].size(); ++i) {
        for (const bool prompt : {false, true}) {
          if (count++ % kStride != 0) continue;
          const std::string key = conversation + "/" + std::to_string(i) + "/" + (prompt ? "1" : "0");
          const Json* answer = cases.contains(key) ? &cases[key] : nullptr;
          check_case(*parsed, messages, inputs["variables"][i], prompt, answer, name + " " + key);
        }
      }
    }
  }
}

TEST_F(ChatTemplateTest, TellsToolsUndefinedFromNone) {
  const auto parsed = ChatTemplate::parse("{{ tools is defined }} {{ tools is none }} {{ tools }}", "t");
  ASSERT_TRUE(parsed.ok());
  const Json messages = Json::array();
  EXPECT_EQ(parsed->render({.messages = messages}).value(), "False False ");
  const Json null;
  EXPECT_EQ(parsed->render({.messages = messages, .tools = &null}).value(), "True True None");
  const Json tools = Json::array({1});
  EXPECT_EQ(parsed->render({.messages = messages, .tools = &tools}).value(), "True False [1]");
  EXPECT_TRUE(parsed->mentions("tools"));
  EXPECT_FALSE(parsed->mentions("messages"));
}

TEST_F(ChatTemplateTest, SeesABosThatTheTemplateWrote) {
  EXPECT_TRUE(starts_with_token("<s>[INST]", "<s>"));
  EXPECT_FALSE(starts_with_token("[INST]<s>", "<s>"));
  EXPECT_FALSE(starts_with_token("[INST]", ""));
}

TEST_F(ChatTemplateTest, ErrorsNameTheTemplateTheLineAndTheReason) {
  const auto refused = render("a\nb\n{{ raise_exception('roles must\nalternate') }}");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message, "test:3: the template refuses: roles must alternate");
  const auto undefined = render("\n{% for m in [1] %}\n{{ m.content.text }}{% endfor %}");
  ASSERT_FALSE(undefined.ok());
  EXPECT_EQ(undefined.error().message, "test:3: 'int object' has no attribute 'content'");
  const auto unclosed = render("{% if a %}\n\n");
  ASSERT_FALSE(unclosed.ok());
  EXPECT_EQ(unclosed.error().code, ErrorCode::kCorrupt);
  const auto include = render("x\n{% include 'other' %}");
  ASSERT_FALSE(include.ok());
  EXPECT_EQ(include.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(include.error().message.find("test:2: the tag 'include'"), std::string::npos);
}

// What jinja2 and Python have and published templates do not use.
TEST_F(ChatTemplateTest, NamesWhatItDoesNotSupport) {
  const auto words = [](std::string_view text) {
    std::vector<std::string> out;
    for (std::size_t at = 0; at < text.size(); at = text.find(' ', at) + 1) {
      out.emplace_back(text.substr(at, text.find(' ', at) - at));
      if (text.find(' ', at) == std::string_view::npos) break;
    }
    return out;
  };
  const auto refused = [](const std::string& source, const std::string& what) {
    const auto result = render(source, Json{{"s", "a"}, {"l", {1, 2}}, {"d", {{"a", 1}}}, {"n", 5}});
    ASSERT_FALSE(result.ok()) << source << "\n" << *result;
    EXPECT_EQ(result.error().code, ErrorCode::kUnsupported) << source << "\n" << result.error().message;
    EXPECT_EQ(result.error().message, "test:1: " + what + " not supported here") << source;
  };
  for (const std::string& name :
       words("attr batch center filesizeformat forceescape format groupby pprint random round "
             "slice striptags sum truncate urlencode urlize wordcount wordwrap xmlattr "
             "from_json")) {
    refused("{{ s|" + name + "(1) }}", "the filter '" + name + "' is");
    refused("{% if true %}{{ s|" + name + " }}{% endif %}", "the filter '" + name + "' is");
    EXPECT_EQ(render("{% if false %}{{ s|" + name + " }}{% endif %}a").value(), "a");
    EXPECT_FALSE(ChatTemplate::parse("{% for x in [] %}{{ s|" + name + " }}{% endfor %}", "test").ok()) << name;
  }
  for (const std::string& name : words("escaped filter lower sameas test upper")) {
    refused("{{ s is " + name + " }}", "the test '" + name + "' is");
  }
  for (const std::string& name : words("casefold center encode expandtabs format_map index isalnum isalpha isascii "
                                       "isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle "
                                       "isupper ljust maketrans partition rfind rindex rjust rpartition swapcase "
                                       "translate zfill")) {
    refused("{{ s." + name + "(1) }}", "the attribute '" + name + "' of 'str' is");
    refused("{{ s." + name + " is defined }}", "the attribute '" + name + "' of 'str' is");
  }
  for (const std::string& name : words("cycler joiner lipsum")) {
    refused("{{ " + name + " is defined }}", "the function '" + name + "' is");
  }
  for (const std::string& name : words("call with print block extends include import from autoescape")) {
    refused("{% " + name + " x %}", "the tag '" + name + "' is");
  }
  refused("{{ l.index(1) }}", "the attribute 'index' of 'list' is");
  refused("{{ d.copy() }}", "the attribute 'copy' of 'dict' is");
  refused("{{ n.real }}", "the attribute 'real' of 'int' is");
  refused("{{ range(3).stop }}", "the attribute 'stop' of 'range' is");
  refused("{% for x in l %}{{ loop.cycle(1, 2) }}{% endfor %}", "the attribute 'cycle' of 'LoopContext' is");
  refused("{% macro m() %}{% endmacro %}{{ m.name }}", "the attribute 'name' of 'function' is");
  refused("{% macro m() %}{{ varargs }}{% endmacro %}", "'varargs' in a macro is");
  refused("{% for x in l recursive %}{% endfor %}", "a recursive loop is");
  refused("{{ dict(*l) }}", "an argument with a star is");
  refused("{{ dict(**d) }}", "an argument with a star is");
  refused("{{ l[1, 2] }}", "a subscript with a comma is");
  refused("{{ range(3)[1:] }}", "a slice of a range is");
  refused("{{ l|sort(attribute='a,b') }}", "sort by several attributes is");
  refused("{{ '{:5}'.format(1) }}", "the field '{:5}' of format() is");
  refused("{{ namespace(a=1) }}", "printing a Namespace is");
  refused("{{ 0x1F }}", "a number in another base or with underscores is");
  refused("{{ strftime_now('%c') }}", "the directive '%c' of strftime_now is");
  EXPECT_EQ(render("{{ '%d' % 1 }}").error().message,
            "test:1: '%' on a text is not supported here: use '~' or format()");
}

// docs/chat-templates.md: in the section `title`, the names in the first column of the table.
std::set<std::string> documented(const std::string& page, const std::string& title) {
  std::set<std::string> names;
  const std::size_t start = page.find("\n## " + title + "\n");
  EXPECT_NE(start, std::string::npos) << title;
  const std::string section = page.substr(start + 1, page.find("\n## ", start + 1) - start - 1);
  for (std::size_t row = section.find("\n| `"); row != std::string::npos; row = section.find("\n| `", row + 1)) {
    const std::string cell = section.substr(row + 2, section.find(" | ", row) - row - 2);
    for (std::size_t at = cell.find('`'); at != std::string::npos; at = cell.find('`', cell.find('`', at + 1) + 1)) {
      names.insert(cell.substr(at + 1, cell.find('`', at + 1) - at - 1));
    }
  }
  return names;
}

TEST_F(ChatTemplateTest, TheDocumentsListWhatIsSupported) {
  const auto page = read_text(fs::path(GALAGO_SOURCE_DIR) / "docs/chat-templates.md");
  ASSERT_TRUE(page.ok());
  const auto compare = [&](const std::string& title, std::span<const jinja::Builtin> table) {
    std::set<std::string> names;
    for (const jinja::Builtin& builtin : table) names.emplace(builtin.name);
    EXPECT_EQ(names.size(), table.size()) << title;
    EXPECT_EQ(documented(*page, title), names) << title;
  };
  compare("Filters", jinja::filters());
  compare("Tests", jinja::tests());
  compare("Functions", jinja::globals());
  compare("Methods of texts", jinja::methods(jinja::Kind::kString));
  compare("Methods of dicts", jinja::methods(jinja::Kind::kDict));
}

TEST_F(ChatTemplateTest, RefusesWhatIsNotUtf8) {
  EXPECT_FALSE(ChatTemplate::parse("a\xFF", "t").ok());
  const auto parsed = ChatTemplate::parse("{{ messages }}", "t");
  const Json messages = Json::array({"a\xC3"});
  EXPECT_FALSE(parsed->render({.messages = messages}).ok());
}

std::string repeat(std::string_view text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

// Each must end at a limit, long before it exhausts time, stack or memory.
TEST_F(ChatTemplateTest, HostileTemplatesEndAtALimit) {
  const std::string loop = "{% for i in range(100000) %}";
  const std::string ns = "{% set ns = namespace(x='aaaaaaaa', y=(1,), z=(1,)) %}" + loop;
  const std::string grow = "{% set ns.y = (ns.y, ns.y) %}{% set ns.z = (ns.z, ns.z) %}{% if i == 100 %}";
  const std::vector<std::string> templates = {
      repeat(loop, 4) + repeat("{% endfor %}", 4),
      "{{ range(10 ** 9) }}",
      ns + "{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
      ns + "{% set ns.x = ns.x + ns.x %}{% endfor %}",
      ns + "{% set ns.x = ns.x * 8 %}{% endfor %}",
      ns + "{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
      ns + "{% set ns.x = ns.x.replace('a', ns.x) %}{% endfor %}",
      ns + "{% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}{% endfor %}",
      ns + "{% set ns.y = ns.y + ns.y %}{% endfor %}",
      ns + grow + "{{ ns.y }}{% endif %}{% endfor %}",
      "{% set ns = namespace(y=(1,), z=(1,)) %}{% for i in range(100) %}{% set ns.y = (ns.y, ns.y) %}"
      "{% set ns.z = (ns.z, ns.z) %}{% endfor %}{{ ns.y == ns.z }}",
      "{% set ns = namespace(y=(1,)) %}{% for i in range(100) %}{% set ns.y = (ns.y, ns.y) %}{% endfor %}{{ {ns.y: 1} "
      "}}",
      "{% set ns = namespace(y=[1]) %}{% for i in range(100) %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.y|tojson "
      "}}",
      "{% set ns = namespace() %}{% set ns.x = ns %}" + loop + "{% set ns.x = [ns.x, ns] %}{% endfor %}",
      "{% set ns = namespace(g=[1]) %}" + loop + "{% set ns.g = ns.g|map('string') %}{% endfor %}{{ ns.g|list }}",
      "{% set ns = namespace() %}" + loop + "{% for x in [ns.l] %}{% set ns.l = loop %}{% endfor %}{% endfor %}",
      "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
      "{% macro f(x) %}{{ f(x) }}{{ f(x) }}{% endmacro %}{{ f(1) }}",
      "{{ 'a' * 10 ** 15 }}",
      "{{ [0] * 10 ** 12 }}",
      ns + "{% set ns.x = '{0}{0}'.format(ns.x) %}{% endfor %}",
      ns + "{% set ns.x = ns.x.join(['', '', '']) %}{% endfor %}",
      "{% set a = 'a' * 1000000 %}{{ (a ~ 'b') in (a ~ a) }}",
      "{% set a = 'a' * 1000000 %}{{ a.rsplit('a' * 10000 ~ 'b') }}",
      "{{ ('a ' * 1000000).rsplit(none, 900000) }}",
      "{{ 'a'|indent(10 ** 12) }}",
      "{{ [1]|tojson(indent=10 ** 12) }}",
      loop + "{{ 'a' * 100000 }}{% endfor %}",
      "{{ " + repeat("(", 100000) + "1" + repeat(")", 100000) + " }}",
      "{{ " + repeat("[", 100000) + repeat("]", 100000) + " }}",
      "{{ " + repeat("{1:", 100000) + " }}",
      "{{ " + repeat("not ", 100000) + "1 }}",
      "{{ " + repeat("-", 100000) + "1 }}",
      "{{ 1" + repeat("+1", 100000) + " }}",
      "{{ a" + repeat(".a", 100000) + " }}",
      "{{ a" + repeat("[0]", 100000) + " }}",
      "{{ a" + repeat("|upper", 100000) + " }}",
      "{{ 1" + repeat(" if 1 else 1", 50000) + " }}",
      "{{ a" + repeat("()", 100000) + " }}",
      repeat("{% if 1 %}", 50000) + repeat("{% endif %}", 50000),
      repeat("{% macro a() %}", 30000) + repeat("{% endmacro %}", 30000),
      repeat("a", 2 << 20),
  };
  for (const std::string& source : templates) {
    TemplateLimits limits;
    limits.max_steps = 500'000;
    const auto start = std::chrono::steady_clock::now();
    const auto result = render(source, Json::object(), limits);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const std::string label = source.substr(0, 160);
    ASSERT_FALSE(result.ok()) << label;
    EXPECT_EQ(result.error().code, ErrorCode::kOutOfRange) << label << "\n" << result.error().message;
    EXPECT_LT(seconds.count(), 30) << label;
  }
}

TEST_F(ChatTemplateTest, AnEndlessLoopEndsAtTheLimitOfSteps) {
  const std::string loop = "{% for i in range(100000) %}";
  TemplateLimits limits;
  limits.max_steps = kManySteps;
  const auto result = render(loop + loop + "{{ i }}{% endfor %}{% endfor %}", Json::object(), limits);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message,
            "test:1: the template takes more than " + std::to_string(kManySteps) + " steps: does it loop for ever?");
}

TEST_F(ChatTemplateTest, LimitsCanBeSet) {
  TemplateLimits limits;
  limits.max_output_bytes = 10;
  EXPECT_TRUE(render("0123456789", Json::object(), limits).ok());
  EXPECT_FALSE(render("0123456789a", Json::object(), limits).ok());
  EXPECT_FALSE(render("01234{{ '567' }}{{ '89a' }}", Json::object(), limits).ok());
  limits = {};
  limits.max_steps = 50;
  EXPECT_TRUE(render("{% for i in range(5) %}{{ i }}{% endfor %}", Json::object(), limits).ok());
  EXPECT_FALSE(render("{% for i in range(50) %}{{ i }}{% endfor %}", Json::object(), limits).ok());
}

TEST_F(ChatTemplateTest, RefusesJsonDeeperThanItsLimit) {
  Json deep = 1;
  for (int i = 0; i < 1000; ++i) deep = Json::array({std::move(deep)});
  const auto parsed = ChatTemplate::parse("{{ messages }}", "t");
  EXPECT_EQ(parsed->render({.messages = deep}).error().code, ErrorCode::kOutOfRange);
}

}  // namespace
}  // namespace galago::text

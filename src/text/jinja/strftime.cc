// strftime in the C locale, whatever the process has set, so that a prompt is the same everywhere.
#include <array>
#include <chrono>
#include <ctime>

#include "base/try.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"

namespace galago::text::jinja {

namespace {

constexpr std::array<std::string_view, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};

// The directives that dates and times are written with; `plain` drops leading zeros, as in "%-d".
Result<std::string> directive(const Runtime& runtime, const std::tm& t, char c, bool plain) {
  const std::string_view day = kDays[static_cast<std::size_t>(t.tm_wday)];
  const std::string_view month = kMonths[static_cast<std::size_t>(t.tm_mon)];
  const auto digits = [plain](int value, int width) {
    return plain ? std::to_string(value) : fmt::format("{:0{}}", value, width);
  };
  switch (c) {
    case '%': return std::string("%");
    case 'a': return std::string(day.substr(0, 3));
    case 'A': return std::string(day);
    case 'b': return std::string(month.substr(0, 3));
    case 'B': return std::string(month);
    case 'd': return digits(t.tm_mday, 2);
    case 'H': return digits(t.tm_hour, 2);
    case 'I': return digits(t.tm_hour % 12 == 0 ? 12 : t.tm_hour % 12, 2);
    case 'j': return digits(t.tm_yday + 1, 3);
    case 'm': return digits(t.tm_mon + 1, 2);
    case 'M': return digits(t.tm_min, 2);
    case 'p': return std::string(t.tm_hour < 12 ? "AM" : "PM");
    case 'S': return digits(t.tm_sec, 2);
    case 'y': return digits((t.tm_year + 1900) % 100, 2);
    case 'Y': return std::to_string(t.tm_year + 1900);
    // datetime.now() has no time zone.
    case 'z':
    case 'Z': return std::string();
    default: return runtime.unsupported(fmt::format("the directive '%{}' of strftime_now is not supported here", c));
  }
}

}  // namespace

Result<std::string> format_time(Runtime& runtime, std::chrono::system_clock::time_point time, std::string_view format) {
  GALAGO_CHECK(runtime.step_bytes(static_cast<std::int64_t>(format.size()) * 8));
  const std::time_t seconds = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
  std::tm local{};
  localtime_r(&seconds, &local);
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    const bool plain = i + 2 < format.size() && format[i + 1] == '-';
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    i += plain ? 2 : 1;
    std::string shorthand;
    if (format[i] == 'F') shorthand = "%Y-%m-%d";
    if (format[i] == 'R') shorthand = "%H:%M";
    if (format[i] == 'T') shorthand = "%H:%M:%S";
    GALAGO_TRY(const std::string part,
               shorthand.empty() ? directive(runtime, local, format[i], plain) : format_time(runtime, time, shorthand));
    out += part;
  }
  return out;
}

}  // namespace galago::text::jinja

// strftime in the C locale, whatever the process has set, so that a prompt is the same everywhere.
#include <array>
#include <chrono>
#include <ctime>

#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"

namespace galago::text::jinja {

namespace {

constexpr std::array<std::string_view, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};

// ISO 8601: the week that holds the year's first Thursday is week 1.
struct IsoWeek {
  int year, week;
};

IsoWeek iso_week(const std::tm& t) {
  const int weekday = (t.tm_wday + 6) % 7;  // Monday is 0
  int year = t.tm_year + 1900;
  int week = (t.tm_yday - weekday + 10) / 7;
  const auto weeks_in = [](int y) {
    const auto last_day = [](int of) { return (of + of / 4 - of / 100 + of / 400) % 7; };
    return last_day(y) == 4 || last_day(y - 1) == 3 ? 53 : 52;
  };
  if (week < 1) {
    --year;
    week = weeks_in(year);
  } else if (week > weeks_in(year)) {
    ++year;
    week = 1;
  }
  return {year, week};
}

std::string padded(int value, int width, char flag, char fill) {
  if (flag == '-') return std::to_string(value);
  if (flag == '_') fill = ' ';
  if (flag == '0') fill = '0';
  std::string digits = std::to_string(value);
  if (digits.size() < static_cast<std::size_t>(width))
    digits.insert(0, static_cast<std::size_t>(width) - digits.size(), fill);
  return digits;
}

class TimeFormatter {
 public:
  TimeFormatter(std::tm time, std::int64_t microseconds, std::int64_t seconds)
      : t_(time), microseconds_(microseconds), seconds_(seconds) {}

  std::string format(std::string_view text) const {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '%' || i + 1 == text.size()) {
        out += text[i];
        continue;
      }
      char flag = 0;
      std::size_t at = i + 1;
      if (std::string_view("-_0^#").find(text[at]) != std::string_view::npos && at + 1 < text.size()) flag = text[at++];
      std::string part = directive(text[at], flag);
      if (part.empty()) part = std::string(text.substr(i, at - i + 1));
      if (flag == '^') {
        for (char& c : part) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
      }
      out += part;
      i = at;
    }
    return out;
  }

 private:
  int hour12() const { return t_.tm_hour % 12 == 0 ? 12 : t_.tm_hour % 12; }
  std::string year() const { return std::to_string(t_.tm_year + 1900); }

  // Empty for what is no directive; an empty %Z or %z is handled there.
  std::string directive(char c, char flag) const {
    const auto day = static_cast<std::size_t>(t_.tm_wday);
    const auto month = static_cast<std::size_t>(t_.tm_mon);
    switch (c) {
      case '%': return "%";
      case 'a': return std::string(kDays[day].substr(0, 3));
      case 'A': return std::string(kDays[day]);
      case 'b':
      case 'h': return std::string(kMonths[month].substr(0, 3));
      case 'B': return std::string(kMonths[month]);
      case 'c': return format("%a %b %e %H:%M:%S %Y");
      case 'C': return padded((t_.tm_year + 1900) / 100, 2, flag, '0');
      case 'd': return padded(t_.tm_mday, 2, flag, '0');
      case 'D':
      case 'x': return format("%m/%d/%y");
      case 'e': return padded(t_.tm_mday, 2, flag, ' ');
      case 'f': return padded(static_cast<int>(microseconds_), 6, 0, '0');
      case 'F': return format("%Y-%m-%d");
      case 'g': return padded(iso_week(t_).year % 100, 2, flag, '0');
      case 'G': return std::to_string(iso_week(t_).year);
      case 'H': return padded(t_.tm_hour, 2, flag, '0');
      case 'I': return padded(hour12(), 2, flag, '0');
      case 'j': return padded(t_.tm_yday + 1, 3, flag, '0');
      case 'k': return padded(t_.tm_hour, 2, flag, ' ');
      case 'l': return padded(hour12(), 2, flag, ' ');
      case 'm': return padded(t_.tm_mon + 1, 2, flag, '0');
      case 'M': return padded(t_.tm_min, 2, flag, '0');
      case 'n': return "\n";
      case 'p': return flag == '#' ? (t_.tm_hour < 12 ? "am" : "pm") : (t_.tm_hour < 12 ? "AM" : "PM");
      case 'P': return t_.tm_hour < 12 ? "am" : "pm";
      case 'r': return format("%I:%M:%S %p");
      case 'R': return format("%H:%M");
      case 's': return std::to_string(seconds_);
      case 'S': return padded(t_.tm_sec, 2, flag, '0');
      case 't': return "\t";
      case 'T':
      case 'X': return format("%H:%M:%S");
      case 'u': return std::to_string(t_.tm_wday == 0 ? 7 : t_.tm_wday);
      case 'U': return padded((t_.tm_yday + 7 - t_.tm_wday) / 7, 2, flag, '0');
      case 'V': return padded(iso_week(t_).week, 2, flag, '0');
      case 'w': return std::to_string(t_.tm_wday);
      case 'W': return padded((t_.tm_yday + 7 - (t_.tm_wday + 6) % 7) / 7, 2, flag, '0');
      case 'y': return padded((t_.tm_year + 1900) % 100, 2, flag, '0');
      case 'Y': return year();
      default: return {};
    }
  }

  std::tm t_;
  std::int64_t microseconds_;
  std::int64_t seconds_;
};

// datetime.now() has no time zone, so %z and %Z print nothing.
std::string without_zone(std::string_view format) {
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] == '%' && i + 1 < format.size()) {
      ++i;
      if (format[i] == 'z' || format[i] == 'Z') continue;
      out += '%';
    }
    out += format[i];
  }
  return out;
}

}  // namespace

std::string format_time(std::chrono::system_clock::time_point time, std::string_view format) {
  const auto since = std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch()).count();
  const std::int64_t micros = ((since % 1'000'000) + 1'000'000) % 1'000'000;
  const std::time_t seconds = static_cast<std::time_t>((since - micros) / 1'000'000);
  std::tm local{};
  localtime_r(&seconds, &local);
  return TimeFormatter(local, micros, seconds).format(without_zone(format));
}

}  // namespace galago::text::jinja

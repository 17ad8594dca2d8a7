#include "formats/gguf_cursor.h"

#include "base/checked.h"
#include "base/try.h"
#include "formats/quote.h"

namespace galago::formats {
namespace {

constexpr int kMaxArrayDepth = 4;  // known files nest at most two deep

// The least bytes an element takes, so that a count can be proven before anything loops or allocates by it.
std::uint64_t least_size(GgufType type) {
  if (type == GgufType::kString) return 8;  // its length
  if (type == GgufType::kArray) return 12;  // its element type and count
  return fixed_size(type);
}

}  // namespace

Error GgufCursor::fail(ErrorCode code, std::string_view problem) const {
  return error(code, "{}: {} at byte {}: {}", source_, quote(field_), at_, problem);
}

Error GgufCursor::truncated(std::uint64_t wanted) const {
  return error(ErrorCode::kCorrupt,
               "{}: {} at byte {} needs {} bytes but the file ends after {}; it is cut off or corrupt", source_,
               quote(field_), at_, wanted, left());
}

Result<std::string_view> GgufCursor::string() {
  GALAGO_TRY(const auto length, number<std::uint64_t>());
  if (length > left()) return truncated(length);
  const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + at_, length);
  at_ += length;
  return text;
}

Result<GgufType> GgufCursor::type() {
  GALAGO_TRY(const auto id, number<std::uint32_t>());
  if (id > static_cast<std::uint32_t>(GgufType::kF64)) {
    return fail(ErrorCode::kCorrupt, fmt::format("value type {} does not exist (0 to 12 do)", id));
  }
  return static_cast<GgufType>(id);
}

Result<GgufValue> GgufCursor::value(GgufType type, int depth) {
  if (type == GgufType::kArray) return array(depth);
  if (type == GgufType::kString) {
    GALAGO_TRY(const std::string_view text, string());
    return GgufValue{type, type, 1, std::as_bytes(std::span(text.data(), text.size()))};
  }
  const std::size_t size = fixed_size(type);
  if (left() < size) return truncated(size);
  const GgufValue number{type, type, 1, bytes_.subspan(at_, size)};
  if (type == GgufType::kBool && number.bytes[0] > std::byte{1}) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("a bool of {}; it must be 0 or 1", std::to_integer<int>(number.bytes[0])));
  }
  at_ += size;
  return number;
}

Result<GgufValue> GgufCursor::array(int depth) {
  if (depth >= kMaxArrayDepth) {
    return fail(ErrorCode::kOutOfRange, fmt::format("arrays nested more than {} deep", kMaxArrayDepth));
  }
  GALAGO_TRY(const GgufType element, type());
  GALAGO_TRY(const auto count, number<std::uint64_t>());
  const auto least = checked_mul(count, least_size(element));
  if (!least || *least > left()) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("an array of {} {} does not fit the {} bytes left; the file is cut off "
                            "or corrupt",
                            count, to_string(element), left()));
  }
  const std::size_t begin = at_;
  GALAGO_CHECK(skip_elements(element, count, depth));
  return GgufValue{GgufType::kArray, element, count, bytes_.subspan(begin, at_ - begin)};
}

Status GgufCursor::skip_elements(GgufType type, std::uint64_t count, int depth) {
  if (type == GgufType::kBool || fixed_size(type) == 0) {
    for (std::uint64_t i = 0; i < count; ++i) GALAGO_CHECK(value(type, depth + 1));
    return {};
  }
  at_ += count * fixed_size(type);  // proven by array()
  return {};
}

}  // namespace galago::formats

#include "formats/safetensors.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <tuple>

#include "base/checked.h"
#include "base/error.h"
#include "base/try.h"
#include "formats/quote.h"
#include "formats/strict_json.h"
#include "formats/tensor_checks.h"

namespace galago::formats {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the reference implementation's limit
constexpr std::size_t kMaxTensors = 1 << 18;
constexpr std::size_t kMaxDims = 32;

// The types of the format. `dtype` is empty for those no tensor here can have.
struct ElementType {
  std::string_view name;
  std::uint64_t bits;
  std::optional<DType> dtype;
};

constexpr std::array<ElementType, 21> kElementTypes = {{
    {"BOOL", 8, DType::kBool},
    {"U8", 8, DType::kU8},
    {"I8", 8, DType::kI8},
    {"I16", 16, DType::kI16},
    {"I32", 32, DType::kI32},
    {"I64", 64, DType::kI64},
    {"F16", 16, DType::kF16},
    {"BF16", 16, DType::kBF16},
    {"F32", 32, DType::kF32},
    {"F64", 64, DType::kF64},
    {"U16", 16, std::nullopt},
    {"U32", 32, std::nullopt},
    {"U64", 64, std::nullopt},
    {"F8_E4M3", 8, std::nullopt},
    {"F8_E5M2", 8, std::nullopt},
    {"F8_E8M0", 8, std::nullopt},
    {"F8_E4M3FNUZ", 8, std::nullopt},
    {"F8_E5M2FNUZ", 8, std::nullopt},
    {"F6_E2M3", 6, std::nullopt},
    {"F6_E3M2", 6, std::nullopt},
    {"F4", 4, std::nullopt},
}};

// A tensor's header as it stands in the JSON.
struct Header {
  std::string_view name;
  ElementType type;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;  // from the first byte after the JSON
  std::uint64_t end = 0;
};

class SafetensorsParser {
 public:
  SafetensorsParser(Bytes bytes, std::string_view source) : bytes_(bytes), source_(source) {}

  Result<SafetensorsFile> parse() {
    GALAGO_TRY(const std::string_view json, header_text());
    GALAGO_CHECK(json_.parse(json, source_));
    for (const auto member : json_.root()) {
      if (member.key == "__metadata__") {
        GALAGO_CHECK(read_metadata(member.value));
      } else {
        GALAGO_TRY(Header header, read_header(member.key, member.value));
        headers_.push_back(std::move(header));
      }
    }
    if (headers_.size() > kMaxTensors)
      return corrupt("lists {} tensors; at most {} are read", headers_.size(), kMaxTensors);
    GALAGO_CHECK(check_layout());
    add_tensors();
    return std::move(file_);
  }

 private:
  template <class... Args>
  Error corrupt(fmt::format_string<Args...> format, Args&&... args) const {
    return error(ErrorCode::kCorrupt, "{}: {}", source_, fmt::format(format, std::forward<Args>(args)...));
  }

  Result<std::string_view> header_text();
  Status read_metadata(simdjson::dom::element value);
  Result<Header> read_header(std::string_view name, simdjson::dom::element value);
  Status read_type(simdjson::dom::element value, Header& header) const;
  Status read_shape(simdjson::dom::element value, Header& header) const;
  Status read_offsets(simdjson::dom::element value, Header& header) const;
  Status check_size(const Header& header) const;
  Status check_layout();
  void add_tensors();

  Bytes bytes_;
  std::string_view source_;
  Bytes data_;
  StrictJson json_;
  std::vector<Header> headers_;
  SafetensorsFile file_;
};

Result<std::string_view> SafetensorsParser::header_text() {
  std::uint64_t length = 0;
  if (bytes_.size() < sizeof(length)) {
    return corrupt("has {} bytes; a safetensors file has at least 8", bytes_.size());
  }
  std::memcpy(&length, bytes_.data(), sizeof(length));
  const std::uint64_t left = bytes_.size() - sizeof(length);
  if (length > kMaxHeaderBytes) {
    return corrupt("its header claims {} bytes; at most {} are allowed (is it a safetensors file?)", length,
                   kMaxHeaderBytes);
  }
  if (length > left)
    return corrupt("its header claims {} bytes, but only {} follow; it is cut off or corrupt", length, left);
  data_ = bytes_.subspan(sizeof(length) + length);
  const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + sizeof(length), length);
  if (!text.starts_with('{')) return corrupt("its header does not begin with '{{'; it is no safetensors file");
  return text;
}

Status SafetensorsParser::read_metadata(simdjson::dom::element value) {
  GALAGO_TRY(const simdjson::dom::object members, json_.object(value, "__metadata__"));
  for (const auto member : members) {
    std::string_view text;
    if (member.value.get(text) != simdjson::SUCCESS) {
      return corrupt("\"__metadata__\" holds {} for {}; only strings are allowed", StrictJson::type_name(member.value),
                     quote(member.key));
    }
    file_.metadata.emplace_back(member.key, text);
  }
  return {};
}

Result<Header> SafetensorsParser::read_header(std::string_view name, simdjson::dom::element value) {
  Header header;
  header.name = name;
  GALAGO_TRY(const simdjson::dom::object fields, json_.object(value, name));
  int required = 0;
  for (const auto field : fields) {  // keys are distinct: json_ has seen to it
    if (field.key == "dtype") {
      GALAGO_CHECK(read_type(field.value, header));
    } else if (field.key == "shape") {
      GALAGO_CHECK(read_shape(field.value, header));
    } else if (field.key == "data_offsets") {
      GALAGO_CHECK(read_offsets(field.value, header));
    } else {
      continue;  // as the reference does
    }
    ++required;
  }
  if (required != 3) return corrupt("tensor {} lacks one of dtype, shape and data_offsets", quote(name));
  GALAGO_CHECK(check_size(header));
  return header;
}

Status SafetensorsParser::read_type(simdjson::dom::element value, Header& header) const {
  std::string_view spelled;
  if (value.get(spelled) != simdjson::SUCCESS) return corrupt("tensor {}: dtype is not a string", quote(header.name));
  const auto known = std::ranges::find(kElementTypes, spelled, &ElementType::name);
  if (known == kElementTypes.end()) {
    return error(ErrorCode::kUnsupported, "{}: tensor {} has the unknown dtype {}", source_, quote(header.name),
                 quote(spelled));
  }
  header.type = *known;
  return {};
}

Status SafetensorsParser::read_shape(simdjson::dom::element value, Header& header) const {
  simdjson::dom::array dims;
  if (value.get(dims) != simdjson::SUCCESS) return corrupt("tensor {}: shape is not an array", quote(header.name));
  for (const simdjson::dom::element dim : dims) {
    std::int64_t size = 0;
    if (dim.get(size) != simdjson::SUCCESS || size < 0) {
      return corrupt("tensor {}: shape holds something else than integers from 0 to 2^63-1", quote(header.name));
    }
    header.shape.push_back(size);
    if (header.shape.size() > kMaxDims) {
      return corrupt("tensor {} has more than {} dimensions", quote(header.name), kMaxDims);
    }
  }
  return {};
}

Status SafetensorsParser::read_offsets(simdjson::dom::element value, Header& header) const {
  simdjson::dom::array offsets;
  if (value.get(offsets) != simdjson::SUCCESS || offsets.size() != 2 ||
      offsets.at(0).get(header.begin) != simdjson::SUCCESS || offsets.at(1).get(header.end) != simdjson::SUCCESS) {
    return corrupt("tensor {}: data_offsets is not two non-negative integers", quote(header.name));
  }
  if (header.begin > header.end || header.end > data_.size()) {
    return corrupt("tensor {} lies at bytes {} to {} of {} bytes of data; the file is cut off or corrupt",
                   quote(header.name), header.begin, header.end, data_.size());
  }
  return {};
}

Status SafetensorsParser::check_size(const Header& header) const {
  const auto count = element_count(header.shape);
  const auto bits = count ? checked_mul(*count, header.type.bits) : std::nullopt;
  if (!bits || *bits % 8 != 0) {
    return corrupt("tensor {} of dtype {} cannot have shape {}: its size overflows or is no whole number of bytes",
                   quote(header.name), header.type.name, shape_text(header.shape));
  }
  if (*bits / 8 != header.end - header.begin) {
    return corrupt("tensor {} of dtype {} and shape {} needs {} bytes, but data_offsets gives it {}",
                   quote(header.name), header.type.name, shape_text(header.shape), *bits / 8,
                   header.end - header.begin);
  }
  return {};
}

// Headers may stand in any order; their bytes must follow one another.
Status SafetensorsParser::check_layout() {
  std::ranges::sort(headers_, {},
                    [](const Header& header) { return std::tuple(header.begin, header.end, header.name); });
  std::uint64_t expected = 0;
  for (const Header& header : headers_) {
    if (header.begin != expected) {
      return corrupt("tensor {} begins at byte {} of the data where {} is expected: tensors {}", quote(header.name),
                     header.begin, expected, header.begin < expected ? "overlap" : "leave a gap");
    }
    expected = header.end;
  }
  if (expected != data_.size()) {
    return corrupt("has {} bytes of data, but its tensors end after {}", data_.size(), expected);
  }
  return {};
}

void SafetensorsParser::add_tensors() {
  for (Header& header : headers_) {
    const std::uint64_t size = header.end - header.begin;
    if (header.type.dtype) {
      file_.tensors.push_back({std::string(header.name), *header.type.dtype, std::move(header.shape),
                               size == 0 ? Bytes{} : data_.subspan(header.begin, size), nullptr});
    } else {
      file_.unsupported.push_back(
          {std::string(header.name), std::string(header.type.name), std::move(header.shape), size});
    }
  }
}

}  // namespace

Result<SafetensorsFile> parse_safetensors(Bytes bytes, std::string_view source) {
  return SafetensorsParser(bytes, source).parse();
}

}  // namespace galago::formats

#include "base/hash.h"

#include <bit>
#include <cstring>

namespace galago {
namespace {

constexpr std::uint64_t kPrime1 = 0x9E3779B185EBCA87u, kPrime2 = 0xC2B2AE3D27D4EB4Fu, kPrime3 = 0x165667B19E3779F9u,
                        kPrime4 = 0x85EBCA77C2B2AE63u, kPrime5 = 0x27D4EB2F165667C5u;
constexpr std::size_t kStripe = 32;

template <class T>
std::uint64_t read(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

std::uint64_t mixed(std::uint64_t lane, std::uint64_t word) { return std::rotl(lane + word * kPrime2, 31) * kPrime1; }

std::uint64_t merged(std::uint64_t hash, std::uint64_t lane) { return (hash ^ mixed(0, lane)) * kPrime1 + kPrime4; }

std::uint64_t finished(std::uint64_t hash, Bytes rest) {
  for (; rest.size() >= 8; rest = rest.subspan(8)) {
    hash = std::rotl(hash ^ mixed(0, read<std::uint64_t>(rest.data())), 27) * kPrime1 + kPrime4;
  }
  for (; rest.size() >= 4; rest = rest.subspan(4)) {
    hash = std::rotl(hash ^ (read<std::uint32_t>(rest.data()) * kPrime1), 23) * kPrime2 + kPrime3;
  }
  for (const std::byte byte : rest) {
    hash = std::rotl(hash ^ (std::to_integer<std::uint64_t>(byte) * kPrime5), 11) * kPrime1;
  }
  hash = (hash ^ (hash >> 33)) * kPrime2;
  hash = (hash ^ (hash >> 29)) * kPrime3;
  return hash ^ (hash >> 32);
}

}  // namespace

std::uint64_t hash_bytes(Bytes bytes, std::uint64_t seed) {
  const std::uint64_t size = bytes.size();
  if (size < kStripe) return finished(seed + kPrime5 + size, bytes);
  std::uint64_t a = seed + kPrime1 + kPrime2, b = seed + kPrime2, c = seed, d = seed - kPrime1;
  for (; bytes.size() >= kStripe; bytes = bytes.subspan(kStripe)) {
    a = mixed(a, read<std::uint64_t>(bytes.data()));
    b = mixed(b, read<std::uint64_t>(bytes.data() + 8));
    c = mixed(c, read<std::uint64_t>(bytes.data() + 16));
    d = mixed(d, read<std::uint64_t>(bytes.data() + 24));
  }
  std::uint64_t hash = std::rotl(a, 1) + std::rotl(b, 7) + std::rotl(c, 12) + std::rotl(d, 18);
  for (const std::uint64_t lane : {a, b, c, d}) hash = merged(hash, lane);
  return finished(hash + size, bytes);
}

}  // namespace galago

// Result<T>: a value, or the errno that says why there is none.
//
// Every function that can fail returns one; no exceptions.  The errno is kept exactly as the kernel or the
// rule gave it, from the system call up to the FUSE reply.  Values; any thread.
#ifndef PLYFS_ENGINE_BASE_RESULT_H_
#define PLYFS_ENGINE_BASE_RESULT_H_

#include <cerrno>
#include <utility>
#include <variant>

namespace plyfs {

// An errno, never zero.  `return Errno(ENOENT);` converts to any Result<T>.
class [[nodiscard]] Errno {
 public:
  explicit constexpr Errno(int value) : value_(value) {}
  constexpr int value() const { return value_; }
  friend constexpr bool operator==(Errno a, Errno b) { return a.value_ == b.value_; }

 private:
  int value_;
};

// The errno that the last failed system call left.
inline Errno LastErrno() {
  return Errno(errno);
}

template <typename T = void>
class [[nodiscard]] Result {
 public:
  Result(T value) : v_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit on purpose
  Result(Errno e) : v_(std::in_place_index<1>, e) {}                 // NOLINT: implicit on purpose

  bool ok() const { return v_.index() == 0; }
  explicit operator bool() const { return ok(); }
  // The errno, or 0 when there is a value.
  int error() const { return ok() ? 0 : std::get<1>(v_).value(); }
  Errno status() const { return std::get<1>(v_); }

  T& operator*() & { return std::get<0>(v_); }
  const T& operator*() const& { return std::get<0>(v_); }
  T&& operator*() && { return std::get<0>(std::move(v_)); }
  T* operator->() { return &std::get<0>(v_); }
  const T* operator->() const { return &std::get<0>(v_); }
  T value_or(T other) && { return ok() ? std::get<0>(std::move(v_)) : std::move(other); }

 private:
  std::variant<T, Errno> v_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Errno e) : error_(e.value()) {}  // NOLINT: implicit on purpose

  bool ok() const { return error_ == 0; }
  explicit operator bool() const { return ok(); }
  int error() const { return error_; }
  Errno status() const { return Errno(error_); }

 private:
  int error_ = 0;
};

using Status = Result<void>;
inline Status OkStatus() {
  return {};
}

}  // namespace plyfs

#define PLY_CONCAT_INNER_(a, b) a##b
#define PLY_CONCAT_(a, b) PLY_CONCAT_INNER_(a, b)

// PLY_TRY(auto fd, OpenAt(...)): the value, or return the errno from this function.
#define PLY_TRY(decl, expr) PLY_TRY_IMPL_(PLY_CONCAT_(ply_result_, __COUNTER__), decl, expr)
#define PLY_TRY_IMPL_(tmp, decl, expr) \
  auto tmp = (expr);                   \
  if (!tmp.ok()) return tmp.status();  \
  decl = *std::move(tmp)

// PLY_CHECK(expr): go on, or return the errno.
#define PLY_CHECK(expr)                                                         \
  do {                                                                          \
    if (auto ply_status = (expr); !ply_status.ok()) return ply_status.status(); \
  } while (0)

#endif  // PLYFS_ENGINE_BASE_RESULT_H_

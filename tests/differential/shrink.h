// Shrinking a failing sequence: delta debugging over any list of which subsets can be tried.
//
// Pure but for what `fails` does; one thread.
#ifndef PLYFS_TESTS_DIFFERENTIAL_SHRINK_H_
#define PLYFS_TESTS_DIFFERENTIAL_SHRINK_H_

#include <algorithm>
#include <cstddef>
#include <functional>
#include <vector>

namespace plyfs::diff {

// The smallest list found that still fails, in which no single element can be spared unless `tries` ran out.
// `fails` is not asked about the whole list: the caller knows.
template <typename T>
std::vector<T> Shrink(std::vector<T> list, size_t tries,
                      const std::function<bool(const std::vector<T>&)>& fails) {
  size_t chunk = (list.size() + 1) / 2;
  while (!list.empty() && tries > 0) {
    bool removed = false;
    // From the end: late elements depend on early ones.
    for (size_t end = list.size(); end > 0 && tries > 0;) {
      const size_t begin = end > chunk ? end - chunk : 0;
      std::vector<T> rest(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(begin));
      rest.insert(rest.end(), list.begin() + static_cast<std::ptrdiff_t>(end), list.end());
      --tries;
      if (fails(rest)) {
        list = std::move(rest);
        removed = true;
      }
      end = begin;
    }
    if (chunk == 1 && !removed) break;
    chunk = removed ? std::min(chunk, std::max<size_t>(list.size() / 2, 1)) : std::max<size_t>(chunk / 2, 1);
  }
  return list;
}

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_SHRINK_H_

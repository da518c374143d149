// PLYFS_SANITIZED_HERE: defined in builds under AddressSanitizer or ThreadSanitizer, which make calls and
// open files of their own, and take many times as long.
#ifndef PLYFS_ENGINE_IO_SANITIZED_FOR_TEST_H_
#define PLYFS_ENGINE_IO_SANITIZED_FOR_TEST_H_

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PLYFS_SANITIZED_HERE
#endif
#endif

#endif  // PLYFS_ENGINE_IO_SANITIZED_FOR_TEST_H_

// What ThreadSanitizer would report although it is correct: races with code that it cannot see.

// Its runtime calls this at start. Nothing does in other builds.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  // The last owner of an exception frees it. That the other owners are done with it is known from its reference count,
  // which libstdc++.so decrements with acquire and release, in code that was not compiled for ThreadSanitizer.
  return "race:^std::__exception_ptr::exception_ptr::_M_release\n";
}

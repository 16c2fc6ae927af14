// System calls that the kernel refuses to one thread, as a poor file system or a sandbox would. Linux.
#pragma once

#if defined(__linux__) && __has_include(<linux/seccomp.h>)
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>
#include <exception>
#include <thread>

namespace fluxmap_test {

// Has this thread, and those it will start, get `error` from the system call `number`, for good. False: not to be had.
inline bool refuse_to_this_thread(long number, int error) {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{4, code};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

// Runs `work` on a thread to which `number` is refused with `error`. False: this kernel does not filter calls.
template <class Work>
bool run_refused(long number, int error, Work work) {
  bool filtered = false;
  std::exception_ptr failure;
  std::thread thread([&] {
    filtered = refuse_to_this_thread(number, error);
    try {
      if (filtered) work();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  thread.join();
  if (failure) std::rethrow_exception(failure);
  return filtered;
}

}  // namespace fluxmap_test
#endif

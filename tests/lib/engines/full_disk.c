// SPDX-License-Identifier: Apache-2.0
// A disk that fills after so many bytes, for LD_PRELOAD: writes to regular files under FULL_DISK_UNDER draw on a number
// that stands, as 8 bytes, in the file FULL_DISK_LEFT and that all processes share. The write that asks for more gets
// through in part, as on a disk; those after it fail with ENOSPC.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long long* left;
static const char* under;

__attribute__((constructor)) static void open_number(void) {
  const char* path = getenv("FULL_DISK_LEFT");
  under = getenv("FULL_DISK_UNDER");
  int file = path && under ? open(path, O_RDWR) : -1;
  void* page = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *left, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (page == MAP_FAILED) {
    fputs("full_disk: FULL_DISK_LEFT or FULL_DISK_UNDER is wrong\n", stderr);
    _exit(99);
  }
  close(file);
  left = page;
}

static int on_the_disk(int file) {
  char link[64], path[4096];
  struct stat found;
  if (fstat(file, &found) || !S_ISREG(found.st_mode)) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strncmp(path, under, strlen(under)) == 0;
}

// How many of `wanted` bytes get through.
static size_t granted(int file, size_t wanted) {
  if (!left || !on_the_disk(file)) return wanted;
  long long before = __atomic_fetch_sub(left, (long long)wanted, __ATOMIC_SEQ_CST);
  return before <= 0 ? 0 : before < (long long)wanted ? (size_t)before : wanted;
}

static ssize_t refuse(void) {
  errno = ENOSPC;
  return -1;
}

ssize_t write(int file, const void* content, size_t size) {
  static ssize_t (*real)(int, const void*, size_t);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "write");
  size_t through = granted(file, size);
  return size && !through ? refuse() : real(file, content, through);
}

ssize_t pwrite64(int file, const void* content, size_t size, off64_t at) {
  static ssize_t (*real)(int, const void*, size_t, off64_t);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "pwrite64");
  size_t through = granted(file, size);
  return size && !through ? refuse() : real(file, content, through, at);
}

ssize_t writev(int file, const struct iovec* pieces, int count) {
  static ssize_t (*real)(int, const struct iovec*, int);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "writev");
  size_t size = 0;
  for (int i = 0; i < count; i++) size += pieces[i].iov_len;
  return granted(file, size) < size ? refuse() : real(file, pieces, count);
}

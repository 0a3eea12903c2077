// Preloaded: calls that touch what lies below HUNG_FOLDER do not come back while the file HUNG_FLAG exists, as on a
// network volume whose server has gone.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void wait_for(const char* path) {
  const char* folder = getenv("HUNG_FOLDER");
  const char* flag = getenv("HUNG_FLAG");
  if (!folder || !flag || !path || strncmp(path, folder, strlen(folder)) != 0) return;
  while (syscall(SYS_faccessat, AT_FDCWD, flag, F_OK) == 0) usleep(10000);
}

static void wait_for_file(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size <= 0) return;
  path[size] = 0;
  wait_for(path);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OPENING(name)                                                 \
  int name(const char* path, int flags, ...) {                        \
    va_list rest;                                                     \
    va_start(rest, flags);                                            \
    const mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;   \
    va_end(rest);                                                     \
    wait_for(path);                                                   \
    return NEXT(name)(path, flags, mode);                             \
  }
OPENING(open)
OPENING(open64)

#define OPENING_AT(name)                                              \
  int name(int at, const char* path, int flags, ...) {                \
    va_list rest;                                                     \
    va_start(rest, flags);                                            \
    const mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;   \
    va_end(rest);                                                     \
    wait_for(path);                                                   \
    return NEXT(name)(at, path, flags, mode);                         \
  }
OPENING_AT(openat)
OPENING_AT(openat64)

DIR* opendir(const char* path) { return wait_for(path), NEXT(opendir)(path); }
int stat(const char* path, struct stat* found) { return wait_for(path), NEXT(stat)(path, found); }
int lstat(const char* path, struct stat* found) { return wait_for(path), NEXT(lstat)(path, found); }
int mkdir(const char* path, mode_t mode) { return wait_for(path), NEXT(mkdir)(path, mode); }
int rename(const char* from, const char* to) { return wait_for(from), NEXT(rename)(from, to); }
int unlink(const char* path) { return wait_for(path), NEXT(unlink)(path); }
ssize_t pread(int fd, void* to, size_t n, off_t at) { return wait_for_file(fd), NEXT(pread)(fd, to, n, at); }
ssize_t pread64(int fd, void* to, size_t n, off64_t at) { return wait_for_file(fd), NEXT(pread64)(fd, to, n, at); }
ssize_t pwrite(int fd, const void* from, size_t n, off_t at) { return wait_for_file(fd), NEXT(pwrite)(fd, from, n, at); }
ssize_t pwrite64(int fd, const void* from, size_t n, off64_t at) {
  return wait_for_file(fd), NEXT(pwrite64)(fd, from, n, at);
}
int fdatasync(int fd) { return wait_for_file(fd), NEXT(fdatasync)(fd); }
int fsync(int fd) { return wait_for_file(fd), NEXT(fsync)(fd); }

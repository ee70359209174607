/*
 * Counts the calls of one process that change what lies below TM_ROOT, and puts one fault in at the TM_AT-th of them.
 *
 *   TM_CALLS  file; one line for each call: number, kind, bytes, path
 *   TM_HOW    after: SIGKILL when the call is done; before: instead of it; torn: after a part of a write, cut where a page of the file ends;
 *             eio: the call fails once; full: this and all calls that need space fail with ENOSPC, a write of several bytes after half of
 *             them, for as long as the file TM_FULL exists
 *
 * Counting starts with the process. Threads share the count.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;
static const char *root, *full;
static size_t root_length;
static long at = -1;
static enum { NONE, AFTER, BEFORE, TORN, EIO_ONCE, FULL } how;
static int list = -1;

__attribute__((constructor)) static void open_list(void) {
  root = getenv("TM_ROOT");
  if (!root) return;
  root_length = strlen(root);
  full = getenv("TM_FULL");
  const char *number = getenv("TM_AT"), *name = getenv("TM_HOW"), *file = getenv("TM_CALLS");
  if (number && name) {
    at = atol(number);
    how = !strcmp(name, "after") ? AFTER : !strcmp(name, "before") ? BEFORE : !strcmp(name, "torn") ? TORN : !strcmp(name, "eio") ? EIO_ONCE : FULL;
  }
  if (file) list = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void die(void) {
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

static int below_root(const char *path) {
  return root && !strncmp(path, root, root_length) && (path[root_length] == '/' || path[root_length] == 0);
}

/* The number of this call; 0 where it is none of ours. */
static long count(const char *kind, const char *path, size_t bytes) {
  if (!below_root(path)) return 0;
  long number = atomic_fetch_add(&calls, 1) + 1;
  if (list >= 0) {
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%ld %s %zu %s\n", number, kind, bytes, path);
    syscall(SYS_write, list, line, length);
  }
  return number;
}

static long count_fd(const char *kind, int fd, size_t bytes) {
  if (!root) return 0;
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return count(kind, path, bytes);
}

static int is_full(long number) {
  return how == FULL && number >= at && full && syscall(SYS_faccessat, AT_FDCWD, full, F_OK) == 0;
}

/* What happens instead of the call: 0 nothing, else errno. */
static int instead(long number, int needs_space) {
  if (!number) return 0;
  if (needs_space && is_full(number)) return ENOSPC;
  if (number != at) return 0;
  if (how == BEFORE) die();
  if (how == EIO_ONCE) return EIO;
  return 0;
}

static void behind(long number) {
  if (number && number == at && how == AFTER) die();
}

#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, #name)

/* How much of a write at this offset is done: all, half (a disk that is nearly full), or up to the end of a page (a kill in between). */
static size_t part(long number, size_t bytes, off_t offset) {
  if (!number || number != at) return bytes;
  if (how == FULL && full && syscall(SYS_faccessat, AT_FDCWD, full, F_OK) == 0) return bytes / 2;
  if (how != TORN) return bytes;
  size_t first = 4096 - (offset < 0 ? 0 : offset % 4096);
  return first >= bytes ? 0 : first + (bytes - first) / 2 / 4096 * 4096;
}

static ssize_t write_part(long number, int fd, const void *bytes, size_t length, off_t offset, int positioned) {
  off_t place = positioned ? offset : lseek(fd, 0, SEEK_CUR);
  size_t least = part(number, length, place);
  int error = least == length || (least == 0 && how == FULL) ? instead(number, 1) : 0;
  if (error) {
    errno = error;
    return -1;
  }
  ssize_t written = least == 0 && how == TORN ? 0 : positioned ? syscall(SYS_pwrite64, fd, bytes, least, offset) : syscall(SYS_write, fd, bytes, least);
  if (number && number == at && how == TORN) die();
  behind(number);
  return written;
}

ssize_t write(int fd, const void *bytes, size_t length) {
  return write_part(count_fd("write", fd, length), fd, bytes, length, 0, 0);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  return write_part(count_fd("write", fd, length), fd, bytes, length, offset, 1);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  return write_part(count_fd("write", fd, length), fd, bytes, length, offset, 1);
}

static size_t sum(const struct iovec *parts, int n) {
  size_t bytes = 0;
  for (int i = 0; i < n; i++) bytes += parts[i].iov_len;
  return bytes;
}

/* A torn vector is its first half of parts; a caller goes on after a short one. */
static ssize_t write_parts(long number, int fd, const struct iovec *parts, int n, off_t offset, int positioned) {
  int least = number && number == at && (how == TORN || is_full(number)) ? n / 2 : n;
  int error = least == n || (least == 0 && how == FULL) ? instead(number, 1) : 0;
  if (error) {
    errno = error;
    return -1;
  }
  ssize_t written = least == 0 ? 0 : positioned ? syscall(SYS_pwritev, fd, parts, least, offset, 0) : syscall(SYS_writev, fd, parts, least);
  if (number && number == at && how == TORN) die();
  behind(number);
  return written;
}

ssize_t writev(int fd, const struct iovec *parts, int n) {
  return write_parts(count_fd("write", fd, sum(parts, n)), fd, parts, n, 0, 0);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int n, off64_t offset) {
  return write_parts(count_fd("write", fd, sum(parts, n)), fd, parts, n, offset, 1);
}

ssize_t pwritev(int fd, const struct iovec *parts, int n, off_t offset) {
  return write_parts(count_fd("write", fd, sum(parts, n)), fd, parts, n, offset, 1);
}

#define CALL(type, counted, needs_space, done) \
  long number = counted; \
  int error = instead(number, needs_space); \
  if (error) { errno = error; return -1; } \
  type result = done; \
  int kept = errno; \
  behind(number); \
  errno = kept; \
  return result

int fsync(int fd) {
  REAL(int, fsync, int);
  CALL(int, count_fd("sync", fd, 0), 0, real(fd));
}

int fdatasync(int fd) {
  REAL(int, fdatasync, int);
  CALL(int, count_fd("sync", fd, 0), 0, real(fd));
}

int msync(void *address, size_t length, int flags) {
  REAL(int, msync, void *, size_t, int);
  CALL(int, count("sync", root ? root : "", length), 0, real(address, length, flags));
}

int rename(const char *from, const char *to) {
  REAL(int, rename, const char *, const char *);
  CALL(int, count("rename", to, 0), 1, real(from, to));
}

int link(const char *from, const char *to) {
  REAL(int, link, const char *, const char *);
  CALL(int, count("link", to, 0), 1, real(from, to));
}

int unlink(const char *path) {
  REAL(int, unlink, const char *);
  CALL(int, count("unlink", path, 0), 0, real(path));
}

int rmdir(const char *path) {
  REAL(int, rmdir, const char *);
  CALL(int, count("rmdir", path, 0), 0, real(path));
}

int mkdir(const char *path, mode_t mode) {
  REAL(int, mkdir, const char *, mode_t);
  CALL(int, count("mkdir", path, 0), 1, real(path, mode));
}

int ftruncate64(int fd, off64_t length) {
  REAL(int, ftruncate64, int, off64_t);
  CALL(int, count_fd("truncate", fd, length), 1, real(fd, length));
}

int ftruncate(int fd, off_t length) {
  REAL(int, ftruncate, int, off_t);
  CALL(int, count_fd("truncate", fd, length), 1, real(fd, length));
}

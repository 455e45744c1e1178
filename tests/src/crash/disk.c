/* A disk that can fail and lose power, for the crash harness: preloaded into Herald, it stands between SQLite and the
 * files of the journal.
 *
 * HERALD_DISK_DIR is the folder of the journal, HERALD_DISK_LOGS another one, with the file "faults" of two bytes:
 *   faults[0]  1: writes that make a file longer fail as on a full disk; 2: all writes do
 *   faults[1]  1: syncs fail
 * For each file of the journal, HERALD_DISK_LOGS/NAME.log holds every write since the last sync that succeeded, with the
 * bytes that it replaced. What is in the logs after a kill is what a power failure may take back; disk.rs does that. The
 * file "names" lists the files that were made ("+NAME") or renamed (">OLD>NEW") since the folder was last synced.
 *
 * The log of a write is complete before the write begins, and is emptied after the sync has ended: a kill between the two
 * only makes the harness more pessimistic. One lock over each write and its log keeps the order of both the same.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FDS 4096
#define MAX_FILES 16
#define NAME_BYTES 64
#define REAL(name)                                                                                                     \
    ({                                                                                                                 \
        static __typeof__(&name) found;                                                                                \
        if (!found) found = (__typeof__(&name))real(#name);                                                            \
        found;                                                                                                         \
    })

enum { WRITE, CUT };

/* Before the bytes of the file that are replaced or cut off, and then those that are written. */
struct record {
    uint64_t kind, at, n_new, size, n_old;
};

struct file {
    char name[NAME_BYTES];
    int log;
    pthread_mutex_t lock;
};

static const char *dir, *logs;
static size_t dir_len;
static volatile unsigned char *faults;
static struct file files[MAX_FILES], folder;
static struct file *of_fd[MAX_FDS];
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;

static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

static int open_log(const char *name, const char *ending) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s%s", logs, name, ending);
    int fd = REAL(open)(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) abort();
    return fd;
}

__attribute__((constructor)) static void begin(void) {
    dir = getenv("HERALD_DISK_DIR");
    logs = getenv("HERALD_DISK_LOGS");
    if (!dir || !logs) abort();
    dir_len = strlen(dir);
    int fd = open_log("faults", "");
    faults = mmap(NULL, 2, PROT_READ, MAP_SHARED, fd, 0);
    if (faults == MAP_FAILED) abort();
    folder.log = open_log("names", "");
    pthread_mutex_init(&folder.lock, NULL);
}

/* The name of a file in the journal's folder whose bytes must survive; the index beside the log need not. */
static const char *watched(const char *path) {
    if (!dir || strncmp(path, dir, dir_len) || path[dir_len] != '/') return NULL;
    const char *name = path + dir_len + 1;
    if (strncmp(name, "journal.db", 10) || strstr(name, "-shm") || strlen(name) >= NAME_BYTES) return NULL;
    return name;
}

static struct file *file_named(const char *name) {
    pthread_mutex_lock(&table);
    struct file *free_one = NULL, *found = NULL;
    for (int i = 0; i < MAX_FILES && !found; i++) {
        if (!strcmp(files[i].name, name)) found = &files[i];
        else if (!files[i].name[0] && !free_one) free_one = &files[i];
    }
    if (!found) {
        if (!(found = free_one)) abort();
        strcpy(found->name, name);
        found->log = open_log(name, ".log");
        pthread_mutex_init(&found->lock, NULL);
    }
    pthread_mutex_unlock(&table);
    return found;
}

static struct file *file_of(int fd) { return fd >= 0 && fd < MAX_FDS ? of_fd[fd] : NULL; }

static void put(int log, const void *bytes, size_t n) {
    if (REAL(write)(log, bytes, n) != (ssize_t)n) abort();
}

static void say(const char *text) { put(folder.log, text, strlen(text)); }

/* Notes a change of [at, at + n_new) or a cut at `at`, before it is made. */
static void note(struct file *file, int fd, int kind, off_t at, const void *bytes, size_t n_new) {
    struct stat stat;
    if (fstat(fd, &stat)) abort();
    off_t end = kind == CUT || at + (off_t)n_new > stat.st_size ? stat.st_size : at + (off_t)n_new;
    size_t n_old = at < end ? end - at : 0;
    struct record record = {kind, at, n_new, stat.st_size, n_old};
    char *old = malloc(n_old + 1);
    if (!old || pread(fd, old, n_old, at) != (ssize_t)n_old) abort();
    put(file->log, &record, sizeof record);
    put(file->log, old, n_old);
    put(file->log, bytes, n_new);
    free(old);
}

static int is_full(int fd, off_t end) {
    struct stat stat;
    return faults[0] == 2 || (faults[0] == 1 && !fstat(fd, &stat) && end > stat.st_size);
}

static ssize_t write_at(int fd, const void *bytes, size_t n, off_t at, int moves) {
    struct file *file = file_of(fd);
    if (!file || file == &folder) return moves ? REAL(write)(fd, bytes, n) : REAL(pwrite64)(fd, bytes, n, at);
    pthread_mutex_lock(&file->lock);
    if (moves) at = lseek(fd, 0, SEEK_CUR);
    ssize_t done = -1;
    if (is_full(fd, at + n)) {
        errno = ENOSPC;
    } else {
        note(file, fd, WRITE, at, bytes, n);
        done = moves ? REAL(write)(fd, bytes, n) : REAL(pwrite64)(fd, bytes, n, at);
    }
    pthread_mutex_unlock(&file->lock);
    return done;
}

ssize_t write(int fd, const void *bytes, size_t n) { return write_at(fd, bytes, n, 0, 1); }
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) { return write_at(fd, bytes, n, at, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) { return write_at(fd, bytes, n, at, 0); }

static int cut(int fd, off_t size) {
    struct file *file = file_of(fd);
    if (!file || file == &folder) return REAL(ftruncate64)(fd, size);
    pthread_mutex_lock(&file->lock);
    int done = -1;
    if (is_full(fd, size)) {
        errno = ENOSPC;
    } else {
        note(file, fd, CUT, size, NULL, 0);
        done = REAL(ftruncate64)(fd, size);
    }
    pthread_mutex_unlock(&file->lock);
    return done;
}

int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off64_t size) { return cut(fd, size); }

static int sync_file(int fd, int (*really)(int)) {
    struct file *file = file_of(fd);
    if (!file) return really(fd);
    pthread_mutex_lock(&file->lock);
    int done = -1;
    if (faults[1]) errno = EIO;
    else if (!(done = really(fd)) && REAL(ftruncate)(file->log, 0)) abort();
    pthread_mutex_unlock(&file->lock);
    return done;
}

int fsync(int fd) { return sync_file(fd, REAL(fsync)); }
int fdatasync(int fd) { return sync_file(fd, REAL(fdatasync)); }

static int open_file(const char *path, int flags, mode_t mode) {
    const char *name = watched(path);
    int is_new = name && (flags & O_CREAT) && access(path, F_OK);
    int fd = REAL(open64)(path, flags, mode);
    if (fd < 0 || fd >= MAX_FDS) return fd;
    of_fd[fd] = name ? file_named(name) : dir && !strcmp(path, dir) ? &folder : NULL;
    if (is_new) {
        char line[NAME_BYTES + 2];
        snprintf(line, sizeof line, "+%s\n", name);
        say(line);
    }
    return fd;
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;                                                      \
        va_end(rest);                                                                                                  \
        return open_file(path, flags, mode);                                                                           \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    if (fd >= 0 && fd < MAX_FDS) of_fd[fd] = NULL;
    return REAL(close)(fd);
}

/* A removed file takes its log with it: that a removal comes undone is not played. */
int unlink(const char *path) {
    const char *name = watched(path);
    int done = REAL(unlink)(path);
    if (name && !done && REAL(ftruncate)(file_named(name)->log, 0)) abort();
    return done;
}

/* The journal gets its name only when nobody has it open any more. */
int rename(const char *from, const char *to) {
    const char *old = watched(from), *name = watched(to);
    int done = REAL(rename)(from, to);
    if (!done && old && name) {
        char log_from[4096], log_to[4096], line[2 * NAME_BYTES + 3];
        snprintf(log_from, sizeof log_from, "%s/%s.log", logs, old);
        snprintf(log_to, sizeof log_to, "%s/%s.log", logs, name);
        if (REAL(rename)(log_from, log_to)) abort();
        file_named(old)->name[0] = 0;
        snprintf(line, sizeof line, ">%s>%s\n", old, name);
        say(line);
    }
    return done;
}

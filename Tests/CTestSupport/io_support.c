#define _GNU_SOURCE

#include "io_support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/epoll.h>
#endif
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#endif

extern char **environ;

static const struct io_pair none = {-1, -1};

static int prepared(int fd) {
    if (fd < 0) return fd;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

static struct io_pair prepared_pair(int first, int second) {
    struct io_pair pair = {prepared(first), prepared(second)};
    return pair;
}

struct io_pair io_pipe(void) {
    int ends[2];
    if (pipe(ends) != 0) return none;
    return prepared_pair(ends[0], ends[1]);
}

struct io_pair io_socketpair(void) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return none;
    return prepared_pair(ends[0], ends[1]);
}

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int io_tcp_listener(void) {
    int listener = prepared(socket(AF_INET, SOCK_STREAM, 0));
    if (listener < 0) return -1;
    struct sockaddr_in address = loopback(0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 16) == 0) return listener;
    close(listener);
    return -1;
}

int io_tcp_port(int listener) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    if (getsockname(listener, (struct sockaddr *)&address, &length) != 0) return -1;
    return ntohs(address.sin_port);
}

int io_tcp_connecting(int port) {
    int fd = prepared(socket(AF_INET, SOCK_STREAM, 0));
    if (fd < 0) return -1;
    struct sockaddr_in address = loopback(port);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS) return fd;
    close(fd);
    return -1;
}

struct io_pair io_tcp_pair(void) {
    int listener = io_tcp_listener();
    if (listener < 0) return none;
    int client = io_tcp_connecting(io_tcp_port(listener));
    struct pollfd request = {.fd = listener, .events = POLLIN};
    poll(&request, 1, 300000);
    int server = accept(listener, 0, 0);
    close(listener);
    if (client < 0 || server < 0) return none;
    struct pollfd connected = {.fd = client, .events = POLLOUT};
    poll(&connected, 1, 300000);
    return prepared_pair(client, server);
}

void io_reset_on_close(int socket) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

int io_accept(int listener) {
    return prepared(accept(listener, 0, 0));
}

int io_socket_error(int socket) {
    int error = -1;
    socklen_t length = sizeof error;
    getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length);
    return error;
}

struct io_pair io_pty(void) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0) return none;
    char *name = 0;
    if (grantpt(master) == 0 && unlockpt(master) == 0) name = ptsname(master);
    int slave = name ? open(name, O_RDWR | O_NOCTTY) : -1;
    if (slave < 0) {
        close(master);
        return none;
    }
    struct termios settings;
    tcgetattr(slave, &settings);
    cfmakeraw(&settings);
    tcsetattr(slave, TCSANOW, &settings);
    return prepared_pair(master, slave);
}

int io_open_root(void) {
    return open("/", O_RDONLY | O_CLOEXEC);
}

int io_open_null_device(void) {
    return open("/dev/null", O_RDWR | O_CLOEXEC);
}

int io_temporary_file(void) {
    FILE *file = tmpfile();
    if (!file) return -1;
    int fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 0);
    fclose(file);
    return fd;
}

#ifdef __linux__
void io_signal_eventfd(int fd) {
    eventfd_write(fd, 1);
}

int io_eventfd(unsigned value) {
    return eventfd(value, EFD_NONBLOCK | EFD_CLOEXEC);
}

int io_timerfd(int64_t nanoseconds) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct itimerspec specification = {.it_value = {nanoseconds / 1000000000, nanoseconds % 1000000000}};
    if (fd >= 0) timerfd_settime(fd, 0, &specification, 0);
    return fd;
}

int io_epoll_of(int inner) {
    int set = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    if (set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, inner, &event) == 0) return set;
    if (set >= 0) close(set);
    return -1;
}

int io_root_path(void) {
    return open("/", O_PATH | O_CLOEXEC);
}
#endif

ssize_t io_write(int fd, size_t count) {
    static const char zeros[4096];
    return write(fd, zeros, count < sizeof zeros ? count : sizeof zeros);
}

size_t io_fill(int fd) {
    size_t total = 0;
    for (size_t size = 4096; size > 0; size /= 2) {
        ssize_t written;
        while ((written = io_write(fd, size)) > 0) total += (size_t)written;
    }
    return total;
}

size_t io_drain(int fd) {
    char buffer[65536];
    size_t total = 0;
    ssize_t got;
    while ((got = read(fd, buffer, sizeof buffer)) > 0) total += (size_t)got;
    return total;
}

int io_read_byte(int fd) {
    char byte;
    return (int)read(fd, &byte, 1);
}

bool io_is_open(int fd) {
    return fcntl(fd, F_GETFD) != -1;
}

int io_poll(int fd) {
    struct pollfd request = {.fd = fd, .events = POLLIN | POLLOUT};
    return poll(&request, 1, 0) > 0 ? request.revents : 0;
}

size_t io_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

void io_lower_descriptor_limit(size_t limit) {
    struct rlimit current;
    if (getrlimit(RLIMIT_NOFILE, &current) != 0 || current.rlim_cur <= limit) return;
    current.rlim_cur = limit;
    setrlimit(RLIMIT_NOFILE, &current);
}

// Starts a program with no signal blocked, as threads of a pool have them.
static pid_t spawn(char *arguments[], const posix_spawn_file_actions_t *actions) {
    posix_spawnattr_t attributes;
    sigset_t set;
    sigemptyset(&set);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &set);
    pid_t child = -1;
    if (posix_spawnp(&child, arguments[0], actions, &attributes, arguments, environ) != 0) child = -1;
    posix_spawnattr_destroy(&attributes);
    return child;
}

pid_t io_spawn_holder(int fd, int control) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, control, STDIN_FILENO);
    // Above the numbers that the tests use, and without close-on-exec, as a copy made by dup2 is.
    posix_spawn_file_actions_adddup2(&actions, fd, 900);
    fcntl(control, F_SETFL, fcntl(control, F_GETFL) & ~O_NONBLOCK);
    char *arguments[] = {"cat", 0};
    pid_t child = spawn(arguments, &actions);
    posix_spawn_file_actions_destroy(&actions);
    return child;
}

int io_wait(pid_t child) {
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return -1000;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1 - WTERMSIG(status);
}

static bool is_traced(void) {
    char line[256];
    int tracer = 0;
    FILE *status = fopen("/proc/thread-self/status", "r");
    if (!status) return false;
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "TracerPid: %d", &tracer) == 1) break;
    fclose(status);
    return tracer != 0;
}

pid_t io_strace_self(const char *path) {
    char process[32];
    snprintf(process, sizeof process, "%d", (int)getpid());
    char *arguments[] = {"strace", "-f", "-q", "-o", (char *)path, "-p", process, 0};
    pid_t tracer = spawn(arguments, 0);
    if (tracer < 0) return -1;
    while (!is_traced()) {
        if (waitpid(tracer, 0, WNOHANG) == tracer) return -1;
        sched_yield();
    }
    return tracer;
}

bool io_can_strace(void) {
    pid_t child = fork();
    if (child == 0) {
        pid_t tracer = io_strace_self("/dev/null");
        if (tracer > 0) io_end_strace(tracer);
        _exit(tracer > 0 ? 0 : 1);
    }
    return child > 0 && io_wait(child) == 0;
}

int io_thread_number(void) {
#ifdef __linux__
    return (int)syscall(SYS_gettid);
#else
    return 0;
#endif
}

void io_end_strace(pid_t tracer) {
    kill(tracer, SIGTERM);
    io_wait(tracer);
}

void io_mark(int number) {
    char text[32];
    snprintf(text, sizeof text, "mark %d.", number);
    // Not a descriptor: EBADF.
    ssize_t ignored = write(-1, text, strlen(text));
    (void)ignored;
}

static _Atomic int counts[128];

static void count(int signal) {
    counts[signal & 127]++;
}

int io_signal_count(int signal) {
    return counts[signal & 127];
}

void io_count_signals(int signal) {
    struct sigaction action = {.sa_handler = count};
    counts[signal & 127] = 0;
    sigaction(signal, &action, 0);
}

void io_ignore_signal(int signum) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    sigaction(signum, &action, 0);
}

void io_default_signal(int signum) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(signum, &action, 0);
}

enum io_disposition io_disposition(int signal) {
    struct sigaction action;
    if (sigaction(signal, 0, &action) != 0) return io_is_other;
    if (action.sa_handler == SIG_DFL) return io_is_default;
    if (action.sa_handler == SIG_IGN) return io_is_ignored;
    return action.sa_handler == count ? io_is_counted : io_is_other;
}

void io_unblock_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    pthread_sigmask(SIG_SETMASK, &set, 0);
}

void io_raise(int signal) {
    sigset_t set, previous;
    sigemptyset(&set);
    sigaddset(&set, signal);
    pthread_sigmask(SIG_UNBLOCK, &set, &previous);
    raise(signal);
    pthread_sigmask(SIG_SETMASK, &previous, 0);
}

bool io_wait_readable(int fd) {
    struct pollfd request = {.fd = fd, .events = POLLIN};
    return poll(&request, 1, 300000) == 1;
}

bool io_wait_hang_up(int fd) {
    struct pollfd request = {.fd = fd};
    return poll(&request, 1, 300000) == 1;
}

bool io_is_blocked(int signal) {
    sigset_t mask;
    return pthread_sigmask(SIG_BLOCK, 0, &mask) == 0 && sigismember(&mask, signal) == 1;
}

bool io_block_signal(int signal, bool blocked) {
    bool was_blocked = io_is_blocked(signal);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, signal);
    pthread_sigmask(blocked ? SIG_BLOCK : SIG_UNBLOCK, &mask, 0);
    return was_blocked;
}

#ifdef __linux__
int io_epoll(void) {
    return epoll_create1(EPOLL_CLOEXEC);
}

bool io_epoll_add(int set, int fd) {
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0;
}
#endif

bool io_has_thread_sanitizer(void) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
    return true;
#endif
#endif
    return false;
}

uint64_t io_thread_cpu_time(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

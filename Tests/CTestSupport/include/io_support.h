// Descriptors, signals and children for the tests of I/O: plain values in and out, so that the tests need no pointers.
#ifndef IO_SUPPORT_H
#define IO_SUPPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// Two ends of something. `first` is -1 where it could not be opened. All descriptors are non-blocking and close on exec.
struct io_pair {
    int first;
    int second;
};

// pipe(2): `first` reads, `second` writes.
struct io_pair io_pipe(void);
// A connected pair of local stream sockets.
struct io_pair io_socketpair(void);
// A connected pair of TCP sockets on the loopback interface.
struct io_pair io_tcp_pair(void);
// A TCP socket that listens on a free port of the loopback interface.
int io_tcp_listener(void);
// The port of a listener.
int io_tcp_port(int listener);
// A TCP socket whose connection to that port of the loopback interface is under way.
int io_tcp_connecting(int port);
// The TCP connection ends with a reset when `socket` is closed.
void io_reset_on_close(int socket);
// The next connection of a listener.
int io_accept(int listener);
// What is waiting in SO_ERROR, taken out.
int io_socket_error(int socket);
// A pseudo-terminal in raw mode: `first` is the master, `second` the slave.
struct io_pair io_pty(void);
int io_open_root(void);
int io_open_null_device(void);
// A regular file without a name.
int io_temporary_file(void);
#ifdef __linux__
int io_eventfd(unsigned value);
void io_signal_eventfd(int fd);
// A timer descriptor that expires once, that long from now.
int io_timerfd(int64_t nanoseconds);
// An epoll set that watches `inner` for reading.
int io_epoll_of(int inner);
// A descriptor that only names the root directory (O_PATH): nothing can wait for it.
int io_root_path(void);
#endif

// Writes that many bytes; how many it could, -1 where none.
ssize_t io_write(int fd, size_t count);
// Writes until there is no more room; how many bytes it took.
size_t io_fill(int fd);
// Reads all there is at the moment, or until the end; how many bytes.
size_t io_drain(int fd);
// Reads one byte: 1, or 0 at the end, -1 on an error.
int io_read_byte(int fd);
bool io_is_open(int fd);
// What poll(2) tells of one descriptor at once.
int io_poll(int fd);
// How many descriptors may be open, after raising that as far as possible.
size_t io_raise_descriptor_limit(void);
// Allows no numbers from `limit` on.
void io_lower_descriptor_limit(size_t limit);

// Starts a program (cat) that holds `fd` open until `control`, the reading end of a pipe, comes to its end. -1 on failure.
pid_t io_spawn_holder(int fd, int control);
// Waits for a child: its exit status, or -1 - its signal.
int io_wait(pid_t child);
// Runs `strace -f` on this process, writing to `path`, and returns when it traces. -1 where it is missing or may not.
pid_t io_strace_self(const char *path);
// Whether that works here.
bool io_can_strace(void);
// The calling thread's number, as strace shows it.
int io_thread_number(void);
// Ends strace, and waits until it has written everything.
void io_end_strace(pid_t tracer);
// A system call without effect that shows in the trace.
void io_mark(int number);

// How often the handler of `io_count_signals` was called for this signal.
int io_signal_count(int signal);
// Installs that handler.
void io_count_signals(int signal);
void io_ignore_signal(int signal);
void io_default_signal(int signal);
enum io_disposition { io_is_default, io_is_ignored, io_is_counted, io_is_other };
enum io_disposition io_disposition(int signal);
// For the calling thread.
void io_unblock_signals(void);
// Waits, five minutes at most.
bool io_wait_readable(int fd);
// Waits for the hang-up or error that the close of the other end is to `fd`, five minutes at most.
bool io_wait_hang_up(int fd);
bool io_is_blocked(int signal);
// For the calling thread; whether it was blocked before.
bool io_block_signal(int signal, bool blocked);
// raise(3), delivered before it returns: the threads of a pool have all signals blocked.
void io_raise(int signal);

#ifdef __linux__
// A new epoll set.
int io_epoll(void);
// Puts the file that has this number now into the set.
bool io_epoll_add(int set, int fd);
#endif

bool io_has_thread_sanitizer(void);
// CPU time of the calling thread, in nanoseconds.
uint64_t io_thread_cpu_time(void);

#endif

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Standard error, for reports: written straight to the descriptor, in one piece, without buffering.
enum StandardError {
    /// Writes all of it, or gives up: a report must neither block the loop for long nor end the program.
    static func write(_ text: String) {
        // A closed pipe raises SIGPIPE, which would kill the program for having reported something.
        withSignalBlocked(SIGPIPE) {
            var rest = Substring(text).utf8[...]
            while !rest.isEmpty {
                let written = unsafe rest.withContiguousStorageIfAvailable { bytes in
                    #if canImport(Darwin)
                        unsafe Darwin.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
                    #elseif canImport(Glibc)
                        unsafe Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
                    #else
                        unsafe Musl.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
                    #endif
                }
                guard let written else { return }
                if written > 0 {
                    rest = rest.dropFirst(written)
                } else if errno == EAGAIN {
                    var request = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
                    guard unsafe poll(&request, 1, 100) > 0 else { return }
                } else if errno != EINTR {
                    return
                }
            }
        }
    }

    /// Runs `body` with the signal held back from this thread, and takes back one that `body` itself raised.
    static func withSignalBlocked(_ signal: Int32, _ body: () -> Void) {
        var blocked = sigset_t()
        var pending = sigset_t()
        unsafe sigemptyset(&blocked)
        unsafe sigaddset(&blocked, signal)
        unsafe sigemptyset(&pending)
        unsafe sigpending(&pending)
        let wasPending = unsafe sigismember(&pending, signal) == 1
        var previous = sigset_t()
        unsafe pthread_sigmask(SIG_BLOCK, &blocked, &previous)
        body()
        unsafe sigpending(&pending)
        if !wasPending, unsafe sigismember(&pending, signal) == 1 {
            var received: Int32 = 0
            unsafe sigwait(&blocked, &received)
        }
        unsafe pthread_sigmask(SIG_SETMASK, &previous, nil)
    }
}

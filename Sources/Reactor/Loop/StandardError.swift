#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Standard error, for reports: written straight to the descriptor, in one piece, without buffering.
enum StandardError {
    /// Writes all of it, or gives up: there is nowhere else to say that it failed.
    static func write(_ text: String) { _ = Output.write(Array(text.utf8), to: STDERR_FILENO) }
}

/// What is written on the loop's own behalf, and must neither block it for long nor end the program.
enum Output {
    /// Writes all of it. Returns 0, or the number of the error for which it gave up: EAGAIN where the other end takes
    /// nothing for a tenth of a second.
    static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
        var failure: Int32 = 0
        // A closed pipe raises SIGPIPE, which would kill the program for having reported something.
        withSignalBlocked(SIGPIPE) {
            var rest = bytes[...]
            while !rest.isEmpty, failure == 0 {
                let written = unsafe rest.withUnsafeBytes { bytes in
                    #if canImport(Darwin)
                        unsafe Darwin.write(descriptor, bytes.baseAddress, bytes.count)
                    #elseif canImport(Glibc)
                        unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
                    #else
                        unsafe Musl.write(descriptor, bytes.baseAddress, bytes.count)
                    #endif
                }
                if written > 0 {
                    rest = rest.dropFirst(written)
                } else if errno == EAGAIN {
                    var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    if unsafe poll(&request, 1, 100) == 0 { failure = EAGAIN }
                } else if errno != EINTR {
                    failure = errno
                }
            }
        }
        return failure
    }

    /// Runs `body` with the signal held back from this thread, and takes back one that `body` itself raised.
    private static func withSignalBlocked(_ signal: Int32, _ body: () -> Void) {
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

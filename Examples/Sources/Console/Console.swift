#if canImport(Darwin)
    @preconcurrency import Darwin
#elseif canImport(Glibc)
    @preconcurrency import Glibc
#elseif canImport(Musl)
    @preconcurrency import Musl
#endif

/// Lets each line out when it is complete, as on a terminal. Into a pipe or a file the C library would otherwise keep
/// what is printed until it has some thousand bytes of it, or until the program ends.
public func flushEachLine() {
    setvbuf(stdout, nil, _IOLBF, 0)
}

/// Prints a line on standard error.
public func complain(_ line: String) {
    fputs(line + "\n", stderr)
}

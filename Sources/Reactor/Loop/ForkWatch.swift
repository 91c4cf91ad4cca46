import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Counts the forks that led to this process, so that a loop can see that it woke up in a child.
///
/// libev can do it itself (`EVFLAG_FORKCHECK`), at the price of a `getpid` system call in each pass.
enum ForkWatch {
    private static let count = Atomic<Int>(0)
    private static let registered: Bool = {
        pthread_atfork(nil, nil, { ForkWatch.count.add(1, ordering: .relaxed) }) == 0
    }()

    static func start() {
        _ = registered
    }

    static var generation: Int { count.load(ordering: .relaxed) }
}

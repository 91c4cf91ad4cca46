import Reactor
import Round

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// As many children at once as SIZE says. The signal tells that some ended, and waitpid which.
func spawn(_ round: Round) throws {
    let reactor = Reactor.shared
    var unstarted = round.operations
    var running = 0
    func startChild() {
        guard unstarted > 0 else { return }
        unstarted -= 1
        running += 1
        _ = round_spawn()
    }
    try reactor.addSignalWatcher(SIGCHLD) {
        while waitpid(-1, nil, WNOHANG) > 0 {
            running -= 1
            startChild()
        }
        if running == 0 { try reactor.stop() }
    }
    try round.timed {
        for _ in 0..<round.size { startChild() }
        try reactor.run(installSignalHandlers: false)
    }
}

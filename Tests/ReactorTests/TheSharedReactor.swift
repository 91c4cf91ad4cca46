import Dispatch
import Testing

@testable import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// There is one in a process, so each of these has a process of its own.
@Suite(.timeLimit(.minutes(15))) struct TheSharedReactor {
    @Test func itIsSimplyThereAndAlwaysTheSame() async {
        await #expect(processExitsWith: .success) {
            setEnvironment("REACTOR_BACKEND", "")
            let reactor = Reactor.shared
            #expect(reactor === Reactor.shared)
            #expect(reactor.backend == .preferred)
            var made: [String] = []
            Reactor.shared.callWhenRunning { made.append("running") }
            Reactor.shared.callLater(.milliseconds(1)) {
                made.append("called")
                try Reactor.shared.stop()
            }
            try Reactor.shared.run()
            #expect(made == ["running", "called"])
        }
    }

    @Test(arguments: Reactor.Backend.available)
    func installBeforeUseChoosesItsBackend(backend: Reactor.Backend) async {
        await #expect(processExitsWith: .success) { [name = backend.rawValue as String] in
            let backend = try #require(Reactor.Backend(rawValue: name))
            // The program's choice goes before its user's.
            setEnvironment("REACTOR_BACKEND", backend == .select ? "poll" : "select")
            try Reactor.install(backend)
            #expect(Reactor.shared.backend == backend)
            #expect(Reactor.shared === Reactor.shared)
            Reactor.shared.callLater(.zero) { try Reactor.shared.stop() }
            try Reactor.shared.run()
        }
    }

    @Test func aSecondInstallThrowsAndNamesTheBackendInPlace() async {
        await #expect(processExitsWith: .success) {
            try Reactor.install(.poll)
            #expect(throws: ReactorError.alreadyInstalled(.poll)) { try Reactor.install(.select) }
            #expect(throws: ReactorError.alreadyInstalled(.poll)) { try Reactor.install(.poll) }
            let reactor = Reactor.shared
            #expect(reactor.backend == .poll)
            #expect(throws: ReactorError.alreadyInstalled(.poll)) { try Reactor.install(.select) }
            #expect(Reactor.shared === reactor)
        }
    }

    @Test func anInstallAfterTheFirstUseThrowsAndNamesTheBackendInPlace() async {
        await #expect(processExitsWith: .success) {
            setEnvironment("REACTOR_BACKEND", "select")
            let reactor = Reactor.shared
            #expect(throws: ReactorError.alreadyInstalled(.select)) { try Reactor.install(.poll) }
            #expect(Reactor.shared === reactor)
            #expect(reactor.backend == .select)
        }
    }

    @Test func anInstallOfABackendThatIsNotThereThrowsAndLeavesTheWayFree() async throws {
        let unavailable = try #require(Reactor.Backend.allCases.first { !Reactor.Backend.available.contains($0) })
        await #expect(processExitsWith: .success) { [name = unavailable.rawValue as String] in
            let backend = try #require(Reactor.Backend(rawValue: name))
            let error = ReactorError.backendUnavailable(name, available: Reactor.Backend.available)
            #expect(throws: error) { try Reactor.install(backend) }
            #expect(throws: error) { _ = try Reactor(backend: backend) }
            try Reactor.install(.poll)
            #expect(Reactor.shared.backend == .poll)
        }
    }

    @Test(arguments: Reactor.Backend.available)
    func theEnvironmentChoosesTheBackend(backend: Reactor.Backend) async throws {
        let result = await #expect(
            processExitsWith: .success,
            observing: [\.standardErrorContent]
        ) { [name = backend.rawValue as String] in
            setEnvironment("REACTOR_BACKEND", name)
            #expect(Reactor.shared.backend.rawValue == name)
            // Read once.
            setEnvironment("REACTOR_BACKEND", "nonsense")
            #expect(Reactor.shared.backend.rawValue == name)
        }
        #expect(linesAboutTheEnvironment(in: result) == [])
    }

    @Test(arguments: ["nonsense", "EPOLL", "iouring", " poll", "kqueue"])
    func anUnknownNameInTheEnvironmentGivesOneLineAndGoesOn(name: String) async throws {
        // kqueue exists elsewhere.
        guard Reactor.Backend(rawValue: name).map(Reactor.Backend.available.contains) != true else { return }
        let result = await #expect(
            processExitsWith: .success,
            observing: [\.standardErrorContent]
        ) { [name] in
            setEnvironment("REACTOR_BACKEND", name)
            #expect(Reactor.shared.backend == .preferred)
            #expect(Reactor.shared.backend == .preferred)
            Reactor.shared.callLater(.zero) { try Reactor.shared.stop() }
            try Reactor.shared.run()
        }
        let backends = Reactor.Backend.available.map(\.rawValue).joined(separator: ", ")
        #expect(
            linesAboutTheEnvironment(in: result) == [
                "REACTOR_BACKEND: There is no backend \"\(name)\" here; expected one of: \(backends). "
                    + "Going on with \(Reactor.Backend.preferred)."
            ]
        )
    }

    @Test func anEmptyNameInTheEnvironmentIsNone() async throws {
        let result = await #expect(
            processExitsWith: .success,
            observing: [\.standardErrorContent]
        ) {
            setEnvironment("REACTOR_BACKEND", "")
            #expect(Reactor.shared.backend == .preferred)
        }
        #expect(linesAboutTheEnvironment(in: result) == [])
    }

    #if os(Linux)
        /// libev itself reads a variable, and would take its word before the program's.
        @Test(arguments: [Reactor.Backend.epoll, .poll, .select])
        func noVariableOfLibevsOverrulesTheProgram(backend: Reactor.Backend) async {
            await #expect(processExitsWith: .success) { [name = backend.rawValue as String] in
                let backend = try #require(Reactor.Backend(rawValue: name))
                // 1 is select, 4 is epoll.
                setEnvironment("LIBEV_FLAGS", backend == .epoll ? "1" : "4")
                let before = epollSets()
                let reactor = try Reactor(backend: backend)
                #expect(epollSets() == before + (backend == .epoll ? 1 : 0))
                #expect(reactor.backend == backend)
            }
        }
    #endif

    @Test func theEnvironmentIsForTheSharedReactorAlone() async throws {
        let result = await #expect(
            processExitsWith: .success,
            observing: [\.standardErrorContent]
        ) {
            setEnvironment("REACTOR_BACKEND", "nonsense")
            let unchosen = try Reactor()
            #expect(unchosen.backend == .preferred)
            let chosen = try Reactor(backend: .poll)
            #expect(chosen.backend == .poll)
            setEnvironment("REACTOR_BACKEND", "poll")
            let another = try Reactor(backend: .select)
            #expect(another.backend == .select)
            #expect(Reactor.shared.backend == .poll)
        }
        #expect(linesAboutTheEnvironment(in: result) == [])
    }

    @Test func itBelongsToTheThreadOfItsFirstUse() async throws {
        let result = await #expect(
            processExitsWith: .failure,
            observing: [\.standardErrorContent]
        ) {
            let made = DispatchSemaphore(value: 0)
            DispatchQueue(label: "first user").async {
                Reactor.shared.callLater(.zero) {}
                made.signal()
                // The thread stays, so that the system gives its number to no other.
                while true { pause() }
            }
            made.wait()
            Reactor.shared.callLater(.zero, fileID: "Program/Main.swift", line: 33) {}
            exit(0)
        }
        let text = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(text.contains("Reactor.callLater, called at Main.swift:33, ran on another thread"))
        #expect(text.contains("callFromThread"))
    }
}

private func linesAboutTheEnvironment(in result: ExitTest.Result?) -> [String] {
    guard let result else { return [] }
    return String(decoding: result.standardErrorContent, as: UTF8.self)
        .split(separator: "\n")
        .filter { $0.contains("REACTOR_BACKEND") }
        .map(String.init)
}

#if os(Linux)
    /// How many epoll sets the process has.
    private func epollSets() -> Int {
        (0..<256).count { descriptor in
            var target = [UInt8](repeating: 0, count: 64)
            let length = unsafe readlink("/proc/self/fd/\(descriptor)", &target, target.count)
            return length > 0 && String(decoding: target[..<length], as: UTF8.self) == "anon_inode:[eventpoll]"
        }
    }
#endif

private func setEnvironment(_ name: String, _ value: String) {
    unsafe setenv(name, value, 1)
}

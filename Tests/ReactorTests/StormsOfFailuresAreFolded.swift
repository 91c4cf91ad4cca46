import Testing

@testable import Reactor

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Failures that repeat one another are reported twice, and then counted.
@Suite struct StormsOfFailuresAreFolded {
    #if os(Linux)
        @Test(.timeLimit(.minutes(15)))
        func aStormOfTheSameFailureIsFolded() async throws {
            let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
                let reactor = try Reactor(backend: backendUnderTest())
                for _ in 0..<10_000 {
                    reactor.callLater(.zero, fileID: "Program/Main.swift", line: 14) { throw Mishap(1) }
                }
                reactor.callLater(.zero, fileID: "Program/Main.swift", line: 15) { throw Mishap(2) }
                reactor.runOnce()
            }
            let report = standardError(of: result)
            #expect(report.filter { $0.hasPrefix("Unhandled error") && $0.hasSuffix("mishap 1") }.count == 2)
            #expect(report.filter { $0.hasPrefix("Unhandled error") && $0.hasSuffix("mishap 2") }.count == 1)
            let folded = report.compactMap { line -> Int? in
                guard line.hasPrefix("The same failure "), line.hasSuffix(": mishap 1") else { return nil }
                return Int(line.split(separator: " ")[3].filter(\.isNumber))
            }
            #expect(folded.reduce(0, +) == 9_998)
        }

        /// With nothing else to do the loop says within a second how often it was.
        @Test(.timeLimit(.minutes(15)))
        func anIdleLoopStillTellsOfAStormThatIsOver() async throws {
            await #expect(processExitsWith: .success) {
                let reactor = try Reactor(backend: backendUnderTest())
                var ends: [Int32] = [0, 0]
                try #require(unsafe pipe(&ends) == 0)
                dup2(ends[1], STDERR_FILENO)
                var text = ""
                try reactor.addReader(ends[0]) {
                    var bytes = [UInt8](repeating: 0, count: 10_000)
                    let length = unsafe read(ends[0], &bytes, bytes.count)
                    text += String(decoding: bytes.prefix(length), as: UTF8.self)
                    if text.contains("The same failure 3 more times in ") { try reactor.stop() }
                }
                for _ in 0..<5 {
                    reactor.callLater(.zero, fileID: "Program/Main.swift", line: 14) { throw Mishap(1) }
                }
                let fallback = reactor.callLater(.seconds(60)) { try reactor.stop() }
                try reactor.run()
                #expect(fallback.isActive)
            }
        }
    #endif
}

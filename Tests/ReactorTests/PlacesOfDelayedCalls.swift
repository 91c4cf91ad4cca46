import Testing

@testable import Reactor

/// Each delayed call is known by the place that asked for it, of which it carries only a number.
@Suite struct PlacesOfDelayedCalls {
    @Test func eachPlaceHasOneNumberHoweverOftenItIsMet() {
        let table = CallSiteTable()
        var numbers: [UInt16] = []
        for _ in 0..<3 {
            // Enough for the table to grow several times.
            numbers = (0..<10_000).map { table.number(of: CallSite(fileID: "Module/A.swift", line: $0)) }
            numbers += (0..<10_000).map { table.number(of: CallSite(fileID: "Module/B.swift", line: $0)) }
            #expect(table.count == 20_000)
        }
        #expect(Set(numbers).count == 20_000)
        for (position, number) in numbers.enumerated() {
            let site = table[number]
            #expect(site.line == UInt32(position % 10_000))
            #expect(site.fileID.description == (position < 10_000 ? "Module/A.swift" : "Module/B.swift"))
        }
    }

    @Test func numbersThatWereGivenOutStayGoodWhileTheTableGrows() {
        let table = CallSiteTable()
        let first = CallSiteTable.Reference(table.number(of: CallSite(fileID: #fileID, line: 7)), in: table)
        for line in 100..<5_000 { _ = table.number(of: CallSite(fileID: #fileID, line: UInt(line))) }
        #expect(first.site.line == 7)
        #expect(table.number(of: CallSite(fileID: #fileID, line: 7)) == 1)
    }

    @Test func placesBeyondTheMostAreNowhereAndTheOthersStayKnown() {
        let table = CallSiteTable()
        let most = CallSiteTable.most
        for line in 1...most + 1_000 {
            let number = table.number(of: CallSite(fileID: #fileID, line: UInt(line)))
            if table[number].line != (line <= most ? UInt32(line) : 0) { Issue.record("line \(line)") }
        }
        #expect(table.count == most)
        #expect(table[table.number(of: CallSite(fileID: #fileID, line: UInt(most)))].line == UInt32(most))
        #expect(!table[table.number(of: CallSite(fileID: #fileID, line: UInt(most) + 1))].isKnown)
    }

    @Test func reportsAndSnapshotsNameThePlaceOfEachOfManyCalls() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        let log = FailureLog(of: reactor)
        for line in 1...500 {
            reactor.callLater(.milliseconds(line), fileID: "Module/Some.swift", line: UInt(line)) { throw Mishap(line) }
        }
        #expect(reactor.snapshot().entries.map(\.registeredAt.line) == (1...500).map(UInt32.init))
        reactor.pass(through: .seconds(1))
        #expect(log.failures.map(\.registeredAt.line) == (1...500).map(UInt32.init))
    }

    /// What the pass in its callback calls comes between, and has other places.
    @Test func aCallThatFailsAfterAPassOfItsOwnIsReportedWithItsOwnPlace() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        let log = FailureLog(of: reactor)
        reactor.callLater(.zero, fileID: "Module/Outer.swift", line: 1) {
            reactor.callLater(.zero, fileID: "Module/Inner.swift", line: 2) {}
            #expect(reactor.runOnce() == 2)
            throw Mishap()
        }
        reactor.callLater(.zero, fileID: "Module/Next.swift", line: 3) {}
        reactor.runOnce()
        #expect(log.failures.map(\.registeredAt.description) == ["Outer.swift:1"])
    }

    /// What is put off and what takes another's slot keep their own.
    @Test func aCallKeepsItsPlaceWhileSlotsAreUsedAgain() throws {
        let reactor = try makeReactor(clock: VirtualClock())
        let log = FailureLog(of: reactor)
        var generator = SplitMix64(seed: 3)
        var pending: [(call: DelayedCall, line: Int)] = []
        for line in 1...5_000 {
            if pending.count > 100 {
                let victim = pending.remove(at: generator.below(pending.count))
                try victim.call.cancel()
            }
            let delay = Duration.milliseconds(1_000 + generator.below(1_000))
            let call = reactor.callLater(delay, fileID: "Module/Some.swift", line: UInt(line)) { throw Mishap(line) }
            pending.append((call, line))
            if generator.once(in: 3) { try pending[generator.below(pending.count)].call.delay(by: .milliseconds(500)) }
        }
        reactor.pass(through: .seconds(1_000))
        #expect(log.failures.count == pending.count)
        #expect(log.failures.allSatisfy { ($0.error as? Mishap) == Mishap(Int($0.registeredAt.line)) })
        #expect(Set(log.failures.map { Int($0.registeredAt.line) }) == Set(pending.map(\.line)))
    }
}

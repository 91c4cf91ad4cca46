import Testing

@testable import Reactor

/// What is counted of passes, sleep and lag.
@Suite struct FiguresOfAReactor {
    @Test func figuresCountPassesCallbacksAndFailures() throws {
        let reactor = try makeReactor()
        reactor.onFailure = { _ in }
        let figures = ReactorFigures()
        reactor.addInstrument(figures)
        let line = UInt32(#line + 1)
        for number in 0..<3 { reactor.callLater(.zero) { if number == 1 { throw Mishap() } } }
        reactor.runOnce()
        reactor.runOnce()
        #expect((figures.passes, figures.callbacks, figures.failures) == (2, 3, 1))
        #expect(figures.lag.count == 3)
        let site = try #require(figures.callSite(CallSite(fileID: #fileID, line: UInt(line))))
        #expect(site.calls == 3)
        #expect(site.worst <= site.total && site.worst > .zero)
    }

    @Test func figuresTellSleepFromWork() throws {
        let reactor = try makeReactor()
        let figures = ReactorFigures()
        reactor.addInstrument(figures)
        reactor.callLater(.seconds(1)) { spin(for: .milliseconds(20)) }
        reactor.runOnce(timeout: .seconds(300))
        reactor.runOnce()
        // Less than a second, where the thread had to wait for its turn before it could sleep.
        #expect(figures.asleep >= .milliseconds(500))
        #expect(figures.awake >= .milliseconds(20))
    }

    @Test func lagIsWhatTheCallbackBeforeHasCost() throws {
        let reactor = try makeReactor()
        let figures = ReactorFigures()
        reactor.addInstrument(figures)
        for _ in 0..<2 { reactor.callLater(.zero) { spin(for: .milliseconds(20)) } }
        reactor.runOnce()
        #expect(figures.lag.maximum >= .milliseconds(20))
        #expect(figures.lag.quantile(1) == figures.lag.maximum)
    }

    @Test func aHistogramIsRightToAnEighth() {
        var histogram = LagHistogram()
        #expect(histogram.quantile(0.5) == .zero)
        for microseconds in 1...1_000 { histogram.add(.microseconds(microseconds)) }
        #expect(histogram.maximum == .microseconds(1_000))
        for (part, exact) in [(0.5, 500.0), (0.99, 990), (0.001, 1)] {
            let ratio = histogram.quantile(part) / .microseconds(1) / exact
            #expect(ratio >= 1 && ratio <= 1.125)
        }
        histogram.add(.seconds(Int64.max / 4))
        #expect(histogram.quantile(1) > .seconds(1_000_000))
    }
}

// Hands a reactor's figures to swift-metrics, and with that to whatever backend the program has bootstrapped it with.
// Here that is one that prints.

import Console
import Metrics
import Reactor

/// Sets the gauges of a reactor from its figures, each time it is told to.
struct ReactorMetrics {
    let figures = ReactorFigures()
    private let passes = Gauge(label: "reactor.passes")
    private let callbacks = Gauge(label: "reactor.callbacks")
    private let failures = Gauge(label: "reactor.failures")
    private let busy = Gauge(label: "reactor.busy")
    private let lag = [0.5, 0.99, 1].map { (quantile: $0, gauge: Gauge(label: "reactor.lag.p\(Int($0 * 100))")) }

    func report() {
        passes.record(figures.passes)
        callbacks.record(figures.callbacks)
        failures.record(figures.failures)
        busy.record(figures.awake / (figures.awake + figures.asleep))
        for (quantile, gauge) in lag { gauge.record(figures.lag.quantile(quantile) / .milliseconds(1)) }
    }
}

/// A backend of swift-metrics that prints what is recorded.
final class Printer: MetricsFactory, RecorderHandler, Sendable {
    let label: String
    init(label: String = "") { self.label = label }

    func record(_ value: Int64) { print(label, value) }
    func record(_ value: Double) { print(label, (value * 1_000).rounded() / 1_000) }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        Printer(label: label)
    }
    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        NOOPMetricsHandler.instance
    }
    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { NOOPMetricsHandler.instance }
    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}
}

flushEachLine()
MetricsSystem.bootstrap(Printer())
let metrics = ReactorMetrics()
Reactor.shared.addInstrument(metrics.figures)
try LoopingCall { metrics.report() }.start(every: .milliseconds(250), now: false)
try LoopingCall {}.start(every: .milliseconds(10))
Reactor.shared.callLater(.milliseconds(600)) { try Reactor.shared.stop() }
try Reactor.shared.run()

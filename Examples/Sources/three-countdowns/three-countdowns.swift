// Three countdowns at once, each at its own rate, in one thread. The last one to finish stops the reactor.

import Console
import Reactor

final class Countdown {
    let name: String
    let interval: Duration
    var counter = 5

    init(_ name: String, every interval: Duration) {
        self.name = name
        self.interval = interval
    }

    func count() throws {
        if counter > 0 {
            print(name, counter, "...")
            counter -= 1
            Reactor.shared.callLater(interval, count)
        } else if Reactor.shared.delayedCalls.isEmpty {
            try Reactor.shared.stop()
        }
    }
}

flushEachLine()
Reactor.shared.callWhenRunning(Countdown("quick", every: .milliseconds(300)).count)
Reactor.shared.callWhenRunning(Countdown("steady", every: .milliseconds(500)).count)
Reactor.shared.callWhenRunning(Countdown("slow", every: .milliseconds(700)).count)
print("Start!")
try Reactor.shared.run()
print("Stop!")
